"""Positions from first principles: each position's fills, replayed in the order of their events.

The rule is that of `Position`: a buy adds price x quantity to the cost, a sale takes out its share
of the cost, rounded half up to 1e-13 dollar. Everything here is an integer in the engine's units
(quantity 1e-9 share, money 1e-13 dollar), so that the comparison is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

SHARE_PLACES, MONEY_PLACES = 9, 13

# Columns in the order of ReplayedFill. A position without fills and fills without a position both
# appear, with nulls for what is missing.
FILLS_IN_ORDER = """
select account_id, asset_id, f.id, f.side, trunc(f.quantity * 1e9), trunc(f.quantity * f.price * 1e13),
       trunc(f.cash * 1e13), trunc(f.securities * 1e13), trunc(f.realized * 1e13), f.lines,
       trunc(f.position_quantity * 1e9), trunc(coalesce(p.quantity, 0) * 1e9), trunc(coalesce(p.cost, 0) * 1e13)
  from (
    select f.*, e.seq as event_seq, e.position_quantity, l.*
      from trading_fill f
      left join trading_orderevent e on e.account_id = f.account_id and e.fill_id = f.id
      left join (
        select p.journal_id, count(*) as lines,
               sum(p.amount) filter (where p.ledger = 'cash') as cash,
               sum(p.amount) filter (where p.ledger = 'securities') as securities,
               sum(p.amount) filter (where p.ledger = 'realized') as realized
          from trading_posting p where {of p} group by p.journal_id) l on l.journal_id = f.id
     where {of f}) f
  full join (select * from trading_position p where {of p}) p using (account_id, asset_id)
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
    cash: int | None
    securities: int | None
    realized: int | None
    lines: int | None
    position_quantity: int | None
    stored_quantity: int
    stored_cost: int


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
    for (account_id, asset_id), of_position in groupby(
        fills, key=lambda fill: (fill.account_id, fill.asset_id)
    ):
        quantity = cost = 0
        for fill in of_position:
            stored = fill.stored_quantity, fill.stored_cost
            if fill.fill_id is None:
                continue
            booked = fill.cash or 0, fill.securities or 0, fill.realized or 0
            expected, quantity, cost = _after(fill, quantity, cost)
            if booked != expected or fill.lines != sum(amount != 0 for amount in expected):
                yield Breach(
                    account_id=account_id,
                    rule="fill_is_booked_at_average_cost",
                    subject=f"postings of fill {fill.fill_id}",
                    expected=_lines(expected),
                    found=f"{_lines(booked)} in {fill.lines or 0} postings",
                )
            if fill.position_quantity != quantity:
                yield Breach(
                    account_id=account_id,
                    rule="event_tells_the_position_after_its_fill",
                    subject=f"event of fill {fill.fill_id}",
                    expected=decimal_text(quantity, SHARE_PLACES),
                    found=decimal_text(fill.position_quantity, SHARE_PLACES),
                )
        if stored != (quantity, cost):
            yield Breach(
                account_id=account_id,
                rule="position_follows_from_its_fills",
                subject=f"position in asset {asset_id}",
                expected=_holding(quantity, cost),
                found=_holding(*stored),
            )


def _after(fill: ReplayedFill, quantity: int, cost: int) -> tuple[tuple[int, int, int], int, int]:
    """Return the amounts (cash, securities, realized) that the fill asks for, and the position after it."""
    traded, money = fill.quantity or 0, fill.money or 0
    if fill.side == "buy":
        return (-money, money, 0), quantity + traded, cost + money
    # A sale of more than there is takes out all of the cost: the quantity below zero tells the rest.
    out = (2 * cost * traded + quantity) // (2 * quantity) if traded < quantity else cost
    return (money, -out, out - money), quantity - traded, cost - out


def _lines(amounts: tuple[int, int, int]) -> str:
    names = ("cash", "securities", "realized")
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
