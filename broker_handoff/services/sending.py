"""Send what was accepted: exactly one order at the broker, however often a worker or the network dies.

One attempt is one claim, one piece of talk with the broker, and one note of what came of it; no transaction is
open while the broker is asked. An attempt either sends or asks, never both:

- an `accepted` row is sent. The claim makes it `sending`, in the transaction in which the guards let it pass,
  before a byte goes out;
- a `sending` row, of which nobody knows, is asked for by our id, and by nothing else becomes `accepted` again
  than by two answers that the broker has none, the second later than whatever was sent can be on its way
  (`broker_handoff.pace`). After its deadline it does not become `accepted`: it has lapsed, or, where the token
  that could ask was shredded, it is `unresolved`, which is told in the audit log and as an ERROR.

Source of the whole: broker_handoff/decisions/0002-handing-off.md.
"""

from __future__ import annotations

import logging
import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import tracing
from accounts.services.audit import record
from broker_handoff.models import LiveIntent
from broker_handoff.services import asking
from broker_handoff.services.asking import Blocked, Gone, Missing, Nothing, Refused, Taken, Told, Unknown
from broker_handoff.services.claims import Claim
from broker_handoff.services.outcomes import WORDS_MAX, go, note, take
from broker_handoff.services.reauth import mark_needs_reauth
from broker_handoff.states import FINAL, IntentStatus

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from django.db.models import QuerySet

    from broker_handoff.pace import Pace
    from broker_handoff.ports import BrokerOrder
    from broker_handoff.services.asking import Outcome
    from broker_handoff.services.claims import Ways

logger = logging.getLogger(__name__)

PAGE = 20  # intents that one who drains looks at together
SLICE_S = 5.0
TARGET_WAIT = timedelta(seconds=1)  # of a cancel whose order is just being sent
UNANSWERABLE_WAIT = timedelta(minutes=10)
UNANSWERABLE = "it may have reached the broker, and nobody can ask any more: the token was shredded"
_K, _S = LiveIntent.Kind, IntentStatus
_OPEN = (_S.ACCEPTED, _S.SENDING)


def due(most: int) -> list[UUID]:
    """Return intents to attempt now, those that wait longest first."""
    waiting = _free(timezone.now()).order_by("next_attempt_at", "pk")
    return list(waiting.values_list("pk", flat=True)[:most])


def drain(ways: Ways, *, slice_s: float = SLICE_S) -> int:
    """Make attempts until nothing is due, or others should have their turn; return how many were made."""
    made, until = 0, time.monotonic() + slice_s
    while time.monotonic() < until and (waiting := due(PAGE)):
        random.shuffle(waiting)  # or two who drain would get in each other's way at each row
        for intent_id in waiting:
            if time.monotonic() >= until:
                break
            made += attempt(intent_id, ways) is not None
    return made


def attempt(intent_id: UUID, ways: Ways) -> IntentStatus | None:
    """Make one attempt, where one is due; return how the intent stands then, None where another is at it."""
    claim = _claim(intent_id, ways)
    if claim is None:
        return None
    with tracing.caused_by(claim.intent.request_id):
        tracing.told(user_id=claim.intent.user_id)
        if IntentStatus(claim.intent.status) in FINAL:
            return IntentStatus(claim.intent.status)
        outcome = asking.outcome_of(claim, ways)
        if isinstance(outcome, Gone):
            mark_needs_reauth(connection_id=claim.intent.connection_id, words=outcome.words)
        return _settle(claim, outcome, ways.pace)


def _free(now: datetime) -> QuerySet[LiveIntent]:
    return LiveIntent.objects.across_owners().filter(
        Q(leased_until=None) | Q(leased_until__lte=now), status__in=_OPEN, next_attempt_at__lte=now
    )


@transaction.atomic(durable=True)
def _claim(intent_id: UUID, ways: Ways) -> Claim | None:
    now, started = timezone.now(), time.monotonic()
    rows = _free(now).filter(pk=intent_id).select_related("connection", "target")
    row = rows.select_for_update(of=("self",), no_key=True, skip_locked=True).first()
    if row is None:
        return None
    sends = row.status == _S.ACCEPTED
    if sends and not _may_go(row, ways, now):
        row.save()
        if IntentStatus(row.status) not in FINAL:
            return None
        return Claim(intent=row, lease=uuid4(), sends=False, send_before=started)
    row.attempts += 1
    row.lease, row.leased_until = uuid4(), now + ways.pace.lease
    if sends:
        row.sent_at = row.sent_at or now
        row.sent_until, row.missing_since = row.leased_until, None
        go(row, _S.SENDING, now=now, attempt=row.attempts)
    row.save()
    left = min(ways.pace.send_within, row.deadline_at - now)
    return Claim(intent=row, lease=row.lease, sends=sends, send_before=started + left.total_seconds())


def _may_go(row: LiveIntent, ways: Ways, now: datetime) -> bool:
    """Say whether an accepted row is sent now; end it, or put it off, where it is not."""
    if now >= row.deadline_at:
        go(row, _S.LAPSED, now=now, reason="deadline")
        return False
    if row.kind == _K.CANCEL and not _has_open_target(row, now):
        return False
    if (refusal := ways.refusal(row, now)) is not None:
        go(row, _S.BLOCKED, now=now, reason=refusal.guard, words=refusal.words)
        return False
    if row.kind == _K.REPLACE:
        assert row.target is not None
        if row.target.status != _S.WORKING:
            go(row, _S.BLOCKED, now=now, reason="not_open", words=f"the order is {row.target.status}")
            return False
    return True


