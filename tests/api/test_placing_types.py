"""POST and PATCH /v2/orders for every type, class and side: from the wire to the rows, and what it answers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from alpaca.trading.models import Order as SdkOrder

from matching.models import Market
from raxx import roles
from tests.api.conftest import refusal, told
from tests.factories.rows import make_asset, make_position
from tests.factories.sessions import every_owned_row, session
from trading.models import Order, OrderEvent, Position, TradingAccount
from trading.services import orders

INVALID, RULE, DENIED = (422, 40010001), (422, 42210000), (403, 40310000)
STOP = {"type": "stop", "limit_price": None, "stop_price": "110"}
TRAIL = {"type": "trailing_stop", "limit_price": None}
BRACKET = {
    "order_class": "bracket",
    "take_profit": {"limit_price": "110"},
    "stop_loss": {"stop_price": "90"},
}
OCO = {**BRACKET, "order_class": "oco", "side": "sell", "limit_price": None}
OTO = {"order_class": "oto", "stop_loss": {"stop_price": "90", "limit_price": "89"}}
D = Decimal


@pytest.fixture
def bot(make_bot):
    return make_bot(multiplier=4)


@pytest.fixture(autouse=True)
def _market(show):
    show(bid="99", ask="101", last="100")


ACCEPTED = {  # -> the cash that it holds
    "stop": (STOP, "1127.5"),
    "stop limit": ({"type": "stop_limit", "stop_price": "110", "limit_price": "111"}, "1110"),
    "trailing dollars": ({**TRAIL, "trail_price": "2"}, "1030"),
    "trailing percent": ({**TRAIL, "trail_percent": "1.5"}, "1025.15"),
    "gtc stop": ({**STOP, "time_in_force": "gtc"}, "1127.5"),
    "a fraction by stop": ({**STOP, "qty": "0.5"}, "56.375"),
    "cls": ({"time_in_force": "cls"}, "1000"),
    "cls at market": ({"time_in_force": "cls", "type": "market", "limit_price": None}, "1010"),
}


@pytest.mark.parametrize(("terms", "cash"), ACCEPTED.values(), ids=ACCEPTED)
def test_every_type_is_accepted_and_holds_what_it_may_cost(bot, terms, cash):
    answer = bot.order(**terms)

    assert answer.status_code == 200, answer.content
    body, order = answer.json(), Order.objects.get()
    assert SdkOrder(**body).type == terms.get("type", "limit")
    assert (order.cash_held, body["position_intent"], body["legs"]) == (D(cash), "buy_to_open", None)
    assert bot.get(f"/v2/orders/{order.pk}").json() == body


@pytest.mark.parametrize(
    ("moment", "time_in_force", "cut_off_at"),
    [
        ("2013-10-08T23:00:00Z", "opg", "2013-10-09T13:28:00+00:00"),
        ("2013-10-08T23:00:00Z", "cls", "2013-10-09T19:50:00+00:00"),
        ("2013-10-08T12:00:00Z", "opg", "2013-10-08T13:28:00+00:00"),
        ("2013-10-08T19:49:00Z", "cls", "2013-10-08T19:50:00+00:00"),
    ],
)
def test_an_order_for_an_auction_keeps_its_cut_off(bot, moment, time_in_force, cut_off_at):
    Market.objects.update(anchor_at=moment)

    answer = bot.order(time_in_force=time_in_force)

    assert answer.status_code == 200, answer.content
    assert Order.objects.get().cut_off_at.isoformat() == cut_off_at


def test_a_bracket_is_answered_with_its_legs(bot):
    answer = bot.order(**BRACKET, client_order_id="mine")

    assert answer.status_code == 200, answer.content
    body = answer.json()
    target, stop = body["legs"]
    assert (body["status"], body["order_class"], body["client_order_id"]) == (
        "pending_new",
        "bracket",
        "mine",
    )
    assert [
        (leg["type"], leg["side"], leg["status"], leg["qty"], leg["order_class"]) for leg in (target, stop)
    ] == [
        ("limit", "sell", "held", "10", "bracket"),
        ("stop", "sell", "held", "10", "bracket"),
    ]
    assert (target["limit_price"], stop["stop_price"]) == ("110", "90")
    assert [leg["position_intent"] for leg in (target, stop)] == ["sell_to_close"] * 2
    assert SdkOrder(**body).legs[1].stop_price == "90"
    assert bot.get(f"/v2/orders/{body['id']}?nested=true").json() == body
    assert list(OrderEvent.objects.order_by("seq").values_list("kind", flat=True)) == [
        "pending_new",
        "held",
        "held",
    ]


def test_a_market_bracket_is_measured_by_the_last_price(bot):
    at_market = {"type": "market", "limit_price": None}

    assert bot.order(**at_market, **BRACKET).status_code == 200
    refused = bot.order(**at_market, **{**BRACKET, "take_profit": {"limit_price": "100"}})
    assert refusal(refused) == RULE
    assert refused.json()["base_price"] == "100"


def test_an_oto_has_one_leg_that_may_be_a_stop_limit(bot):
    (leg,) = bot.order(**OTO).json()["legs"]

    assert (leg["type"], leg["stop_price"], leg["limit_price"]) == ("stop_limit", "90", "89")


def test_an_oco_sells_what_is_there_and_holds_it_once(bot, ibm):
    make_position(bot.account, ibm)

    answer = bot.order(**OCO)

    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["type"], body["limit_price"], body["position_intent"]) == ("limit", "110", "sell_to_close")
    assert [(leg["type"], leg["stop_price"]) for leg in body["legs"]] == [("stop", "90")]
    assert Position.objects.get().quantity_held == 10


@pytest.mark.parametrize(
    ("terms", "cash"),
    [
        ({}, "1040.3"),
        ({"limit_price": "120"}, "1200"),
        ({"type": "market", "limit_price": None}, "1040.3"),
        ({**STOP, "stop_price": "95"}, "1040.3"),
        ({"position_intent": "sell_to_open"}, "1040.3"),
    ],
    ids=["limit", "a high limit", "market", "stop", "said to open"],
)
def test_a_sale_from_flat_opens_a_short_and_holds_the_offer_and_some(bot, terms, cash):
    answer = bot.order(**{"side": "sell", **terms})

    assert answer.status_code == 200, answer.content
    assert answer.json()["position_intent"] == "sell_to_open"
    assert TradingAccount.objects.get().cash_held == Order.objects.get().cash_held == D(cash)


def test_a_purchase_on_margin_is_valued_by_what_the_market_shows(bot, show):
    msft = make_asset("MSFT")
    show("MSFT", last="2000")
    make_position(bot.account, msft, quantity=10, cost=1_000)

    too_much = bot.order(qty="4600.01", limit_price="100")
    assert refusal(too_much) == DENIED
    assert told(too_much) == {
        "code": 40310000,
        "message": "insufficient buying power",
        "buying_power": "460000",  # 4 x (100,000 + 20,000) - 20,000
        "cost_basis": "460001",
    }
    assert bot.get("/v2/account").json()["buying_power"] == "460000"
    assert bot.order(qty="4600", limit_price="100").status_code == 200
    assert bot.get("/v2/account").json()["buying_power"] == "0"


def test_buying_back_is_closing(bot, ibm):
    make_position(bot.account, ibm, quantity=-10, cost=-1_000)

    answer = bot.order(qty="10", limit_price="500")

    assert answer.json()["position_intent"] == "buy_to_close"
    assert (TradingAccount.objects.get().cash_held, Position.objects.get().quantity_held) == (0, 10)


REFUSED = {
    "a stop below the market": ({**STOP, "stop_price": "99.99"}, RULE, "stop price must be greater than current price"),
    "a stop at the market": ({**STOP, "stop_price": "100"}, RULE, "stop price must be greater than current price"),
    "a selling stop above": ({**STOP, "side": "sell"}, RULE, "stop price must be less than current price"),
    "a stop limit below": ({**STOP, "type": "stop_limit", "limit_price": "99", "stop_price": "98"}, RULE, "stop price"),
    "an ioc stop": ({**STOP, "time_in_force": "ioc"}, RULE, "time_in_force"),
    "a trailing stop of a class": ({**TRAIL, "trail_price": "1", **BRACKET}, RULE, "simple"),
    "a small trail": ({**TRAIL, "trail_percent": "0.09"}, INVALID, "trail_percent must be >= 0.1"),
    "a trailing fraction": ({**TRAIL, "trail_price": "1", "qty": "1.5"}, RULE, "whole shares"),
    "a sale that trails by everything": ({**TRAIL, "trail_price": "100", "side": "sell"}, RULE, "trail price"),
    "a stop after hours": ({**STOP, "extended_hours": True}, RULE, "not eligible for extended hours"),
    "opg at noon": ({"time_in_force": "opg"}, DENIED, "opg orders are accepted from 19:00"),
    "a bracket of a fraction": ({**BRACKET, "qty": "1.5"}, RULE, "simple"),
    "an ioc bracket": ({**BRACKET, "time_in_force": "ioc"}, RULE, "DAY or GTC"),
    "a bracket after hours": ({**BRACKET, "extended_hours": True}, RULE, "extended hours"),
    "a take-profit below": ({**BRACKET, "take_profit": {"limit_price": "100"}}, RULE, "base_price"),
    "a stop-loss above": ({**BRACKET, "stop_loss": {"stop_price": "100"}}, RULE, "base_price"),
    "a leg off its tick": ({**BRACKET, "stop_loss": {"stop_price": "90.001"}}, RULE, "stop_loss.stop_price 90.001"),
    "an oco of nothing": (OCO, RULE, "oco orders must be exit orders"),
    "a fraction sold short": ({"side": "sell", "qty": "1.5"}, RULE, "cannot be sold short"),
    "an asset that nobody lends": ({"side": "sell", "symbol": "HARD"}, RULE, "asset HARD cannot be sold short"),
    "the wrong intent": (
        {"side": "sell", "position_intent": "sell_to_close"},
        RULE,
        "position intent mismatch, inferred: sell_to_open, specified: sell_to_close",
    ),
    "a short of more than there is": ({"side": "sell", "qty": "5000"}, DENIED, "insufficient buying power"),
}  # fmt: skip


@pytest.mark.parametrize(("terms", "code", "said"), REFUSED.values(), ids=REFUSED)
def test_what_the_rules_forbid_is_refused_in_words_and_leaves_nothing_behind(bot, market, terms, code, said):
    make_asset("HARD", easy_to_borrow=False)
    market.config["symbols"].append("HARD")
    market.save(update_fields=["config"])
    assert bot.get("/v2/orders").json() == []
    before = every_owned_row()

    answer = bot.order(**terms)

    assert refusal(answer) == code, answer.content
    assert said in answer.json()["message"]
    assert every_owned_row() == before


def test_a_bracket_cannot_close_a_position(bot, ibm):
    make_position(bot.account, ibm)

    answer = bot.order(
        **{
            **BRACKET,
            "side": "sell",
            "take_profit": {"limit_price": "90"},
            "stop_loss": {"stop_price": "110"},
        }
    )

    assert refusal(answer) == RULE
    assert answer.json()["message"] == "bracket orders must be entry orders"


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            {},
            {"side": "sell", "limit_price": "500"},
            "cannot open a short sell while a long buy order is open",
        ),
        (
            {"side": "sell", "limit_price": "500"},
            {},
            "cannot open a long buy while a short sell order is open",
        ),
    ],
)
def test_nobody_opens_both_ways_at_once(bot, first, second, said):
    assert bot.order(**first).status_code == 200

    answer = bot.order(**second)

    assert refusal(answer) == DENIED
    assert answer.json()["message"] == said


@pytest.mark.parametrize(
    ("configuration", "terms", "said"),
    [
        ({"suspend_trade": True}, {}, "new orders are rejected by user request"),
        ({"no_shorting": True}, {"side": "sell"}, "account is not allowed to short"),
        ({"fractional_trading": False}, {"qty": "1.5"}, "fractional trading is disabled for this account"),
    ],
)
def test_what_the_owner_forbids_is_refused(bot, configuration, terms, said):
    TradingAccount.objects.update(**configuration)

    answer = bot.order(**terms)

    assert refusal(answer) == DENIED
    assert answer.json()["message"] == said


def changed(bot, answer, **wish):
    """Let the matcher have taken a placed order and ask for its change."""
    Order.objects.filter(pk=answer.json()["id"]).update(status="new")
    return bot.patch(f"/v2/orders/{answer.json()['id']}", wish)


REPLACED = {
    "a stop": (STOP, {"stop_price": "120"}, {"stop_price": D(120), "reserve_price": D(123)}),
    "a trail": (
        {**TRAIL, "trail_price": "2"},
        {"trail": "3"},
        {"trail_price": D(3), "trail_percent": None, "reserve_price": D(104)},
    ),
    "a percentage": (
        {**TRAIL, "trail_percent": "1"},
        {"trail": "2"},
        {"trail_price": None, "trail_percent": D(2), "reserve_price": D("103.02")},
    ),
    "a short": ({"side": "sell"}, {"limit_price": "120"}, {"limit_price": D(120), "cash_held": D("159.7")}),
}


@pytest.mark.parametrize(("terms", "wish", "wanted"), REPLACED.values(), ids=REPLACED)
def test_a_replacement_holds_what_its_new_terms_may_cost(bot, terms, wish, wanted):
    answer = changed(bot, bot.order(**terms), **wish)

    assert answer.status_code == 200, answer.content
    successor = Order.objects.get(pk=answer.json()["id"])
    assert {name: getattr(successor, name) for name in wanted} == wanted


NOT_REPLACED = {
    "a stop behind the market": (STOP, {"stop_price": "99"}, RULE),
    "a small percentage": ({**TRAIL, "trail_percent": "1"}, {"trail": "0.01"}, INVALID),
    "a fine percentage": ({**TRAIL, "trail_percent": "1"}, {"trail": "1.00001"}, INVALID),
    "a trail off its tick": ({**TRAIL, "trail_price": "1"}, {"trail": "1.005"}, RULE),
    "a stop to an auction": (STOP, {"time_in_force": "cls"}, RULE),
    "a limit to the open at noon": ({}, {"time_in_force": "opg"}, DENIED),
    "the size of a bracket": (BRACKET, {"qty": 5}, RULE),
    "an entry beyond its exit": (BRACKET, {"limit_price": "110"}, RULE),
}


@pytest.mark.parametrize(("terms", "wish", "code"), NOT_REPLACED.values(), ids=NOT_REPLACED)
def test_what_an_order_cannot_become_is_refused(bot, terms, wish, code):
    answer = changed(bot, bot.order(**terms), **wish)

    assert refusal(answer) == code, answer.content
    assert not Order.objects.exclude(replaces=None).exists()


def test_a_limit_order_can_become_one_for_the_close(bot):
    answer = changed(bot, bot.order(), time_in_force="cls")

    assert answer.status_code == 200, answer.content
    assert Order.objects.get(pk=answer.json()["id"]).cut_off_at.isoformat() == "2013-10-08T19:50:00+00:00"


def test_canceling_all_ends_when_what_is_left_has_been_asked_for_and_refused(bot, monkeypatch):
    """The matcher puts an order past its cut-off back at once; it is asked for once in a request."""
    order_id = bot.order(time_in_force="cls").json()["id"]
    ask = orders._ask_for_cancel

    def ask_and_refuse(*arguments):
        asked = ask(*arguments)
        with session(roles.WORKER) as worker:
            worker.execute("update trading_order set status = 'new'")
        return asked

    monkeypatch.setattr(orders, "_ask_for_cancel", ask_and_refuse)

    assert [one["id"] for one in bot.delete("/v2/orders").json()] == [order_id]
