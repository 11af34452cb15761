"""The model `bars` and the modifiers of a profile. Prices in cents, quantities in shares."""

from __future__ import annotations

from typing import Any

import pytest

from matching.engine import modifiers
from matching.engine.queues import FAR
from matching.engine.types import MONEY, SHARE, Model, Profile, Role, Session, Side, TimeInForce
from tests.matching.engine.markets import Market

BARS: dict[str, Any] = {"model": Model.BARS}
NEW = ("new", "o", "C0")


def fill(quantity, price, order_id="o"):
    return ("fill", order_id, "B1", quantity, price)


def part(quantity, price, order_id="o"):
    return ("partial_fill", order_id, "B1", quantity, price)


@pytest.mark.parametrize(
    ("side", "limit", "prints", "expected"),
    [
        pytest.param("buy", None, [(1000, 50)], [[fill(5, 1000)]], id="a market order takes the next print"),
        pytest.param("buy", None, [(1000, 30)], [[part(3, 1000)]], id="at most a tenth of it"),
        pytest.param(
            "buy", None, [(1000, 30), (1001, 90)], [[part(3, 1000)], [fill(2, 1001)]], id="then of the next"
        ),
        pytest.param("buy", 1002, [(1000, 50)], [[fill(5, 1000)]], id="marketable: the print's price"),
        pytest.param("buy", 999, [(1000, 50), (998, 50)], [[], [fill(5, 999)]], id="rested: its own limit"),
        pytest.param(
            "buy", 999, [(1000, 50), (999, 50)], [[], [fill(5, 999)]], id="at the limit there is no queue"
        ),
        pytest.param("sell", 1001, [(1000, 50), (1003, 20)], [[], [part(2, 1001)]], id="a sell"),
    ],
)
def test_prints_serve_the_orders_of_a_bar_tape(side, limit, prints, expected):
    market = Market()
    assert market.place("o", side, 5, limit, **BARS) == [NEW]

    assert [market.trade(price, size) for price, size in prints] == expected


def test_quotes_do_not_serve_them():
    market = Market()
    market.quote(999, 50, 1001, 50)
    market.buy("o", 5, **BARS)

    assert market.quote(999, 50, 1000, 50) == []


def test_an_account_shares_its_part_of_the_volume():
    market = Market()
    market.buy("o", 5, **BARS)
    market.sell("s", 9, **BARS)
    market.buy("bobs", 5, account="bob", **BARS)

    assert market.trade(1000, 70) == [fill(5, 1000), fill(5, 1000, "bobs"), part(2, 1000, "s")]


def test_participation_is_the_profiles():
    market = Market()
    market.buy("o", 9, **BARS, profile=Profile(participation=3_333))

    assert market.trade(1000, 10) == [part(3.333, 1000)]


@pytest.mark.parametrize(
    ("tif", "size", "expected"),
    [
        pytest.param(
            TimeInForce.IOC, 30, [part(3, 1000), ("canceled", "o", "L2-ioc")], id="ioc: what is there"
        ),
        pytest.param(TimeInForce.FOK, 30, [("canceled", "o", "L2-ioc")], id="fok: not the whole"),
        pytest.param(TimeInForce.FOK, 50, [fill(5, 1000)], id="fok: the whole"),
    ],
)
def test_immediate_orders_meet_the_next_print_of_a_bar_tape(tif, size, expected):
    market = Market()
    assert market.buy("o", 5, time_in_force=tif, **BARS) == [NEW]

    assert market.trade(1000, size) == expected


def test_a_stop_of_a_bar_tape_takes_the_print_that_triggers_it():
    market = Market()
    market.sell("o", 5, stop=995, **BARS)

    assert market.trade(994, 90) == [("triggered", "o", "T1"), fill(5, 994)]


# Modifiers


@pytest.mark.parametrize(
    ("side", "limit", "bps", "price"),
    [
        pytest.param("buy", None, 10, 100_201, id="buy: 10.01 and a thousandth, rounded up"),
        pytest.param("sell", None, 10, 99_800, id="sell: 9.99 less a thousandth, rounded down"),
        pytest.param("buy", 1002, 50, 100_200, id="not beyond the limit"),
        pytest.param("buy", 1001, 50, 100_100, id="none left at the limit"),
        pytest.param("buy", None, 0, 100_100, id="none"),
    ],
)
def test_slippage_makes_a_takers_price_worse(side, limit, bps, price):
    market = Market()
    market.quote(999, 7, 1001, 8)

    market.place("o", side, 5, limit, profile=Profile(slippage_bps=bps))

    assert market.decisions[-1].price == price


def test_slippage_leaves_a_resting_order_its_limit():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("o", 5, 1000, profile=Profile(slippage_bps=50))

    assert market.quote(999, 7, 1000, 8) == [("fill", "o", "R2", 5, 1000)]


def test_slippage_never_makes_a_price_less_than_the_smallest():
    assert modifiers.slipped(Profile(slippage_bps=10_000), -1, 50, FAR) == 1


def test_commission_is_counted_by_the_share():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("o", 2.5, profile=Profile(commission=50))  # half a cent

    assert market.decisions[-1].commission * 80 == MONEY


