"""What happened to an order: every event that the engine can decide has its own words."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings

from matching.engine.engine import Engine
from matching.engine.states import Status
from matching.engine.types import Event, Rule
from tests.factories.rows import NOON
from tests.matching.engine.strategies import scripts
from tests.matching.engine.tapes import play
from tests.trading.explaining.given import (
    FILL_ID,
    event_of,
    fill_of,
    order_of,
    price,
    profile_of,
    size,
    subject_of,
)
from trading.explaining import events, fills
from trading.explaining.events import become, step_of
from trading.explaining.rules import KINDS, RULES, STATUSES, plainly

OTHER = UUID(int=9)
EXECUTIONS = {Event.FILL, Event.PARTIAL_FILL}


def test_every_rule_status_and_event_has_plain_words():
    assert set(RULES) == set(Rule)
    assert set(STATUSES) == set(Status)
    assert set(KINDS) == {*Event, "pending_new"}
    assert len(set(STATUSES.values())) == len(Status)
    for rule in Rule:
        assert RULES[rule] in plainly("canceled", rule)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scripts())
def test_every_pair_of_event_and_rule_that_the_engine_decides_has_its_own_words(script):
    for decision in play(Engine(bad_print_band=2_500, without_prints=("B",)), script):
        if decision.event in EXECUTIONS:
            assert decision.rule.value in fills._BY_RULE
        else:
            assert (decision.event.value, decision.rule.value) in events._SENTENCES


TRIGGER = {
    "price": price("94.90"),
    "is_print": True,
    "offer_seq": 8123,
    "stop_price": price("95"),
    "watermark": None,
    "bid": price("94.88"),
    "bid_size": size(2),
    "ask": price("94.92"),
    "ask_size": size(3),
}
STOP = {"side": "sell", "type": "stop", "stop_price": "95"}
TRAIL = {"side": "sell", "type": "trailing_stop", "trail_price": "1"}
HALF = {"filled_quantity": Decimal(50), "filled_money": Decimal(5000)}
OPG = {"time_in_force": "opg", "cut_off_at": NOON}
IOC, FOK = {"time_in_force": "ioc"}, {"time_in_force": "fok"}
TARGET, LOSS = {"role": "take_profit", "side": "sell"}, {"role": "stop_loss", **STOP}
THREE = {"order_quantity": Decimal(60)}

SENTENCES = {
    "received": ("pending_new", "", {}, {}, "Received."),
    "a successor": ("pending_new", "", {"replaces": OTHER}, {}, f"Received, to replace order {OTHER}."),
    "waits": ("accepted", "S2", {}, {}, "Accepted: it waits for a session that it may trade in (S2)."),
    "under way": ("accepted", "M1", {}, {}, "Accepted: under way to the market for 50 ms (M1)."),
    "new": ("new", "C0", {}, {}, "Came to the market as soon as it was accepted (C0)."),
    "released": ("new", "C1", TARGET, {}, "Came to the market because its entry is filled (C1)."),
    "held": ("held", "C0", TARGET, {}, "Held until its entry is filled (C0)."),
    "held beside": (
        "held",
        "C0",
        LOSS,
        {},
        "Held beside its take-profit until its stop is reached (C0).",
    ),
    "first held": ("held", "", TARGET, {}, "Held: another order of its class comes first."),
    "triggered": (
        "triggered",
        "T1",
        STOP,
        {"evidence": TRIGGER},
        "Triggered: a print at 94.90 reached its stop 95.00; it is now a market order (T1).",
    ),
    "triggered by the touch": (
        "triggered",
        "T1",
        STOP,
        {"evidence": {**TRIGGER, "is_print": False}},
        "Triggered: the bid at 94.90 reached its stop 95.00; it is now a market order (T1).",
    ),
    "a trailing stop triggered": (
        "triggered",
        "T3",
        TRAIL,
        {"evidence": {**TRIGGER, "watermark": price("96")}},
        (
            "Triggered: a print at 94.90 reached its stop 95.00, which trails the high of 96.00; "
            "it is now a market order (T3)."
        ),
    ),
    "restated by its entry": (
        "restated",
        "C1",
        TARGET,
        THREE,
        "Reduced to 60: its entry ended without filling more (C1).",
    ),
    "restated by its sibling": (
        "restated",
        "C2",
        LOSS,
        THREE,
        "Reduced to 60: its take-profit traded the difference (C2).",
    ),
    "restated because the stop wins": (
        "restated",
        "C4",
        TARGET,
        THREE,
        (
            "Reduced to 60: its stop-loss traded the difference, on an item that could have filled this take-profit "
            "too, and then the stop wins (C4)."
        ),
    ),
    "canceled": ("canceled", "C0", {"cancel_requested_at": NOON}, {}, "Canceled, as its owner asked (C0)."),
    "canceled by a new run": (
        "canceled",
        "C0",
        {},
        {},
        "Canceled: the market that it was placed in was started anew (C0).",
    ),
    "ioc": ("canceled", "L2-ioc", IOC, {}, "Canceled: nothing of it could trade at once (ioc, L2-ioc)."),
    "ioc in part": (
        "canceled",
        "L2-ioc",
        IOC,
        HALF,
        "Canceled: the rest could not trade at once (ioc, L2-ioc).",
    ),
    "fok": (
        "canceled",
        "L2-ioc",
        FOK,
        {},
        "Canceled: what stood there could not fill it whole at once (fok, L2-ioc).",
    ),
    "notional": (
        "canceled",
        "N2",
        {},
        {},
        "Canceled: what is left of its money buys less than 0.000000001 share (N2).",
    ),
    "age": ("canceled", "S1", {}, {}, "Canceled: it was good until canceled, for 90 days (S1)."),
    "its entry ended": (
        "canceled",
        "C1",
        TARGET,
        {},
        "Canceled: its entry ended without a fill, so there is nothing to exit (C1).",
    ),
    "its exit ended": (
        "canceled",
        "C3",
        {"role": "entry"},
        {},
        "Canceled: one of its exits was canceled, and that ends the group (C3).",
    ),
    "its sibling ended": (
        "canceled",
        "C2",
        LOSS,
        {},
        "Canceled: its take-profit has filled or ended, and one exit is enough (C2).",
    ),
    "the stop won": (
        "canceled",
        "C4",
        TARGET,
        {},
        (
            "Canceled: the stop-loss filled on an item that could have filled this take-profit too, "
            "and then the stop wins (C4)."
        ),
    ),
    "quarantine": (
        "canceled",
        "Q0",
        {},
        {},
        "Canceled: what was decided about it could not be booked, so it was taken out and all others went on (Q0).",
    ),
    "the day is over": (
        "expired",
        "S1",
        {},
        {},
        "Expired: the regular session ended, and it was for the day (S1).",
    ),
    "the extended day is over": (
        "expired",
        "S1",
        {"extended_hours": True},
        {},
        "Expired: the day's last session ended, and it was for the day (S1).",
    ),
    "the auction is over": (
        "expired",
        "S3",
        OPG,
        {},
        "Expired: the opening auction did not reach its limit 187.20, had no more for it, or did not take place (S3).",
    ),
    "too late for the auction": (
        "rejected",
        "S3",
        OPG,
        {},
        "Rejected: it came after the cut-off for the opening auction, 12:00 New York, 2013-10-08 (S3).",
    ),
    "chance": ("rejected", "M2", {}, {}, "Rejected by chance: the profile rejects 1 % of all orders (M2)."),
    "no rule": ("rejected", "C0", {}, {}, "Rejected: the engine has no rule for its terms (C0)."),
    "a successor too late": (
        "rejected",
        "C0",
        {"replaces": OTHER},
        {},
        "Rejected: the order that it was to replace had ended, or could not become this one (C0).",
    ),
    "replaced": (
        "replaced",
        "C0",
        {"replaced_by": OTHER},
        {},
        f"Replaced by order {OTHER}, as its owner asked (C0).",
    ),
    "cancel too late": (
        "order_cancel_rejected",
        "",
        {},
        {},
        "The cancel came too late: it had already ended.",
    ),
    "cancel after the cut-off": (
        "order_cancel_rejected",
        "S3",
        OPG,
        {},
        "The cancel was refused: it came after the cut-off for the opening auction, 12:00 New York, 2013-10-08 (S3).",
    ),
    "replacement after the cut-off": (
        "order_replace_rejected",
        "S3",
        OPG,
        {},
        (
            "The replacement was refused: it came after the cut-off for the opening auction, "
            "12:00 New York, 2013-10-08 (S3)."
        ),
    ),
    "an event of a later version": ("thawed", "X9", {}, {}, "Thawed: a rule of another version (X9)."),
}


@pytest.mark.parametrize(("kind", "rule", "terms", "fields", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_an_event_is_told_by_its_rule(kind, rule, terms, fields, sentence):
    entry = order_of(id=OTHER, role="entry")
    profile = profile_of(latency_ms=50, reject_rate=100)
    members = [entry] if terms.get("role") == "take_profit" else []

    step = step_of(
        subject_of(order_of(**terms), profile=profile, members=members), event_of(kind, rule, **fields)
    )

    assert (step.event, step.rule, step.sentence) == (kind, rule or None, sentence)


def test_the_evidence_of_a_trigger_is_in_dollars_and_of_a_restatement_in_shares():
    triggered = step_of(subject_of(order_of(**STOP)), event_of("triggered", "T1", evidence=TRIGGER))
    restated = step_of(subject_of(), event_of("restated", "C2", order_quantity=Decimal("60.000000000")))

    assert triggered.evidence == {
        "decided_at_sequence": 8123,
        "item": "print",
        "sequence": 8123,
        "price": "94.9",
        "bid": "94.88",
        "ask": "94.92",
        "stop_price": "95",
        "watermark": None,
        "bid_size": "2",
        "ask_size": "3",
    }
    assert restated.evidence == {"decided_at_sequence": 8123, "order_quantity": "60"}


def test_an_execution_is_told_from_its_fill_and_a_stop_that_won_by_its_sequence():
    fill = fill_of("L2", side="sell")
    executed = event_of("fill", "L2", fill_id=FILL_ID, filled_quantity=Decimal(100))
    order = order_of(**LOSS)

    plain = step_of(subject_of(order, fills={FILL_ID: fill}, events=[executed]), executed)
    won = step_of(
        subject_of(order, fills={FILL_ID: fill}, events=[executed], stop_won_at=frozenset({8123})), executed
    )

    assert plain.sentence.startswith("Sold 100 at 187.20")
    assert "C4" not in plain.sentence
    assert won.sentence.endswith("the stop wins (C4).")
    assert plain.evidence["filled_quantity"] == "100"


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"type": "stop", "side": "sell", "stop_price": "95"}, "a market order"),
        (
            {"type": "stop", "side": "buy", "stop_price": "40"},
            "a limit order at 41.60, the collar above its stop",
        ),
        (
            {"type": "stop", "side": "buy", "stop_price": "100"},
            "a limit order at 102.50, the collar above its stop",
        ),
        (
            {"type": "stop_limit", "side": "buy", "stop_price": "95", "limit_price": "96"},
            "a limit order at 96.00",
        ),
        ({"type": "trailing_stop", "side": "buy", "trail_price": "1"}, "a market order"),
    ],
)
def test_what_a_stop_becomes_is_said_as_the_engine_does_it(terms, words):
    assert become(order_of(**terms)) == words


def test_an_event_of_a_log_older_than_its_rules_is_told_by_the_reason_of_its_order():
    expired = event_of("expired")

    step = step_of(subject_of(order_of(reason="S1")), expired)

    assert (step.rule, step.sentence) == (
        "S1",
        "Expired: the regular session ended, and it was for the day (S1).",
    )
    assert expired.rule == ""  # the row is as it was
    assert step_of(subject_of(order_of(reason="a word")), expired).sentence == "Expired."
