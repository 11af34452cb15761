"""Wishes of the staff: asked for in the admin as the support role, performed by a worker, and told twice.

`StaffAct` is the row between the two. What a kind of act does is registered by name: here nothing knows what
it is, so that other apps can add theirs. A performer changes nothing the second time, for it may come.
Why so: accounts/decisions/0009-staff-acts.md.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import IntegrityError, ProgrammingError, transaction
from django.db.models import F
from django.db.models.functions import Now

from accounts import tracing
from accounts.clock import database_now
from accounts.models import User
from accounts.models.user import new_id
from accounts.services.audit import record
from trading.errors import RuleBroken, TradingError, Unavailable, ValueInvalid
from trading.models import AccountGrant, GrantPermission, StaffAct, TradingAccount
from trading.models.staff_act import OUTCOME_MAX, REASON_MAX, TICKET_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from django.db.models import QuerySet

    from accounts.step_up import Shown

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)  # after which an act that was begun and not ended is begun anew
DONE_WITHIN = timedelta(hours=24)  # an older wish was for a day that is over
ATTEMPTS_MAX = 5  # that failed without a word
DUE_MAX = 100
OWN = "it is your own account: another member of the staff does this"
NOT_GRANTED = "you may not do this: it was not granted to you"
IN_WORDS = frozenset({"note"})  # arguments that may be personal: told, erasably, by what does the act


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What a performer is told: the wish, and the account that it is about, None for nobody's."""

    act: StaffAct
    account: TradingAccount | None

    @property
    def reason(self) -> str:
        return self.act.reason

    def argument(self, name: str) -> Any:
        """Return one of the wish's arguments, None where it has none."""
        return self.act.arguments.get(name)

    @property
    def subject(self) -> TradingAccount:
        """The account, of a kind that is always about one."""
        assert self.account is not None
        return self.account


class Unfinished(Exception):
    """Some of it is done; the rest is tried again after a while. Its text says how far it is."""


_performers: dict[str, Callable[[Deed], str]] = {}
_global: set[str] = set()  # the kinds that are about no account


def performs(
    kind: str, *, is_global: bool = False
) -> Callable[[Callable[[Deed], str]], Callable[[Deed], str]]:
    """Register what performs a kind of act; it returns what came of it in words, or raises a Failure.

    One that `is_global` is about no account, and for superusers alone.
    """

    def registered(performer: Callable[[Deed], str]) -> Callable[[Deed], str]:
        _performers[kind] = performer
        if is_global:
            _global.add(kind)
        return performer

    return registered


@cache
def _find_performers() -> None:
    """Import the modules that the apps' configurations name as their `staff_deeds`, where performers register.

    Not when the apps get ready: they bring most services with them, and few processes ever see an act.
    """
    for config in apps.get_app_configs():
        if name := getattr(config, "staff_deeds", None):
            import_module(name)


def kinds() -> frozenset[str]:
    """Return the kinds that somebody performs."""
    _find_performers()
    return frozenset(_performers)


def ask_for_act(
    *,
    shown: Shown,
    kind: str,
    account: TradingAccount | None,
    arguments: Mapping[str, Any],
    reason: str,
    ticket: str = "",
    act_id: UUID | None = None,
    using: str = "default",
) -> StaffAct:
    """Write a wish down, with an entry in the account's audit log, or the system's; a worker performs it.

    `shown` is the passkey's yes to this very wish, of whoever asks: its digest is told.
    A form has an `act_id` of its own: sent twice it is one act, the first one.
    Raises ValueInvalid, RuleBroken for who may not, for one's own account, and for a form that said something else
    before.
    """
    act = _wished(
        staff_id=shown.user_id,
        kind=kind,
        account=account,
        arguments=arguments,
        reason=reason,
        ticket=ticket,
        act_id=act_id,
        using=using,
    )
    try:
        with transaction.atomic(using=using, durable=True):
            act.save(using=using, force_insert=True)
            told = {name: value for name, value in act.arguments.items() if name not in IN_WORDS}
            _tell(
                "staff.asked",
                act,
                account,
                using=using,
                ticket=act.ticket,
                arguments=told,
                digest=shown.digest.hex(),
            )
    except ProgrammingError:  # row security
        raise RuleBroken(NOT_GRANTED) from None
    except IntegrityError:
        return _first_of(act, using)
    return act


def judge_act(
    *,
    staff_id: UUID,
    kind: str,
    account: TradingAccount | None,
    arguments: Mapping[str, Any],
    reason: str,
    ticket: str = "",
    act_id: UUID | None = None,
    using: str = "default",
) -> None:
    """Raise what asking for an act would be refused with, before anybody shows a passkey for it. Nothing is written."""
    act = _wished(
        staff_id=staff_id,
        kind=kind,
        account=account,
        arguments=arguments,
        reason=reason,
        ticket=ticket,
        act_id=act_id,
        using=using,
    )
    if account is not None and not _held(act, using).exists():
        raise RuleBroken(NOT_GRANTED)
    if StaffAct.objects.using(using).filter(pk=act.pk).exists():
        _first_of(act, using)


