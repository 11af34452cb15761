"""How a person stands to what their tier allows, and what guards their access: figures of their settings' pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accounts.services.own_sessions import sessions_of
from accounts.services.passkeys import passkeys_of
from accounts.services.recovery import codes_of
from trading.models import TradingAccount, WebhookEndpoint
from trading.services.keys import keys_of
from trading.services.own_accounts import accounts_of

if TYPE_CHECKING:
    from accounts.querysets import Owner
    from accounts.sessions import LivingSession


@dataclass(frozen=True, slots=True, kw_only=True)
class InUse:
    """What counts against a tier: open accounts, and enabled webhooks of the account that has most of them."""

    accounts: int
    webhooks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How many ways in there are; keys and webhooks that are over are not counted."""

    passkeys: int
    codes: int
    sessions: int
    keys: int
    webhooks: int


def in_use(owner: Owner) -> InUse:
    """Return what a person has of what their tier limits."""
    of_account: dict[object, int] = {}
    enabled = WebhookEndpoint.objects.owned_by(owner).filter(deleted_at=None, disabled_at=None)
    for account_id in enabled.values_list("account_id", flat=True):
        of_account[account_id] = of_account.get(account_id, 0) + 1
    return InUse(
        accounts=accounts_of(owner).exclude(status=TradingAccount.Status.CLOSED).count(),
        webhooks=max(of_account.values(), default=0),
    )


def access_of(session: LivingSession) -> Access:
    """Return how many ways in a person has."""
    codes = codes_of(session)
    return Access(
        passkeys=len(passkeys_of(session)),
        codes=0 if codes is None else len(codes.digests),
        sessions=sum(shown.is_living for shown in sessions_of(session)),
        keys=sum(not key.is_over for key in keys_of(session)),
        webhooks=WebhookEndpoint.objects.owned_by(session).filter(deleted_at=None).count(),
    )
