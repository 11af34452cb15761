"""Make, change and delete watchlists. Spec of the wire: 1.1, 4.5.

Each function takes the list's row by its owner and returns it with its assets, in the list's order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction

from trading import reference
from trading.errors import NotFound, RuleBroken, ValueInvalid
from trading.models import Asset, Watchlist
from trading.models.watchlist import ASSETS_MAX, WATCHLISTS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from django.db.models import QuerySet

    from trading.principal import Principal

NAME_MAX = 64  # characters
NAME_INDEX = "watchlist_name_is_unique"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A watchlist and its assets; assets that are gone since are left out."""

    watchlist: Watchlist
    assets: tuple[Asset, ...]


@dataclass(frozen=True, slots=True)
class Which:
    """A list by its id or by its name: exactly one of them is set."""

    pk: UUID | None = None
    name: str | None = None


def watchlists(*, principal: Principal) -> QuerySet[Watchlist]:
    """Return the account's lists, oldest first."""
    return _mine(principal).order_by("created_at", "pk")


def watchlist(*, principal: Principal, which: Which) -> Listed:
    """Return one list. Raises NotFound."""
    return _with_assets(_found(_mine(principal), which))


@transaction.atomic(durable=True)
def create_watchlist(*, principal: Principal, name: str | None, symbols: Sequence[str]) -> Listed:
    """Make a list. Raises ValueInvalid, NotFound for a symbol that nobody has, RuleBroken for one too many."""
    asset_ids = _assets_of(symbols)
    if _mine(principal).count() >= WATCHLISTS_MAX:
        raise RuleBroken(f"an account has at most {WATCHLISTS_MAX} watchlists")
    now = reference.market_now(principal.market_id)
    made = Watchlist(
        user_id=principal.user_id,
        account_id=principal.account_id,
        name=_named(name),
        asset_ids=asset_ids,
        created_at=now,
        updated_at=now,
    )
    _save(made, is_new=True)
    return _with_assets(made)


@transaction.atomic(durable=True)
def change_watchlist(
    *, principal: Principal, which: Which, name: str | None, symbols: Sequence[str] | None
) -> Listed:
    """Give a list another name, other assets, or both; None leaves either. Raises ValueInvalid, NotFound."""
    changed = _locked(principal, which)
    if name is not None:
        changed.name = _named(name)
    if symbols is not None:
        changed.asset_ids = _assets_of(symbols)
    return _changed(principal, changed)


@transaction.atomic(durable=True)
def add_asset(*, principal: Principal, which: Which, symbol: str | None) -> Listed:
    """Append an asset to a list. Raises ValueInvalid, also for one that is there, NotFound."""
    changed = _locked(principal, which)
    if not symbol:
        raise ValueInvalid("symbol is required")
    (asset_id,) = _assets_of([symbol])
    if asset_id in changed.asset_ids:
        raise ValueInvalid(f"symbol {symbol} is in the watchlist already")
    changed.asset_ids = _bounded([*changed.asset_ids, asset_id])
    return _changed(principal, changed)


@transaction.atomic(durable=True)
def remove_asset(*, principal: Principal, which: Which, symbol: str) -> Listed:
    """Take an asset out of a list. Raises NotFound when it is not there."""
    changed = _locked(principal, which)
    asset = reference.asset_named(symbol)
    if asset is None or asset.pk not in changed.asset_ids:
        raise _symbol_not_found(symbol)
    changed.asset_ids = [asset_id for asset_id in changed.asset_ids if asset_id != asset.pk]
    return _changed(principal, changed)


@transaction.atomic(durable=True)
def delete_watchlist(*, principal: Principal, which: Which) -> None:
    """Delete a list, whose name is free again. Raises NotFound."""
    deleted = _locked(principal, which)
    deleted.deleted_at = reference.market_now(principal.market_id)
    deleted.save(update_fields=["deleted_at"])


def _mine(principal: Principal) -> QuerySet[Watchlist]:
    return Watchlist.objects.owned_by(principal, principal.account_id).filter(deleted_at=None)


def _found(lists: QuerySet[Watchlist], which: Which) -> Watchlist:
    found = None
    if which.pk is not None:
        found = lists.filter(pk=which.pk).first()
    elif which.name and which.name.isprintable():
        found = lists.filter(name=which.name).first()
    if found is None:
        raise NotFound(f"watchlist not found for {which.pk or (which.name or '')[:NAME_MAX]}")
    return found


def _locked(principal: Principal, which: Which) -> Watchlist:
    return _found(_mine(principal).select_for_update(no_key=True), which)


def _changed(principal: Principal, changed: Watchlist) -> Listed:
    changed.updated_at = reference.market_now(principal.market_id)
    _save(changed, is_new=False)
    return _with_assets(changed)


def _save(row: Watchlist, *, is_new: bool) -> None:
    try:
        with transaction.atomic():
            if is_new:
                row.save(force_insert=True)
            else:
                row.save(update_fields=["name", "asset_ids", "updated_at"])
    except IntegrityError as error:
        if NAME_INDEX not in str(error):
            raise
        raise ValueInvalid("watchlist name must be unique") from None


def _with_assets(row: Watchlist) -> Listed:
    found = Asset.objects.in_bulk(row.asset_ids)
    return Listed(
        watchlist=row, assets=tuple(found[asset_id] for asset_id in row.asset_ids if asset_id in found)
    )


def _named(name: str | None) -> str:
    if name is None or not name.strip():
        raise ValueInvalid("watchlist name is required")
    if len(name) > NAME_MAX:
        raise ValueInvalid(f"watchlist name must be no more than {NAME_MAX} characters")
    if not name.isprintable():
        raise ValueInvalid("watchlist name must not contain control characters")
    return name


def _assets_of(symbols: Iterable[str]) -> list[UUID]:
    """Return the ids of these assets, each once, in the order in which they are first named."""
    names = list(symbols)
    askable = [name for name in names if reference.SYMBOL.fullmatch(name)]
    known = dict(Asset.objects.filter(symbol__in=askable).values_list("symbol", "pk"))
    found: dict[UUID, None] = {}
    for name in names:
        asset_id = known.get(name)
        if asset_id is None:  # by its id, its CUSIP, or a pair without its slash
            asset = reference.asset_named(name)
            if asset is None:
                raise _symbol_not_found(name)
            asset_id = asset.pk
        found[asset_id] = None
    return _bounded(list(found))


def _bounded(asset_ids: list[UUID]) -> list[UUID]:
    if len(asset_ids) > ASSETS_MAX:
        raise ValueInvalid(f"a watchlist has at most {ASSETS_MAX} symbols")
    return asset_ids


def _symbol_not_found(symbol: str) -> NotFound:
    return NotFound(f"symbol not found: {symbol[:NAME_MAX]}")
