"""A month of an account as a statement has it: from the last close before it to its own last close.

What was traded after a month's last close counts to the next one, as that month's first close has it. A
month that goes on is told up to now; one in which the account began, or began anew, from there on. Months
before are not told: what a reset took away, or is no longer kept, cannot be added up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import connection

from matching.market.times import MICROSECOND, new_york_date, to_datetime, to_ns
from trading import reference
from trading.errors import NotFound
from trading.history.prices import prices_of
from trading.history.worth import worth_at
from trading.review.days import change_of, flows_of
from trading.review.months import Month
from trading.review.trades import Wanted, totals_of
from trading.services.portfolio import history_begins
from trading.services.snapshots import equity_at_closes
from trading.wire import EXACT, dollars, ratio

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from matching.market.calendar import Day
    from trading.principal import Principal
    from trading.review.days import Flow
    from trading.review.trades import Totals

_ZERO = Decimal(0)
_LONGEST_CLOSED = timedelta(days=14)

_BOOKS = """
with mine as (
  select a.account_id, a.generation, m.run from trading_tradingaccount a join matching_market m on m.id = a.market_id
   where a.account_id = %(account)s and a.user_id = %(owner)s),
fills as (
  select f.id, f.symbol, f.side, f.quantity, f.price, f.at <= %(ends)s as is_within
    from mine join trading_fill f on f.account_id = mine.account_id and f.run = mine.run and f.at > %(begins)s
   where mine.generation = 1
      or exists (select from trading_order o where o.id = f.order_id and o.generation = mine.generation)),
lines as (
  select f.is_within, f.symbol, p.ledger, p.amount
    from fills f join trading_posting p on p.journal_id = f.id and p.ledger in ('realized', 'fees', 'securities'))
select 'position', p.symbol, p.quantity, p.cost
  from mine join trading_position p on p.account_id = mine.account_id and p.quantity <> 0
union all
select 'later', symbol, sum(case side when 'buy' then quantity else -quantity end), null
  from fills where not is_within group by symbol
union all
select 'later_cost', symbol, null, sum(amount) from lines where not is_within and ledger = 'securities' group by symbol
union all
select 'traded', side, count(*), sum(quantity * price) from fills where is_within group by side
union all
select ledger, '', null, sum(amount) from (
  select ledger, amount from lines where is_within
  union all
  select p.ledger, p.amount
    from mine join trading_journal j on j.account_id = mine.account_id and j.kind = 'interest'
     and j.generation = mine.generation and j.at > %(begins)s and j.at <= %(ends)s
    join trading_posting p on p.journal_id = j.id and p.ledger = 'fees') booked group by ledger
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was held of one symbol at the end; dollars and shares, of a short below zero."""

    symbol: str
    quantity: Decimal
    cost: Decimal
    price: Decimal | None  # None where the market keeps no price of then

    @property
    def average_price(self) -> Decimal:
        """What a share cost on average."""
        return ratio(self.cost, self.quantity)

    @property
    def value(self) -> Decimal | None:
        """What it was worth."""
        return None if self.price is None else EXACT.multiply(self.price, self.quantity)

    @property
    def unrealized(self) -> Decimal | None:
        """What it was worth beyond its cost."""
        return None if self.value is None else EXACT.subtract(self.value, self.cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A month; dollars. `opening` + `flows` + `realized` - `fees` + `unrealized` is `closing`."""

    month: Month
    begins: datetime
    ends: datetime
    is_running: bool
    is_whole: bool  # else the account began, or began anew, within it
    opening: Decimal
    closing: Decimal
    flows: tuple[Flow, ...]
    realized: Decimal
    fees: Decimal  # and interest
    trades: Totals
    fills: int
    bought: Decimal
    sold: Decimal
    positions: tuple[Line, ...]
    previous: Month | None
    next: Month | None

    @property
    def paid_in(self) -> Decimal:
        """What came from outside, less what went."""
        return change_of(self.flows)

    @property
    def fees_taken(self) -> Decimal:
        """Fees and interest as what they do to the equity: zero or less."""
        return -self.fees if self.fees else self.fees

    @property
    def change(self) -> Decimal:
        """What the equity changed by."""
        return EXACT.subtract(self.closing, self.opening)

    @property
    def unrealized(self) -> Decimal:
        """What the worth of the positions changed by beyond what was realized."""
        known = EXACT.subtract(EXACT.add(self.paid_in, self.realized), self.fees)
        return EXACT.subtract(self.change, known)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """The month between two closes, as far as the account was there; nanoseconds."""

    begins: int
    ends: int
    before: Day | None  # whose close is the beginning
    last: Day | None  # whose close is the end


