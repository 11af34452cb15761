"""`up` follows the markets: processes for what is opened meanwhile, and no end for what is ill beside the default one."""

from __future__ import annotations

import asyncio
import json
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError

from raxx import keeping_up
from raxx.keeping_up import Running, keep_up, wanted
from raxx.management.commands import up
from raxx.supervisor import GaveUp
from tests.factories.rows import make_market

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raxx.supervisor import Task


class Names:
    """A supervisor that starts nothing, and is to stop as soon as it keeps what was waited for."""

    def __init__(self, last: str) -> None:
        self.kept = ["hub", "matcher"]
        self._last = last
        self._stopping = asyncio.Event()

    def has(self, name: str) -> bool:
        return name in self.kept

    def start(self, tasks: Sequence[Task]) -> None:
        self.kept += [task.name for task in tasks]
        if self._last in self.kept:
            self._stopping.set()

    async def until_stopped(self) -> None:
        await self._stopping.wait()


def kept_up(last: str) -> list[str]:
    """Return the names of what is kept when a process of this name has been started."""

    async def run() -> list[str]:
        names: Any = Names(last)
        await asyncio.wait_for(keep_up(names, {}, (), Running()), 60)
        kept: list[str] = names.kept
        return kept

    return asyncio.run(run())


@pytest.mark.django_db(transaction=True)
def test_a_market_that_is_opened_gets_a_hub_and_a_matcher_a_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping_up, "LOOK_S", 0.01)
    assert wanted() == Running(hubs=1, matchers=1)
    make_market(is_active=True)
    make_market(is_active=True, shard_count=3)
    make_market(is_active=False, shard_count=9)

    assert wanted() == Running(hubs=2, matchers=4)
    assert kept_up("matcher-4") == ["hub", "matcher", "hub-2", "matcher-2", "matcher-3", "matcher-4"]


def test_a_database_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [OperationalError("away")]

    def look() -> Running:
        if failures:
            raise failures.pop()
        return Running(hubs=2, matchers=1)

    monkeypatch.setattr(keeping_up, "LOOK_S", 0.01)
    monkeypatch.setattr(keeping_up, "wanted", look)
    monkeypatch.setattr(keeping_up.connections, "close_all", lambda: None)

    assert kept_up("hub-2") == ["hub", "matcher", "hub-2"]
    assert failures == []


@pytest.mark.parametrize(
    ("status", "told", "goes_on"),
    [
        (200, {"status": "ready", "beside": []}, True),
        (200, {"status": "ready", "beside": ["hub:2", "matcher:3"]}, True),
        (503, {"missing": ["hub"], "beside": ["hub:2"]}, False),
    ],
    ids=["all there", "ill beside", "ill"],
)
def test_up_goes_on_without_a_market_beside_the_default_one_and_without_nothing_else(
    monkeypatch: pytest.MonkeyPatch, status: int, told: dict[str, Any], goes_on: bool
) -> None:
    body = json.dumps(told)
    answer = f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    monkeypatch.setattr(up, "READY_PATIENCE_S", 0.0)
    said = StringIO()
    command = up.Command(stdout=said)

    async def look() -> None:
        async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        async with await asyncio.start_server(say, "localhost", 0) as front:
            await command._until_healthy("127.0.0.1", front.sockets[0].getsockname()[1])

    if goes_on:
        asyncio.run(look())
    else:
        with pytest.raises(GaveUp, match=r"not ready after 0 s: hub$"):
            asyncio.run(look())
    assert ("gone on without: hub:2, matcher:3;" in said.getvalue()) is (goes_on and bool(told["beside"]))
