"""Closed trades: from the fill that opened a position to the one after which it was flat again.

There is one definition of them, here and for the gate (`CLOSES`). To sell in pieces does not make more of
them, and since no fill crosses zero, a trade's profit is what its exits brought less what its entries cost,
whichever share is thought to be sold first; the ledger realizes the same sum in pieces. Fees are taken off.

Trades are read from the account's own event log, in its order, of one generation. One that began before
the kept history begins with what was left of the position there.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from django.db import connection

from trading.wire import EXACT, ratio

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from uuid import UUID

    from trading.principal import Principal

Direction = Literal["long", "short"]
Outcome = Literal["won", "lost"]

# Of a fill: `before` and `after` are the position's signed shares.
CLOSES = "before <> 0 and sign(after) <> sign(before)"
NEVER = 2**63 - 1  # the sequence of no event

_TRADES = f"""
with mine as (
  select a.account_id, a.history_seq, g.generation,
         coalesce((select r.event_seq from trading_accountreset r
                    where r.account_id = a.account_id and r.generation = g.generation), 0) as begins,
         coalesce((select r.event_seq from trading_accountreset r
                    where r.account_id = a.account_id and r.generation = g.generation + 1), {NEVER}) as ends
    from trading_tradingaccount a
    cross join lateral (select coalesce(%(generation)s::integer, a.generation) as generation) g
   where a.account_id = %(account)s and a.user_id = %(owner)s),
executions as (
  select f.asset_id, f.symbol, e.seq, f.at, f.run, f.side, f.quantity, f.quantity * f.price as money,
         coalesce(p.amount, 0) as fees, f.order_id, e.position_quantity as after,
         e.position_quantity - case f.side when 'buy' then f.quantity else -f.quantity end as before
    from mine join trading_orderevent e on e.account_id = mine.account_id and e.fill_id is not null
                                       and e.seq > greatest(mine.begins, mine.history_seq) and e.seq <= mine.ends
    join trading_fill f on f.account_id = mine.account_id and f.id = e.fill_id
    left join trading_posting p on p.journal_id = f.id and p.ledger = 'fees'
  union all
  select l.asset_id, l.symbol, mine.history_seq, null, null, case when l.quantity > 0 then 'buy' else 'sell' end,
         abs(l.quantity), abs(l.cost), 0, null, l.quantity, 0
    from mine join trading_openinglot l on l.account_id = mine.account_id and l.generation = mine.generation
                                       and l.quantity <> 0),
numbered as (
  select *, {CLOSES} as closes,
         count(*) filter (where {CLOSES}) over (
           partition by asset_id order by seq rows between unbounded preceding and 1 preceding) as number
    from executions),
sided as (
  select *, first_value(side) over (partition by asset_id, number order by seq) as entry from numbered),
trades as (
  select max(seq) as seq, min(symbol) as symbol, min(entry) as entry,
         sum(quantity) filter (where side = entry) as shares,
         sum(money) filter (where side = entry) as paid_in,
         sum(money) filter (where side <> entry) as paid_out,
         sum(fees) as fees, count(order_id) as fills,
         bool_and(at is not null) as is_whole, min(at) filter (where not closes) as opened_at,
         max(at) filter (where closes) as closed_at, min(run) as first_run, max(run) as run,
         (array_agg(order_id) filter (where closes))[1] as order_id
    from sided group by asset_id, number having bool_or(closes)),
told as (
  select *, case entry when 'buy' then paid_out - paid_in else paid_in - paid_out end - fees as net from trades)
"""
_WHICH = """
 where (%(symbol)s = '' or symbol = %(symbol)s) and (%(entry)s = '' or entry = %(entry)s)
   and (%(first)s::timestamptz is null or closed_at >= %(first)s)
   and (%(end)s::timestamptz is null or closed_at < %(end)s)
   and (%(outcome)s = '' or (%(outcome)s = 'won' and net > 0) or (%(outcome)s = 'lost' and net < 0))
"""
_PAGE = f"""{_TRADES}
select seq, symbol, entry, shares, paid_in, paid_out, fees, net, fills, is_whole, opened_at, closed_at,
       run = first_run, order_id
  from told {_WHICH} and (%(after)s::bigint is null
       or case when %(is_ascending)s then seq > %(after)s else seq < %(after)s end)
 order by case when %(is_ascending)s then seq else -seq end limit %(limit)s
