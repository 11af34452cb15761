"""Compute positions, cash and holds anew from fills, postings and open orders, and put right what differs.

Fills and postings are never changed, so that they are what the figures follow from. What they cannot be is told by
`verify_ledger`, and not mended here. A matcher reads positions before it writes them: while one runs nothing is put right.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.services.audit import record
from matching.models import Shard
from trading.doorbells import ring_account
from trading.errors import NotFound, RuleBroken
from trading.ledger_audit import replayed_fills
from trading.ledger_check import OPEN
from trading.ledger_replay import MONEY_PLACES, SHARE_PLACES, holdings
from trading.models import Asset, Position, TradingAccount

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

_CASH = """select coalesce((select sum(amount) from trading_posting where account_id = %s and ledger = 'cash'), 0)"""
_HELD = f"select asset_id, sum(cash_held), sum(quantity_held) from trading_order where account_id = %s and status in ({OPEN}) group by asset_id"
_FIGURES = ("quantity", "cost", "quantity_held")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A figure that is not what it must be: `of` is the account or a symbol."""

    of: str
    figure: str
    found: Decimal
    expected: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What was found of an account, and put right unless it was a trial."""

    account_id: UUID
    account_number: str
    differences: tuple[Difference, ...]


@transaction.atomic(durable=True)
def rebuild_account(*, account_id: UUID, is_trial: bool = False) -> Rebuilt:
    """Put right an account's cash, holds and positions; a trial only tells. Repeating it changes nothing.

    Raises NotFound; RuleBroken where something is to be put right while a matcher runs its market.
    """
    everybodys = TradingAccount.objects.across_owners().filter(pk=account_id)
    market_id = everybodys.values_list("market_id", flat=True).first()
    if market_id is None:
        raise NotFound(f"account not found for {account_id}")
    # The shards first: a matcher that starts meanwhile waits to claim its own until this has been done.
    shards = list(Shard.objects.filter(market=market_id).order_by("number").select_for_update())
    account = everybodys.select_for_update(of=("self",)).get()
    differences = tuple(_rebuilt(account))
    if differences and not is_trial:
        if any(shard.updated_at > timezone.now() - settings.LEASE for shard in shards):
            raise RuleBroken(
                f"account {account.number} differs, and a matcher runs its market or did so less than"
                f" {settings.LEASE.total_seconds():.0f} s ago: stop it, and try again"
            )
        record(
            action="account.rebuilt",
            user_id=account.user_id,
            account_id=account.pk,
            before={f"{each.of} {each.figure}": each.found for each in differences},
            after={f"{each.of} {each.figure}": each.expected for each in differences},
        )
        transaction.on_commit(lambda: ring_account([account_id]))
    transaction.set_rollback(is_trial)
    return Rebuilt(account_id=account.pk, account_number=account.number, differences=differences)


def _rebuilt(account: TradingAccount) -> Iterator[Difference]:
    """Write what the account's figures must be, in the caller's transaction, and yield what was otherwise."""
    with connection.cursor() as cursor:
        cursor.execute(_CASH, [account.pk])
        (cash,) = cursor.fetchone()
        cursor.execute(_HELD, [account.pk])
        held = {asset_id: (of_cash, of_shares) for asset_id, of_cash, of_shares in cursor.fetchall()}
    cash_held = sum((of_cash for of_cash, _ in held.values()), Decimal(0))
    yield from _put(account, str(account.number), {"cash": cash, "cash_held": cash_held})

    stored = {position.asset_id: position for position in _positions(account)}
    wanted = {
        asset_id: (_scaled(quantity, SHARE_PLACES), _scaled(cost, MONEY_PLACES))
        for _, asset_id, quantity, cost in holdings(replayed_fills(account.pk))
    }
    symbols = dict(Asset.objects.filter(pk__in={*stored, *wanted, *held}).values_list("pk", "symbol"))
    for asset_id, symbol in sorted(symbols.items(), key=lambda each: each[1]):
        quantity, cost = wanted.get(asset_id, (Decimal(0), Decimal(0)))
        figures = dict(zip(_FIGURES, (quantity, cost, held.get(asset_id, (0, Decimal(0)))[1]), strict=True))
        position = stored.get(asset_id)
        if position is None:
            if not any(figures.values()):
                continue
            position = Position(
                user_id=account.user_id,
                account_id=account.pk,
                asset_id=asset_id,
                symbol=symbol,
                updated_at=timezone.now(),
            )
        yield from _put(position, symbol, figures)


def _positions(account: TradingAccount) -> list[Position]:
    mine = Position.objects.across_owners().filter(account=account.pk)
    return list(mine.order_by("pk").select_for_update(of=("self",)))


def _put(row: TradingAccount | Position, of: str, figures: dict[str, Any]) -> list[Difference]:
    differing = [
        Difference(of=of, figure=name, found=getattr(row, name), expected=value)
        for name, value in figures.items()
        if getattr(row, name) != value
    ]
    for each in differing:
        setattr(row, each.figure, each.expected)
    if differing:
        row.save(update_fields=None if row._state.adding else [each.figure for each in differing])  # noqa: SLF001 - Django's documented way
    return differing


def _scaled(number: int, places: int) -> Decimal:
    return Decimal(number).scaleb(-places)
