"""/raxx/v1/live/orders, /limits and /kill-switch as a browser asks for them; and who never comes near."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.binding import acting_for
from accounts.models import AuditEntry
from accounts.models.user import new_id
from accounts.step_up import give_assertion
from broker_handoff.api.urls import urlpatterns
from broker_handoff.models import IntentEvent, LiveIntent, SwitchClosing
from broker_handoff.services import switches
from tests.api.conftest import refusal
from tests.broker_handoff.guarding.conftest import TERMS, make_intent
from tests.broker_handoff.people import make_connection, make_trader
from tests.factories.people import Browser, make_session, signed_in
from tests.factories.rows import make_user

pytestmark = pytest.mark.django_db(transaction=True)

ORDERS, LIMITS, SWITCH = "/raxx/v1/live/orders", "/raxx/v1/live/limits", "/raxx/v1/live/kill-switch"
UNAUTHORIZED, MISSING, INVALID, UNREADABLE, GUARDED, BROKEN = (
    (401, 40110000),
    (404, 40410000),
    (422, 40010001),
    (400, 40010000),
    (403, 40310004),
    (422, 42210000),
)
STEP_UP = (401, 40110001)


def one(intent):
    return f"{ORDERS}/{intent.pk}"


def send(trader, body=TERMS, method="post", path=ORDERS):
    """Send an order; show the passkey that the first answer asks for; send it again."""
    asked = trader.browser.send(method, path, body)
    assert refusal(asked) == STEP_UP
    with acting_for(trader.user_id):
        give_assertion(trader.session, bytes.fromhex(asked.json()["digest"]))
    return trader.browser.send(method, path, body)


# --- Orders -----------------------------------------------------------------------------------------


def test_an_order_asks_for_a_passkey_for_its_digest_and_is_then_accepted_once(trader):
    asked = trader.browser.post(ORDERS, TERMS)
    assert refusal(asked) == STEP_UP
    assert {name: asked.json()[name] for name in ("error", "begin", "complete")} == {
        "error": "step_up_required",
        "begin": "/auth/step-up/begin",
        "complete": "/auth/step-up/complete",
    }

    answer = send(trader)

    assert answer.status_code == 202
    body = answer.json()
    assert (body["kind"], body["status"], body["terms"], body["notional"]) == (
        "submit",
        "accepted",
        TERMS,
        "100",
    )
    assert body["digest"] == asked.json()["digest"]
    row = LiveIntent.objects.get()
    assert (str(row.pk), row.user_id, row.session_id) == (body["id"], trader.user_id, trader.session.id)
    assert row.request_id == answer["X-Request-ID"]
    assert AuditEntry.objects.filter(action="live.intent_accepted", subject=trader.user_id).count() == 1
    assert refusal(trader.browser.post(ORDERS, TERMS)) == STEP_UP  # the yes was good once


def test_a_passkey_s_yes_to_one_order_is_none_to_another(trader):
    trader.says_yes()

    for other in (
        {"qty": "2"},
        {"limit_price": "100.01"},
        {"side": "sell"},
        {"symbol": "IBM", "time_in_force": "gtc"},
    ):
        assert refusal(trader.browser.post(ORDERS, {**TERMS, **other})) == STEP_UP
    assert not LiveIntent.objects.exists()
    assert trader.browser.post(ORDERS, TERMS).status_code == 202


def test_numbers_may_come_in_any_form_and_mean_the_same_order(trader):
    trader.says_yes()

    assert trader.browser.post(ORDERS, {**TERMS, "qty": 1, "limit_price": "100.00"}).status_code == 202


def test_a_guard_s_refusal_names_the_guard_and_gives_the_figures(trader, show):
    show("IBM", bid="110", ask="110")
    trader.says_yes()

    answer = trader.browser.post(ORDERS, TERMS)

    assert refusal(answer) == GUARDED
    body = answer.json()
    assert (body["error"], body["guard"]) == ("live_refused", "price_distance")
    assert body["message"] == "the price 100 is 909 bps from the market's 110, and may be 500"
    assert not LiveIntent.objects.exists()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"symbol": None}, INVALID),
        ({"symbol": "NOBODY"}, INVALID),
        ({"side": "hold"}, INVALID),
        ({"type": "trailing_stop"}, INVALID),
        ({"time_in_force": "opg"}, INVALID),
        ({"qty": "0"}, INVALID),
        ({"qty": "-1"}, INVALID),
        ({"qty": "one"}, INVALID),
        ({"notional": "5"}, INVALID),
        ({"qty": None}, INVALID),
        ({"stop_price": "99"}, INVALID),
        ({"limit_price": None}, INVALID),
        ({"extended_hours": True, "time_in_force": "gtc"}, INVALID),
        ({"order_class": "bracket"}, UNREADABLE),
        ({"client_order_id": "mine"}, UNREADABLE),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_an_order_that_is_none_is_refused_before_anything_else(trader, change, why):
    body = {name: value for name, value in {**TERMS, **change}.items() if value is not None}

    assert refusal(trader.browser.post(ORDERS, body)) == why


def test_a_market_order_by_dollars_is_worth_what_it_says(trader):
    terms = {"symbol": "IBM", "side": "buy", "type": "market", "time_in_force": "day", "notional": "250"}

    assert send(trader, terms).json()["notional"] == "250"


def test_orders_are_listed_with_the_words_of_paper_orders(trader):
    now = timezone.now()
    first, second, third = (
        make_intent(trader.connection, status="working", created_at=now - timedelta(hours=hours))
        for hours in (3, 2, 1)
    )
    over = make_intent(trader.connection, status="filled", finished_at=now, created_at=now)
    make_intent(trader.connection, kind="cancel", target=first, notional=0)
    make_intent(make_connection(make_trader()), status="working")

    def ids(**query):
        return [each["id"] for each in trader.browser.get(ORDERS, **query).json()]

    assert ids() == [str(each.pk) for each in (third, second, first)]
    assert ids(status="closed") == [str(over.pk)]
    assert ids(status="all", limit=2) == [str(over.pk), str(third.pk)]
    assert ids(direction="asc", limit=1) == [str(first.pk)]
    assert ids(before_order_id=str(third.pk)) == [str(second.pk), str(first.pk)]
    assert ids(after_order_id=str(first.pk), direction="asc") == [str(second.pk), str(third.pk)]
    assert ids(after=second.created_at.isoformat()) == [str(third.pk)]
    assert ids(until=second.created_at.isoformat()) == [str(first.pk)]
    for query in ({"limit": 0}, {"status": "odd"}, {"before_order_id": str(new_id())}, {"after": "x"}):
        assert refusal(trader.browser.get(ORDERS, **query)) == INVALID


def test_the_list_costs_as_many_queries_for_three_orders_as_for_one(trader, django_assert_max_num_queries):
    make_intent(trader.connection)
    with django_assert_max_num_queries(10) as one_order:
        trader.browser.get(ORDERS)
    make_intent(trader.connection)
    make_intent(trader.connection)
    with django_assert_max_num_queries(10) as three_orders:
        assert len(trader.browser.get(ORDERS).json()) == 3

    assert len(three_orders) == len(one_order)


def test_one_order_is_read_with_its_steps(trader):
    intent = make_intent(trader.connection, status="working", broker_status="new")
    for status in ("accepted", "sending", "working"):
        IntentEvent.objects.create(user_id=trader.user_id, intent=intent, status=status, detail={"a": "b"})

    body = trader.browser.get(one(intent)).json()

    assert [event["status"] for event in body["events"]] == ["accepted", "sending", "working"]
    assert body["broker_status"] == "new"


def test_a_replacement_and_a_cancel_are_accepted_with_a_passkey_of_their_own(trader):
    order = make_intent(trader.connection, status="working")

    replaced = send(trader, {"limit_price": "99.50"}, "patch", one(order))
    asked = trader.browser.delete(one(order))
    trader.says_yes("cancel", {}, order.pk)
    canceled = trader.browser.delete(one(order))

    assert (replaced.status_code, replaced.json()["kind"], replaced.json()["terms"]) == (
        202,
        "replace",
        {"limit_price": "99.5"},
    )
    assert refusal(asked) == STEP_UP
    assert (canceled.status_code, canceled.json()["kind"]) == (202, "cancel")
    assert canceled.json()["replaces_or_cancels"] == str(order.pk)


def test_a_cancel_goes_while_the_switch_is_closed_and_no_order_does(trader):
    order = make_intent(trader.connection, status="working", terms={**TERMS, "qty": "2"})
    trader.browser.post(SWITCH, {"reason": "enough"})
    trader.says_yes()
    trader.says_yes("cancel", {}, order.pk)

    answer = trader.browser.post(ORDERS, TERMS)

    assert (refusal(answer), answer.json()["guard"]) == (GUARDED, "switch_user")
    assert "enough" in answer.json()["message"]
    assert trader.browser.delete(one(order)).status_code == 202


@pytest.mark.parametrize(
    "body", [{}, {"side": "sell"}, {"qty": "0"}], ids=["nothing", "another side", "nought"]
)
def test_a_replacement_that_is_none_is_refused(trader, body):
    order = make_intent(trader.connection, status="working")

    assert trader.browser.patch(one(order), body).status_code in {400, 422}
    assert LiveIntent.objects.count() == 1


def test_an_order_that_is_over_is_neither_replaced_nor_canceled(trader):
    order = make_intent(trader.connection, status="filled", finished_at=timezone.now())

    assert refusal(trader.browser.patch(one(order), {"qty": "2"})) == BROKEN
    assert refusal(trader.browser.delete(one(order))) == BROKEN


# --- Limits -----------------------------------------------------------------------------------------


def test_limits_are_shown_three_ways_and_set_as_narrow_as_one_likes(trader, settings):
    settings.LIVE_NOTIONAL_MAX = Decimal(600)

    answer = trader.browser.send("put", LIMITS, {"day_notional_max": "700.50", "open_orders_max": 2})

    assert answer.status_code == 200
    body = answer.json()
    assert body == trader.browser.get(LIMITS).json()
    assert body["own"] == {
        "notional_max": "1000",
        "day_notional_max": "700.5",
        "open_orders_max": 2,
        "price_distance_max_bps": 500,
    }
    assert body["in_force"] == {**body["own"], "notional_max": "600"}
    assert body["installation"]["day_notional_max"] == "100000"
    entry = AuditEntry.objects.get(action="live.limits_set")
    assert '"after":{"day_notional_max":"700.5","open_orders_max":2}' in entry.body


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"notional_max": "25000.01"}, BROKEN),
        ({"open_orders_max": 51}, BROKEN),
        ({"price_distance_max_bps": 1001}, BROKEN),
        ({"open_orders_max": 0}, INVALID),
        ({"notional_max": "-1"}, INVALID),
        ({}, INVALID),
        ({"everything": 1}, UNREADABLE),
    ],
    ids=["dollars", "orders", "distance", "none", "negative", "nothing", "unknown"],
)
def test_limits_beyond_the_installation_s_change_nothing(trader, limits, why):
    before = trader.browser.get(LIMITS).json()

    assert (
        refusal(trader.browser.send("put", LIMITS, {"day_notional_max": "1", **limits} if limits else {}))
        == why
    )

    assert trader.browser.get(LIMITS).json() == before


def test_without_a_connection_there_are_no_limits_and_no_orders(trader):
    nobody = signed_in(make_trader())

    assert refusal(nobody.get(LIMITS)) == MISSING
    assert refusal(nobody.send("put", LIMITS, {"open_orders_max": 1})) == MISSING
    answer = nobody.post(ORDERS, TERMS)
    assert (refusal(answer), answer.json()["guard"]) == (GUARDED, "not_connected")


# --- The kill switch --------------------------------------------------------------------------------


def test_a_person_closes_at_once_and_opens_with_a_passkey(trader):
    tired = Browser(make_session(trader.connection.user, is_fresh=False), trader.connection.user)

    closed = tired.call("post", SWITCH, "", content_type="application/json")

    assert closed.status_code == 200
    assert (closed.json()["is_closed"], closed.json()["being_sent"]) == (True, 0)
    assert [(each["scope"], each["is_own"]) for each in closed.json()["closings"]] == [("user", True)]
    assert refusal(tired.delete(SWITCH)) == STEP_UP
    assert tired.get(SWITCH).json()["is_closed"]

    assert trader.browser.delete(SWITCH).json() == {"is_closed": False, "closings": []}


def test_what_the_staff_closed_is_shown_and_stays_closed(trader):
    staff = make_user(is_staff=True)
    switches.close_as_staff(operator=staff, scope="global", reason="the broker is down")
    switches.close_as_staff(operator=staff, scope="user", reason="another's", user_id=make_trader().pk)

    body = trader.browser.delete(SWITCH).json()

    assert [(each["scope"], each["reason"]) for each in body["closings"]] == [
        ("global", "the broker is down")
    ]
    assert str(staff.pk) not in str(body)


def test_a_reason_that_is_too_long_closes_nothing(trader):
    assert refusal(trader.browser.post(SWITCH, {"reason": "x" * 201})) == INVALID
    assert not SwitchClosing.objects.exists()


# --- Nobody else ------------------------------------------------------------------------------------


def _every():
    """Yield every method and path of the live API, as the table of URLs has it."""
    for pattern in urlpatterns:
        for method in ("get", "post", "put", "patch", "delete"):
            if hasattr(pattern.callback.cls, method):
                yield method, f"/{pattern.pattern}"


EVERY = list(_every())


def test_the_whole_live_api_is_tried():
    assert len(EVERY) >= 10


@pytest.mark.parametrize(("method", "path"), EVERY)
def test_no_api_key_comes_near_the_live_api(trader, make_bot, method, path):
    almighty = make_bot(user=trader.connection.user, scopes=["read", "trade", "data", "operator"])

    assert refusal(almighty.call(method, re.sub("<[^>]+>", str(new_id()), path))) == UNAUTHORIZED


@pytest.mark.parametrize(
    ("method", "body"),
    [("get", None), ("patch", {"qty": "2"}), ("delete", None)],
    ids=["get", "patch", "delete"],
)
def test_a_stranger_s_order_and_none_at_all_are_answered_alike(trader, method, body):
    stranger = make_connection(make_trader())
    theirs = make_intent(stranger, status="working")
    nobody = new_id()
    given = () if body is None else (json.dumps(body),)

    answers = [
        trader.browser.call(
            method, f"{ORDERS}/{which}", *given, **({"content_type": "application/json"} if body else {})
        )
        for which in (theirs.pk, nobody)
    ]

    assert [refusal(answer) for answer in answers] == [MISSING] * 2
    assert answers[0].json()["message"].replace(str(theirs.pk), str(nobody)) == answers[1].json()["message"]
    assert LiveIntent.objects.get().status == "working"


def test_without_its_filters_the_live_api_still_shows_and_changes_only_its_caller_s(trader, monkeypatch):
    from accounts.querysets import OwnedQuerySet

    stranger = make_connection(make_trader())
    theirs = make_intent(stranger, status="working")
    switches.close_own(owner=stranger.user, reason="theirs")
    monkeypatch.setattr(OwnedQuerySet, "owned_by", lambda self, *_, **__: self.all())

    assert trader.browser.get(ORDERS, status="all").json() == []
    assert refusal(trader.browser.delete(one(theirs))) == MISSING
    assert trader.browser.send("put", LIMITS, {"open_orders_max": 1}).json()["connection_id"] == str(
        trader.connection.pk
    )
    trader.browser.delete(SWITCH)
    stranger.refresh_from_db()
    assert stranger.open_orders_max == 10
    assert SwitchClosing.objects.get().opened_at is None


@pytest.mark.parametrize(
    ("method", "path"),
    [("post", ORDERS), ("patch", f"{ORDERS}/{new_id()}"), ("delete", f"{ORDERS}/{new_id()}")],
    ids=["post", "patch", "delete"],
)
def test_where_live_trading_is_off_no_path_leads_out(trader, settings, method, path):
    settings.LIVE_IS_ON = False

    answer = trader.browser.send(method, path, TERMS)

    assert (refusal(answer), answer.json()["message"]) == (MISSING, "live trading is not enabled here")


@pytest.mark.usefixtures("budgets_on")
def test_closing_ones_own_switch_is_never_refused_for_asking_too_often():
    person = make_user()
    browser = Browser(make_session(person), person)
    while browser.get(SWITCH).status_code != 429:
        continue

    closed = browser.post(SWITCH, {"reason": "stop"})

    assert (closed.status_code, closed.json()["is_closed"]) == (200, True)
    assert browser.get(SWITCH).status_code == 429
    assert SwitchClosing.objects.filter(user=person, opened_at=None).count() == 1
