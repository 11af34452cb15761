"""What is gathered for the guards, at acceptance and before sending: each guard by its own cause in the rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.errors import CoolingDown, StepUpRequired
from accounts.models import AuditEntry, Tier, User
from broker_handoff.errors import GuardRefused
from broker_handoff.guards import Guard
from broker_handoff.models import BrokerConnection, IntentEvent, LiveIntent
from broker_handoff.services import switches
from broker_handoff.services.guarding import effective_terms, facts_of, limits_of, refusal
from tests.broker_handoff.guarding.conftest import TERMS, make_intent
from tests.broker_handoff.people import make_connection
from tests.factories.rows import make_asset, make_market, make_user

pytestmark = pytest.mark.django_db(transaction=True)

AFTER_HOURS = datetime(2013, 10, 8, 21, tzinfo=UTC)  # 17:00 in New York
CLOSED_AT = datetime(2013, 10, 9, 2, tzinfo=UTC)


def judged(intent, gates, **asked):
    """Judge an intent as whoever sends it does."""
    with transaction.atomic():
        return refusal(LiveIntent.objects.get(pk=intent.pk), is_gate_open=gates, **asked)


def of_person(trader, **fields):
    User.objects.filter(pk=trader.user_id).update(**fields)


def of_connection(trader, **fields):
    BrokerConnection.objects.filter(pk=trader.connection.pk).update(**fields)


def closes(scope):
    return lambda w: switches.close_as_staff(
        operator=make_user(is_staff=True),
        scope=scope,
        reason="odd fills",
        user_id=w.trader.user_id if scope == "user" else None,
        connection_id=w.trader.connection.pk if scope == "connection" else None,
    )


class World:
    """What a cause may change."""

    def __init__(self, trader, market, settings, show):
        self.trader, self.market, self.settings, self.show = trader, market, settings, show

    def market_at(self, at):
        type(self.market).objects.update(anchor_at=at)


@pytest.fixture
def world(trader, market, settings, show):
    return World(trader, market, settings, show)


# Why each guard refuses the order of one IBM at 100 dollars, which nothing else is in the way of.
CAUSES = {
    Guard.LIVE_OFF: lambda w: setattr(w.settings, "LIVE_IS_ON", False),
    Guard.SWITCH_GLOBAL: closes("global"),
    Guard.SWITCH_USER: closes("user"),
    Guard.SWITCH_CONNECTION: closes("connection"),
    Guard.DEACTIVATED: lambda w: of_person(w.trader, deactivated_at=timezone.now()),
    Guard.NOT_CONNECTED: lambda w: of_connection(
        w.trader, status="disconnected", disconnected_at=timezone.now()
    ),
    Guard.NEEDS_REAUTH: lambda w: of_connection(w.trader, status="needs_reauth"),
    Guard.CONSENT_EXPIRED: lambda w: of_connection(w.trader, consent_expires_at=timezone.now()),
    Guard.COOLING_DOWN: lambda w: of_person(w.trader, restricted_until=timezone.now() + timedelta(hours=1)),
    Guard.TIER: lambda w: of_person(w.trader, tier=Tier.FREE),
    Guard.GATE: lambda w: w.trader.gates.shut.add(w.trader.user_id),
    Guard.MARKET_CLOSED: lambda w: w.market_at(AFTER_HOURS),
    Guard.NO_PRICE: lambda w: w.show("IBM", bid="99.9", ask="100.1", age_s=121),
    Guard.PRICE_DISTANCE: lambda w: w.show("IBM", bid="105.3", ask="105.4"),
    Guard.ORDER_NOTIONAL: lambda w: of_connection(w.trader, notional_max=Decimal("99.99")),
    Guard.DAY_NOTIONAL: lambda w: make_intent(w.trader.connection, notional=4901, status="working"),
    Guard.OPEN_ORDERS: lambda w: of_connection(w.trader, open_orders_max=0),
    Guard.DUPLICATE: lambda w: make_intent(w.trader.connection),
}
# Nobody asks for these but at acceptance: what makes a duplicate was judged there, under the lock.
AT_ACCEPTANCE_ALONE = {Guard.DUPLICATE}
# The rows' owner could not sign in, or the session itself refuses first.
BEFORE_SENDING_ALONE = {Guard.DEACTIVATED, Guard.COOLING_DOWN}


def test_every_guard_has_its_cause():
    assert set(CAUSES) == set(Guard)


@pytest.mark.parametrize("guard", [each for each in Guard if each not in BEFORE_SENDING_ALONE])
def test_a_cause_refuses_the_order_at_acceptance_and_leaves_nothing_behind(guard, world):
    CAUSES[guard](world)
    before = (LiveIntent.objects.count(), IntentEvent.objects.count())

    with pytest.raises(GuardRefused) as refused:
        world.trader.accept()

    assert refused.value.context["guard"] == guard
    assert (LiveIntent.objects.count(), IntentEvent.objects.count()) == before
    assert not AuditEntry.objects.filter(action="live.intent_accepted").exists()


@pytest.mark.parametrize("guard", [each for each in Guard if each not in AT_ACCEPTANCE_ALONE])
def test_a_cause_that_comes_after_acceptance_stops_the_order_before_it_is_sent(guard, world):
    intent = world.trader.accept()
    assert judged(intent, world.trader.gates) is None

    CAUSES[guard](world)
    if guard is Guard.DAY_NOTIONAL:  # what came later does not count against what came before
        assert judged(intent, world.trader.gates) is None
        LiveIntent.objects.exclude(pk=intent.pk).update(created_at=intent.created_at - timedelta(seconds=1))

    found = judged(intent, world.trader.gates)
    assert found is not None
    assert found.guard is guard


def test_who_has_just_recovered_their_access_is_refused_by_their_session(trader):
    of_person(trader, restricted_until=timezone.now() + timedelta(hours=1))

    with pytest.raises(CoolingDown):
        trader.accept()


@pytest.mark.parametrize("guard", Guard)
def test_a_cancel_goes_through_whatever_guards_against_more_risk(guard, world):
    order = make_intent(world.trader.connection, status="working", terms={**TERMS, "qty": "2"})
    cancel = make_intent(world.trader.connection, kind="cancel", target=order, notional=0)

    CAUSES[guard](world)

    refused = judged(cancel, world.trader.gates)
    stops = {Guard.LIVE_OFF, Guard.NOT_CONNECTED, Guard.NEEDS_REAUTH}
    assert (refused.guard if refused else None) == (guard if guard in stops else None)


# --- The market -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "extended", "passes"),
    [
        (AFTER_HOURS, True, True),
        (AFTER_HOURS, False, False),
        (CLOSED_AT, True, False),
        (datetime(2013, 10, 8, 13, 29, 59, tzinfo=UTC), False, False),
        (datetime(2013, 10, 8, 13, 30, tzinfo=UTC), False, True),
        (datetime(2013, 10, 8, 20, tzinfo=UTC), False, False),
        (datetime(2013, 10, 12, 16, tzinfo=UTC), True, False),
    ],
    ids=["after hours", "not asked for", "night", "before the open", "open", "close", "Saturday"],
)
def test_an_order_goes_in_the_session_that_it_asks_for(world, at, extended, passes):
    world.market_at(at)
    # Prices are as old as the market says: shown for NOON, and here as young as at any hour.
    terms = {**TERMS, "extended_hours": True} if extended else TERMS
    intent = make_intent(world.trader.connection, terms=terms)
    with transaction.atomic():
        facts = facts_of(intent, is_gate_open=world.trader.gates)

    assert facts.is_market_open == passes


def test_a_feed_that_tells_nothing_of_live_markets_gives_no_price_and_no_hours(world):
    world.settings.LIVE_FEEDS = ["alpaca"]
    intent = make_intent(world.trader.connection)
    with transaction.atomic():
        facts = facts_of(intent, is_gate_open=world.trader.gates)

    assert (facts.market_price, facts.is_market_open) == (None, False)


def test_the_live_market_is_asked_that_carries_the_symbol_whichever_is_the_default_one(world):
    intent = make_intent(world.trader.connection)
    with transaction.atomic():
        before = facts_of(intent, is_gate_open=world.trader.gates)
    make_market(feed="synthetic", is_active=True, is_default=True)
    make_market(is_active=True, config={"symbols": ["MSFT"]})  # of a live feed, without the symbol
    with transaction.atomic():
        beside = facts_of(intent, is_gate_open=world.trader.gates)

    assert beside.market_price is not None
    assert (beside.market_price, beside.is_market_open) == (before.market_price, before.is_market_open)


@pytest.mark.parametrize(
    ("shown", "price"),
    [
        ({"bid": "99", "ask": "101", "last": "90"}, Decimal(100)),
        ({"bid": "99", "ask": "101", "age_s": 120}, Decimal(100)),
        ({"bid": "99", "ask": "101", "age_s": 121}, None),
        ({"last": "98.5"}, Decimal("98.5")),
        ({"ask": "101"}, None),
        ({"bid": "101", "ask": "99", "last": "98"}, Decimal(98)),
        ({"close": "97"}, None),
    ],
    ids=["quote first", "just fresh", "old", "print", "one side", "crossed", "yesterday's"],
)
def test_the_price_is_the_fresh_quote_s_middle_else_the_last_print(world, valkey, shown, price):
    valkey.flushall()
    world.show("IBM", **shown)
    intent = make_intent(world.trader.connection)
    with transaction.atomic():
        assert facts_of(intent, is_gate_open=world.trader.gates).market_price == price


def test_without_valkey_nothing_is_known_of_prices_and_nothing_is_sent(world, valkey):
    valkey.flushall()

    with pytest.raises(GuardRefused) as refused:
        world.trader.accept()

    assert refused.value.context["guard"] == "no_price"


# --- Limits and counts ------------------------------------------------------------------------------


def test_the_stricter_of_the_person_s_and_the_installation_s_limits_counts_each_by_itself(trader, settings):
    settings.LIVE_NOTIONAL_MAX, settings.LIVE_OPEN_ORDERS_MAX = Decimal(300), 3

    limits = limits_of(trader.connection)

    assert (limits.notional_max, limits.day_notional_max) == (Decimal(300), Decimal(5_000))
    assert (limits.open_orders_max, limits.price_distance_max_bps) == (3, 500)


@pytest.mark.parametrize(
    ("fields", "counted"),
    [
        ({"status": "accepted"}, 100),
        ({"status": "sending"}, 100),
        ({"status": "working", "filled_quantity": 1, "filled_average_price": 40}, 100),
        ({"status": "filled"}, 100),
        ({"status": "canceled"}, 0),
        ({"status": "canceled", "filled_quantity": 2, "filled_average_price": 20}, 40),
        ({"status": "expired", "filled_quantity": 2}, 100),
        ({"status": "replaced", "filled_quantity": 1, "filled_average_price": 7}, 7),
        ({"status": "blocked"}, 0),
        ({"status": "refused"}, 0),
        ({"status": "rejected"}, 0),
        ({"status": "lapsed"}, 0),
        ({"status": "working", "kind": "replace"}, 100),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else str(value),
)
def test_a_day_counts_what_may_fill_and_what_filled(trader, fields, counted):
    if fields.get("kind") == "replace":
        target = make_intent(trader.connection, status="replaced", finished_at=timezone.now())
        fields = {**fields, "target": target, "terms": {"qty": "1"}}
    over = fields["status"] not in {"accepted", "sending", "working"}
    make_intent(trader.connection, **fields, **({"finished_at": timezone.now()} if over else {}))

    with transaction.atomic():
        facts = facts_of(make_intent(trader.connection), is_gate_open=trader.gates)

    assert facts.day_notional == counted


def test_a_day_is_new_york_s_and_the_person_s_not_the_connection_s(trader):
    midnight = datetime(2026, 3, 4, 5, tzinfo=UTC)  # in New York
    old = make_connection(trader.connection.user, status="disconnected", disconnected_at=timezone.now())
    make_intent(old, created_at=midnight, status="working")
    make_intent(old, created_at=midnight - timedelta(microseconds=1), status="working")
    intent = make_intent(trader.connection, created_at=midnight + timedelta(hours=23))

    with transaction.atomic():
        facts = facts_of(intent, is_gate_open=trader.gates, now=midnight + timedelta(hours=23))

    assert facts.day_notional == 100


def test_a_replacement_is_counted_instead_of_what_it_replaces(trader):
    order = make_intent(trader.connection, status="working", terms={**TERMS, "qty": "9"}, notional=900)
    of_connection(trader, day_notional_max=1_000, open_orders_max=1)

    change = {"qty": "10"}
    replacement = trader.accept("replace", change, order.pk)

    assert replacement.notional == 1_000
    assert effective_terms(replacement) == {**TERMS, "qty": "10"}
    with pytest.raises(GuardRefused) as refused:
        trader.accept("replace", {"qty": "10", "limit_price": "100.5"}, order.pk)
    assert refused.value.context["guard"] == "order_notional"


def test_a_limit_made_narrower_stops_the_last_orders_and_not_the_first(trader):
    first, second, third = (
        make_intent(trader.connection, terms={**TERMS, "qty": str(number)}) for number in (1, 2, 3)
    )
    of_connection(trader, day_notional_max=400, open_orders_max=2)

    found = [judged(each, trader.gates) for each in (first, second, third)]

    assert found[:2] == [None, None]
    assert found[2] is not None
    assert found[2].words == "with this order the day's are worth about 500.00, and may be 400.00"


def test_the_same_order_within_ten_seconds_is_refused_unless_it_is_meant(trader):
    first = trader.accept()

    with pytest.raises(GuardRefused) as refused:
        trader.accept()
    assert str(first.pk) in refused.value.message
    assert trader.accept(terms={**TERMS, "limit_price": "100.1"}).status == "accepted"
    assert trader.accept(is_repeat=True).status == "accepted"


@pytest.mark.parametrize(
    "fields",
    [
        {"created_at": timezone.now() - timedelta(seconds=11)},
        {"status": "blocked", "finished_at": timezone.now()},
        {"status": "refused", "finished_at": timezone.now()},
    ],
    ids=["long ago", "blocked", "refused"],
)
def test_what_was_long_ago_or_came_to_nothing_is_no_duplicate(trader, fields):
    make_intent(trader.connection, **fields)

    assert trader.accept().status == "accepted"


# --- Races ------------------------------------------------------------------------------------------


def test_of_sixteen_orders_at_once_only_as_many_pass_as_the_day_allows(trader):
    of_connection(trader, day_notional_max=500, open_orders_max=50)
    orders = [{**TERMS, "limit_price": f"{100 - number / 100:.2f}"} for number in range(16)]
    for terms in orders:
        trader.says_yes(terms=terms)

    def accepts(terms):
        try:
            trader.accept(terms=terms)
        except GuardRefused as error:
            return error.context["guard"]
        else:
            return "accepted"
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as threads:
        outcomes = list(threads.map(accepts, orders))

    assert sorted(outcomes) == ["accepted"] * 5 + ["day_notional"] * 11
    assert sum(intent.notional for intent in LiveIntent.objects.all()) <= 500


def test_of_sixteen_same_orders_at_once_one_passes(trader):

    def accepts(_):
        try:
            trader.accept()
        except (GuardRefused, StepUpRequired) as error:
            return error.context["error"]
        else:
            return "accepted"
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as threads:
        outcomes = list(threads.map(accepts, range(16)))

    # Whoever comes with the next yes to the same is a duplicate; whoever comes without one is asked for it.
    assert set(outcomes) <= {"accepted", "live_refused", "step_up_required"}
    assert outcomes.count("accepted") == 1
    assert LiveIntent.objects.count() == 1


def test_a_symbol_without_a_price_stops_no_other(trader):
    make_asset("MSFT")
    with pytest.raises(GuardRefused):
        trader.accept(terms={**TERMS, "symbol": "MSFT"})

    assert trader.accept().status == "accepted"
