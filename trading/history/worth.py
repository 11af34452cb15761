"""What accounts were worth at earlier instants: what they have now, less what came since.

One statement reads it all, so that a fill which is committed meanwhile is either in every figure or
in none. Only what happened in the market's present run is undone: to it, an earlier run of a tape is
the past, whatever its clock said; and so is what came before a reset. A deposit counts from its own
market time on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import connection

from matching.engine.types import DOLLAR
from matching.market.times import MICROSECOND, to_datetime, to_ns
from trading.history.prices import prices_of
from trading.wire import EXACT, ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from uuid import UUID

    from trading.principal import Principal


_ZERO = Decimal(0)

# Bucket b holds what happened after instant b - 1 and at or before instant b; `owner` null is everybody.
_FLOWS = """
with m as (select id, run from matching_market where id = %(market)s),
mine as (
  select a.account_id, a.cash, a.generation from trading_tradingaccount a
   where a.account_id = any(%(accounts)s) and (%(owner)s::uuid is null or a.user_id = %(owner)s::uuid)),
fills as (
  select f.id, f.account_id, f.symbol, f.side, f.quantity, f.price, f.at,
         width_bucket(f.at, %(ends)s::timestamptz[]) as bucket
    from mine join trading_fill f on f.account_id = mine.account_id and f.at > %(first)s
    join m on m.run = f.run
   where mine.generation = 1
      or exists (select from trading_order o where o.id = f.order_id and o.generation = mine.generation))
select 'cash', account_id, '', 0, cash, null::numeric from mine
union all
select 'position', p.account_id, p.symbol, 0, p.quantity, p.cost
  from mine join trading_position p on p.account_id = mine.account_id and p.quantity <> 0
union all
select 'traded', account_id, symbol, bucket, sum(case side when 'buy' then quantity else -quantity end),
       (array_agg(price order by at desc, id desc))[1]
  from fills group by account_id, symbol, bucket
union all
select case p.ledger when 'cash' then 'paid' else 'fees' end, f.account_id, '', f.bucket, sum(p.amount), null
  from fills f join trading_posting p on p.journal_id = f.id and p.ledger in ('cash', 'fees')
 group by p.ledger, f.account_id, f.bucket
union all
select case p.ledger when 'cash' then 'paid' else 'fees' end, j.account_id, '',
       width_bucket(j.at, %(ends)s::timestamptz[]), sum(p.amount), null
  from mine join trading_journal j on j.account_id = mine.account_id and j.kind = 'interest'
   and j.generation = mine.generation
   and j.at > %(first)s and j.at <= %(now)s
  join trading_posting p on p.journal_id = j.id and p.ledger in ('cash', 'fees')
 group by p.ledger, j.account_id, 4
union all
select 'deposited', j.account_id, '', width_bucket(j.at, %(ends)s::timestamptz[]), sum(p.amount), null
  from mine join trading_journal j on j.account_id = mine.account_id and j.kind in ('deposit', 'adjustment')
   and j.generation = mine.generation
   and j.at > %(first)s and j.at <= %(now)s
  join trading_posting p on p.journal_id = j.id and p.ledger = 'cash'
 group by j.account_id, 4
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """An account at an instant, in dollars; `deposited` and `fees` are what came and went since the instant before.

    `is_exact` says that every price was the market's; else one of the account's own fills, or what the
    shares cost, stood in for a price that nobody keeps.
    """

    at: int
    cash: Decimal
    long_market_value: Decimal
    short_market_value: Decimal
    deposited: Decimal
    fees: Decimal
    is_exact: bool

    @property
    def equity(self) -> Decimal:
        return EXACT.add(self.cash, EXACT.add(self.long_market_value, self.short_market_value))


@dataclass(slots=True)
class _Changes:
    """What happened in one bucket."""

    cash: Decimal = _ZERO
    deposited: Decimal = _ZERO
    fees: Decimal = _ZERO
    shares: dict[str, Decimal] = field(default_factory=dict)


@dataclass(slots=True)
class _Books:
    """An account now, and its changes by bucket; `fills` are the last prices of each bucket, by symbol."""

    cash: Decimal = _ZERO
    shares: dict[str, Decimal] = field(default_factory=dict)
    costs: dict[str, Decimal] = field(default_factory=dict)
    changes: dict[int, _Changes] = field(default_factory=dict)
    fills: dict[str, list[tuple[int, Decimal]]] = field(default_factory=dict)

    def change(self, bucket: int) -> _Changes:
        return self.changes.setdefault(bucket, _Changes())


