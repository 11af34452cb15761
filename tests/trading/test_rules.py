"""Which terms go together: types, times in force, sessions and classes. No database."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from trading.errors import RuleBroken, TradingError, ValueInvalid
from trading.models import Asset
from trading.services.rules import require_rules, require_time_in_force
from trading.services.ticket import StopLoss, TakeProfit, Ticket

D = Decimal
ASSET = Asset(symbol="ACME")
PAIR = Asset(symbol="BTC/USD", asset_class="crypto")
OPTION = Asset(symbol="ACME140118C00100000", asset_class="us_option")

TYPES = {
    "market": {},
    "limit": {"limit_price": D(100)},
    "stop": {"stop_price": D(110)},
    "stop_limit": {"limit_price": D(111), "stop_price": D(110)},
    "trailing_stop": {"trail_price": D(2)},
}
TIMES = ("day", "gtc", "opg", "cls", "ioc", "fok")
EXITS: dict[str, dict[str, Any]] = {
    "bracket": {"take_profit": TakeProfit(limit_price=D(120)), "stop_loss": StopLoss(stop_price=D(90))},
    "oco": {"take_profit": TakeProfit(limit_price=D(120)), "stop_loss": StopLoss(stop_price=D(90))},
    "oto": {"stop_loss": StopLoss(stop_price=D(90))},
}


def ticket(order_type: str = "limit", **terms: Any) -> Ticket:
    defaults = {
        "symbol": "ACME", "side": "buy", "type": order_type, "time_in_force": "day", "order_class": "",
        "quantity": None if "notional" in terms else D(10), "notional": None, "limit_price": None,
        "extended_hours": False, "position_intent": "", "client_order_id": None,
    }  # fmt: skip
    return Ticket(**{**defaults, **TYPES[order_type], **terms})


def is_allowed(given: Ticket, asset: Asset = ASSET) -> bool:
    try:
        require_rules(given, asset)
    except TradingError:
        return False
    return True


def allowed(asset: Asset = ASSET, **terms: Any) -> set[tuple[str, str]]:
    """Return the pairs of type and time in force that are allowed with these terms."""
    return {
        (kind, time)
        for kind, time in product(TYPES, TIMES)
        if is_allowed(ticket(kind, **{**terms, "time_in_force": time}), asset)
    }


STOPS = set(product(("stop", "stop_limit", "trailing_stop"), ("day", "gtc")))

# Spec of the wire, 3.1: the whole table.
TABLE: dict[str, tuple[dict[str, Any], set[tuple[str, str]]]] = {
    "whole shares": ({}, set(product(("market", "limit"), TIMES)) | STOPS),
    "a fraction": (
        {"quantity": D("1.5")},
        set(product(("market", "limit", "stop", "stop_limit"), ("day",))),
    ),
    "money": ({"quantity": None, "notional": D(50)}, {("market", "day")}),
    "extended hours": ({"extended_hours": True}, {("limit", "day"), ("limit", "gtc")}),
    "bracket": (
        {"order_class": "bracket", **EXITS["bracket"]},
        set(product(("market", "limit", "stop", "stop_limit"), ("day", "gtc"))),
    ),
    "oto": (
        {"order_class": "oto", **EXITS["oto"]},
        set(product(("market", "limit", "stop", "stop_limit"), ("day", "gtc"))),
    ),
    "oco": ({"order_class": "oco", **EXITS["oco"]}, {("limit", "day"), ("limit", "gtc")}),
    "bracket of a fraction": ({"order_class": "bracket", "quantity": D("1.5")}, set()),
    "bracket by money": ({"order_class": "bracket", "quantity": None, "notional": D(50)}, set()),
    "bracket in extended hours": ({"order_class": "bracket", "extended_hours": True}, set()),
}


@pytest.mark.parametrize(("terms", "pairs"), TABLE.values(), ids=TABLE)
def test_a_type_has_the_times_in_force_of_the_table_and_no_other(
    terms: dict[str, Any], pairs: set[tuple[str, str]]
) -> None:
    assert allowed(**terms) == pairs


def test_a_coin_and_an_option_have_tables_of_their_own() -> None:
    assert allowed(PAIR) == set(product(("market", "limit", "stop_limit"), ("gtc", "ioc")))
    assert allowed(PAIR, quantity=D("0.001")) == allowed(PAIR)
    assert allowed(OPTION) == {("market", "day"), ("limit", "day")}


PRICES: dict[str, dict[str, Any]] = {
    "limit": {"limit_price": D("100.001")},
    "stop": {"order_type": "stop", "stop_price": D("110.005")},
    "trail": {"order_type": "trailing_stop", "trail_price": D("1.005")},
    "take-profit": {
        "order_class": "bracket",
        **EXITS["bracket"],
        "take_profit": TakeProfit(limit_price=D("120.001")),
    },
    "stop-loss": {"order_class": "oto", "stop_loss": StopLoss(stop_price=D("90.001"))},
    "its limit": {"order_class": "oto", "stop_loss": StopLoss(stop_price=D(90), limit_price=D("89.999"))},
}


@pytest.mark.parametrize("terms", PRICES.values(), ids=PRICES)
def test_every_price_is_on_its_tick(terms: dict[str, Any]) -> None:
    with pytest.raises(RuleBroken, match="sub-penny"):
        require_rules(ticket(**terms), ASSET)


@pytest.mark.parametrize(
    ("percent", "error"),
    [
        ("0.1", None),
        ("0.0999", ValueInvalid),
        ("99.9999", None),
        ("100", ValueInvalid),
        ("1.00001", ValueInvalid),
    ],
)
def test_a_trail_is_at_least_a_tenth_of_a_percent_and_less_than_everything(
    percent: str, error: type[Exception] | None
) -> None:
    given = ticket("trailing_stop", trail_price=None, trail_percent=D(percent))
    if error is None:
        require_rules(given, ASSET)
    else:
        with pytest.raises(error, match="trail_percent"):
            require_rules(given, ASSET)


def test_stops_in_extended_hours_are_refused_in_their_own_words() -> None:
    with pytest.raises(RuleBroken, match="stop orders are not eligible for extended hours trading"):
        require_rules(ticket("stop", extended_hours=True), ASSET)


def test_a_fraction_outside_the_session_needs_an_asset_that_has_it() -> None:
    given = ticket(quantity=D("1.5"), extended_hours=True)

    assert not is_allowed(given)
    assert is_allowed(given, Asset(symbol="ACME", attributes=["fractional_eh_enabled"]))
    assert not is_allowed(ticket(quantity=D("1.5")), Asset(symbol="ACME", fractionable=False))


@pytest.mark.parametrize(
    ("kind", "time", "quantity", "is_extended", "is_fine"),
    [
        ("limit", "cls", "10", False, True),
        ("stop", "cls", "10", False, False),
        ("limit", "gtc", "1.5", False, False),
        ("limit", "gtc", "10", True, True),
        ("limit", "ioc", "10", True, False),
    ],
)
def test_a_new_time_in_force_keeps_the_same_table(
    kind: str, time: str, quantity: str, is_extended: bool, is_fine: bool
) -> None:
    def ask() -> None:
        require_time_in_force(ASSET, kind, time, quantity=D(quantity), extended_hours=is_extended)

    if is_fine:
        ask()
    else:
        with pytest.raises(RuleBroken):
            ask()