def statement_of(principal: Principal, month: Month) -> Statement:
    """Return the account's statement of a month. Raises NotFound before the account's first and after the present."""
    now = reference.market_now(principal.market_id)
    first, present = months_of(principal, now)
    if not first <= month <= present:
        raise NotFound(f"there is no statement of {month}")
    since = history_begins(principal, now)
    span = _span(principal, month, since, to_ns(now))
    opening, closing = _equities(principal, span, now)
    books = _books(principal, span)
    bought, sold = (books.get(("traded", side), (_ZERO, _ZERO)) for side in ("buy", "sell"))
    wanted = Wanted(first=to_datetime(span.begins + MICROSECOND), end=to_datetime(span.ends + MICROSECOND))
    return Statement(
        month=month,
        begins=to_datetime(span.begins),
        ends=to_datetime(span.ends),
        is_running=month == present and span.last is None,
        is_whole=span.before is not None,
        opening=opening,
        closing=closing,
        flows=tuple(flows_of(principal, span.begins, span.ends)),
        realized=-books.get(("realized", ""), (_ZERO, _ZERO))[1],
        fees=books.get(("fees", ""), (_ZERO, _ZERO))[1],
        trades=totals_of(principal, wanted),
        fills=int(bought[0] + sold[0]),
        bought=bought[1],
        sold=sold[1],
        positions=tuple(_positions(principal, books, span.ends, now)),
        previous=month.previous if month > first else None,
        next=month.next if month < present else None,
    )


def months_of(principal: Principal, now: datetime) -> tuple[Month, Month]:
    """Return the first and the present month of which there are statements."""
    ends = to_ns(now)
    begins = history_begins(principal, now) or ends
    return Month.of(new_york_date(begins)), Month.of(new_york_date(ends))


def _span(principal: Principal, month: Month, since: int, now: int) -> _Span:
    calendar = reference.calendar_of(principal.market_id)
    first, end = month.first_day, month.next.first_day
    earlier = calendar.days(first - _LONGEST_CLOSED, first - timedelta(days=1))
    days = calendar.days(first, end - timedelta(days=1))
    before = earlier[-1] if earlier and earlier[-1].close >= since else None
    last = days[-1] if days and since <= days[-1].close <= now else None
    begins = since if before is None else before.close
    return _Span(begins=begins, ends=now if last is None else last.close, before=before, last=last)


def _equities(principal: Principal, span: _Span, now: datetime) -> tuple[Decimal, Decimal]:
    """Return the equity at both ends: at closes as it was written down."""
    days = [day for day in (span.before, span.last) if day is not None]
    closes = equity_at_closes(principal=principal, days=days, now=now)
    others = sorted({at for at, day in ((span.begins, span.before), (span.ends, span.last)) if day is None})
    worths = worth_at(
        principal=principal,
        account_ids=[principal.account_id],
        market_id=principal.market_id,
        instants=others,
        now=now,
    ).get(principal.account_id, [])
    found = {worth.at: worth.equity for worth in worths} | {day.close: closes[day.date] for day in days}
    return found[span.begins], found[span.ends]


def _books(principal: Principal, span: _Span) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    with connection.cursor() as cursor:
        cursor.execute(
            _BOOKS,
            {
                "account": principal.account_id,
                "owner": principal.user_id,
                "begins": to_datetime(span.begins),
                "ends": to_datetime(span.ends),
            },
        )
        return {
            (kind, name): (quantity or _ZERO, money or _ZERO)
            for kind, name, quantity, money in cursor.fetchall()
        }


def _positions(
    principal: Principal,
    books: dict[tuple[str, str], tuple[Decimal, Decimal]],
    at: int,
    now: datetime,
) -> Sequence[Line]:
    """Return what was held at the end: what is held now, less what came after."""
    held: dict[str, list[Decimal]] = {}
    for (kind, symbol), (quantity, money) in books.items():
        if kind in {"position", "later", "later_cost"}:
            sign = 1 if kind == "position" else -1
            there = held.setdefault(symbol, [_ZERO, _ZERO])
            there[0] += sign * quantity
            there[1] += sign * money
    symbols = sorted(symbol for symbol, (quantity, _) in held.items() if quantity)
    prices = prices_of(principal.market_id, symbols, to_ns(now), principal=principal)
    found = []
    for symbol in symbols:
        (units,) = prices.at(symbol, [at])
        quantity, cost = held[symbol]
        price = dollars(units) if units else None
        found.append(Line(symbol=symbol, quantity=quantity, cost=cost, price=price))
    return found
