"""Switch an account's mirror on and off, and hand out the links that are due, each to one worker at a time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.errors import RuleBroken
from accounts.services.audit import record
from broker_handoff.models import ShadowLink
from broker_handoff.models.shadow import WORDS_MAX
from broker_handoff.pace import PACE
from broker_handoff.ports import BrokerRefused, BrokerUnavailable, OutcomeUnknown
from matching.models import Market
from trading.models import TradingAccount

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from broker_handoff.ports import Broker, BrokerAccount

LOOK_EVERY = timedelta(seconds=2)
LEASE = timedelta(minutes=2)  # longer than a pass and its last call take
PAPER_PREFIX = "PA"  # of the numbers of Alpaca's paper accounts


class LeaseLost(Exception):
    """Another worker has the link by now, or it was switched off: this one does no more."""


class AnotherShadow(Exception):
    """The key opens another account than the one that was compared so far; the text is for the operator."""


def turn_on(
    *, account: TradingAccount, broker: Broker, now: datetime | None = None, is_trial: bool = False
) -> ShadowLink:
    """Mirror an account from now on; one that is mirrored already stays as it is. Asks the shadow first.

    A trial keeps nothing.

    Raises RuleBroken for an account whose market is a replay or that takes no orders, and for a shadow that
    cannot be reached, takes none, or is no paper account.
    """
    _require_mirrorable(account)
    shadow = _asked(broker)
    return _turn_on(account, shadow.number, now or timezone.now(), is_trial=is_trial)


@transaction.atomic(durable=True)
def turn_off(*, account: TradingAccount, now: datetime | None = None, is_trial: bool = False) -> ShadowLink:
    """Mirror an account no more, at once; what is open at the shadow stays open there. Raises RuleBroken.

    A trial keeps nothing.
    """
    link = (
        ShadowLink.objects.owned_by(account.user).select_for_update(no_key=True).filter(pk=account.pk).first()
    )
    if link is None:
        raise RuleBroken(f"account {account.number} was never mirrored", error="shadow_unknown")
    if not link.is_on:
        return link
    link.is_on, link.turned_off_at = False, now or timezone.now()
    link.lease = link.leased_until = None  # who is at it stops at its next step
    link.save()
    record(
        action="shadow.off",
        user_id=link.user_id,
        account_id=link.account_id,
        before={"shadow_account": link.shadow_account},
    )
    transaction.set_rollback(is_trial)
    return link


@transaction.atomic(durable=True)
def end_for_another(link: ShadowLink, why: str) -> None:
    """End a mirror whose shadow is another account by now: two accounts' fills are no comparison. Raises LeaseLost."""
    require_lease(link)
    now = timezone.now()
    _mine(link).update(
        is_on=False, turned_off_at=now, lease=None, leased_until=None, fault=why[:WORDS_MAX], fault_at=now
    )
    record(
        action="shadow.off",
        user_id=link.user_id,
        account_id=link.account_id,
        before={"shadow_account": link.shadow_account},
        reason=why,
    )


@transaction.atomic(durable=True)
def claim(now: datetime | None = None) -> ShadowLink | None:
    """Return the link that has waited longest, leased to the caller; None where none is due that nobody has."""
    now = now or timezone.now()
    due = ShadowLink.objects.across_owners().filter(
        Q(leased_until=None) | Q(leased_until__lte=now), is_on=True, next_look_at__lte=now
    )
    link = (
        due.order_by("next_look_at", "pk")
        .select_for_update(of=("self",), no_key=True, skip_locked=True)
        .first()
    )
    if link is not None:
        link.lease, link.leased_until = uuid4(), now + LEASE
        link.save(update_fields=["lease", "leased_until"])
    return link


def require_lease(link: ShadowLink) -> None:
    """Hold the caller's lease until the end of its transaction. Raises LeaseLost."""
    mine = ShadowLink.objects.across_owners().filter(pk=link.pk, lease=link.lease, is_on=True)
    if mine.select_for_update(of=("self",), no_key=True).first() is None:
        raise LeaseLost


def note_poll(link: ShadowLink) -> None:
    """Note that the shadow was asked for fills just now."""
    _mine(link).update(polled_at=timezone.now())


def give_back(link: ShadowLink) -> None:
    """Let others have the link: all that there was to do is done."""
    now = timezone.now()
    _mine(link).update(lease=None, leased_until=None, looked_at=now, faults=0, next_look_at=now + LOOK_EVERY)


def give_back_after(link: ShadowLink, words: str, at_least_s: float | None = None) -> None:
    """Let others have the link later: the shadow did not do as it should. Waits grow with the faults in a row."""
    now = timezone.now()
    _mine(link).update(
        lease=None,
        leased_until=None,
        faults=F("faults") + 1,
        fault=words[:WORDS_MAX],
        fault_at=now,
        next_look_at=PACE.after(now, link.faults, at_least_s),
    )


def _mine(link: ShadowLink) -> QuerySet[ShadowLink]:
    return ShadowLink.objects.across_owners().filter(pk=link.pk, lease=link.lease)


def _require_mirrorable(account: TradingAccount) -> None:
    if account.market.feed == Market.FeedKind.REPLAY:
        raise RuleBroken(
            f"account {account.number} trades a replay: the shadow trades now, and the two cannot be compared",
            error="shadow_of_replay",
        )
    if account.status != TradingAccount.Status.ACTIVE:
        raise RuleBroken(f"account {account.number} is {account.status}", error="account_not_active")


def _asked(broker: Broker) -> BrokerAccount:
    try:
        shadow = broker.account()
    except (BrokerRefused, BrokerUnavailable, OutcomeUnknown) as error:
        raise RuleBroken(f"the shadow does not answer as it should: {error}", error="shadow_away") from None
    if not shadow.number.startswith(PAPER_PREFIX):
        raise RuleBroken(f"{shadow.number} is not the number of a paper account", error="shadow_not_paper")
    if not shadow.is_active or shadow.is_blocked:
        raise RuleBroken(f"the shadow's account {shadow.number} takes no orders", error="shadow_blocked")
    return shadow


@transaction.atomic(durable=True)
def _turn_on(account: TradingAccount, shadow_account: str, now: datetime, *, is_trial: bool) -> ShadowLink:
    # The account before its rows: what is placed from here on has a later sequence.
    locked = TradingAccount.objects.owned_by(account.user).select_for_update(of=("self",), no_key=True)
    seq = locked.get(pk=account.pk).event_seq
    made, is_new = ShadowLink.objects.owned_by(account.user).get_or_create(
        pk=account.pk, defaults={"user_id": account.user_id, "followed_seq": seq}
    )
    link = ShadowLink.objects.owned_by(account.user).select_for_update(no_key=True).get(pk=made.pk)
    if link.is_on and not is_new:
        return link
    link.is_on, link.turned_on_at, link.turned_off_at = True, now, None
    link.shadow_account, link.since_seq, link.next_look_at, link.faults = shadow_account, seq, now, 0
    link.save()
    record(
        action="shadow.on",
        user_id=link.user_id,
        account_id=link.account_id,
        after={"shadow_account": shadow_account, "since": seq},
    )
    transaction.set_rollback(is_trial)
    return link
