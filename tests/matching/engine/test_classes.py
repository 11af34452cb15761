"""C1 to C4: brackets, oto and oco. Prices in cents, quantities in shares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from matching.engine.checks import UnsupportedOrder
from matching.engine.types import SHARE, Order, OrderType, Role, Session, Side, TimeInForce
from tests.matching.engine.markets import Market, Short

BUY, SELL = Side.BUY, Side.SELL
GTC: dict[str, Any] = {"time_in_force": TimeInForce.GTC}
ENTERED = [("new", "e", "C0")]
RELEASED = ("new", "tp", "C1")


def exits(market: Market, quantity: float = 5, side: Side = SELL, **terms: Any) -> tuple[Order, Order]:
    """Return a take-profit 20 cents from $10 and a stop-loss 20 cents on the other side."""
    target, stop = (1020, 980) if side is SELL else (980, 1020)
    return (
        market.order("tp", side, quantity, target, role=Role.TAKE_PROFIT, **terms),
        market.order("sl", side, quantity, stop=stop, role=Role.STOP_LOSS, **terms),
    )


def bracket(quantity: float = 5, limit: int | None = 1000, side: Side = BUY, **terms: Any) -> Market:
    """Return a market at 999 x 1001 with a bracket whose entry rests."""
    market = Market()
    market.quote(999, 7, 1001, 8)
    entry = market.order("e", side, quantity, limit, role=Role.ENTRY, **terms)
    market.place_class(entry, *exits(market, quantity, SELL if side is BUY else BUY, **terms))
    return market


def oco(**terms: Any) -> Market:
    """Return a market at 999 x 1001 with an oco of 5 to sell at 1020 or below 980."""
    market = Market()
    market.quote(999, 7, 1001, 8)
    assert market.place_class(*exits(market, **terms)) == [("new", "tp", "C0")]
    return market


def test_exits_are_held_until_the_entry_is_filled_completely():
    market = bracket()

    assert market.trade(1000, 3) == [("partial_fill", "e", "R3", 3, 1000)]
    assert market.quote(1030, 7, 1031, 8) == []  # beyond the take-profit
    assert market.trade(970, 1) == [("partial_fill", "e", "R2", 1, 1000)]  # beyond the stop
    assert market.trade(1000, 3) == [
        ("fill", "e", "R3", 1, 1000),
        RELEASED,
        ("fill", "tp", "L2", 5, 1030),
        ("canceled", "sl", "C2"),
    ]


def test_the_take_profit_works_and_the_stop_loss_stays_held():
    market = bracket()

    assert market.trade(1000, 9) == [("fill", "e", "R3", 5, 1000), RELEASED]
    assert market.engine.open_ids() == ["tp", "sl"]


def test_a_marketable_entry_releases_its_exits_at_once():
    market = bracket(limit=1001)

    assert [one[:2] for one in market.trade(1000, 1)] == []
    assert [(str(d.event), d.order_id) for d in market.decisions] == [
        ("new", "e"),
        ("fill", "e"),
        ("new", "tp"),
    ]


def test_an_exit_is_not_filled_by_the_print_that_released_it():
    market = Market()
    market.quote(990, 7, 1001, 8)
    target = market.order("tp", SELL, 5, 995, role=Role.TAKE_PROFIT)
    market.place_class(market.order("e", BUY, 5, 1000, role=Role.ENTRY), target)

    assert market.trade(999, 50) == [("fill", "e", "R2", 5, 1000), ("new", "tp", "C3")]
    assert market.trade(999, 50) == [("fill", "tp", "R2", 5, 995)]


def test_a_filled_take_profit_cancels_the_stop_loss():
    market = bracket()
    market.trade(1000, 9)

    assert market.trade(1021, 9) == [("fill", "tp", "R2", 5, 1020), ("canceled", "sl", "C2")]
    assert market.trade(970, 9) == []


def test_a_triggered_stop_loss_is_told_as_new_and_cancels_the_take_profit():
    market = bracket()
    market.trade(1000, 9)

    assert market.trade(980, 9) == [
        ("triggered", "sl", "T1"),
        ("new", "sl", "T1"),
        ("fill", "sl", "L2", 5, 999),
        ("canceled", "tp", "C2"),
    ]
    assert market.engine.open_count() == 0


def test_a_bracket_that_opens_a_short_is_the_mirror_image():
    market = bracket(side=SELL)
    assert market.trade(1000, 9) == [("fill", "e", "R3", 5, 1000), RELEASED]

    assert market.trade(1020, 9) == [
        ("triggered", "sl", "T1"),
        ("new", "sl", "T1"),
        ("fill", "sl", "L2", 5, 1001),
        ("canceled", "tp", "C2"),
    ]


def test_a_part_fill_of_one_exit_takes_from_the_other_at_the_same_sequence():
    market = oco()

    assert market.trade(1021, 3) == [("partial_fill", "tp", "R2", 3, 1020), ("restated", "sl", "C2")]
    fill, restated = market.decisions[-2:]
    assert restated.leaves_quantity == fill.leaves_quantity == 2 * SHARE
    assert restated.seq == fill.seq
    assert market.trade(980, 9)[2:] == [("fill", "sl", "L2", 2, 999), ("canceled", "tp", "C2")]


def test_a_part_fill_of_the_stop_takes_from_the_take_profit():
    market = oco()
    market.quote(979, 2, 981, 8)

    assert market.trade(980, 9)[2:] == [("partial_fill", "sl", "L2", 2, 979), ("restated", "tp", "C2")]
    assert market.trade(1021, 9) == [("fill", "tp", "R2", 3, 1020), ("canceled", "sl", "C2")]


def test_if_one_quote_could_fill_both_exits_the_stop_wins_and_says_so():
    market = oco()
    market.quote(0, 0, 981, 8)
    market.trade(980, 9)  # the stop is a market order now, and nobody bids

    assert market.quote(1020, 3, 1021, 8) == [("partial_fill", "sl", "L2", 3, 1020), ("restated", "tp", "C4")]
    assert market.quote(1020, 9, 1021, 8) == [("fill", "sl", "L2", 2, 1020), ("canceled", "tp", "C4")]


def test_if_one_print_could_fill_both_exits_the_stop_wins():
    market = Market()
    market.quote(999, 7, 1001, 8)
    target, stop = exits(market)
    market.place_class(target, replace(stop, order_type=OrderType.STOP_LIMIT, limit_price=100_500))
    market.quote(975, 7, 981, 8)
    market.trade(980, 1)  # triggers; 1005 rests, and so does 1020

    assert market.trade(1021, 3) == [("partial_fill", "sl", "R2", 3, 1005), ("restated", "tp", "C4")]


CANCELS: list[Any] = [
    pytest.param(
        "e", [("canceled", "e", "C0"), ("canceled", "tp", "C1"), ("canceled", "sl", "C1")], id="the entry"
    ),
    pytest.param(
        "tp", [("canceled", "tp", "C0"), ("canceled", "e", "C1"), ("canceled", "sl", "C1")], id="a held exit"
    ),
    pytest.param(
        "sl", [("canceled", "sl", "C0"), ("canceled", "e", "C1"), ("canceled", "tp", "C1")], id="the other"
    ),
]


@pytest.mark.parametrize(("order_id", "expected"), CANCELS)
def test_canceling_an_unfilled_bracket_cancels_all_of_it(order_id, expected):
    market = bracket()

    assert market.cancel(order_id) == expected
    assert market.engine.open_count() == 0
    assert market.trade(900, 99) == []


@pytest.mark.parametrize(("order_id", "other"), [("tp", "sl"), ("sl", "tp")])
def test_canceling_one_exit_cancels_the_other(order_id, other):
    market = oco()

    assert market.cancel(order_id) == [("canceled", order_id, "C0"), ("canceled", other, "C2")]


def test_an_entry_canceled_in_part_releases_its_exits_for_what_it_filled():
    market = bracket()
    market.trade(1000, 2)

    assert market.cancel("e") == [
        ("canceled", "e", "C0"),
        ("restated", "tp", "C1"),
        ("restated", "sl", "C1"),
        RELEASED,
    ]
    assert [d.leaves_quantity for d in market.decisions[-3:]] == [2 * SHARE] * 3
    assert market.trade(1021, 9) == [("fill", "tp", "R2", 2, 1020), ("canceled", "sl", "C2")]


def test_an_entry_that_expires_unfilled_cancels_its_exits():
    market = bracket()

    assert market.enter(Session.POST) == [
        ("expired", "e", "S1"),
        ("canceled", "tp", "C1"),
        ("canceled", "sl", "C1"),
    ]


def test_exits_of_an_entry_that_expires_in_part_work_in_the_next_session():
    market = bracket()
    market.trade(1000, 2)

    assert market.enter(Session.POST)[1:] == [
        ("restated", "tp", "C1"),
        ("restated", "sl", "C1"),
        ("accepted", "tp", "S2"),
    ]
    assert market.enter(Session.REGULAR) == [("new", "tp", "S2")]
    assert market.trade(980, 9)[0] == ("triggered", "sl", "T1")


def test_exits_expire_with_the_session_each_by_itself():
    market = oco()

    assert market.enter(Session.POST) == [("expired", "tp", "S1"), ("expired", "sl", "S1")]


def test_a_restored_stop_loss_has_begun_when_its_take_profit_has():
    market = Market()
    target, stop = (replace(one, group="g") for one in exits(market))
    market.engine.restore([replace(target, is_active=True), stop])

    assert market.enter(Session.POST) == [("expired", "tp", "S1"), ("expired", "sl", "S1")]


def test_an_exit_that_ages_out_takes_its_younger_sibling_along():
    """Found by comparison: after a restart the one left alone was told as new."""
    market = oco(**GTC, expires_at=10)
    successor(market, Role.STOP_LOSS, stop=990, **GTC)
    market.wait(1)

    assert market.enter(Session.CLOSED) == [("canceled", "tp", "S1"), ("canceled", "s", "C2")]


def test_gtc_exits_work_again_the_next_day_without_a_further_word():
    market = oco(**GTC)

    assert [market.enter(session) for session in (Session.CLOSED, Session.REGULAR)] == [[], []]
    assert market.trade(980, 9)[0] == ("triggered", "sl", "T1")


def test_an_oco_entered_overnight_waits_as_one():
    market = Market(Session.CLOSED)

    assert market.place_class(*exits(market)) == [("accepted", "tp", "S2")]
    assert market.enter(Session.REGULAR) == [("new", "tp", "S2")]
    assert market.trade(980, 9)[0] == ("triggered", "sl", "T1")


@pytest.mark.parametrize("which", [0, 1], ids=["take-profit", "stop-loss"])
def test_the_one_exit_of_an_oto_is_new_when_its_entry_is_filled(which):
    market = Market()
    market.quote(999, 7, 1001, 8)
    one = exits(market)[which]
    market.place_class(market.order("e", BUY, 5, 1000, role=Role.ENTRY), one)

    assert market.trade(1000, 9) == [("fill", "e", "R3", 5, 1000), ("new", one.order_id, "C3")]


def test_canceling_the_entry_of_an_oto_cancels_its_exit():
    market = Market()
    market.place_class(market.order("e", BUY, 5, 1000, role=Role.ENTRY), exits(market)[0])

    assert market.cancel("e") == [("canceled", "e", "C0"), ("canceled", "tp", "C3")]


def successor(market: Market, role: Role, **terms: Any) -> list[Short]:
    """Replace the order of a role by `s` of 99 shares with other prices."""
    old = {Role.ENTRY: "e", Role.TAKE_PROFIT: "tp", Role.STOP_LOSS: "sl"}[role]
    side = BUY if role is Role.ENTRY else SELL
    return market.replace(old, "s", side, 99, group="g", role=role, **terms)


def test_a_replaced_entry_keeps_its_exits_and_its_quantity():
    market = bracket()
    market.trade(1000, 2)

    assert successor(market, Role.ENTRY, limit=998) == [("replaced", "e", "C0"), ("new", "s", "C0")]
    assert market.decisions[-1].leaves_quantity == 3 * SHARE
    assert market.trade(997, 9) == [("fill", "s", "R2", 3, 998), RELEASED]
    assert market.trade(1021, 9)[0] == ("fill", "tp", "R2", 5, 1020)


def test_a_replaced_held_exit_is_held():
    market = bracket()

    assert successor(market, Role.TAKE_PROFIT, limit=1010) == [("replaced", "tp", "C0"), ("held", "s", "C0")]
    market.trade(1000, 9)
    assert market.trade(1011, 9) == [("fill", "s", "R2", 5, 1010), ("canceled", "sl", "C2")]


def test_a_replaced_stop_loss_beside_its_take_profit_is_held_and_triggers():
    market = oco()

    assert successor(market, Role.STOP_LOSS, stop=990) == [("replaced", "sl", "C0"), ("held", "s", "C0")]
    assert market.trade(990, 9)[:2] == [("triggered", "s", "T1"), ("new", "s", "T1")]


def test_a_stop_loss_that_is_replaced_overnight_does_not_trigger_there():
    """Found by comparison: it was seated in a book whose session was over."""
    market = oco(**GTC)
    market.enter(Session.CLOSED)
    successor(market, Role.STOP_LOSS, stop=990, **GTC)

    assert market.trade(985, 9) == []
    assert market.enter(Session.REGULAR) == []
    assert market.trade(985, 9)[0] == ("triggered", "s", "T1")


def test_a_successor_may_not_cross_the_other_exit_or_leave_the_class():
    market = oco()

    with pytest.raises(UnsupportedOrder, match="better than its stop-loss"):
        successor(market, Role.TAKE_PROFIT, limit=980)
    with pytest.raises(UnsupportedOrder, match="share their time in force"):
        successor(market, Role.TAKE_PROFIT, limit=1010, **GTC)
    with pytest.raises(ValueError, match="its place in the class"):
        market.replace("tp", "s", SELL, 5, 1010)
    assert market.trade(1021, 9)[0] == ("fill", "tp", "R2", 5, 1020)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"e": {"role": None}}, id="no role"),
        pytest.param({"tp": {"side": BUY}}, id="an exit on the entry's side"),
        pytest.param({"sl": {"quantity": 4 * SHARE}}, id="another quantity"),
        pytest.param({"sl": {"symbol": "BAC"}}, id="another symbol"),
        pytest.param({"sl": {"time_in_force": TimeInForce.GTC}}, id="another time in force"),
        pytest.param({"sl": {"order_id": "e"}}, id="an id twice"),
        pytest.param(
            {"tp": {"order_type": OrderType.MARKET, "limit_price": None}}, id="a market take-profit"
        ),
        pytest.param({"sl": {"order_type": OrderType.MARKET, "stop_price": None}}, id="a market stop-loss"),
        pytest.param({"tp": {"limit_price": 98_000}}, id="a take-profit at the stop"),
        pytest.param(
            {"e": {"order_type": OrderType.TRAILING_STOP, "limit_price": None, "trail_price": 5}},
            id="trailing",
        ),
    ],
)
def test_orders_that_are_no_class_are_refused_and_leave_nothing_behind(changes):
    market = Market()
    members = [market.order("e", BUY, 5, 1000, role=Role.ENTRY), *exits(market)]

    with pytest.raises(UnsupportedOrder):
        market.place_class(*(replace(one, **changes.get(one.order_id, {})) for one in members))

    assert market.engine.open_count() == 0
