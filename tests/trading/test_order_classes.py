"""The prices of bracket, oto and oco, and the legs that they become. No database."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from trading.errors import RuleBroken
from trading.services.order_classes import legs_of, require_exits, role_of
from trading.services.ticket import StopLoss, TakeProfit, Ticket

D = Decimal


def ticket(
    order_class: str, side: str, limit: str | None, target: str | None, stop: str | None, **terms: Any
) -> Ticket:
    return Ticket(
        symbol="ACME", side=side, type="market" if limit is None and order_class != "oco" else "limit",
        time_in_force="day", order_class=order_class, quantity=D(10), notional=None,
        limit_price=None if limit is None else D(limit), extended_hours=False, position_intent="",
        client_order_id=None, take_profit=None if target is None else TakeProfit(limit_price=D(target)),
        stop_loss=None if stop is None else StopLoss(stop_price=D(stop), **terms),
    )  # fmt: skip


# class, side, entry's limit, take-profit, stop-loss, last price -> what is said, None: nothing
CASES: dict[str, tuple[str, str, str | None, str | None, str | None, str | None, str | None]] = {
    "bracket": ("bracket", "buy", "100", "100.01", "99.99", None, None),
    "target too near": ("bracket", "buy", "100", "100", "99.99", None, r"take_profit.limit_price must be >= base_price \+ 0.01"),
    "stop too near": ("bracket", "buy", "100", "101", "100", None, "stop_loss.stop_price must be <= base_price - 0.01"),
    "short bracket": ("bracket", "sell", "100", "99.99", "100.01", None, None),
    "short, target too near": ("bracket", "sell", "100", "100", "101", None, "take_profit.limit_price must be <= base_price - 0.01"),
    "short, stop too near": ("bracket", "sell", "100", "90", "100", None, r"stop_loss.stop_price must be >= base_price \+ 0.01"),
    "at market": ("bracket", "buy", None, "101", "99", "100", None),
    "at market, target below": ("bracket", "buy", None, "99", "98", "100", "take_profit.limit_price must be >="),
    "at an unknown market": ("bracket", "buy", None, "101", "99", None, None),
    "at an unknown market, crossed": ("bracket", "buy", None, "99", "101", None, "beyond stop_loss.stop_price"),
    "oto with a target": ("oto", "buy", "100", "99", None, None, "take_profit.limit_price must be >="),
    "oto with a stop": ("oto", "sell", "100", None, "99", None, "stop_loss.stop_price must be >="),
    "oto": ("oto", "buy", "100", None, "99", None, None),
    "oco": ("oco", "sell", None, "110", "109.99", "500", None),
    "oco, stop too near": ("oco", "sell", None, "110", "110", None, "stop_loss.stop_price must be <= base_price - 0.01"),
    "oco of a short": ("oco", "buy", None, "90", "90.01", None, None),
    "oco of a short, stop too near": ("oco", "buy", None, "90", "89", None, r"stop_loss.stop_price must be >= base_price \+ 0.01"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "side", "limit", "target", "stop", "last", "said"), CASES.values(), ids=CASES
)
def test_each_exit_is_on_its_side_of_the_base_price(
    name: str,
    side: str,
    limit: str | None,
    target: str | None,
    stop: str | None,
    last: str | None,
    said: str | None,
) -> None:
    given = ticket(name, side, limit, target, stop)
    price = None if last is None else D(last)
    if said is None:
        require_exits(given, price)
        return
    with pytest.raises(RuleBroken, match=said) as refusal:
        require_exits(given, price)
    if "base_price" in said:
        assert refusal.value.context == {"base_price": target if name == "oco" else limit or last}


def _told(given: Ticket) -> list[tuple[Any, ...]]:
    legs = legs_of(given)
    assert legs is not None
    return [(leg["role"], leg["side"], leg["type"], leg["limit_price"], leg["stop_price"]) for leg in legs]


def test_a_bracket_becomes_an_entry_and_two_exits_on_the_other_side() -> None:
    given = ticket("bracket", "buy", "100", "110", "90", limit_price=D(89))

    assert role_of(given) == "entry"
    assert _told(given) == [
        ("take_profit", "sell", "limit", D(110), None),
        ("stop_loss", "sell", "stop_limit", D(89), D(90)),
    ]


def test_an_oco_is_its_take_profit_and_becomes_a_stop_on_the_same_side() -> None:
    given = ticket("oco", "sell", None, "110", "90")

    assert (role_of(given), given.own_limit) == ("take_profit", D(110))
    assert _told(given) == [("stop_loss", "sell", "stop", None, D(90))]


def test_an_oto_has_the_exit_that_was_asked_for() -> None:
    assert _told(ticket("oto", "sell", "100", "90", None)) == [("take_profit", "buy", "limit", D(90), None)]
    assert _told(ticket("oto", "sell", "100", None, "110")) == [("stop_loss", "buy", "stop", None, D(110))]


def test_legs_have_ids_and_names_of_their_own() -> None:
    legs = legs_of(ticket("bracket", "buy", "100", "110", "90"))

    assert legs is not None
    assert len({leg["id"] for leg in legs} | {leg["client_order_id"] for leg in legs}) == 4


def test_an_order_that_is_alone_has_no_legs_and_no_role() -> None:
    assert (legs_of(ticket("", "buy", "100", None, None)), role_of(ticket("", "buy", "100", None, None))) == (
        None,
        "",
    )
