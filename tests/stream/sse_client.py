"""A reader of server-sent events without a network: it speaks ASGI with an application in the same loop."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.factories.rows import SECRET
from tests.stream.peer import PATIENCE_S

if TYPE_CHECKING:
    from accounts.models import ApiKey
    from trading.stream.app import StreamApp


def key_headers(key: ApiKey, secret: str = SECRET) -> dict[str, str]:
    return {"APCA-API-KEY-ID": key.key_id, "APCA-API-SECRET-KEY": secret}


class Reading:
    """One request and its answer, as far as it has come."""

    def __init__(
        self,
        app: StreamApp,
        headers: dict[str, str] | None = None,
        *,
        method: str = "GET",
        address: str = "192.0.2.1",
        path: str = "/v2/events/trades",
        **query: Any,
    ) -> None:
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._told: asyncio.Queue[Any] = asyncio.Queue()
        self._reads = asyncio.Event()
        self._reads.set()
        self._rest = b""
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": urlencode(query).encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
            "client": (address, 1),
        }
        self._inbox.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        self.life = asyncio.create_task(app(scope, self._inbox.get, self._hear))

    async def _hear(self, event: Any) -> None:
        await self._reads.wait()
        self._told.put_nowait(event)

    def stop_reading(self) -> None:
        self._reads.clear()

    def read_on(self) -> None:
        self._reads.set()

    async def _next(self) -> Any:
        return await asyncio.wait_for(self._told.get(), PATIENCE_S)

    async def start(self) -> tuple[int, dict[str, str]]:
        """Return the answer's status and headers."""
        event = await self._next()
        assert event["type"] == "http.response.start"
        return event["status"], {name.decode(): value.decode() for name, value in event["headers"]}

    async def refusal(self) -> tuple[int, dict[str, Any]]:
        """Return status and body of an error, but for the request's id, which is the header's."""
        status, headers = await self.start()
        event = await self._next()
        await asyncio.wait_for(self.life, PATIENCE_S)
        body = json.loads(event["body"])
        assert body.pop("request_id") == headers["x-request-id"]
        return status, body

    async def block(self) -> str | None:
        """Return the next block of the stream, None at its end."""
        while b"\n\n" not in self._rest:
            event = await self._next()
            self._rest += event.get("body", b"")
            if not event.get("more_body", False):
                return None
        block, _, self._rest = self._rest.partition(b"\n\n")
        return block.decode()

    async def events(self, count: int) -> list[dict[str, Any]]:
        """Return the next events; each block must be one, with its id beside it."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            block = await self.block()
            assert block is not None, f"the stream ended after {found}"
            if block.startswith(":"):
                continue
            lines = dict(line.split(": ", 1) for line in block.splitlines())
            data = json.loads(lines["data"])
            assert lines["id"] == data["event_id"]
            found.append(data)
        return found

    async def rest(self) -> list[str]:
        """Return every block until the end."""
        blocks = []
        while (block := await self.block()) is not None:
            blocks.append(block)
        await asyncio.wait_for(self.life, PATIENCE_S)
        return blocks

    async def leave(self) -> None:
        self._inbox.put_nowait({"type": "http.disconnect"})
        await asyncio.wait_for(self.life, PATIENCE_S)


async def opened(app: StreamApp, key: ApiKey, **options: Any) -> Reading:
    """Return a reading that was answered and is told what comes."""
    reading = Reading(app, options.pop("headers", None) or key_headers(key), **options)
    status, headers = await reading.start()
    assert (status, headers["content-type"]) == (200, "text/event-stream"), status
    return reading
