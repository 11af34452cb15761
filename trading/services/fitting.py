"""Fit what people have to what their tier allows: after a change of tier in its transaction, and daily.

Nothing is deleted. Of the open accounts the newest beyond the allowance take no order that opens a position,
until there is room again; of an account's enabled webhooks the newest beyond it are disabled. Doing it again
changes nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Tier, User
from accounts.services.audit import Entry, record_all
from accounts.tiers import ALLOWANCES, allowance
from trading.models import TradingAccount, WebhookEndpoint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from accounts.querysets import Owner

logger = logging.getLogger(__name__)

# People who have more, or are held to less, than their tier allows.
_UNFIT = """
with most as (select key as tier, (value ->> 'accounts')::int as accounts, (value ->> 'webhooks')::int as webhooks
                from jsonb_each(%s::jsonb)),
account as (
  select a.user_id, a.exits_only, row_number() over (partition by a.user_id order by a.account_id) as place, m.accounts
    from trading_tradingaccount a join accounts_user u on u.id = a.user_id join most m on m.tier = u.tier
   where a.status <> 'ACCOUNT_CLOSED'),
webhook as (
  select w.user_id, count(*) as total, min(m.webhooks) as most
    from trading_webhookendpoint w join accounts_user u on u.id = w.user_id join most m on m.tier = u.tier
   where w.deleted_at is null and w.disabled_at is null group by w.user_id, w.account_id)
select user_id from account where exits_only <> (place > accounts)
union select user_id from webhook where total > most order by 1"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """What a person would lose with another tier; empty and None: nothing. `history_before` is the wall's."""

    accounts: tuple[TradingAccount, ...]  # that would take no order that opens
    webhooks: tuple[WebhookEndpoint, ...]  # that would be disabled
    history_before: datetime | None  # what was recorded before it would be deleted


def losses(*, owner: Owner, tier: str, at: datetime) -> Losses:
    """Return what an owner would lose if their tier were another at an instant, as things stand now."""
    may = allowance(tier)
    accounts = list(_open_accounts(owner).order_by("pk"))
    webhooks = list(_enabled_webhooks(owner).order_by("created_at", "pk"))
    keeps = may.history_days
    return Losses(
        accounts=tuple(accounts[may.accounts :]),
        webhooks=tuple(_beyond(webhooks, may.webhooks)),
        history_before=None if keeps is None else at - timedelta(days=keeps),
    )


def fit(*, user_id: UUID, tier: str) -> None:
    """Fit what a person has to a tier, in the caller's transaction, which has locked the person's row."""
    owner = User.objects.get(pk=user_id)
    may = allowance(tier)
    told: list[Entry] = []
    for place, account in enumerate(_open_accounts(owner).order_by("pk").select_for_update(no_key=True)):
        is_beyond = place >= may.accounts
        if account.exits_only != is_beyond:
            account.exits_only = is_beyond
            account.save(update_fields=["exits_only"])
            told.append(
                _told("account.limited" if is_beyond else "account.unlimited", account.pk, user_id, tier)
            )
    webhooks = list(_enabled_webhooks(owner).order_by("pk").select_for_update(no_key=True))
    for webhook in _beyond(sorted(webhooks, key=lambda one: (one.created_at, one.pk)), may.webhooks):
        webhook.disabled_at = timezone.now()
        webhook.disabled_reason = (
            f"more than the {may.webhooks} that the tier {Tier(tier).label} allows an account"
        )
        webhook.save(update_fields=["disabled_at", "disabled_reason"])
        told.append(_told("webhook.disabled", webhook.account_id, user_id, tier, endpoint_id=webhook.pk))
    record_all(told)


def fit_everybody() -> int:
    """Fit whoever is not, each in a transaction of their own; return how many people that were."""
    allowed = {
        tier.value: {"accounts": may.accounts, "webhooks": may.webhooks} for tier, may in ALLOWANCES.items()
    }
    with connection.cursor() as cursor:
        cursor.execute(_UNFIT, [msgspec.json.encode(allowed).decode()])
        people = [user_id for (user_id,) in cursor.fetchall()]
    for user_id in people:
        with transaction.atomic(durable=True):
            user = User.objects.select_for_update(no_key=True).get(pk=user_id)
            fit(user_id=user_id, tier=user.tier)
    if people:
        logger.info("%d people were fitted to their tiers", len(people))
    return len(people)


def _open_accounts(owner: Owner) -> Any:
    return TradingAccount.objects.owned_by(owner).exclude(status=TradingAccount.Status.CLOSED)


def _enabled_webhooks(owner: Owner) -> Any:
    return WebhookEndpoint.objects.owned_by(owner).filter(deleted_at=None, disabled_at=None)


def _beyond(webhooks: Sequence[WebhookEndpoint], most: int) -> list[WebhookEndpoint]:
    """Return the newest of each account beyond so many; they come oldest first."""
    beyond, of_account = [], dict.fromkeys((one.account_id for one in webhooks), 0)
    for webhook in webhooks:
        of_account[webhook.account_id] += 1
        if of_account[webhook.account_id] > most:
            beyond.append(webhook)
    return beyond


def _told(action: str, account_id: UUID, user_id: UUID, tier: str, **facts: Any) -> Entry:
    return Entry(action=action, user_id=user_id, account_id=account_id, after={"tier": tier, **facts})