def test_latency_keeps_an_order_from_the_market_until_an_item_comes_late_enough():
    market = Market()
    market.quote(999, 7, 1001, 8)
    assert market.buy("o", 5, profile=Profile(latency_ms=500)) == [("accepted", "o", "M1")]
    market.wait(0.4)
    assert market.quote(999, 7, 1002, 8) == []
    market.wait(0.2)

    # It meets what stood when it came, then the item that let it come.
    assert market.quote(999, 7, 1003, 8) == [("new", "o", "M1"), ("fill", "o", "L2", 5, 1002)]


def test_an_order_whose_latency_ends_with_a_print_rests_before_it():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("o", 5, 1000, profile=Profile(latency_ms=500))
    market.wait(1)

    assert market.trade(998, 9) == [("new", "o", "M1"), ("fill", "o", "R2", 5, 1000)]


def test_an_order_under_way_can_be_canceled_and_waits_over_the_night():
    market = Market()
    slow = Profile(latency_ms=500)
    market.buy("a", 5, profile=slow)
    market.buy("o", 5, profile=slow)
    assert market.cancel("a") == [("canceled", "a", "C0")]

    assert market.enter(Session.CLOSED) == []
    market.wait(1)
    assert market.enter(Session.REGULAR) == [("new", "o", "S2")]


def test_latency_delays_no_stop_and_no_exit():
    market = Market()
    market.quote(999, 7, 1001, 8)
    slow = Profile(latency_ms=500)

    assert market.sell("o", 5, stop=990, profile=slow) == [NEW]
    target = market.order("tp", Side.SELL, 5, 1010, role=Role.TAKE_PROFIT, profile=slow)
    stop = market.order("sl", Side.SELL, 5, stop=980, role=Role.STOP_LOSS, profile=slow)
    assert market.place_class(target, stop) == [("new", "tp", "C0")]


@pytest.mark.parametrize(("rate", "event"), [(0, "new"), (10_000, "rejected")])
def test_an_order_may_be_rejected_by_chance(rate, event):
    market = Market()

    assert market.buy("o", 5, profile=Profile(reject_rate=rate))[0][0] == event
    assert market.engine.open_count() == (event == "new")


def test_a_rejected_entry_cancels_its_exits():
    market = Market()
    never = Profile(reject_rate=10_000)
    entry = market.order("e", Side.BUY, 5, 1000, role=Role.ENTRY, profile=never)
    target = market.order("tp", Side.SELL, 5, 1010, role=Role.TAKE_PROFIT)

    assert market.place_class(entry, target) == [("rejected", "e", "M2"), ("canceled", "tp", "C3")]


def test_a_fill_may_be_cut_and_says_so():
    market = Market()
    market.quote(999, 70, 1001, 80)
    market.buy("o", 50, profile=Profile(partial_rate=10_000))

    cut = market.decisions[-1]
    assert (str(cut.event), cut.is_cut) == ("partial_fill", True)
    assert 0 < cut.quantity < 50 * SHARE
    assert cut.quantity % SHARE == 0


def test_a_cut_always_takes_something_off():
    profile = Profile(partial_rate=10_000)

    assert {modifiers.cut(profile, "o", seq, 2 * SHARE) for seq in range(50)} == {SHARE}
    assert {modifiers.cut(profile, "o", seq, 3 * SHARE) for seq in range(50)} == {SHARE, 2 * SHARE}
    assert {modifiers.cut(profile, "o", seq, 3) for seq in range(50)} == {1, 2}  # less than two shares


def test_a_fok_fill_and_a_last_unit_are_never_cut():
    always = Profile(partial_rate=10_000)
    market = Market()
    market.quote(999, 70, 1001, 80)

    assert market.buy("o", 50, time_in_force=TimeInForce.FOK, profile=always)[1][0] == "fill"
    assert modifiers.cut(always, "o", 1, 1) == 1


def test_chance_depends_on_seed_order_and_sequence_alone():
    half = Profile(reject_rate=5_000, partial_rate=5_000)

    def draws(profile: Profile, order_id: str, seq: int) -> tuple[bool, int]:
        return modifiers.is_rejected(profile, order_id, seq), modifiers.cut(profile, order_id, seq, 10**6)

    drawn = [draws(half, f"o{number}", seq) for number in range(40) for seq in range(5)]
    again = [draws(half, f"o{number}", seq) for number in range(40) for seq in range(5)]
    other = [
        draws(Profile(reject_rate=5_000, partial_rate=5_000, seed=1), f"o{number}", 0) for number in range(40)
    ]
    assert drawn == again
    assert drawn[::5] != other
    rejected = sum(is_rejected for is_rejected, _ in drawn)
    assert 60 < rejected < 140  # a pinned draw of 200, not a statistic
    assert any(is_rejected and cut < 10**6 for is_rejected, cut in drawn)  # the two do not hang together
    assert any(not is_rejected and cut < 10**6 for is_rejected, cut in drawn)


def test_the_draws_are_pinned():
    """A change of the generator changes old runs: it needs a new model version."""
    profile = Profile(partial_rate=10_000, seed=42)

    assert [modifiers.cut(profile, "o", seq, 1_000) for seq in range(4)] == [16, 127, 919, 332]
