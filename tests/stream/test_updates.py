"""What a listener is told: its own account's events, all of them, in the order of the log."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from alpaca.trading.models import TradeUpdate

from accounts.models.user import new_id
from matching.models import CalendarDay
from tests.factories import desk
from tests.factories.rows import NOON, make_api_key
from tests.stream.peer import LISTEN, listening, running
from trading.stream import service
from trading.stream.principals import Principal
from trading.stream.reader import EventReader

if TYPE_CHECKING:
    from uuid import UUID

    from tests.stream.conftest import Trader
    from trading.stream.frames import Message

FOREVER_S = 3600.0


def outline(update: dict[str, Any]) -> tuple[str, str, str]:
    return update["event"], update["order"]["status"], update["order"]["filled_qty"]


def test_an_order_that_fills_in_two_parts_is_told_as_it_went(trader: Trader) -> None:
    async def scenario() -> list[Any]:
        async with running() as app:
            peer = await listening(app, trader.key)
            order = trader.place_working(quantity="10", limit_price="100")
            trader.desk.decide((order, "partial_fill", "4", "99.5"), (order, "fill", "6", "100"))
            trader.ring()
            return await peer.updates(3)

    new, part, last = asyncio.run(scenario())

    assert [outline(update) for update in (new, part, last)] == [
        ("new", "new", "0"),
        ("partial_fill", "partially_filled", "4"),
        ("fill", "filled", "10"),
    ]
    assert {"execution_id", "price", "qty", "position_qty"}.isdisjoint(new)
    assert [(u["price"], u["qty"], u["position_qty"]) for u in (part, last)] == [
        ("99.5", "4", "4"),
        ("100", "6", "10"),
    ]
    assert [u["order"]["filled_avg_price"] for u in (new, part, last)] == [None, "99.5", "99.8"]
    assert part["execution_id"] != last["execution_id"]


def test_an_update_shows_its_order_as_that_event_left_it(trader: Trader) -> None:
    async def scenario() -> list[Any]:
        async with running() as app:
            peer = await listening(app, trader.key)
            order = trader.place_working()
            desk.cancel(trader.web, trader.account, order)
            trader.desk.decide((order, "canceled"))
            trader.ring()  # one read finds all of it: the order's row is canceled from the start
            return await peer.updates(3)

    new, pending, canceled = (update["order"] for update in asyncio.run(scenario()))

    assert (new["status"], new["canceled_at"], new["cancel_requested_at"]) == ("new", None, None)
    assert (pending["status"], pending["canceled_at"]) == ("pending_cancel", None)
    assert pending["cancel_requested_at"] is not None
    assert (canceled["status"], canceled["canceled_at"]) == ("canceled", "2013-10-08T16:00:00Z")


def test_a_cancel_that_came_too_late_is_told_after_the_fill(trader: Trader) -> None:
    async def scenario() -> list[Any]:
        async with running() as app:
            peer = await listening(app, trader.key)
            order = trader.place_working()
            desk.cancel(trader.web, trader.account, order)
            trader.desk.decide((order, "fill", "10", "100"))
            return await peer.updates(4)

    updates = asyncio.run(scenario())

    assert [outline(update) for update in updates] == [
        ("new", "new", "0"),
        ("pending_cancel", "pending_cancel", "0"),
        ("fill", "filled", "10"),
        ("order_cancel_rejected", "filled", "10"),
    ]
    assert updates[3]["order"]["filled_at"] is not None


def test_a_replacement_is_told_of_the_old_order_and_then_of_the_new_one(trader: Trader) -> None:
    async def scenario() -> list[Any]:
        async with running() as app:
            peer = await listening(app, trader.key)
            order = trader.place_working()
            successor = desk.replace(trader.web, trader.account, order, limit_price="101")["id"]
            trader.desk.decide((order, "replaced"), (successor, "new"))
            return [order, successor, *await peer.updates(4)]

    old, successor, *updates = asyncio.run(scenario())

    told = [
        (u["event"], u["order"]["id"], u["order"]["replaced_by"], u["order"]["replaces"]) for u in updates
    ]
    assert told == [
        ("new", str(old), None, None),
        ("pending_replace", str(old), None, None),
        ("replaced", str(old), str(successor), None),
        ("new", str(successor), None, str(old)),
    ]


@pytest.mark.parametrize("kind", ["accepted", "expired", "rejected", "canceled"])
def test_every_kind_of_event_parses_in_the_sdk(trader: Trader, kind: str) -> None:
    async def scenario() -> Any:
        async with running() as app:
            peer = await listening(app, trader.key)
            trader.desk.decide((trader.place(notional="500", type="market", limit_price=None), kind))
            return (await peer.updates(1))[0]

    data = asyncio.run(scenario())

    update = TradeUpdate(**data)
    assert (update.event, update.order.status.value) == (kind, kind)
    assert (update.order.notional, update.order.qty, update.timestamp) == ("500", None, NOON)


def test_a_day_order_says_when_it_expires(trader: Trader) -> None:
    CalendarDay.objects.create(
        calendar="XNYS",
        date=NOON.date(),
        session_open=NOON - timedelta(hours=8),
        open=NOON - timedelta(hours=2.5),
        close=NOON + timedelta(hours=4),
        session_close=NOON + timedelta(hours=8),
        settlement_date=NOON.date() + timedelta(days=2),
    )

    async def scenario() -> Any:
        async with running() as app:
            peer = await listening(app, trader.key)
            trader.place_working()
            return (await peer.updates(1))[0]

    assert asyncio.run(scenario())["order"]["expires_at"] == "2013-10-08T20:00:00Z"


def test_what_was_before_the_listening_is_not_told_and_what_comes_after_is(trader: Trader) -> None:
    async def scenario() -> list[Any]:
        async with running() as app:
            trader.place_working()
            early = await listening(app, trader.key)
            second = trader.place_working()
            late = await listening(app, trader.key)
            third = trader.place_working()
            heard = [[u["order"]["id"] for u in await peer.updates(n)] for peer, n in ((early, 2), (late, 1))]
            return [[str(second), str(third)], [str(third)], *heard]

    expected_early, expected_late, early, late = asyncio.run(scenario())

    assert (early, late) == (expected_early, expected_late)


def test_a_lost_bell_loses_no_event(trader: Trader) -> None:
    async def scenario() -> list[Any]:
        async with running() as app:
            peer = await listening(app, trader.key)
            orders = [trader.place_working() for _ in range(3)]  # and nobody rings
            return [orders, await peer.updates(3)]

    orders, updates = asyncio.run(scenario())

    assert [u["order"]["id"] for u in updates] == [str(order) for order in orders]


def test_a_bell_needs_no_beat_and_each_event_is_told_once(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "BEAT_S", FOREVER_S)

    async def scenario() -> list[Any]:
        async with running() as app:
            peer = await listening(app, trader.key)
            pairs = []
            for _ in range(3):
                order = trader.place_working()
                trader.ring()
                pairs.append((str(order), [u["order"]["id"] for u in await peer.updates(1)]))
            return pairs

    assert all(heard == [order] for order, heard in asyncio.run(scenario()))


def test_a_long_log_is_told_whole_and_in_sequence(trader: Trader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trading.stream.reader.EVENTS_A_READ", 5)

    async def scenario() -> list[Any]:
        async with running() as app:
            peer = await listening(app, trader.key)
            orders = [trader.place(quantity="1", limit_price="1") for _ in range(30)]
            trader.desk.decide(*[(order, "new") for order in orders])
            trader.ring()
            return [orders, await peer.updates(30)]

    orders, updates = asyncio.run(scenario())

    assert [u["order"]["id"] for u in updates] == [str(order) for order in orders]


def test_every_socket_of_an_account_hears_everything_and_a_strangers_hears_nothing_of_it(
    make_trader: Any,
) -> None:
    mine, theirs = make_trader(), make_trader()
    second_key = make_api_key(mine.account)

    async def scenario() -> list[set[str]]:
        async with running() as app:
            peers = [await listening(app, key) for key in (mine.key, second_key, theirs.key)]
            for _ in range(5):
                mine.place_working()
                theirs.place_working()
                mine.ring()
                theirs.ring()
            return [{u["order"]["symbol"] for u in await peer.updates(5)} for peer in peers]

    assert asyncio.run(scenario()) == [{mine.asset.symbol}, {mine.asset.symbol}, {theirs.asset.symbol}]


def test_a_person_hears_of_the_keys_account_only(make_trader: Any) -> None:
    first = make_trader()
    second = make_trader(user=first.account.user)

    async def scenario() -> list[Any]:
        async with running() as app:
            peer = await listening(app, second.key)
            first.place_working()
            first.ring()
            second.place_working()
            second.ring()
            return await peer.updates(1)

    assert [update["order"]["symbol"] for update in asyncio.run(scenario())] == [second.asset.symbol]


class Notebook:
    """A listener that writes down what it is told."""

    transport: ClassVar[str] = "test"

    def __init__(self, principal: Principal) -> None:
        self.principal: Principal | None = principal
        self.told: list[str] = []

    def begin(self) -> None:
        self.told.append("begin")

    def hear(self, message: Message) -> None:
        self.told.append("update")

    def fail(self) -> None:
        self.told.append("fail")


def test_the_database_itself_keeps_an_account_from_a_wrong_owner(make_trader: Any) -> None:
    mine, theirs = make_trader(), make_trader()

    async def scenario(user_id: UUID) -> list[str]:
        principal = Principal(
            key_id="K",
            user_id=user_id,
            account_id=mine.account.pk,
            market_id=mine.account.market_id,
            tier="free",
        )
        notebook = Notebook(principal)
        async with running() as app:
            assert app.service is not None
            await app.service.reader.join(notebook)
            app.service.reader.leave(notebook)
        return notebook.told

    assert asyncio.run(scenario(mine.account.user_id)) == ["begin"]
    assert asyncio.run(scenario(theirs.account.user_id)) == ["fail"]
    assert asyncio.run(scenario(new_id())) == ["fail"]


def test_an_event_that_cannot_be_told_ends_its_own_accounts_sockets_and_no_others(
    make_trader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = make_trader(), make_trader()
    tell = EventReader._tell_one

    def telling(self: Any, feed: Any, row: Any, calendar: Any) -> None:
        if row["symbol"] == bad.asset.symbol:
            raise ZeroDivisionError
        tell(self, feed, row, calendar)

    monkeypatch.setattr(EventReader, "_tell_one", telling)

    async def scenario() -> Any:
        async with running() as app:
            first, second = await listening(app, bad.key), await listening(app, good.key)
            bad.place_working()
            end = await first.end()
            good.place_working()
            return end, await second.updates(1), await listening(app, bad.key)

    (told, (code, _)), updates, _again = asyncio.run(scenario())

    assert (code, told) == (1011, [{"action": "error", "data": {"error_message": "internal error"}}])
    assert [update["event"] for update in updates] == ["new"]


def test_listening_to_nothing_stops_the_updates_and_listening_again_starts_them(trader: Trader) -> None:
    async def scenario() -> Any:
        async with running() as app:
            peer = await listening(app, trader.key)
            peer.say({"action": "listen", "data": {"streams": []}})
            stopped = await peer.message()
            trader.place_working()
            peer.say({"action": "listen", "data": {"streams": ["account_updates", "trade_updates"]}})
            started = await peer.message()
            order = trader.place_working()
            peer.say(LISTEN)
            return stopped, started, order, await peer.messages(2)

    stopped, started, order, last = asyncio.run(scenario())

    assert [stopped["data"], started["data"]] == [{"streams": []}, {"streams": ["trade_updates"]}]
    updates = [m["data"]["order"]["id"] for m in last if m["stream"] == "trade_updates"]
    assert updates == [str(order)]
