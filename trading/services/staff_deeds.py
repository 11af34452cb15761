"""What the staff may have done to an account or an asset, by kind of act; each by the service that others use, too.

A performer works for the account's owner where its service asks for one. It is called by a worker, perhaps twice: what it
did the first time, where that worker died, it asks `deeds_before`.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from django.utils import timezone

from accounts import mail
from accounts.binding import acting_for
from accounts.models import ApiKey, Erasure, Session, Tier
from accounts.models.audit import SYSTEM_CHAIN
from accounts.services.erasures import ask_as_operator, mail_link
from accounts.services.exports import ask_for_export
from accounts.services.tiers import pending_change, set_tier, warn
from accounts.sessions import end_sessions
from trading.errors import NotFound, RuleBroken
from trading.models import WebhookEndpoint
from trading.principal import OF_PERSON, Principal
from trading.services.adjusting import adjust_cash
from trading.services.deeds_before import canceled_before, done_before, mail_once
from trading.services.freezing import freeze, resume_asset, suspend_asset, thaw
from trading.services.keys import revoke_own_key
from trading.services.orders import cancel_all_orders
from trading.services.staff_acts import performs
from trading.services.webhooks import replay
from trading.wire import plain

if TYPE_CHECKING:
    from trading.models import TradingAccount
    from trading.services.staff_acts import Deed

TIER_REASON_MAX = 200  # what the record of tiers takes


@performs("freeze")
def _freeze(deed: Deed) -> str:
    is_done = bool(done_before(deed, "account.frozen", chain=deed.subject.pk))
    is_new = is_done or freeze(account_id=deed.subject.pk, reason=deed.reason)
    return "frozen: it takes no order that opens a position" if is_new else "it was frozen already"


@performs("thaw")
def _thaw(deed: Deed) -> str:
    is_done = bool(done_before(deed, "account.thawed", chain=deed.subject.pk))
    is_new = is_done or thaw(account_id=deed.subject.pk, reason=deed.reason)
    return "thawed" if is_new else "it was not frozen"


@performs("cancel_orders")
def _cancel_orders(deed: Deed) -> str:
    with acting_for(deed.subject.user_id):
        asked = {*cancel_all_orders(principal=_owner_of(deed.subject), request_id=deed.act.request_id)}
    asked |= canceled_before(deed)
    return f"the cancel of {len(asked)} orders was asked for; the matcher decides"


@performs("adjust_cash")
def _adjust_cash(deed: Deed) -> str:
    amount = Decimal(deed.argument("amount"))
    adjust_cash(
        account_id=deed.subject.pk,
        amount=amount,
        note=deed.argument("note"),
        reason=deed.reason,
        request_id=deed.act.request_id,
        journal_id=deed.act.pk,  # performed twice it is one journal
    )
    return f"cash was moved by {plain(amount)} dollars"


@performs("change_tier")
def _change_tier(deed: Deed) -> str:
    person = deed.subject.user
    changed = done_before(deed, "tier.changed", chain=person.pk)
    asked = done_before(deed, "tier.downgrade_asked", chain=person.pk)
    if changed:
        before, tier, pending = changed[0]["before"]["tier"], changed[0]["after"]["tier"], None
    elif asked:
        before = tier = asked[0]["before"]["tier"]
        pending = pending_change(person.pk)  # unless somebody has withdrawn it since
    else:
        done = set_tier(
            user_id=person.pk,
            tier=deed.argument("tier"),
            reason=deed.reason[:TIER_REASON_MAX],
            now=timezone.now(),
            is_at_once=bool(deed.argument("is_at_once")),
            is_told=False,
        )
        before, tier, pending = done.before, done.tier, done.pending
        asked = [{}] if done.outcome == "downgrade_asked" else []
    if tier != before:
        _tell_person(deed, "your tier has changed", f"Your tier is {Tier(tier).label} from now on.")
    elif asked and pending:
        mail_once(deed, partial(warn, person.email, pending))
    later = f"; {pending.to_tier} from {pending.applies_at:%Y-%m-%d} on" if pending else ""
    return f"the tier was {before} and is {tier}{later}"


@performs("revoke_keys")
def _revoke_keys(deed: Deed) -> str:
    account, only = deed.subject, deed.argument("key_id")
    with acting_for(account.user_id):
        mine = ApiKey.objects.owned_by(account.user, account.pk)
        if only and not mine.filter(pk=only).exists():
            raise NotFound(f"this account has no key {only}")
        living = mine.filter(revoked_at=None, **({"pk": only} if only else {}))
        revoked = {body["after"]["key_id"] for body in done_before(deed, "api_key.revoked", chain=account.pk)}
        for key_id in living.order_by("pk").values_list("pk", flat=True):
            revoke_own_key(owner=account.user, key_id=key_id)
            revoked.add(key_id)
        key_ids = sorted(revoked)
    if key_ids:
        _tell_person(
            deed,
            "API keys were revoked",
            f"Of account {account.number}, and for good: {', '.join(key_ids)}. Programs that use them are shut out.",
        )
    return f"{len(key_ids)} keys were revoked"


@performs("end_sessions")
def _end_sessions(deed: Deed) -> str:
    ended = len(done_before(deed, "session.ended", chain=deed.subject.user_id))
    if not ended:  # all of them are one transaction: who has signed in since then stays
        with acting_for(deed.subject.user_id):
            ended = len(end_sessions(deed.subject.user, reason=Session.End.BY_STAFF))
    if ended:
        _tell_person(
            deed, "you were signed out everywhere", "Your passkeys let you in again, as they did before."
        )
    return f"{ended} sessions were ended"


@performs("replay_webhook")
def _replay_webhook(deed: Deed) -> str:
    endpoint_id = UUID(deed.argument("endpoint_id"))
    mine = WebhookEndpoint.objects.owned_by(deed.subject.user, deed.subject.pk)
    if not mine.filter(pk=endpoint_id).exists():
        raise NotFound(f"webhook not found for {endpoint_id}")
    is_done = bool(done_before(deed, "webhook.replayed", chain=deed.subject.pk))  # not sent a third time
    count = replay(endpoint_id=endpoint_id, from_seq=deed.argument("from_seq"), is_dry=is_done)
    return f"{count} events are sent again"


@performs("export")
def _export(deed: Deed) -> str:
    _require_ticket(deed)
    asked = done_before(deed, "export.asked", chain=deed.subject.user_id)
    export_id = asked[0]["after"]["export"] if asked else ask_for_export(owner=deed.subject.user).pk
    return f"export {export_id} is made, and its link mailed to them"


@performs("erase")
def _erase(deed: Deed) -> str:
    _require_ticket(deed)
    if deed.subject.user.is_staff or deed.subject.user.is_superuser:  # it would lock a colleague out, at once
        raise RuleBroken("they are of the staff: an operator dismisses them first (manage.py dismiss_staff)")
    person = deed.subject.user
    is_new = Erasure.objects.owned_by(person).filter(canceled_at=None).first() is None
    is_by_this = bool(done_before(deed, "erasure.asked", chain=person.pk))
    erasure = ask_as_operator(user=person, reason=deed.reason, ticket=deed.act.ticket, is_told=False)
    if is_new or is_by_this:
        mail_once(deed, partial(mail_link, person, erasure))
    return f"they are deactivated, and erased on {erasure.due_at:%Y-%m-%d} unless they keep themselves"


@performs("suspend_asset", is_global=True)
def _suspend_asset(deed: Deed) -> str:
    symbol = deed.argument("symbol")
    is_done = bool(done_before(deed, "asset.suspended", chain=SYSTEM_CHAIN))
    is_new = is_done or suspend_asset(symbol=symbol, reason=deed.reason)
    return f"{symbol} takes no new orders" if is_new else f"{symbol} was suspended already"


@performs("resume_asset", is_global=True)
def _resume_asset(deed: Deed) -> str:
    symbol = deed.argument("symbol")
    is_done = bool(done_before(deed, "asset.resumed", chain=SYSTEM_CHAIN))
    is_new = is_done or resume_asset(symbol=symbol, reason=deed.reason)
    return f"{symbol} takes orders again" if is_new else f"{symbol} was not suspended"


def _owner_of(account: TradingAccount) -> Principal:
    """Return whom an account belongs to, as their own requests would be told."""
    return Principal(
        user_id=account.user_id,
        account_id=account.pk,
        market_id=account.market_id,
        scopes=OF_PERSON,
        tier=account.user.tier,
    )


def _tell_person(deed: Deed, subject: str, words: str) -> None:
    """Mail somebody what the staff have done to their access; not why, which their audit log tells."""
    mail_once(
        deed,
        partial(
            mail.tell,
            deed.subject.user.email,
            subject=subject,
            happened=[f"Our staff did this. {words}"],
            advice="If you did not ask for it, ask us why.",
        ),
    )


def _require_ticket(deed: Deed) -> None:
    if not deed.act.ticket:
        raise RuleBroken("a request of a person has a ticket, in which they were recognised")
