"""Resuming from before where an account's history begins: told so, and never a gap in silence."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from accounts.models import Tier
from tests.factories.rows import NOON, make_reset
from tests.stream.peer import LISTENING, authorized, running
from tests.stream.sse_client import Reading, key_headers, opened
from tests.trading.past import make_old, purge
from trading.models import TradingAccount
from trading.stream import resuming
from trading.stream.event_ids import sequence_of
from trading.stream.service import Limits

if TYPE_CHECKING:
    from tests.stream.conftest import Trader


@pytest.fixture
def trader(make_trader: Any) -> Trader:
    """Return a trader with four orders, of two events each: the first two are over, and history."""
    trader: Trader = make_trader(tier=Tier.FREE)
    for number in range(4):
        order = trader.place(quantity="1")
        trader.desk.decide((order, "canceled" if number < 2 else "new"))
    make_old(trader.account, 4)
    purge(trader.account)
    return trader


@pytest.mark.parametrize("since_id", ["0", "3", "00000000000000000000000003"])
def test_an_event_stream_from_before_is_gone_and_says_from_where_there_is_one(
    trader: Trader, since_id: str
) -> None:
    async def scenario() -> Any:
        async with running() as app:
            return await Reading(app, key_headers(trader.key), since_id=since_id).refusal()

    assert asyncio.run(scenario()) == (
        410,
        {"code": 41010000, "message": "the account's history begins later: since_id is 4 at least"},
    )


def test_a_client_that_comes_back_by_itself_is_told_the_same(trader: Trader) -> None:
    async def scenario() -> Any:
        async with running() as app:
            return await Reading(app, {**key_headers(trader.key), "Last-Event-ID": "2"}).refusal()

    assert asyncio.run(scenario())[0] == 410


def sequences(blocks: list[str]) -> list[int]:
    return [sequence_of(block.splitlines()[0].removeprefix("id: ")) for block in blocks]


@pytest.mark.parametrize(
    "window",
    [{"since_id": "4"}, {"since": "2013-10-01"}, {"generation": "1"}],
    ids=["from the first event that is kept", "from an instant before", "the whole generation"],
)
def test_what_is_kept_is_told(trader: Trader, window: dict[str, str]) -> None:
    async def scenario() -> list[str]:
        async with running() as app:
            reading = await opened(app, trader.key, **window, until_id="8")
            return await reading.rest()

    assert sequences(asyncio.run(scenario())) == [6, 8]


def test_a_generation_that_is_all_history_has_nothing_to_tell(trader: Trader) -> None:
    make_reset(trader.account, generation=2, at=NOON, recorded_at=NOON, event_seq=3)
    TradingAccount.objects.update(generation=2)

    async def scenario() -> list[str]:
        async with running() as app:
            reading = await opened(app, trader.key, generation="1")
            return await reading.rest()

    assert asyncio.run(scenario()) == []


def test_a_socket_from_before_is_closed_with_the_reason(trader: Trader) -> None:
    async def scenario() -> Any:
        async with running() as app:
            peer = await authorized(app, trader.key)
            peer.say({"action": "listen", "data": {"streams": ["trade_updates"], "since_id": "1"}})
            return await peer.end()

    reason = "history begins later: since_id is gone"
    assert asyncio.run(scenario()) == (
        [LISTENING, {"action": "error", "data": {"error_message": reason}}],
        (1008, reason),
    )


def test_a_socket_hears_what_is_kept(trader: Trader) -> None:
    async def scenario() -> list[Any]:
        async with running() as app:
            peer = await authorized(app, trader.key)
            peer.say({"action": "listen", "data": {"streams": ["trade_updates"], "since_id": "4"}})
            told = await peer.messages(3)
            await peer.leave()
            return told

    listening, *updates = asyncio.run(scenario())
    assert (listening, [update["data"]["event"] for update in updates]) == (LISTENING, ["new", "new"])


@pytest.fixture
def purged_meanwhile(trader: Trader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the database forget between the answer's head and the reading of the past."""
    read_past = resuming.read_past

    async def forgotten_first(*arguments: Any, **options: Any) -> None:
        await asyncio.to_thread(_forget, trader)
        await read_past(*arguments, **options)

    monkeypatch.setattr("trading.stream.sse.read_past", forgotten_first)


def _forget(trader: Trader) -> None:
    from django.db import connection

    try:
        make_old(trader.account, 9)  # of two orders that have ended, the first is history by then
        purge(trader.account)
    finally:
        connection.close()


def test_what_is_purged_while_it_is_read_ends_the_answer(trader: Trader, purged_meanwhile: None) -> None:
    trader.desk.decide(*[(order_id, "canceled") for order_id in _working(trader)])

    async def scenario() -> list[str]:
        async with running() as app:
            reading = await opened(app, trader.key, since_id="4")
            return await reading.rest()

    assert (
        asyncio.run(scenario())[-1] == 'event: error\ndata: {"message":"the account\'s history begins later"}'
    )


def _working(trader: Trader) -> list[Any]:
    return list(
        trader.account.orders.filter(status="new").order_by("submitted_at", "pk").values_list("pk", flat=True)
    )


@pytest.mark.parametrize("tier", [Tier.FREE, Tier.PRO])
def test_as_many_streams_are_open_at_once_as_the_tier_allows(make_trader: Any, tier: str) -> None:
    most = {Tier.FREE: 10, Tier.PRO: 25}[Tier(tier)]
    trader = make_trader(tier=tier)

    async def scenario() -> Any:
        async with running(Limits()) as app:
            open_ones = [await opened(app, trader.key) for _ in range(most)]
            refusal = await Reading(app, key_headers(trader.key)).refusal()
            for one in open_ones:
                await one.leave()
            return refusal

    assert asyncio.run(scenario())[0] == 429
