"""Let somebody through the gate without the record: two of the staff who oversee agree, each with a passkey.

They do so in the admin, as the support role and in their own names, which the database's policies judge again.
Ending one takes nobody's consent, and a command can do it too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from accounts.errors import NotFound, RuleBroken, ValueInvalid
from accounts.models import User
from accounts.services.audit import record
from broker_handoff.models import GateOverride
from broker_handoff.models.gate import OVERRIDE_LASTS, REASON_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta
    from uuid import UUID

    from accounts.step_up import Shown


def ask_for_override(
    *, shown: Shown, person_id: UUID, reason: str, now: datetime, using: str = "default"
) -> GateOverride:
    """Ask that somebody may trade live; another one approves.

    `shown` is a passkey's yes to this. Raises RuleBroken for oneself and for who does not oversee, ValueInvalid.
    """
    judge_asking(user_id=shown.user_id, person_id=person_id, using=using)
    with transaction.atomic(using=using, durable=True):
        override = GateOverride.objects.using(using).create(
            user_id=person_id, reason=_checked(reason), asked_by=shown.user_id, asked_at=now
        )
        _tell("gate.override_asked", override, using, reason=override.reason)
    return override


def judge_asking(*, user_id: UUID, person_id: UUID, using: str = "default") -> None:
    """Raise RuleBroken where somebody may not ask that a person may trade live, before they show a passkey for it."""
    _require_overseer(user_id, using)
    if user_id == person_id:
        raise RuleBroken("nobody asks for themselves")


def approve_override(
    *,
    shown: Shown,
    override_id: UUID,
    now: datetime,
    lasts: timedelta = OVERRIDE_LASTS,
    using: str = "default",
) -> GateOverride:
    """Open the gate to whom another one has asked for, for 90 days at most. Repeating it changes nothing.

    `shown` is a passkey's yes to this. Raises NotFound, RuleBroken for who asked, whom it is for, and who does not oversee.
    """
    _require_overseer(shown.user_id, using)
    with transaction.atomic(using=using, durable=True):
        override = _locked(override_id, using)
        _require_second(override, shown.user_id)
        if override.approved_at is not None:
            return override
        if not OVERRIDE_LASTS >= lasts > OVERRIDE_LASTS * 0:
            raise ValueInvalid(f"an override lasts {OVERRIDE_LASTS.days} days at most, and more than nothing")
        override.approved_by, override.approved_at = shown.user_id, now
        override.expires_at = now + lasts
        _write(override, using, "approved_by", "approved_at", "expires_at")
        _tell(
            "gate.override_approved",
            override,
            using,
            reason=override.reason,
            asked_by=override.asked_by,
            expires_at=override.expires_at,
        )
    return override


def judge_approval(*, user_id: UUID, override: GateOverride, using: str = "default") -> None:
    """Raise RuleBroken where somebody may not approve an override, before they show a passkey for it."""
    _require_overseer(user_id, using)
    _require_second(override, user_id)


def end_override(
    *,
    override_id: UUID,
    reason: str,
    now: datetime,
    shown: Shown | None = None,
    using: str = "default",
    is_trial: bool = False,
) -> GateOverride:
    """End an override, or the wish for one, at once. Repeating it changes nothing. Without a passkey's yes: by a command.

    A trial keeps nothing. Raises NotFound, ValueInvalid, RuleBroken for who does not oversee.
    """
    if shown is not None:
        _require_overseer(shown.user_id, using)
    words = _checked(reason)
    with transaction.atomic(using=using, durable=True):
        override = _locked(override_id, using)
        if override.ended_at is None:
            override.ended_by = None if shown is None else shown.user_id
            override.ended_at, override.end_reason = now, words
            _write(override, using, "ended_by", "ended_at", "end_reason")
            _tell("gate.override_ended", override, using, reason=words)
        transaction.set_rollback(is_trial, using=using)
    return override


def _require_second(override: GateOverride, user_id: UUID) -> None:
    """Raise RuleBroken but for who may approve an override, or has."""
    if override.ended_at is not None:
        raise RuleBroken("it has been ended: ask anew")
    if override.approved_at is not None and override.approved_by != user_id:
        raise RuleBroken("it is approved")
    if user_id in (override.asked_by, override.user_id):
        raise RuleBroken("it takes two of the staff: who asked, and another one")


def _require_overseer(user_id: UUID, using: str) -> None:
    overseers = User.objects.using(using).filter(pk=user_id, is_active=True, is_staff=True, is_superuser=True)
    if not overseers.exists():
        raise RuleBroken("only who oversees the staff decides on exceptions")


def _checked(reason: str) -> str:
    if not reason.strip() or len(reason.strip()) > REASON_MAX:
        raise ValueInvalid(f"a reason has 1 to {REASON_MAX} characters")
    return reason.strip()


def _locked(override_id: UUID, using: str) -> GateOverride:
    rows = GateOverride.objects.using(using).filter(pk=override_id)
    found = rows.select_for_update(no_key=True, of=("self",)).first()
    if found is None:
        raise NotFound(f"there is no override {override_id}")
    return found


def _write(override: GateOverride, using: str, *columns: str) -> None:
    changes: Mapping[str, Any] = {name: getattr(override, name) for name in columns}
    if not GateOverride.objects.using(using).filter(pk=override.pk).update(**changes):
        raise RuleBroken("the database does not let you")


def _tell(action: str, override: GateOverride, using: str, *, reason: str, **facts: Any) -> None:
    record(
        action=action,
        user_id=override.user_id,
        after={"override": override.pk, **facts},
        reason=reason,
        using=using,
    )
