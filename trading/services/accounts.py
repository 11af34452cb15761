"""Open paper accounts and pay paper money in."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from accounts.models import User
from accounts.models.user import new_id
from trading.errors import ValueInvalid
from trading.models import Journal, LedgerAccount, Posting, SimulationProfile, TradingAccount
from trading.services.profiles import profile_named

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal
    from uuid import UUID

    from matching.models import Market

CASH_MAX = 1_000_000_000_000  # dollars; leaves the ledger's columns room to grow
NUMBER_ALPHABET = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@transaction.atomic(durable=True)
def open_account(
    *, owner: User, market: Market, cash: Decimal, now: datetime, name: str = ""
) -> TradingAccount:
    """Open a paper account in a market and pay `cash` dollars in at market time `now`.

    Raises ValueError for cash that is not positive.
    """
    if cash <= 0:
        message = f"starting cash {cash} is not positive"
        raise ValueError(message)
    return _open(
        owner=owner, market=market, cash=cash, now=now, name=name, profile=profile_named("displayed")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """An account just opened, and whose it is."""

    email: str
    account_id: UUID
    account_number: str
    profile: str
    cash: Decimal


@transaction.atomic(durable=True)
def create_account(
    *,
    email: str,
    market: Market,
    cash: Decimal,
    now: datetime,
    name: str = "",
    profile: str = "displayed",
) -> NewAccount:
    """Open an account for the person with this address, who is made when nobody has it.

    `cash` is in dollars and whole cents, `now` the market's time. Raises ValueInvalid.
    """
    _require(email, cash, name)
    named = profile_named(profile)
    owner = User.objects.filter(email__iexact=email).first()
    if owner is not None and not owner.is_active:
        raise ValueInvalid(f"{owner.email} is not active")
    owner = owner or User.objects.create_user(email)
    account = _open(owner=owner, market=market, cash=cash, now=now, name=name, profile=named)
    return NewAccount(
        email=owner.email,
        account_id=account.pk,
        account_number=account.number,
        profile=profile,
        cash=cash,
    )


def _require(email: str, cash: Decimal, name: str) -> None:
    try:
        validate_email(email)
    except ValidationError:
        raise ValueInvalid(f"{email!r} is not an e-mail address") from None
    if not cash.is_finite() or not 0 < cash <= CASH_MAX:
        raise ValueInvalid(f"starting cash {cash} is not between 0 and {CASH_MAX} dollars")
    if cash != round(cash, 2):
        raise ValueInvalid(f"starting cash {cash} is not in whole cents")
    length_max = TradingAccount._meta.get_field("name").max_length  # noqa: SLF001 - Django's documented way to a field
    if length_max is not None and len(name) > length_max:
        raise ValueInvalid(f"the name has {len(name)} characters, and may have {length_max}")


def _open(
    *,
    owner: User,
    market: Market,
    cash: Decimal,
    now: datetime,
    name: str,
    profile: SimulationProfile,
) -> TradingAccount:
    account = TradingAccount.objects.create(
        user=owner,
        market=market,
        number="PA" + "".join(secrets.choice(NUMBER_ALPHABET) for _ in range(10)),
        name=name,
        profile=profile,
        cash=cash,
        created_at=now,
    )
    _pay_in(account, cash, now)
    return account


def _pay_in(account: TradingAccount, cash: Decimal, now: datetime) -> None:
    owner = {"user_id": account.user_id, "account_id": account.pk}
    journal = Journal.objects.create(
        id=new_id(), kind=Journal.Kind.DEPOSIT, at=now, note="starting cash", **owner
    )
    Posting.objects.bulk_create(
        [
            Posting(journal_id=journal.pk, ledger=LedgerAccount.CASH, amount=cash, **owner),
            Posting(journal_id=journal.pk, ledger=LedgerAccount.CAPITAL, amount=-cash, **owner),
        ]
    )
