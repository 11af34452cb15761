"""What messages tell of order classes and trailing stops: legs, quantities and watermarks, then and now."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from alpaca.trading.models import TradeUpdate
from django.db import connection
from django.db.models import F
from psycopg import OperationalError

from matching.engine.units import DOLLAR
from matching.models import Watermark
from tests.factories.rows import make_event, make_order
from tests.stream.peer import listening, running
from trading.models import TradingAccount
from trading.stream.reader import EventReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.stream.conftest import Trader
    from trading.models import Order

EXITS: dict[str, dict[str, Any]] = {
    "stop_loss": {"type": "stop", "limit_price": None, "stop_price": 90},
    "take_profit": {"limit_price": 110},
}


def stored(trader: Trader, **terms: Any) -> Order:
    return make_order(trader.account, trader.asset, **terms)


def bracket(trader: Trader, **terms: Any) -> tuple[Order, Order, Order]:
    """Store an entry, its take-profit and its stop-loss; `terms` are the entry's."""
    entry = stored(trader, order_class="bracket", role="entry", **terms)
    common = {"side": "sell", "order_class": "bracket", "parent": entry.pk, "status": "held"}
    legs = {role: stored(trader, role=role, **common, **exit_) for role, exit_ in EXITS.items()}
    return entry, legs["take_profit"], legs["stop_loss"]


def log(trader: Trader, order: Order, kind: str, **fields: Any) -> None:
    """Append an event as the product's functions do: with the account's next sequence."""
    TradingAccount.objects.filter(pk=trader.account.pk).update(event_seq=F("event_seq") + 1)
    trader.account.refresh_from_db()
    status = {"held": "held", "triggered": "new", "restated": "new"}.get(kind, kind)
    make_event(
        trader.account, order, **{"seq": trader.account.event_seq, "kind": kind, "status": status, **fields}
    )


def told(trader: Trader, count: int, happen: Callable[[], None]) -> list[dict[str, Any]]:
    """Return the next `count` updates that a listener hears of what `happen` makes happen."""

    def happening() -> None:
        try:
            happen()
        finally:
            connection.close()  # this thread's own

    async def scenario() -> list[Any]:
        async with running() as app:
            peer = await listening(app, trader.key)
            await asyncio.to_thread(happening)
            trader.ring()
            return await peer.updates(count)

    updates = asyncio.run(scenario())
    for update in updates:
        TradeUpdate(**update)
    return updates


def test_held_and_triggered_stay_in_the_log_and_stop_nobody(trader: Trader) -> None:
    entry, _, stop = bracket(trader)

    def happen() -> None:
        for order, kind in ((entry, "pending_new"), (stop, "held"), (stop, "triggered"), (stop, "new")):
            log(trader, order, kind)

    [update] = told(trader, 1, happen)

    assert (update["event"], update["order"]["id"]) == ("new", str(stop.pk))


def test_a_parents_message_has_its_legs_as_they_stand_and_a_legs_message_has_none(trader: Trader) -> None:
    entry, profit, stop = bracket(trader, status="filled")
    simple = stored(trader)

    def happen() -> None:
        for order in (entry, profit, simple):
            log(trader, order, "new")

    parents, legs, alone = (update["order"] for update in told(trader, 3, happen))

    assert [(leg["id"], leg["status"], leg["legs"]) for leg in parents["legs"]] == [
        (str(profit.pk), "held", None),
        (str(stop.pk), "held", None),
    ]
    assert [leg["stop_price"] for leg in parents["legs"]] == [None, "90"]
    assert (legs["legs"], alone["legs"]) == (None, None)


def test_legs_are_the_accounts_own(make_trader: Any) -> None:
    mine, theirs = make_trader(), make_trader()
    entry, profit, stop = bracket(mine)
    stored(theirs, parent=entry.pk, role="take_profit", order_class="bracket")

    [update] = told(mine, 1, lambda: log(mine, entry, "new"))

    assert {leg["id"] for leg in update["order"]["legs"]} == {str(profit.pk), str(stop.pk)}


