"""The kill switch: anybody closes what is theirs to close, at once; opening takes a passkey, or two of the staff.

Whoever sends reads what is closed in the very transaction that claims the order, after `hold_open`: so
when `close_switch` returns, every claim that had seen the switch open is committed, and is counted.

What the staff do takes the database by name: a command the default one, the admin `support`, whose policies judge
again who may close and open what.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, OperationalError, ProgrammingError, connection, connections, transaction
from django.utils import timezone

from accounts.clock import database_now
from accounts.errors import NotFound, RuleBroken, ValueInvalid
from accounts.models import User
from accounts.services.audit import record
from broker_handoff.models import BrokerConnection, LiveIntent, SwitchClosing
from broker_handoff.models.switch import REASON_MAX
from broker_handoff.states import IntentStatus

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

    from accounts.querysets import Owner

APPROVED_WITHIN = timedelta(hours=24)
Scope = SwitchClosing.Scope

_SENDERS = 0x4C495645  # first key of the advisory lock that senders share; the second is 0
_HOLD = "select pg_advisory_xact_lock_shared(%s, 0)"
_OUTWAIT = "select pg_advisory_xact_lock(%s, 0)"
_BEING_SENT = "select broker_handoff_being_sent(%s, %s)"  # for whom the policies show no orders
_PATIENCE = "set local lock_timeout = '5s'"  # a claim takes milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What closing came to.

    `being_sent` counts what had been claimed before: nobody knows yet whether it reaches the broker. None
    where some claim took too long to be waited for, or where it is not for the closer to know.
    """

    closing: SwitchClosing
    is_new: bool
    being_sent: int | None


def hold_open() -> None:
    """Keep what is closed from changing unseen until the caller's transaction ends."""
    assert connection.in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [_SENDERS])


def living(*, user_id: UUID, connection_id: UUID | None = None) -> QuerySet[SwitchClosing]:
    """Return the closings that stop a person, or one connection of theirs; the staff's first."""
    of_all = SwitchClosing.objects.across_owners().filter(opened_at=None)
    found = of_all.filter(scope=Scope.GLOBAL) | of_all.filter(scope=Scope.USER, user=user_id)
    if connection_id is None:
        found |= of_all.filter(scope=Scope.CONNECTION, user=user_id)
    else:
        found |= of_all.filter(scope=Scope.CONNECTION, user=user_id, connection=connection_id)
    return found.order_by("is_own", "closed_at")


def reasons(*, user_id: UUID, connection_id: UUID) -> dict[str, str]:
    """Return why what is closed is closed, by scope; what is open is not in it. In the caller's transaction."""
    hold_open()
    found: dict[str, str] = {}
    for closing in living(user_id=user_id, connection_id=connection_id):
        found.setdefault(closing.scope, closing.reason)
    return found


def close_own(*, owner: Owner, reason: str, connection_id: UUID | None = None) -> Closed:
    """Let a person stop all of theirs, or one connection. Repeating it changes nothing.

    Raises ValueInvalid, NotFound for a connection that is not theirs.
    """
    assert owner.pk is not None
    scope = Scope.USER if connection_id is None else Scope.CONNECTION
    if connection_id is not None and not _exists(owner.pk, connection_id):
        raise NotFound(f"there is no connection {connection_id}")
    return _close(
        scope=scope,
        user_id=owner.pk,
        connection_id=connection_id,
        is_own=True,
        by=owner.pk,
        reason=reason,
    )


def close_as_staff(
    *,
    operator: User,
    scope: str,
    reason: str,
    user_id: UUID | None = None,
    connection_id: UUID | None = None,
    using: str = "default",
    is_trial: bool = False,
) -> Closed:
    """Let any of the staff stop everybody, a person, or a connection. Repeating it changes nothing.

    A trial does all of it, and undoes it. Raises RuleBroken for who is not staff or may not, ValueInvalid, also
    for whom or what the scope does not mean, NotFound.
    """
    _require_staff(operator)
    user_id, connection_id = _subject(scope, user_id, connection_id, using)
    try:
        return _close(
            scope=scope,
            user_id=user_id,
            connection_id=connection_id,
            is_own=False,
            by=operator.pk,
            reason=reason,
            using=using,
            is_trial=is_trial,
        )
    except ProgrammingError:  # row security: in the admin it may be anybody's id
        raise NotFound(f"there is no {scope} that you may stop") from None
    except IntegrityError:
        raise NotFound(f"there is no {scope} {connection_id or user_id}") from None


