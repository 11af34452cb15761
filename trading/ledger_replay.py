"""Positions from first principles: each position's fills, replayed in the order of their events.

The rule is that of `Position`: what opens or adds puts price x quantity to the cost, what closes takes out
its share of the cost, rounded half up to 1e-13 dollar. A short position is the mirror image: shares
and cost below zero. A reset writes all of it off: each generation begins with nothing, and a position
follows from the fills of the present one. Where older detail is no longer kept, it follows from its opening
lot and the fills beyond the cut of the log; of a fill behind it that is still there, as its order is still
needed, cash and commission alone can be computed. A commission is that of the profile which the order froze.
Everything here is an integer in the engine's units (quantity 1e-9 share, money 1e-13 dollar), so that the comparison is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

SHARE_PLACES, MONEY_PLACES = 9, 13

# Columns in the order of ReplayedFill. A position without fills, fills and opening lots without a position
# appear too, with nulls for what is missing.
FILLS_IN_ORDER = """
select account_id, asset_id, f.id, f.side, trunc(f.quantity * 1e9), trunc(f.quantity * f.price * 1e13),
       trunc(f.quantity * f.commission * 1e13), f.opens, trunc(f.cash * 1e13), trunc(f.securities * 1e13),
       trunc(f.realized * 1e13), trunc(f.fees * 1e13), f.lines, trunc(f.position_quantity * 1e9),
       coalesce(f.generation, g.generation, 1), coalesce(g.generation, 1),
       trunc(coalesce(p.quantity, 0) * 1e9), trunc(coalesce(p.cost, 0) * 1e13),
       coalesce(f.event_seq <= g.history_seq, false), coalesce(h.generation, 1),
       trunc(coalesce(h.quantity, 0) * 1e9), trunc(coalesce(h.cost, 0) * 1e13)
  from (
    select f.*, o.generation, e.seq as event_seq, e.position_quantity, l.*, coalesce(s.commission, 0) as commission,
           case when o.position_intent <> '' then o.position_intent like '%%_to_open' end as opens
      from trading_fill f
      left join trading_order o on o.id = f.order_id
      left join trading_simulationprofile s on s.id = o.profile_id
      left join trading_orderevent e on e.account_id = f.account_id and e.fill_id = f.id
      left join (
        select p.journal_id, count(*) as lines,
               sum(p.amount) filter (where p.ledger = 'cash') as cash,
               sum(p.amount) filter (where p.ledger = 'securities') as securities,
               sum(p.amount) filter (where p.ledger = 'realized') as realized,
               sum(p.amount) filter (where p.ledger = 'fees') as fees
          from trading_posting p where {of p} group by p.journal_id) l on l.journal_id = f.id
     where {of f}) f
  full join (select * from trading_position p where {of p}) p using (account_id, asset_id)
  full join (select * from trading_openinglot h where {of h}) h using (account_id, asset_id)
  left join trading_tradingaccount g using (account_id)
 order by account_id, asset_id, f.event_seq, f.run, f.seq, f.id
"""


@dataclass(frozen=True, slots=True)
class ReplayedFill:
    """One fill, what is booked for it, and its position as stored; without a `fill_id`, the position alone."""

    account_id: UUID
    asset_id: UUID
    fill_id: UUID | None
    side: str | None
    quantity: int | None
    money: int | None
    commission: int | None
    opens: bool | None  # what its order was to do; None when nobody said
    cash: int | None
    securities: int | None
    realized: int | None
    fees: int | None
    lines: int | None
    position_quantity: int | None
    generation: int
    present: int  # generation of the account
    stored_quantity: int
    stored_cost: int
    is_of_the_past: bool  # behind the cut: the opening lot has it already
    opening_generation: int
    opening_quantity: int
    opening_cost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One figure that does not follow from the fills, in engine units as text with decimals."""

    account_id: UUID
    rule: str
    subject: str
    expected: str
    found: str


def breaches(fills: Iterable[ReplayedFill]) -> Iterator[Breach]:
    """Replay the fills, which come position by position in order, and yield what does not follow."""
    for _, of_position in groupby(fills, key=lambda fill: (fill.account_id, fill.asset_id)):
        yield from _breaches_of_position(of_position)


def holdings(fills: Iterable[ReplayedFill]) -> Iterator[tuple[UUID, UUID, int, int]]:
    """Replay the same fills, and yield what each position must be: its account and asset, quantity and cost."""
    for (account_id, asset_id), of_position in groupby(
        fills, key=lambda fill: (fill.account_id, fill.asset_id)
    ):
        first = next(of_position)
        generation, quantity, cost = first.opening_generation, first.opening_quantity, first.opening_cost
        for fill in chain((first,), of_position):
            if fill.is_of_the_past:
                continue
            if fill.generation != generation:
                quantity, cost, generation = 0, 0, fill.generation
            if fill.fill_id is not None:
                _, quantity, cost = _after(fill, quantity, cost)
        if generation != first.present:
            quantity = cost = 0
        yield account_id, asset_id, quantity, cost