def test_while_legs_cannot_be_read_nothing_is_told_and_then_everything_once(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, _, stop = bracket(trader)
    failures = iter([OperationalError("planted")] * 2)
    nest = EventReader._nest

    async def failing(self: EventReader, answers: Any) -> None:
        if any(answer.news for answer in answers) and (failure := next(failures, None)):
            raise failure
        await nest(self, answers)

    monkeypatch.setattr(EventReader, "_nest", failing)

    def happen() -> None:
        for order in (entry, stop):
            log(trader, order, "new")

    updates = told(trader, 2, happen)

    assert [(update["order"]["id"], bool(update["order"]["legs"])) for update in updates] == [
        (str(entry.pk), True),
        (str(stop.pk), False),
    ]


def test_each_event_tells_the_quantity_that_the_order_asked_for_then(trader: Trader) -> None:
    _, profit, _ = bracket(trader)
    type(profit).objects.filter(pk=profit.pk).update(quantity=3)

    def happen() -> None:
        for kind, quantity in (("new", 10), ("restated", 6), ("restated", 3), ("canceled", 3)):
            log(trader, profit, kind, order_quantity=quantity)

    updates = told(trader, 4, happen)

    assert [(update["event"], update["order"]["qty"]) for update in updates] == [
        ("new", "10"),
        ("restated", "6"),
        ("restated", "3"),
        ("canceled", "3"),
    ]


TRAILING = {
    "type": "trailing_stop",
    "side": "sell",
    "limit_price": None,
    "trail_price": 2,
    "status": "new",
    "working_seq": 100,
}


@pytest.mark.parametrize(
    ("fields", "event", "expected"),
    [
        ({}, {"kind": "new", "feed_seq": 100}, (None, None)),
        ({}, {"kind": "canceled", "feed_seq": 149}, ("110", "108")),
        ({"status": "canceled"}, {"kind": "canceled", "feed_seq": 160}, ("110", "108")),
        ({}, {"kind": "pending_cancel"}, ("110", "108")),
        ({"hwm": 120}, {"kind": "new", "feed_seq": 100}, ("120", "118")),
        ({"hwm": 120, "is_triggered": True}, {"kind": "new", "feed_seq": 100}, (None, None)),
        ({"hwm": 112, "status": "canceled"}, {"kind": "new", "feed_seq": 100}, (None, None)),
        ({"hwm": 112, "status": "canceled"}, {"kind": "canceled", "status": "canceled", "feed_seq": 149}, ("112", "110")),
        ({"hwm": 109, "is_triggered": True}, {"kind": "fill", "status": "filled", "feed_seq": 200}, ("109", "107")),
        ({"hwm": 109, "is_triggered": True}, {"kind": "expired", "feed_seq": 200}, ("109", "107")),
    ],
    ids=[
        "no print yet",
        "as far as the market had come",
        "the same when it is read late",
        "a wish of its owner's, which has no sequence",
        "what it kept from the one it replaced",
        "read late: what it kept then is not known any more",
        "read after its end: what it kept then is not known any more",
        "how far it had come when it ended",
        "what triggered it",
        "triggered, and never filled",
    ],
)  # fmt: skip
def test_a_trailing_stop_tells_its_watermark_and_its_stop(
    trader: Trader, fields: dict[str, Any], event: dict[str, Any], expected: tuple[str | None, str | None]
) -> None:
    order = stored(trader, **TRAILING | fields)
    Watermark.objects.bulk_create(
        Watermark(market_id=trader.account.market_id, symbol=order.symbol, side="sell", seq=seq, price=price)
        for seq, price in ((100, 130 * DOLLAR), (140, 110 * DOLLAR), (170, 105 * DOLLAR))
    )

    [update] = told(trader, 1, lambda: log(trader, order, **event))

    assert (update["order"]["hwm"], update["order"]["stop_price"]) == expected
    assert update["order"]["trail_price"] == "2"


@pytest.mark.parametrize(
    ("fields", "event", "expected"),
    [
        ({}, {"kind": "pending_cancel"}, (None, None)),
        ({"hwm": 120, "status": "canceled"}, {"kind": "canceled", "feed_seq": 160}, (None, None)),
        ({"hwm": 109, "is_triggered": True}, {"kind": "fill", "status": "filled", "feed_seq": 200}, ("109", "107")),
    ],
    ids=["while it waits", "canceled a moment later", "triggered, which is its owner's to know"],
)  # fmt: skip
def test_who_sees_the_market_late_is_not_told_its_extreme_by_a_trailing_stop(
    make_trader: Any, fields: dict[str, Any], event: dict[str, Any], expected: tuple[str | None, str | None]
) -> None:
    trader = make_trader(tier="free")
    order = stored(trader, **TRAILING | fields)
    Watermark.objects.create(
        market_id=trader.account.market_id, symbol=order.symbol, side="sell", seq=140, price=110 * DOLLAR
    )

    [update] = told(trader, 1, lambda: log(trader, order, **event))

    assert (update["order"]["hwm"], update["order"]["stop_price"]) == expected