def judge_closing(
    *, operator: User, scope: str, user_id: UUID | None, connection_id: UUID | None, using: str = "default"
) -> None:
    """Raise what closing this would be refused with, as far as that is known before; change nothing."""
    _require_staff(operator)
    _subject(scope, user_id, connection_id, using)


def stopped_by(closing: SwitchClosing) -> int:
    """Return how many orders wait that a closing stops, or would."""
    return _intents(IntentStatus.ACCEPTED, closing.user_id, closing.connection_id).count()


@transaction.atomic(durable=True)
def open_own(*, owner: Owner) -> list[SwitchClosing]:
    """Open again all that a person has closed themselves, and return it. What the staff closed stays closed."""
    mine = SwitchClosing.objects.owned_by(owner).filter(is_own=True, opened_at=None)
    closings = list(mine.select_for_update(no_key=True, of=("self",)).order_by("pk"))
    now = timezone.now()
    mine.filter(pk__in=[closing.pk for closing in closings]).update(opened_by=owner.pk, opened_at=now)
    for closing in closings:
        _tell("live_switch.opened", closing)
    return closings


def ask_to_open(
    *, closing_id: UUID, operator: User, reason: str, using: str = "default", is_trial: bool = False
) -> SwitchClosing:
    """Ask that a switch which the staff has closed be opened; another one approves. A later asking replaces it.

    A trial does all of it, and undoes it. Raises NotFound, RuleBroken, ValueInvalid.
    """
    with transaction.atomic(using=using, durable=True):
        closing = _of_staff(closing_id, operator, using)
        closing.asked_by, closing.asked_at, closing.asked_reason = (
            operator.pk,
            database_now(using),
            _reason(reason),
        )
        closing.save(using=using, update_fields=["asked_by", "asked_at", "asked_reason"])
        _tell("live_switch.opening_asked", closing, reason=closing.asked_reason, using=using)
        transaction.set_rollback(is_trial, using=using)
    return closing


def approve_opening(
    *, closing_id: UUID, operator: User, reason: str = "", using: str = "default", is_trial: bool = False
) -> SwitchClosing:
    """Open a switch for which another of the staff has asked, within a day; a reason of one's own is told as well.

    A trial does all of it, and undoes it. Raises NotFound, RuleBroken, ValueInvalid.
    """
    with transaction.atomic(using=using, durable=True):
        closing = _approvable(closing_id, operator, using)
        closing.opened_by, closing.opened_at = operator.pk, database_now(using)
        closing.save(using=using, update_fields=["opened_by", "opened_at"])
        words = _reason(reason) if reason else closing.asked_reason
        _tell("live_switch.opened", closing, reason=words, using=using)
        transaction.set_rollback(is_trial, using=using)
    return closing


def judge_opening(
    *, closing_id: UUID, operator: User, is_approval: bool, using: str = "default"
) -> SwitchClosing:
    """Return the closing that an operator may ask to open, or approve; change nothing. Raises as those do."""
    with transaction.atomic(using=using, durable=True):
        return (_approvable if is_approval else _of_staff)(closing_id, operator, using)


def _approvable(closing_id: UUID, operator: User, using: str) -> SwitchClosing:
    closing = _of_staff(closing_id, operator, using)
    if closing.asked_by is None or closing.asked_at is None:
        raise RuleBroken("nobody has asked to open it: one asks, another approves")
    if closing.asked_by == operator.pk:
        raise RuleBroken("opening takes two of the staff: another one must approve")
    if closing.asked_at < database_now(using) - APPROVED_WITHIN:
        raise RuleBroken("it was asked for more than 24 hours ago: ask again")
    return closing


def _close(
    *,
    scope: str,
    user_id: UUID | None,
    connection_id: UUID | None,
    is_own: bool,
    by: UUID,
    reason: str,
    using: str = "default",
    is_trial: bool = False,
) -> Closed:
    which = {"scope": scope, "user_id": user_id, "connection_id": connection_id, "is_own": is_own}
    with transaction.atomic(using=using, durable=True):
        closing = SwitchClosing(**which, reason=_reason(reason), closed_by=by)
        # At once, waiting for nobody but who closes the same.
        made = SwitchClosing.objects.using(using).bulk_create([closing], ignore_conflicts=True)
        living_ones = SwitchClosing.objects.across_owners().using(using).filter(**which, opened_at=None)
        stands = living_ones.filter(pk=made[0].pk).first()
        is_new = stands is not None
        if stands is not None:
            _tell("live_switch.closed", stands, reason=stands.reason, using=using)
        else:
            stands = living_ones.first()
        transaction.set_rollback(is_trial, using=using)
    if stands is None:  # that of somebody else was opened in this very moment: closed it shall be
        return _close(**which, by=by, reason=reason, using=using, is_trial=is_trial)  # type: ignore[arg-type] # a mapping of mixed values
    being_sent = None if is_trial else _being_sent(stands, using)  # nobody shall wait for a trial
    return Closed(closing=stands, is_new=is_new, being_sent=being_sent)


