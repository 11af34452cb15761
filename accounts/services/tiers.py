"""Give a person another tier: more at once, less after thirty days of warning. There is no payment here.

Staff or a command sets a tier; the daily task applies the downgrades that are due. Every step is in the audit
log. What a tier allows is `accounts.tiers`; whoever keeps that hears `tier_changed` within the transaction.
Why so: accounts/decisions/0004-tiers.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from django.db import transaction

from accounts import mail
from accounts.errors import NotFound, ValueInvalid
from accounts.models import Tier, TierChange, User
from accounts.services.audit import record
from accounts.signals import tier_changed
from accounts.tiers import allowance, is_less

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from django.db.models import QuerySet

NOTICE = timedelta(days=30)
REASON_MAX = 200  # characters

Outcome = Literal["changed", "downgrade_asked", "downgrade_withdrawn", "unchanged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TierSet:
    """What came of it: `tier` is what the person has now, `pending` the downgrade that waits, if any."""

    user_id: UUID
    email: str
    outcome: Outcome
    before: str
    tier: str
    pending: TierChange | None


@transaction.atomic(durable=True)
def set_tier(
    *,
    user_id: UUID,
    tier: str,
    reason: str,
    now: datetime,
    is_at_once: bool = False,
    is_told: bool = True,
    is_trial: bool = False,
) -> TierSet:
    """Give a person a tier; `now` is the wall's. Repeating it changes nothing.

    An upgrade holds at once, and ends a downgrade that waits; so does the tier that the person has, which
    withdraws it. A downgrade holds after NOTICE, of which the person is warned, or `is_at_once`. Not `is_told` leaves
    the mail to whoever calls `warn`. A trial does all of it, and undoes it.
    Raises NotFound, ValueInvalid.
    """
    wanted = _tier(tier)
    reason = _reason(reason)
    user = _locked(user_id)
    before, pending = user.tier, _pending(user_id).first()
    if wanted == before:
        outcome: Outcome = "unchanged" if pending is None else "downgrade_withdrawn"
        _withdraw(pending, reason, now)
    elif is_at_once or not is_less(wanted, than=before):
        outcome = "changed"
        _withdraw(pending, reason, now)
        _apply(user, _asked(user, wanted, reason, now, now), now)
    elif pending is not None and pending.to_tier == wanted:
        outcome = "unchanged"  # the day that the person was told stays
    else:
        outcome = "downgrade_asked"
        _withdraw(pending, reason, now)
        change = _asked(user, wanted, reason, now, now + NOTICE)
        _tell_of(change)
        if is_told:
            mail.tell_after_commit(user.email, **_warning(change))
    done = TierSet(
        user_id=user_id,
        email=user.email,
        outcome=outcome,
        before=before,
        tier=user.tier,
        pending=_pending(user_id).first(),
    )
    transaction.set_rollback(is_trial)
    return done


def apply_due(*, now: datetime) -> int:
    """Apply the downgrades whose day has come, each in a transaction of its own; return how many."""
    due = TierChange.objects.filter(applied_at=None, canceled_at=None, applies_at__lte=now)
    return sum(
        _apply_one(pk, user_id, now)
        for pk, user_id in due.order_by("applies_at").values_list("pk", "user_id")
    )


def pending_change(user_id: UUID) -> TierChange | None:
    """Return the downgrade that waits for a person, None without one."""
    return _pending(user_id).first()


def warn(email: str, change: TierChange) -> None:
    """Mail somebody at once of their downgrade that waits. Raises OSError, SMTPException."""
    mail.tell(email, **_warning(change))


@transaction.atomic(durable=True)
def _apply_one(change_id: UUID, user_id: UUID, now: datetime) -> bool:
    user = _locked(user_id)
    change = _pending(user_id).filter(pk=change_id).first()
    if change is None:  # withdrawn or applied meanwhile
        return False
    _apply(user, change, now)
    return True


def _locked(user_id: UUID) -> User:
    """Return the person, whose row everybody locks first who changes their tier or opens an account."""
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if user is None:
        raise NotFound("there is no such user")
    return user


def _pending(user_id: UUID) -> QuerySet[TierChange]:
    return TierChange.objects.filter(user_id=user_id, applied_at=None, canceled_at=None)


def _asked(user: User, tier: Tier, reason: str, now: datetime, applies_at: datetime) -> TierChange:
    return TierChange.objects.create(
        user=user, from_tier=user.tier, to_tier=tier, reason=reason, asked_at=now, applies_at=applies_at
    )


def _apply(user: User, change: TierChange, now: datetime) -> None:
    before = user.tier
    user.tier = change.to_tier
    user.save(update_fields=["tier"])
    change.applied_at = now
    change.save(update_fields=["applied_at"])
    record(
        action="tier.changed",
        user_id=user.pk,
        before={"tier": before},
        after={"tier": user.tier, "asked_at": change.asked_at},
        reason=change.reason,
    )
    tier_changed.send(sender=User, user_id=user.pk, tier=user.tier)


def _withdraw(pending: TierChange | None, reason: str, now: datetime) -> None:
    if pending is None:
        return
    pending.canceled_at = now
    pending.save(update_fields=["canceled_at"])
    record(
        action="tier.downgrade_withdrawn",
        user_id=pending.user_id,
        before={"tier": pending.to_tier, "applies_at": pending.applies_at},
        reason=reason,
    )


def _tell_of(change: TierChange) -> None:
    record(
        action="tier.downgrade_asked",
        user_id=change.user_id,
        before={"tier": change.from_tier},
        after={"tier": change.to_tier, "applies_at": change.applies_at},
        reason=change.reason,
    )


def _warning(change: TierChange) -> dict[str, Any]:
    """Return the mail of a downgrade that waits."""
    return {
        "subject": f"your tier will be {Tier(change.to_tier).label}",
        "happened": _losses(change.from_tier, change),
        "advice": "GET /raxx/v1/tier tells at any time what you would lose. Until that day nothing changes.",
    }


def _losses(tier: str, change: TierChange) -> list[str]:
    """Return what a person is told of a downgrade: each line of the table that gets less."""
    has, will = allowance(tier), allowance(change.to_tier)
    words = [
        f"From {mail.instant(change.applies_at)} on your tier is {Tier(change.to_tier).label}, no longer {Tier(tier).label}."
    ]
    if will.accounts < has.accounts:
        words.append(
            f"It allows {will.accounts} open account(s), not {has.accounts}: the newest ones beyond that will take"
            " orders that close positions alone."
        )
    if will.webhooks < has.webhooks:
        words.append(
            f"It allows {will.webhooks} webhook endpoint(s) for an account, not {has.webhooks}: the newest ones beyond"
            " that will be disabled."
        )
    if will.streams < has.streams:
        words.append(f"It allows {will.streams} open streams for an account, not {has.streams}.")
    if has.replay_markets and not will.replay_markets:
        words.append("It opens no accounts in replay markets of your own.")
    if will.history_days is not None and will.history_days != has.history_days:
        words.append(
            f"It keeps {will.history_days} days of orders, fills and events. What is older will be deleted, for good;"
            " cash, positions and profits stay as they are. Export what you need before."
        )
    return words


def _tier(text: str) -> Tier:
    try:
        return Tier(text)
    except ValueError:
        raise ValueInvalid(f"tier {text!r} is not one of {', '.join(Tier.values)}") from None


def _reason(text: str) -> str:
    reason = text.strip()
    if not reason or len(reason) > REASON_MAX or not reason.isprintable():
        raise ValueInvalid(f"a reason is 1 to {REASON_MAX} printable characters")
    return reason
