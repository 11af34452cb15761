"""/v2/account/configurations: read, changed field by field, and honoured by the next order."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.api.conftest import refusal
from tests.factories.rows import make_asset, make_position
from trading.models import Order, TradingAccount

DEFAULTS = {
    "dtbp_check": None,
    "pdt_check": None,
    "suspend_trade": False,
    "no_shorting": False,
    "fractional_trading": True,
    "max_margin_multiplier": "4",
    "trade_confirm_email": "all",
    "ptp_no_exception_entry": False,
    "disable_overnight_trading": False,
    "max_options_trading_level": None,
}
PATH = "/v2/account/configurations"


def test_a_new_account_has_forbidden_nothing(bot):
    assert bot.get(PATH).json() == DEFAULTS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("suspend_trade", True),
        ("no_shorting", True),
        ("fractional_trading", False),
        ("max_margin_multiplier", "2"),
        ("trade_confirm_email", "none"),
        ("ptp_no_exception_entry", True),
        ("disable_overnight_trading", True),
        ("max_options_trading_level", 1),
    ],
)
def test_one_field_is_changed_and_every_other_stays(bot, make_bot, name, value):
    other = make_bot()

    answer = bot.patch(PATH, {name: value})

    assert answer.status_code == 200
    assert answer.json() == {**DEFAULTS, name: value}
    assert bot.get(PATH).json() == answer.json()
    assert other.get(PATH).json() == DEFAULTS


def test_null_leaves_a_field_as_it_is_and_unknown_keys_are_ignored(bot):
    bot.patch(PATH, {"suspend_trade": True, "max_margin_multiplier": "1"})

    answer = bot.patch(
        PATH, {"suspend_trade": None, "max_margin_multiplier": None, "pdt_check": "both", "colour": "red"}
    )

    assert answer.json() == {**DEFAULTS, "suspend_trade": True, "max_margin_multiplier": "1"}


def test_a_multiplier_may_come_as_a_number(bot):
    assert bot.patch(PATH, {"max_margin_multiplier": 2}).json()["max_margin_multiplier"] == "2"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"max_margin_multiplier": "3"}, (422, 40010001)),
        ({"max_margin_multiplier": "two"}, (422, 40010001)),
        ({"trade_confirm_email": "some"}, (422, 40010001)),
        ({"max_options_trading_level": 4}, (422, 40010001)),
        ({"max_options_trading_level": -1}, (422, 40010001)),
        ({"suspend_trade": "yes"}, (400, 40010000)),
        (b"[]", (400, 40010000)),
    ],
)
def test_a_bad_value_changes_nothing(bot, body, expected):
    assert refusal(bot.patch(PATH, body)) == expected
    assert bot.get(PATH).json() == DEFAULTS


def test_a_key_that_may_only_read_changes_nothing(make_bot):
    reader = make_bot(scopes=["read"])

    assert refusal(reader.patch(PATH, {"suspend_trade": True})) == (403, 40310000)
    assert reader.get(PATH).json() == DEFAULTS


def test_a_suspended_account_places_no_order_until_it_is_resumed(bot):
    bot.patch(PATH, {"suspend_trade": True})

    assert refusal(bot.order()) == (403, 40310000)
    assert not Order.objects.exists()
    assert TradingAccount.objects.get().cash_held == 0

    bot.patch(PATH, {"suspend_trade": False})
    assert bot.order().status_code == 200


def test_an_account_that_was_not_suspended_stays_able_to_cancel(bot):
    order_id = bot.order().json()["id"]
    bot.patch(PATH, {"suspend_trade": True})

    assert bot.delete(f"/v2/orders/{order_id}").status_code == 204


@pytest.mark.parametrize(
    "terms", [{"qty": "1.5"}, {"qty": None, "notional": "50", "type": "market", "limit_price": None}]
)
def test_fractions_can_be_forbidden(bot, show, terms):
    show(bid="99", ask="100", last="100")
    bot.patch(PATH, {"fractional_trading": False})

    assert refusal(bot.order(**terms)) == (403, 40310000)
    assert not Order.objects.exists()
    assert bot.order(qty="1").status_code == 200


def test_shorting_can_be_forbidden(make_bot, show):
    show(bid="99", ask="100", last="100")
    bot = make_bot(multiplier=4)
    bot.patch(PATH, {"no_shorting": True})

    assert refusal(bot.order(side="sell", limit_price="120")) == (403, 40310000)

    bot.patch(PATH, {"no_shorting": False})
    assert bot.order(side="sell", limit_price="120").status_code == 200


def test_a_lower_multiplier_lowers_the_buying_power_and_what_an_order_may_cost(make_bot, show):
    show(bid="99", ask="100", last="100")
    bot = make_bot(multiplier=4, cash=10_000)
    assert bot.get("/v2/account").json()["buying_power"] == "40000"

    bot.patch(PATH, {"max_margin_multiplier": "1"})

    account = bot.get("/v2/account").json()
    assert (account["multiplier"], account["buying_power"]) == ("1", "10000")
    assert refusal(bot.order(qty="101")) == (403, 40310000)
    assert bot.order(qty="100").status_code == 200


def test_the_account_says_that_its_owner_has_suspended_trading(bot):
    bot.patch(PATH, {"suspend_trade": True})

    assert bot.get("/v2/account").json()["trade_suspended_by_user"] is True


def test_a_partnership_without_exception_is_bought_only_by_who_asked_for_it(bot, show):
    make_asset("MSFT", attributes=["ptp_no_exception"])
    show("MSFT", bid="99", ask="100", last="100")

    assert refusal(bot.order(symbol="MSFT")) == (403, 40310000)

    bot.patch(PATH, {"ptp_no_exception_entry": True})
    assert bot.order(symbol="MSFT").status_code == 200


def test_what_is_held_already_may_be_sold_by_a_suspended_account_only_after_it_is_resumed(bot, ibm, show):
    show(bid="99", ask="100", last="100")
    make_position(bot.account, ibm, quantity=Decimal(10), cost=Decimal(1000))
    bot.patch(PATH, {"suspend_trade": True})

    assert refusal(bot.delete("/v2/positions/IBM")) == (403, 40310000)
