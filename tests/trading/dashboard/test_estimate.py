"""What the ticket says before an order is placed is what the order then does: judged by the order itself."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from django.db import connection

from accounts.models import Tier
from tests.api.conftest import _web_process, desk, ibm, market, show  # noqa: F401 - fixtures
from tests.factories.people import signed_in
from tests.factories.rows import make_account, make_order, make_position, make_user
from tests.factories.sessions import every_owned_row
from tests.trading.stage import use_profile
from trading.models import Order
from trading.services import estimate
from trading.services.valuation import marked

D = Decimal
LIMIT = {"type": "limit", "limit_price": "100"}
EXITS = {"take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "90"}}
# name -> (terms beside IBM, what is held already)
PLACED = {
    "market": ({"type": "market"}, 0),
    "market by dollars": ({"type": "market", "qty": None, "notional": "250.55"}, 0),
    "market, a fraction": ({"type": "market", "qty": "0.25"}, 0),
    "limit": (LIMIT, 0),
    "limit until canceled, extended": ({**LIMIT, "time_in_force": "gtc", "extended_hours": True}, 0),
    "limit at the close": ({**LIMIT, "time_in_force": "cls"}, 0),
    "limit, immediate": ({**LIMIT, "time_in_force": "ioc"}, 0),
    "stop": ({"type": "stop", "stop_price": "110"}, 0),
    "stop limit": ({"type": "stop_limit", "stop_price": "110", "limit_price": "111"}, 0),
    "trailing dollars": ({"type": "trailing_stop", "trail_price": "2"}, 0),
    "trailing percent": ({"type": "trailing_stop", "trail_percent": "1.5"}, 0),
    "bracket": ({**LIMIT, **EXITS, "order_class": "bracket"}, 0),
    "oto": ({**LIMIT, "order_class": "oto", "stop_loss": {"stop_price": "90", "limit_price": "89"}}, 0),
    "oco": ({**EXITS, "type": "limit", "side": "sell", "order_class": "oco"}, 10),
    "sale": ({"type": "market", "side": "sell", "qty": "4"}, 10),
    "sale by dollars": ({"type": "market", "side": "sell", "qty": None, "notional": "300"}, 10),
    "sale that stops": ({"type": "stop", "side": "sell", "stop_price": "90"}, 10),
    "short sale": ({"type": "market", "side": "sell"}, 0),
    "short sale with a limit": ({**LIMIT, "side": "sell", "limit_price": "120"}, 0),
    "purchase that closes a short": ({"type": "market", "qty": "3"}, -10),
}
# name -> (terms, position, words of the refusal)
REFUSED = {
    "too dear": ({**LIMIT, "qty": "9999"}, 0, "insufficient buying power"),
    "more than is held": ({**LIMIT, "side": "sell", "qty": "11"}, 10, "insufficient qty available"),
    "a stop that is reached": ({"type": "stop", "stop_price": "99"}, 0, "stop price must be greater"),
    "a price off its tick": ({**LIMIT, "limit_price": "100.001"}, 0, "sub-penny"),
    "a stop at the close": (
        {"type": "stop", "stop_price": "110", "time_in_force": "cls"},
        0,
        "time_in_force",
    ),
    "a fraction until canceled": ({**LIMIT, "qty": "0.5", "time_in_force": "gtc"}, 0, "must be DAY"),
    "an oco that opens": ({**EXITS, "type": "limit", "side": "sell", "order_class": "oco"}, 0, "exit orders"),
    "exits on the wrong sides": (
        {
            **LIMIT,
            "order_class": "bracket",
            "take_profit": {"limit_price": "90"},
            "stop_loss": {"stop_price": "80"},
        },
        0,
        "take_profit.limit_price must be >=",
    ),
    "a bracket without exits": ({**LIMIT, "order_class": "bracket"}, 0, "require take_profit.limit_price"),
    "a fraction of a short": ({"type": "market", "side": "sell", "qty": "0.5"}, 0, "sold short"),
}


@pytest.fixture
def person(market, ibm, show):  # noqa: F811 - a fixture
    show(bid="99", ask="101", last="100", close="98")
    return signed_in(make_user(tier=Tier.PRO))


@pytest.fixture
def account(person, market):  # noqa: F811 - a fixture
    return make_account(person.user, market=market, cash=10_000, multiplier=2)


def body_of(terms):
    body = {"symbol": "IBM", "qty": "10", "side": "buy", "time_in_force": "day", **terms}
    return {name: value for name, value in body.items() if value is not None}


def part(person, account, body, **query):
    path = f"/paper/{account.number}/symbols/IBM"
    return person.get(path, part="estimate", order=json.dumps(body), **query)


def place(person, account, body):
    return person.post("/v2/orders", body, headers={"Raxx-Account-Id": str(account.pk)})


def held(account, ibm, quantity):  # noqa: F811 - a fixture's name
    if quantity:
        make_position(account, ibm, quantity=quantity, cost=100 * quantity)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("terms", "position"), PLACED.values(), ids=PLACED)
def test_what_is_estimated_is_what_the_order_then_holds_and_leaves(person, account, ibm, terms, position):  # noqa: F811
    held(account, ibm, position)
    body = body_of(terms)

    answer = part(person, account, body)
    estimate = answer.context["estimate"]

    assert (answer.status_code, answer.context["refusal"]) == (200, None), answer.context["refusal"]
    assert not Order.objects.exists()
    placed = place(person, account, body)
    assert placed.status_code == 200, placed.content
    order = Order.objects.get(pk=placed.json()["id"])
    assert (estimate.position_intent, estimate.cash_held, estimate.quantity_held) == (
        order.position_intent,
        order.cash_held,
        order.quantity_held,
    )
    figures = person.get("/v2/account", headers={"Raxx-Account-Id": str(account.pk)}).json()
    assert estimate.power_after == D(figures["buying_power"])
    assert estimate.power_before - estimate.power_after == estimate.cash_held


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("terms", "position", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_refused_in_the_same_words(person, account, ibm, terms, position, words):  # noqa: F811
    held(account, ibm, position)
    body = body_of(terms)

    answer = part(person, account, body)

    refused = place(person, account, body)
    assert refused.status_code in {403, 422}
    assert words in refused.json()["message"]
    assert answer.context["refusal"]["message"] == refused.json()["message"]
    assert f'data-refused="{words[:9]}' in answer.content.decode() or words in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_an_estimate_leaves_nothing_behind(person, account, ibm):  # noqa: F811
    held(account, ibm, 10)
    before = every_owned_row()

    for terms in (
        LIMIT,
        {"type": "market"},
        {**EXITS, **LIMIT, "order_class": "bracket"},
        {**LIMIT, "qty": "999"},
    ):
        assert part(person, account, body_of(terms)).status_code == 200

    assert every_owned_row() == before


@pytest.mark.django_db(transaction=True)
def test_the_account_is_not_locked_while_the_market_is_looked_at(person, account, monkeypatch):
    """Others' orders wait in one batch with the account's, and the past of a market may be slow to read."""
    locked = []

    def look(*given, **named):
        locked.append(connection.in_atomic_block)
        return marked(*given, **named)

    monkeypatch.setattr(estimate, "marked", look)

    answer = part(person, account, body_of({"type": "market", "side": "sell"}))

    assert answer.context["estimate"].position_intent == "sell_to_open"
    assert locked == [False]


@pytest.mark.django_db(transaction=True)
def test_a_name_that_is_taken_is_told_before_the_order_is_sent(person, account, ibm):  # noqa: F811
    make_order(account, ibm, client_order_id="mine")

    answer = part(person, account, body_of({**LIMIT, "client_order_id": "mine"}))

    assert answer.context["refusal"]["message"] == "client_order_id must be unique"


@pytest.mark.django_db(transaction=True)
def test_who_sees_the_market_late_is_told_nothing_of_what_it_is_now(market, ibm, show):  # noqa: F811
    """Not by a figure, and not by what is refused: a yes for nothing would tell the price as well."""
    person = signed_in(make_user(tier=Tier.FREE))
    account = make_account(person.user, market=market, cash=1_000)
    bodies = [body_of({"type": "market", "qty": str(quantity)}) for quantity in (1, 9, 10, 11, 2000)]
    bodies += [body_of({"type": "stop", "stop_price": price}) for price in ("50", "99", "101", "300")]

    def told():
        answers = [part(person, account, body) for body in bodies]
        return [(answer.context["estimate"], answer.context["refusal"]) for answer in answers]

    def plain(found):
        return [
            (estimate and estimate.value, estimate and estimate.cash_held, refusal)
            for estimate, refusal in found
        ]

    show(bid="99", ask="100", last="100")
    before = plain(told())
    show(bid="199", ask="200", last="200")

    assert plain(told()) == before
    assert all(estimate.is_late for estimate, _ in told())


@pytest.mark.django_db(transaction=True)
def test_the_commission_is_that_of_the_account_s_profile(person, account):
    use_profile(account, commission=D("0.0125"))

    estimate = part(person, account, body_of(LIMIT)).context["estimate"]

    assert (estimate.value, estimate.commission, estimate.price) == (D(1000), D("0.125"), D(100))


@pytest.mark.django_db(transaction=True)
def test_what_is_no_order_at_all_is_a_bad_request_and_nothing_of_it_is_shown(person, account):
    path = f"/paper/{account.number}/symbols/IBM"

    answer = person.get(path, part="estimate", order="<script>", headers={"HX-Request": "true"})

    assert answer.status_code == 400
    assert "<script>" not in answer.content.decode()