"""
_TOTALS = f"""{_TRADES}
select count(*), count(*) filter (where net > 0), count(*) filter (where net < 0),
       coalesce(sum(net) filter (where net > 0), 0), coalesce(sum(net) filter (where net < 0), 0),
       coalesce(sum(fees), 0), max(net), min(net),
       avg(closed_at - opened_at) filter (where is_whole and run = first_run)
  from told {_WHICH} and run = (select m.run from matching_market m where m.id = %(market)s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which closed trades; instants in UTC of their closing, from `first` on, before `end`. Empty is all.

    `generation` None is the account's present one. `after` is the `seq` of the last one that was received, in
    the direction of `is_ascending`.
    """

    generation: int | None = None
    symbol: str = ""
    direction: Direction | Literal[""] = ""
    outcome: Outcome | Literal[""] = ""
    first: datetime | None = None
    end: datetime | None = None
    is_ascending: bool = False
    after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One closed trade; dollars and shares. `seq` is that of the event that closed it.

    One that is not whole began before the kept history: what its entry cost is what the position that
    was there cost on average, and when that was bought is not known.
    """

    seq: int
    symbol: str
    direction: Direction
    shares: Decimal
    entry_money: Decimal
    exit_money: Decimal
    fees: Decimal
    net: Decimal
    fills: int
    is_whole: bool
    opened_at: datetime | None
    closed_at: datetime
    is_of_one_run: (
        bool  # else a tape began anew meanwhile, and its two times have nothing to do with each other
    )
    order_id: UUID  # that closed it

    @property
    def entry_price(self) -> Decimal:
        """The average, to nine decimals."""
        return ratio(self.entry_money, self.shares)

    @property
    def exit_price(self) -> Decimal:
        """The average, to nine decimals."""
        return ratio(self.exit_money, self.shares)

    @property
    def fraction(self) -> Decimal | None:
        """What it brought of what it took to enter, 0.01 being one percent."""
        return ratio(self.net, self.entry_money) if self.entry_money else None

    @property
    def held_for(self) -> timedelta | None:
        """How long it lasted, in market time; None where that is not known."""
        if self.opened_at is None or not self.is_whole or not self.is_of_one_run:
            return None
        return self.closed_at - self.opened_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What closed trades came to, after fees; dollars. One that brought nothing is neither won nor lost."""

    count: int
    won: int
    lost: int
    gains: Decimal
    losses: Decimal  # zero or less
    fees: Decimal
    best: Decimal | None
    worst: Decimal | None
    held_for: timedelta | None  # on average

    @property
    def net(self) -> Decimal:
        """What all came to."""
        return EXACT.add(self.gains, self.losses)

    @property
    def win_rate(self) -> Decimal | None:
        """The share of trades that were won, 0.5 being a half; None without trades."""
        return ratio(Decimal(self.won), Decimal(self.count)) if self.count else None

    @property
    def average_win(self) -> Decimal | None:
        """What a won trade brought on average."""
        return ratio(self.gains, Decimal(self.won)) if self.won else None

    @property
    def average_loss(self) -> Decimal | None:
        """What a lost trade took on average; below zero."""
        return ratio(self.losses, Decimal(self.lost)) if self.lost else None

    @property
    def profit_factor(self) -> Decimal | None:
        """How many dollars were won for each that was lost; None where none was lost."""
        return ratio(self.gains, -self.losses) if self.losses else None


def closed_trades(principal: Principal, wanted: Wanted, limit: int) -> list[Trade]:
    """Return at most `limit` of the account's closed trades, the newest first unless asked otherwise."""
    return [
        Trade(
            seq=seq,
            symbol=symbol,
            direction="long" if entry == "buy" else "short",
            shares=shares,
            entry_money=paid_in,
            exit_money=paid_out,
            fees=fees,
            net=net,
            fills=fills,
            is_whole=is_whole,
            opened_at=opened_at,
            closed_at=closed_at,
            is_of_one_run=is_of_one_run,
            order_id=order_id,
        )
        for (
            seq, symbol, entry, shares, paid_in, paid_out, fees, net, fills, is_whole, opened_at, closed_at,
            is_of_one_run, order_id,
        ) in _read(_PAGE, principal, wanted, limit)
    ]  # fmt: skip


def totals_of(principal: Principal, wanted: Wanted) -> Totals:
    """Return what the closed trades of the market's present run came to."""
    ((count, won, lost, gains, losses, fees, best, worst, held_for),) = _read(_TOTALS, principal, wanted, 1)
    return Totals(
        count=count,
        won=won,
        lost=lost,
        gains=gains,
        losses=losses,
        fees=fees,
        best=best,
        worst=worst,
        held_for=held_for,
    )


def _read(statement: str, principal: Principal, wanted: Wanted, limit: int) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "account": principal.account_id,
                "owner": principal.user_id,
                "market": principal.market_id,
                "generation": wanted.generation,
                "symbol": wanted.symbol,
                "entry": {"long": "buy", "short": "sell", "": ""}[wanted.direction],
                "outcome": wanted.outcome,
                "first": wanted.first,
                "end": wanted.end,
                "is_ascending": wanted.is_ascending,
                "after": wanted.after,
                "limit": limit,
            },
        )
        return list(cursor.fetchall())