def _wished(
    *,
    staff_id: UUID,
    kind: str,
    account: TradingAccount | None,
    arguments: Mapping[str, Any],
    reason: str,
    ticket: str,
    act_id: UUID | None,
    using: str,
) -> StaffAct:
    """Return a wish that may be written down. Raises ValueInvalid, RuleBroken for one's own account."""
    if kind not in kinds() or (kind in _global) != (account is None):
        raise ValueInvalid(f"there is no act {kind[:64]!r}")
    for name, text, most in (("reason", reason, REASON_MAX), ("ticket", ticket, TICKET_MAX)):
        if len(text.strip()) > most:
            raise ValueInvalid(f"the {name} has {len(text.strip())} characters, and may have {most}")
    if not reason.strip():
        raise ValueInvalid("a reason is required")
    if account is not None and account.user_id == staff_id:
        raise RuleBroken(OWN)
    asked_at = database_now(using)  # which the policy asks, too
    return StaffAct(
        id=act_id or new_id(),
        kind=kind,
        account_id=account.pk if account else None,
        staff_id=staff_id,
        arguments=dict(arguments),
        reason=reason.strip(),
        ticket=ticket.strip(),
        request_id=tracing.current().request_id,
        asked_at=asked_at,
        next_attempt_at=asked_at,
    )


def _held(act: StaffAct, using: str) -> QuerySet[AccountGrant]:
    """Return the grants that let whoever asked act on the account."""
    return AccountGrant.objects.using(using).filter(
        user_id=act.staff_id,
        content_object_id=act.account_id,
        permission__codename=GrantPermission.ACT,
    )


def _first_of(again: StaffAct, using: str) -> StaffAct:
    """Return the act that a form has asked for before. Raises RuleBroken where it said something else then."""
    said = ("kind", "account_id", "staff_id", "arguments", "reason", "ticket")
    first = StaffAct.objects.using(using).filter(pk=again.pk).first()
    if first is None or any(getattr(first, name) != getattr(again, name) for name in said):
        raise RuleBroken("this form was sent before, and said something else: open it anew")
    return first


def due() -> list[UUID]:
    """Return the wishes that nobody performs now, those that wait longest first."""
    waiting = StaffAct.objects.filter(status=StaffAct.Status.WAITING, next_attempt_at__lte=Now())
    return list(waiting.order_by("next_attempt_at").values_list("pk", flat=True)[:DUE_MAX])


def perform_act(act_id: UUID) -> StaffAct | None:
    """Do what a wish says, in the name of who asked; None where it is over or another worker's turn.

    An error that is no Failure is raised once the wish has been put off.
    """
    act = _claimed(act_id)
    if act is None:
        return None
    with tracing.caused_by(act.request_id):
        tracing.told(actor_kind="staff", actor_id=str(act.staff_id))
        account = None
        if act.account_id is not None:
            everybodys = TradingAccount.objects.across_owners().select_related("user")
            account = everybodys.filter(pk=act.account_id).first()
        try:
            _require_still_allowed(act, account)
            _find_performers()
            words = _performers[act.kind](Deed(act=act, account=account))
        except Unfinished as so_far:
            StaffAct.objects.filter(pk=act.pk).update(outcome=str(so_far)[:OUTCOME_MAX])
        except Unavailable as error:
            StaffAct.objects.filter(pk=act.pk).update(outcome=f"tried again soon: {error}"[:OUTCOME_MAX])
        except TradingError as error:
            _close(act, account, StaffAct.Status.REFUSED, str(error))
        except Exception:
            if act.attempts >= ATTEMPTS_MAX:
                _close(
                    act, account, StaffAct.Status.FAILED, f"it failed {act.attempts} times; the log says why"
                )
            raise
        else:
            _close(act, account, StaffAct.Status.DONE, words)
    return act


@transaction.atomic(durable=True)
def _claimed(act_id: UUID) -> StaffAct | None:
    mine = StaffAct.objects.filter(pk=act_id, status=StaffAct.Status.WAITING, next_attempt_at__lte=Now())
    if not mine.update(next_attempt_at=Now() + LEASE, attempts=F("attempts") + 1):
        return None
    return StaffAct.objects.get(pk=act_id)


def _require_still_allowed(act: StaffAct, account: TradingAccount | None) -> None:
    """Raise RuleBroken where who asked may no more: it may have waited for a worker.

    The database lets who may act on an account write any kind of wish about it; what concerns everybody is none.
    """
    if act.kind in kinds() and (act.kind in _global) != (act.account_id is None):
        raise RuleBroken("an act of this kind is about everybody" if act.account_id else "which account?")
    if account is not None and account.user_id == act.staff_id:
        raise RuleBroken(OWN)
    if act.asked_at < database_now() - DONE_WITHIN:
        raise RuleBroken("it was asked for more than 24 hours ago: ask again")
    staff = User.objects.filter(pk=act.staff_id, is_active=True, is_staff=True)
    if act.account_id is None:
        is_allowed = staff.filter(is_superuser=True).exists()
    else:
        is_allowed = staff.exists() and _held(act, "default").exists()
    if not is_allowed:
        raise RuleBroken("whoever asked for it may do so no more")


@transaction.atomic(durable=True)
def _close(act: StaffAct, account: TradingAccount | None, status: StaffAct.Status, words: str) -> None:
    act.status, act.outcome, act.done_at = status, words[:OUTCOME_MAX], database_now()
    waiting = StaffAct.objects.filter(pk=act.pk, status=StaffAct.Status.WAITING)
    if waiting.update(status=act.status, outcome=act.outcome, done_at=act.done_at):
        _tell(f"staff.{act.status}", act, account, outcome=act.outcome)


def _tell(
    action: str, act: StaffAct, account: TradingAccount | None, *, using: str = "default", **facts: Any
) -> None:
    record(
        action=action,
        user_id=account.user_id if account else None,
        account_id=account.pk if account else None,
        after={"act": act.pk, "kind": act.kind, **facts},
        reason=act.reason,
        using=using,
    )