def worth_at(
    *,
    principal: Principal | None,
    account_ids: Sequence[UUID],
    market_id: int,
    instants: Sequence[int],
    now: datetime,
) -> dict[UUID, list[Worth]]:
    """Return what each account was worth at each instant; without a principal, for tasks, of any owner.

    `instants` are nanoseconds of market time, ascending, none after `now`.
    """
    if not instants:
        return {account_id: [] for account_id in account_ids}
    books = _read(None if principal is None else principal.user_id, account_ids, market_id, instants, now)
    symbols = sorted({symbol for each in books.values() for symbol in (*each.shares, *each.fills)})
    prices = prices_of(market_id, symbols, to_ns(now), principal=principal)
    known: dict[str, list[int]] = {}

    def price_of(symbol: str) -> list[int]:
        if symbol not in known:
            known[symbol] = prices.at(symbol, instants)
        return known[symbol]

    return {account_id: _worths(each, instants, price_of) for account_id, each in books.items()}


def _read(
    owner_id: UUID | None,
    account_ids: Sequence[UUID],
    market_id: int,
    instants: Sequence[int],
    now: datetime,
) -> dict[UUID, _Books]:
    parameters = {
        "market": market_id,
        "owner": owner_id,
        "accounts": list(account_ids),
        "first": to_datetime(instants[0]),
        # An instant's own moment belongs to it: the thresholds are a microsecond later.
        "ends": [to_datetime(instant + MICROSECOND) for instant in instants],
        "now": now,
    }
    books: dict[UUID, _Books] = {}
    with connection.cursor() as cursor:
        cursor.execute(_FLOWS, parameters)
        for kind, account_id, symbol, bucket, amount, price in cursor.fetchall():
            _enter(books.setdefault(account_id, _Books()), kind, symbol, bucket, amount, price)
    return books


def _enter(books: _Books, kind: str, symbol: str, bucket: int, amount: Decimal, price: Any) -> None:
    if kind == "cash":
        books.cash = amount
    elif kind == "position":
        books.shares[symbol], books.costs[symbol] = amount, price
    elif kind == "traded":
        books.change(bucket).shares[symbol] = amount
        books.fills.setdefault(symbol, []).append((bucket, price))
    elif kind == "paid":
        books.change(bucket).cash += amount
    elif kind == "deposited":
        books.change(bucket).cash += amount
        books.change(bucket).deposited += amount
    else:
        books.change(bucket).fees += amount


def _worths(books: _Books, instants: Sequence[int], price_of: Callable[[str], list[int]]) -> list[Worth]:
    """Go back from now, undoing what happened, and value what is left at each instant."""
    cash, shares, found = books.cash, dict(books.shares), []
    for place in reversed(range(len(instants))):
        later = books.changes.get(place + 1, _Changes())
        cash = EXACT.subtract(cash, later.cash)
        for symbol, quantity in later.shares.items():
            shares[symbol] = shares.get(symbol, _ZERO) - quantity
        here = books.changes.get(place, _Changes())
        longs, shorts, is_exact = _ZERO, _ZERO, True
        for symbol, quantity in shares.items():
            if not quantity:
                continue
            units = price_of(symbol)[place]
            is_exact = is_exact and units > 0
            price = (
                EXACT.divide(Decimal(units), Decimal(DOLLAR)) if units else _stand_in(books, symbol, place)
            )
            value = EXACT.multiply(price, quantity)
            longs, shorts = (
                (EXACT.add(longs, value), shorts) if quantity > 0 else (longs, EXACT.add(shorts, value))
            )
        found.append(
            Worth(
                at=instants[place],
                cash=cash,
                long_market_value=longs,
                short_market_value=shorts,
                deposited=here.deposited,
                fees=here.fees,
                is_exact=is_exact,
            )
        )
    return found[::-1]


def _stand_in(books: _Books, symbol: str, place: int) -> Decimal:
    """Return the account's own last price by then, else what its shares cost, else its next price."""
    fills = sorted(books.fills.get(symbol, ()))
    earlier = [price for bucket, price in fills if bucket <= place]
    if earlier:
        return earlier[-1]
    held = books.shares.get(symbol)
    if held:
        return ratio(books.costs[symbol], held)
    return fills[0][1] if fills else _ZERO