def _breaches_of_position(fills: Iterator[ReplayedFill]) -> Iterator[Breach]:
    first = next(fills)  # the position and its opening lot are told in each row
    generation, quantity, cost = first.opening_generation, first.opening_quantity, first.opening_cost
    for fill in chain((first,), fills):
        if fill.is_of_the_past:
            yield from _breaches_of_the_past(fill)
            continue
        if fill.generation != generation:
            quantity, cost, generation = 0, 0, fill.generation
        if fill.fill_id is not None:
            held = quantity
            expected, quantity, cost = _after(fill, quantity, cost)
            yield from _breaches_of_fill(fill, held, quantity, expected)
    if generation != first.present:
        quantity = cost = 0
    if (first.stored_quantity, first.stored_cost) != (quantity, cost):
        yield Breach(
            account_id=first.account_id,
            rule="position_follows_from_its_fills",
            subject=f"position in asset {first.asset_id}",
            expected=_holding(quantity, cost),
            found=_holding(first.stored_quantity, first.stored_cost),
        )


def _breaches_of_fill(
    fill: ReplayedFill, held: int, quantity: int, expected: tuple[int, int, int, int]
) -> Iterator[Breach]:
    booked = fill.cash or 0, fill.securities or 0, fill.realized or 0, fill.fees or 0
    if fill.opens not in {None, _opens(fill, held)} or held * quantity < 0:
        yield Breach(
            account_id=fill.account_id,
            rule="fill_opens_or_closes_as_its_order_says",
            subject=f"fill {fill.fill_id}",
            expected="an opening fill" if fill.opens else "a closing fill, of no more than there is",
            found=f"from {decimal_text(held, SHARE_PLACES)} to {decimal_text(quantity, SHARE_PLACES)} shares",
        )
    if booked != expected or fill.lines != sum(amount != 0 for amount in expected):
        yield Breach(
            account_id=fill.account_id,
            rule="fill_is_booked_at_average_cost",
            subject=f"postings of fill {fill.fill_id}",
            expected=_lines(expected),
            found=f"{_lines(booked)} in {fill.lines or 0} postings",
        )
    if fill.position_quantity != quantity:
        yield Breach(
            account_id=fill.account_id,
            rule="event_tells_the_position_after_its_fill",
            subject=f"event of fill {fill.fill_id}",
            expected=decimal_text(quantity, SHARE_PLACES),
            found=decimal_text(fill.position_quantity, SHARE_PLACES),
        )


def _breaches_of_the_past(fill: ReplayedFill) -> Iterator[Breach]:
    fees = fill.commission or 0
    expected = -_sign(fill) * (fill.money or 0) - fees, fees
    booked = fill.cash or 0, fill.fees or 0
    if booked != expected:
        yield Breach(
            account_id=fill.account_id,
            rule="fill_of_the_past_is_booked_for_its_money",
            subject=f"postings of fill {fill.fill_id}",
            expected=_cash_and_fees(*expected),
            found=_cash_and_fees(*booked),
        )


def _cash_and_fees(cash: int, fees: int) -> str:
    return f"cash {decimal_text(cash, MONEY_PLACES)}, fees {decimal_text(fees, MONEY_PLACES)}"


def _sign(fill: ReplayedFill) -> int:
    return 1 if fill.side == "buy" else -1


def _opens(fill: ReplayedFill, quantity: int) -> bool:
    """Return whether a fill adds to a position of so many shares."""
    return quantity * _sign(fill) >= 0


def _after(fill: ReplayedFill, quantity: int, cost: int) -> tuple[tuple[int, int, int, int], int, int]:
    """Return the amounts (cash, securities, realized, fees) that the fill asks for, and the position after it."""
    traded, money, fees, sign = fill.quantity or 0, fill.money or 0, fill.commission or 0, _sign(fill)
    size = abs(quantity)
    if _opens(fill, quantity):
        securities = sign * money
    elif traded < size:
        securities = sign * ((2 * abs(cost) * traded + size) // (2 * size))
    else:  # more than there is takes out all of the cost: the quantity beyond zero tells the rest
        securities = -cost
    cash = -sign * money
    amounts = (cash - fees, securities, -(cash + securities), fees)
    return amounts, quantity + sign * traded, cost + securities


def _lines(amounts: tuple[int, int, int, int]) -> str:
    names = ("cash", "securities", "realized", "fees")
    return ", ".join(
        f"{name} {decimal_text(amount, MONEY_PLACES)}" for name, amount in zip(names, amounts, strict=True)
    )


def _holding(quantity: int, cost: int) -> str:
    return f"{decimal_text(quantity, SHARE_PLACES)} shares at a cost of {decimal_text(cost, MONEY_PLACES)}"


def decimal_text(number: int | None, places: int) -> str:
    """Return an integer of 10**-places as decimal text without trailing zeros; None as `none`."""
    if number is None:
        return "none"
    whole, part = divmod(abs(number), 10**places)
    sign = "-" if number < 0 else ""
    return f"{sign}{whole}.{part:0{places}d}".rstrip("0").rstrip(".")
