"""Open paper accounts and pay paper money in; find anybody's, for operators."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction

from accounts import tracing
from accounts.binding import BIND
from accounts.models import User
from accounts.models.user import new_id
from accounts.services.audit import record_all
from accounts.tiers import allowance
from trading.errors import NotFound, RuleBroken, ValueInvalid
from trading.models import TradingAccount
from trading.models.configuration import MULTIPLIERS
from trading.services.audited import account_opened, user_created
from trading.services.market_choice import require_market_for
from trading.services.own_accounts import require_name
from trading.services.profiles import profile_named, seed_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from accounts.querysets import Owner
    from accounts.services.audit import Entry
    from matching.models import Market
    from trading.models import SimulationProfile
    from trading.principal import Principal

CASH_DEFAULT = Decimal(100_000)
CASH_MAX = 1_000_000_000_000  # dollars; leaves the ledger's columns room to grow
PAPER_MULTIPLIER = 4  # spec of the wire, 4.2
NUMBER_ALPHABET = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@transaction.atomic(durable=True)
def open_account(
    *,
    owner: User,
    market: Market,
    cash: Decimal,
    now: datetime,
    name: str = "",
    multiplier: int = PAPER_MULTIPLIER,
) -> TradingAccount:
    """Open a paper account in a market and pay `cash` dollars in at market time `now`.

    `multiplier`: how many times its equity it may hold.

    Raises ValueError for cash that is not positive.
    """
    if cash <= 0:
        message = f"starting cash {cash} is not positive"
        raise ValueError(message)
    return _open(
        owner=owner,
        market=market,
        cash=cash,
        now=now,
        name=name,
        profile=profile_named("displayed"),
        multiplier=multiplier,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """An account just opened, and whose it is."""

    email: str
    account_id: UUID
    account_number: str
    profile: str
    multiplier: int
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
    multiplier: int = PAPER_MULTIPLIER,
    is_trial: bool = False,
) -> NewAccount:
    """Open an account for the person with this address, who is made when nobody has it.

    `cash` is in dollars and whole cents, `now` the market's time; `multiplier` one of MULTIPLIERS.
    A trial keeps nothing. Raises ValueInvalid.
    """
    _require_email(email)
    require_cash(cash)
    require_name(name)
    _require_multiplier(multiplier)
    named = profile_named(profile)
    owner = User.objects.filter(email__iexact=email).first()
    if owner is not None and not owner.is_active:
        raise ValueInvalid(f"{owner.email} is not active")
    newcomer = []
    if owner is None:
        owner = User.objects.create_user(email)
        newcomer.append(user_created(owner.pk, email=owner.email, tier=owner.tier))
    account = _open(
        owner=owner,
        market=market,
        cash=cash,
        now=now,
        name=name,
        profile=named,
        multiplier=multiplier,
        told=newcomer,
    )
    transaction.set_rollback(is_trial)
    return NewAccount(
        email=owner.email,
        account_id=account.pk,
        account_number=account.number,
        profile=profile,
        multiplier=multiplier,
        cash=cash,
    )


@transaction.atomic(durable=True)
def open_own_account(
    *,
    principal: Principal,
    market: Market,
    now: datetime,
    cash: Decimal = CASH_DEFAULT,
    name: str = "",
    profile: str = "displayed",
    multiplier: int = PAPER_MULTIPLIER,
) -> TradingAccount:
    """Open another account for the caller, as far as their tier allows; units as of `create_account`.

    Raises ValueInvalid, RuleBroken.
    """
    require_cash(cash)
    require_name(name)
    _require_multiplier(multiplier)
    require_market_for(principal.tier, market)
    return _open(
        owner=principal,
        market=market,
        cash=cash,
        now=now,
        name=name,
        profile=profile_named(profile),
        multiplier=multiplier,
        most=allowance(principal.tier).accounts,
    )


def require_cash(cash: Decimal) -> None:
    """Raise ValueInvalid for what no account can begin with."""
    if not cash.is_finite() or not 0 < cash <= CASH_MAX:
        raise ValueInvalid(f"starting cash {cash} is not between 0 and {CASH_MAX} dollars")
    if cash != round(cash, 2):
        raise ValueInvalid(f"starting cash {cash} is not in whole cents")


def _require_email(email: str) -> None:
    try:
        validate_email(email)
    except ValidationError:
        raise ValueInvalid(f"{email!r} is not an e-mail address") from None


def _require_multiplier(multiplier: int) -> None:
    if multiplier not in MULTIPLIERS:
        raise ValueInvalid(f"multiplier {multiplier} is not one of {', '.join(map(str, MULTIPLIERS))}")


def _open(
    *,
    owner: Owner,
    market: Market,
    cash: Decimal,
    now: datetime,
    name: str,
    profile: SimulationProfile,
    multiplier: int,
    most: int | None = None,
    told: Sequence[Entry] = (),
) -> TradingAccount:
    """Open an account in the caller's transaction, and tell the audit log of it and what else is `told`.

    `most` is how many open ones its owner may have.
    """
    assert owner.pk is not None
    account_id = new_id()
    wanted = TradingAccount(
        id=account_id,
        user_id=owner.pk,
        market=market,
        number="PA" + "".join(secrets.choice(NUMBER_ALPHABET) for _ in range(10)),
        name=name,
        profile=profile,
        multiplier=multiplier,
        seed=seed_of(account_id),
        cash=cash,
        created_at=now,
    )
    columns = {field.column: getattr(wanted, field.attname) for field in TradingAccount._meta.concrete_fields}  # noqa: SLF001 - Django's documented way to a model's fields
    with connection.cursor() as cursor:
        cursor.execute(BIND, [str(owner.pk)])
        row = msgspec.json.encode(columns | {"request_id": tracing.current().request_id}).decode()
        cursor.execute("select trading_open_account(%s::jsonb, %s)", [row, most])
        (denial,) = cursor.fetchone()
    if denial == "too_many_accounts":
        raise RuleBroken(f"your tier allows {most} open account{'' if most == 1 else 's'}")
    if denial is not None:
        raise NotFound("there is no such active user")
    account = TradingAccount.objects.owned_by(owner).select_related("market", "profile").get(pk=account_id)
    record_all([*told, account_opened(account)])
    return account


def account_named(text: str) -> TradingAccount:
    """Return anybody's account by its number or id, with its owner: for operators. Raises NotFound."""
    everybodys = TradingAccount.objects.across_owners().select_related("user")
    try:
        account = everybodys.filter(pk=UUID(text)).first()
    except ValueError:
        account = everybodys.filter(number=text).first()
    if account is None:
        raise NotFound(f"there is no account {text}")
    return account


def every_account(*, email: str | None = None, wants_closed: bool = False) -> list[TradingAccount]:
    """Return the accounts of one person, or everybody's, oldest first: for operators."""
    found = TradingAccount.objects.across_owners().select_related("user", "market", "profile")
    if email is not None:
        found = found.filter(user__email__iexact=email)
    if not wants_closed:
        found = found.exclude(status=TradingAccount.Status.CLOSED)
    return list(found.order_by("created_at", "pk"))