def _being_sent(closing: SwitchClosing, using: str) -> int | None:
    """Return how many orders had been claimed before; after it nobody claims another one."""
    try:
        with transaction.atomic(using=using, durable=True), connections[using].cursor() as cursor:
            cursor.execute(_PATIENCE)
            cursor.execute(_OUTWAIT, [_SENDERS])
    except OperationalError:
        return None
    if using != "default":
        with connections[using].cursor() as cursor:
            cursor.execute(_BEING_SENT, [closing.user_id, closing.connection_id])
            told: int | None = cursor.fetchone()[0]
        return told
    return _intents(IntentStatus.SENDING, closing.user_id, closing.connection_id).count()


def _intents(status: IntentStatus, user_id: UUID | None, connection_id: UUID | None) -> QuerySet[LiveIntent]:
    found = LiveIntent.objects.across_owners().filter(status=status).exclude(kind=LiveIntent.Kind.CANCEL)
    if user_id is not None:
        found = found.filter(user_id=user_id)
    return found if connection_id is None else found.filter(connection_id=connection_id)


def _subject(
    scope: str, user_id: UUID | None, connection_id: UUID | None, using: str
) -> tuple[UUID | None, UUID | None]:
    """Return whom and what a scope means. Raises NotFound, ValueInvalid also for what it does not mean.

    Whoever names a person and means them alone shall not stop everybody by a slip.
    """
    if user_id is not None and scope != Scope.USER:
        raise ValueInvalid(f"the scope {scope} takes no person: name none, or say the scope {Scope.USER}")
    if connection_id is not None and scope != Scope.CONNECTION:
        raise ValueInvalid(
            f"the scope {scope} takes no connection: name none, or say the scope {Scope.CONNECTION}"
        )
    if scope == Scope.GLOBAL:
        return None, None
    if scope == Scope.CONNECTION and connection_id is not None:
        found = BrokerConnection.objects.across_owners().using(using).filter(pk=connection_id).first()
        if found is None:
            raise NotFound(f"there is no connection {connection_id}")
        return found.user_id, connection_id
    if scope == Scope.USER and user_id is not None:
        # Who oversees may stop people whom they do not see; the foreign key knows whether there is one.
        if using == "default" and not User.objects.filter(pk=user_id).exists():
            raise NotFound(f"there is no person {user_id}")
        return user_id, None
    raise ValueInvalid(f"which {scope}?")


def _of_staff(closing_id: UUID, operator: User, using: str) -> SwitchClosing:
    _require_staff(operator)
    closings = SwitchClosing.objects.across_owners().using(using).filter(pk=closing_id, is_own=False)
    closing = closings.select_for_update(of=("self",)).first()
    if closing is None:
        raise NotFound(f"the staff has not closed anything as {closing_id}")
    if closing.opened_at is not None:
        raise RuleBroken("it is open again")
    if closing.user_id == operator.pk:
        raise RuleBroken("nobody takes part in opening what was closed for themselves")
    return closing


def _require_staff(operator: User) -> None:
    if not (operator.is_active and operator.is_staff):
        raise RuleBroken(f"{operator.email} is not an active member of the staff")


def _exists(user_id: UUID, connection_id: UUID) -> bool:
    living_ones = BrokerConnection.objects.across_owners().filter(user_id=user_id, pk=connection_id)
    return living_ones.filter(status__in=BrokerConnection.LIVING).exists()


def _reason(reason: str) -> str:
    if not reason.strip() or len(reason.strip()) > REASON_MAX:
        raise ValueInvalid(f"a reason has 1 to {REASON_MAX} characters")
    return reason.strip()


def _tell(action: str, closing: SwitchClosing, *, reason: str = "", using: str = "default") -> None:
    """Write it into the person's chain, or the system's for what stops everybody."""
    facts = {
        "closing": closing.pk,
        "scope": closing.scope,
        "is_own": closing.is_own,
        **({"connection": closing.connection_id} if closing.connection_id else {}),
    }
    record(action=action, user_id=closing.user_id, after=facts, reason=reason, using=using)
