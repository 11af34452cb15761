"""What a bot hears of each kind of order: through the API, the real matcher and the SDK's own stream.

Source: the wire's specification, the sequences of 5.3.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from alpaca.trading.enums import OrderClass, OrderSide, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLossRequest,
    TakeProfitRequest,
    TrailingStopOrderRequest,
)

from tests.stream.house import SYMBOL, House, open_house

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from alpaca.trading.models import TradeUpdate

    from tests.stream.server import Server

QUIET = ["0 quote,10.00,300,10.02,200,,,", "0 trade,,,,,10.01,100,"]
RISES = [*QUIET, "2 quote,10.10,60,10.12,100,,,", "3 quote,10.11,100,10.12,100,,,"]
FALLS = [*QUIET, "2 trade,,,,,9.89,100,"]

CLOSE_S = 6.5 * 3600  # after the open

EXITS: dict[str, Any] = {
    "take_profit": TakeProfitRequest(limit_price=10.10),
    "stop_loss": StopLossRequest(stop_price=9.90),
}


def terms(side: str = "buy", **more: Any) -> dict[str, Any]:
    common = {"symbol": SYMBOL, "qty": 100, "side": OrderSide(side), "time_in_force": TimeInForce.GTC}
    return {**common, **more}


def bracket() -> LimitOrderRequest:
    return LimitOrderRequest(**terms(limit_price=10.02, order_class=OrderClass.BRACKET), **EXITS)


@pytest.fixture
def open_at(
    tmp_path: Path, live_server: Any, stream_server: Server, valkey: Any, monkeypatch: Any
) -> Iterator[Callable[..., House]]:
    """Return a function that opens a house over a tape's lines, half a second after the market's open."""
    with ExitStack() as closing:

        def opening(lines: list[str], second: float = 0.5) -> House:
            house = closing.enter_context(
                open_house(tmp_path, lines, live_server.url, stream_server.url, monkeypatch)
            )
            house.at(second)
            house.show("10.00", "10.02", "10.01")
            return house

        yield opening


def holding(house: House) -> None:
    """Have the account hold a hundred shares."""
    house.place(MarketOrderRequest(**terms(time_in_force=TimeInForce.DAY)), "purchase")
    assert house.outline() == ["purchase new", "purchase fill"]


def quantities(updates: list[TradeUpdate]) -> list[tuple[Any, Any, Any]]:
    return [(update.event, update.order.qty, update.order.filled_qty) for update in updates]


def test_a_bracket_that_takes_its_profit_in_two_parts(open_at: Any) -> None:
    house = open_at(RISES)
    placed = house.place(bracket(), "entry", "profit", "stop")
    first = house.story()
    house.at(2.5)
    house.at(3.5)
    then = house.story()

    assert [leg.status for leg in placed.legs] == ["held", "held"]
    assert house.told(first) == ["entry new", "entry fill", "profit new"]
    assert house.told(then) == ["profit partial_fill", "stop restated", "profit fill", "stop canceled"]
    assert quantities(first) == [("new", "100", "0"), ("fill", "100", "100"), ("new", "100", "0")]
    assert quantities(then) == [
        ("partial_fill", "100", "60"),
        ("restated", "40", "0"),
        ("fill", "100", "100"),
        ("canceled", "40", "0"),
    ]
    assert [leg.id for leg in first[0].order.legs] == [leg.id for leg in placed.legs]
    assert [update.order.legs for update in then] == [None] * 4
    assert [leg.status for leg in house.nested(placed).legs] == ["filled", "canceled"]


def test_a_bracket_that_is_stopped_out(open_at: Any) -> None:
    house = open_at(FALLS)
    house.place(bracket(), "entry", "profit", "stop")
    house.story()
    house.at(2.5)

    assert house.outline() == ["stop new", "stop fill", "profit canceled"]


def test_a_bracket_whose_entry_is_canceled(open_at: Any) -> None:
    house = open_at(QUIET)
    request = bracket()
    request.limit_price = 9.95
    entry = house.place(request, "entry", "profit", "stop")
    house.client.cancel_order_by_id(entry.id)
    house.matcher.round()

    assert house.outline() == [
        "entry new",
        "entry pending_cancel",
        "entry canceled",
        "profit canceled",
        "stop canceled",
    ]


def test_an_oco_whose_profit_is_taken(open_at: Any) -> None:
    house = open_at(RISES)
    holding(house)
    request = LimitOrderRequest(**terms("sell", order_class=OrderClass.OCO), **EXITS)
    placed = house.place(request, "profit", "stop")
    house.at(3.5)

    assert (placed.type, placed.limit_price, [leg.type for leg in placed.legs]) == ("limit", "10.1", ["stop"])
    updates = house.story()
    assert house.told(updates) == [
        "profit new",
        "profit partial_fill",
        "stop restated",
        "profit fill",
        "stop canceled",
    ]
    assert [update.position_qty for update in updates if update.position_qty is not None] == [40, 0]


def test_an_oco_of_which_one_exit_is_canceled(open_at: Any) -> None:
    house = open_at(QUIET)
    holding(house)
    request = LimitOrderRequest(**terms("sell", order_class=OrderClass.OCO), **EXITS)
    placed = house.place(request, "profit", "stop")
    house.client.cancel_order_by_id(placed.legs[0].id)
    house.matcher.round()

    assert house.outline() == ["profit new", "stop pending_cancel", "stop canceled", "profit canceled"]


def test_an_oto_whose_stop_has_nothing_to_wait_beside(open_at: Any) -> None:
    house = open_at(FALLS)
    request = MarketOrderRequest(**terms(order_class=OrderClass.OTO), stop_loss=EXITS["stop_loss"])
    house.place(request, "entry", "stop")
    house.at(2.5)

    assert house.outline() == ["entry new", "entry fill", "stop new", "stop fill"]


def test_a_leg_that_works_is_replaced_and_then_one_that_is_held(open_at: Any) -> None:
    house = open_at(QUIET)
    entry = house.place(bracket(), "entry", "profit", "stop")
    house.story()
    profit, stop = entry.legs
    higher = house.replace(profit, "higher profit", limit_price=10.20)
    lower = house.replace(stop, "lower stop", stop_price=9.80)

    assert house.outline() == [
        "profit pending_replace",
        "profit replaced",
        "higher profit new",
        "stop pending_replace",
        "stop replaced",
    ]
    legs = house.nested(entry).legs
    assert [leg.id for leg in legs] == [higher.id, lower.id, profit.id, stop.id]
    assert [leg.status for leg in legs] == ["new", "held", "replaced", "replaced"]
    everything = GetOrdersRequest(status=QueryOrderStatus.ALL, nested=True, symbols=[SYMBOL])
    [listed] = house.client.get_orders(everything)
    assert (listed.id, len(listed.legs)) == (entry.id, 4)


def test_a_parents_successor_takes_over_the_legs(open_at: Any) -> None:
    house = open_at(QUIET)
    request = bracket()
    request.limit_price = 9.95
    entry = house.place(request, "entry", "profit", "stop")
    successor = house.replace(entry, "successor", limit_price=9.96)

    updates = house.story()
    assert house.told(updates) == ["entry new", "entry pending_replace", "entry replaced", "successor new"]
    assert [leg.id for leg in updates[-1].order.legs] == [leg.id for leg in entry.legs]
    assert house.nested(entry).legs is None
    assert len(house.nested(successor).legs or ()) == 2


def test_a_replacement_that_is_beaten_by_the_fill(open_at: Any) -> None:
    house = open_at([*QUIET, "1 quote,9.99,300,10.00,500,,,"])
    old = house.place(LimitOrderRequest(**terms(limit_price=10.01)), "old")
    new = house.client.replace_order_by_id(old.id, ReplaceOrderRequest(limit_price=9.98))
    house.name(new, "new")
    inbox, house.matcher._journal.inbox = house.matcher._journal.inbox, list
    house.at(1.5)  # the market moves before the wish is read
    house.matcher._journal.inbox = inbox
    house.matcher.round()

    assert house.outline() == [
        "old new",
        "old pending_replace",
        "old fill",
        "old order_replace_rejected",
        "new rejected",
    ]


@pytest.mark.parametrize(
    ("time_in_force", "until_s"), [("opg", CLOSE_S + 1), ("cls", CLOSE_S + 4 * 3600 + 1)], ids=["opg", "cls"]
)
def test_an_auction_that_never_comes(open_at: Any, time_in_force: str, until_s: float) -> None:
    house = open_at(QUIET, second=-3600)
    request = MarketOrderRequest(**terms(time_in_force=TimeInForce(time_in_force)))
    order = house.place(request, "order")
    house.at(0.5)
    house.at(until_s)

    assert house.outline() == ["order accepted", "order new", "order expired"]
    assert (
        order.expires_at.isoformat()
        == {
            "opg": "2013-10-08T13:30:00+00:00",
            "cls": "2013-10-08T20:00:00+00:00",
        }[time_in_force]
    )


def test_a_cancel_that_comes_after_the_cut_off_leaves_the_order_as_it_was(open_at: Any) -> None:
    house = open_at(QUIET)
    order = house.place(MarketOrderRequest(**terms(time_in_force=TimeInForce.CLS)), "order")
    house.at(CLOSE_S - 300)
    house.client.cancel_order_by_id(order.id)
    house.matcher.round()

    updates = house.story()
    assert [(u.event, u.order.status.value) for u in updates] == [
        ("new", "new"),
        ("pending_cancel", "pending_cancel"),
        ("order_cancel_rejected", "new"),
    ]
    assert house.client.get_order_by_id(order.id).status == "new"


def test_a_short_sale_and_the_purchase_that_closes_it(open_at: Any) -> None:
    house = open_at(QUIET)
    for side, name in (("sell", "sale"), ("buy", "purchase")):
        house.place(MarketOrderRequest(**terms(side, time_in_force=TimeInForce.DAY)), name)

    updates = house.story()
    assert house.told(updates) == ["sale new", "sale fill", "purchase new", "purchase fill"]
    assert [update.position_qty for update in updates] == [None, -100, None, 0]
    assert [update.order.position_intent for update in updates] == ["sell_to_open"] * 2 + ["buy_to_close"] * 2


def test_a_trailing_stop_follows_triggers_and_fills(open_at: Any) -> None:
    house = open_at([*QUIET, "1 trade,,,,,10.08,100,", "2 trade,,,,,10.10,100,", "3 trade,,,,,10.05,100,"])
    holding(house)
    request = TrailingStopOrderRequest(**terms("sell", trail_price=0.05))
    trail = house.place(request, "trail")
    house.at(1.5)
    after_one = house.client.get_order_by_id(trail.id)
    house.at(2.5)
    after_two = house.client.get_order_by_id(trail.id)
    house.at(3.5)

    updates = house.story()
    assert house.told(updates) == ["trail new", "trail fill"]
    assert [(update.order.hwm, update.order.stop_price) for update in updates] == [
        (None, None),
        ("10.1", "10.05"),
    ]
    assert (trail.hwm, trail.stop_price, trail.trail_price) == (None, None, "0.05")
    assert (after_one.hwm, after_one.stop_price) == ("10.08", "10.03")
    assert (after_two.hwm, after_two.stop_price) == ("10.1", "10.05")


def test_a_trailing_stop_that_is_given_another_trail_keeps_its_watermark(open_at: Any) -> None:
    house = open_at([*QUIET, "1 trade,,,,,10.08,100,"])
    holding(house)
    trail = house.place(TrailingStopOrderRequest(**terms("sell", trail_percent=5)), "trail")
    house.at(1.5)
    wider = house.replace(trail, "wider", trail=10)

    updates = house.story()
    assert house.told(updates) == ["trail new", "trail pending_replace", "trail replaced", "wider new"]
    assert (updates[-1].order.hwm, updates[-1].order.trail_percent) == ("10.08", "10")
    assert house.client.get_order_by_id(wider.id).stop_price == "9.08"