def _has_open_target(row: LiveIntent, now: datetime) -> bool:
    """Say whether the order that a cancel means works at the broker; one that was never sent ends here."""
    assert row.target_id is not None
    target = (
        LiveIntent.objects.across_owners().select_for_update(of=("self",), no_key=True).get(pk=row.target_id)
    )
    row.target = target
    status = IntentStatus(target.status)
    if status is _S.WORKING:
        return True
    if status is _S.SENDING:  # nobody knows what there is to cancel
        row.next_attempt_at = min(now + TARGET_WAIT, row.deadline_at)
        return False
    if status is _S.ACCEPTED:
        go(target, _S.CANCELED, now=now, reason="not_sent", by=str(row.pk))
        target.save()
        go(row, _S.SENDING, now=now)
        go(row, _S.DONE, now=now, reason="not_sent")
        return False
    go(row, _S.BLOCKED, now=now, reason="not_open", words=f"the order is {target.status}")
    return False


@transaction.atomic(durable=True)
def _settle(claim: Claim, outcome: Outcome, pace: Pace) -> IntentStatus | None:
    """Write down what came of an attempt, where its lease is still its own: whoever has it now asks for himself."""
    now = timezone.now()
    mine = LiveIntent.objects.across_owners().filter(pk=claim.intent.pk, lease=claim.lease)
    row = mine.select_for_update(of=("self",), no_key=True).first()
    if row is None:
        return None
    row.lease = row.leased_until = None
    if isinstance(outcome, Told):
        if take(row, outcome.order, now=now):
            return IntentStatus(row.status)  # it has saved the row, without its lease
    elif isinstance(outcome, Taken):
        go(row, _S.DONE, now=now)
        if outcome.order is not None:
            _tell_target(row, outcome.order, now)
    elif isinstance(outcome, Refused):
        go(row, _S.REFUSED, now=now, reason=outcome.reason, words=outcome.words)
    elif claim.sends:
        row.sent_until = now
        _note_sending(row, outcome, now, pace)
    else:
        _note_asking(row, outcome, now, pace)
    row.save()
    return IntentStatus(row.status)


def _note_sending(
    row: LiveIntent, outcome: Blocked | Gone | Nothing | Unknown | Missing, now: datetime, pace: Pace
) -> None:
    """Note what came of a sending that the broker has not answered."""
    match outcome:
        case Blocked(reason=reason, words=words):
            go(row, _S.ACCEPTED, now=now)
            go(row, _S.BLOCKED, now=now, reason=reason, words=words)
        case Gone(words=words):
            go(row, _S.REFUSED, now=now, reason="needs_reauth", words=words)
        case Nothing(words=words, retry_after_s=wish):
            go(row, _S.ACCEPTED, now=now, reason="not_sent", words=words)
            # At the deadline it is looked at once more, to be told that it has lapsed.
            row.next_attempt_at = min(pace.after(now, row.attempts, wish), row.deadline_at)
        case Unknown(words=words):
            row.words = words[:WORDS_MAX]
            note(row, now=now, unknown=row.words)
            row.next_attempt_at = pace.after(now, 0, None)
        case Missing():
            raise AssertionError("who sends does not learn that nothing is there")


def _note_asking(
    row: LiveIntent, outcome: Blocked | Gone | Nothing | Unknown | Missing, now: datetime, pace: Pace
) -> None:
    """Note what came of a question; unless it was answered the order is as unknown as before."""
    if isinstance(outcome, Missing):
        _note_missing(row, now, pace)
        return
    if isinstance(outcome, Blocked) and outcome.is_for_good:
        _note_unanswerable(row, now)
        return
    row.words = outcome.words[:WORDS_MAX]
    if isinstance(outcome, Blocked | Gone):  # nobody can ask before a person does something
        row.next_attempt_at = now + UNANSWERABLE_WAIT
    else:
        row.next_attempt_at = pace.after(now, row.attempts, getattr(outcome, "retry_after_s", None))


def _note_unanswerable(row: LiveIntent, now: datetime) -> None:
    """Note that the token which could ask was shredded: after the deadline nothing can be learnt or sent any more."""
    if now < row.deadline_at:
        row.words = UNANSWERABLE
        row.next_attempt_at = row.deadline_at
        return
    go(row, _S.UNRESOLVED, now=now, reason="token_gone", words=UNANSWERABLE)
    record(
        action="live.intent_unresolved",
        user_id=row.user_id,
        after={"intent": row.pk, "kind": row.kind, "connection": row.connection_id},
        reason=UNANSWERABLE,
    )
    logger.error("intent %s (%s) of connection %s: %s", row.pk, row.kind, row.connection_id, UNANSWERABLE)


def _note_missing(row: LiveIntent, now: datetime, pace: Pace) -> None:
    """Note that the broker has none: believed when it says so twice, the second time late enough."""
    assert row.sent_until is not None
    is_late_enough = now >= row.sent_until + pace.processing
    if row.missing_since is None or not is_late_enough:
        row.missing_since = row.missing_since or now
        row.next_attempt_at = max(now + pace.wait(0), row.sent_until + pace.processing)
        return
    if now < row.deadline_at:
        go(row, _S.ACCEPTED, now=now, reason="not_there")
        row.next_attempt_at = now
    else:
        go(row, _S.LAPSED, now=now, reason="deadline", words="the broker never had it")


def _tell_target(row: LiveIntent, order: BrokerOrder, now: datetime) -> None:
    assert row.target_id is not None
    orders = LiveIntent.objects.across_owners().select_for_update(of=("self",), no_key=True)
    take(orders.get(pk=row.target_id), order, now=now)
