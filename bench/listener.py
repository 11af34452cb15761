"""One owner's trade updates over the WebSocket, with the instant at which each was there."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Self

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from bench.harness import HOST, READY_WITHIN_S, HarnessFailed

if TYPE_CHECKING:
    from types import TracebackType

    from bench.people import Person

LOOK_AGAIN_S = 0.1


class Listener:
    """Hears of fills while the block lasts; `fills` are order ids and seconds since the epoch."""

    def __init__(self, port: int, person: Person) -> None:
        self._url = f"ws://{HOST}:{port}/stream"
        self._person = person
        self.fills: dict[str, float] = {}

    def __enter__(self) -> Self:
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                self._socket = connect(self._url, max_queue=None)
                break
            except (OSError, InvalidHandshake) as error:  # the front answers before the stream is there
                if time.monotonic() > deadline:
                    raise HarnessFailed(f"no stream at {self._url}: {error}") from error
                time.sleep(LOOK_AGAIN_S)  # between two questions to something that has no event to wait for
        key = {"key_id": self._person.key_id, "secret_key": self._person.secret}
        self._say({"action": "authenticate", "data": key})
        self._say({"action": "listen", "data": {"streams": ["trade_updates"]}})
        self._thread = threading.Thread(target=self._hear, name="listener")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self._thread.join()

    def _say(self, message: object) -> None:
        """Send a message, and read the answer. Raises HarnessFailed when it is a refusal."""
        self._socket.send(json.dumps(message))
        answer = self._socket.recv()
        if b"unauthorized" in (answer.encode() if isinstance(answer, str) else answer):
            raise HarnessFailed(f"the stream refuses: {answer!r}")

    def _hear(self) -> None:
        try:
            for message in self._socket:
                now = time.time()
                update = json.loads(message)
                if update["stream"] == "trade_updates" and update["data"]["event"] == "fill":
                    self.fills.setdefault(update["data"]["order"]["id"], now)
        except ConnectionClosed:
            return
