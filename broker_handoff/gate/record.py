"""What the gate judges: one account's months, as plain values. Money is dollars, days are New York's.

A month is judged as a whole and alone. Within one that had no money from outside, the time-weighted
return is what the equity grew by; a month into which money came or from which it went (a reset, a cash
adjustment, the account's opening or closing) proves nothing and does not count. So no reset and no
transfer can improve a record: each costs the month it is in, and the months must be consecutive.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from trading.review.months import Month

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Month", "MonthRecord"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthRecord:
    """What one account did in one month, as the ledger and the daily snapshots have it.

    `closes` are the equities at the end of each session, oldest first, after all simulated costs, and
    `opening` is the one before them. A trade is closed when its position is flat again or has changed
    sides: to sell in pieces does not make more of them.
    """

    month: Month
    is_nominated: bool  # the account was the person's chosen one before the month began
    opening: Decimal | None  # None where the account was not there yet
    closes: tuple[Decimal, ...]
    sessions: int  # of the market in this month
    flows: int  # times that money came or went from outside
    closed_trades: int
    trading_days: int  # on which at least one order was filled

    def as_inputs(self) -> dict[str, Any]:
        """Return what a verdict stores, so that it can be recomputed: exact figures as text."""
        return {
            "month": str(self.month),
            "is_nominated": self.is_nominated,
            "opening": None if self.opening is None else str(self.opening),
            "closes": [str(close) for close in self.closes],
            "sessions": self.sessions,
            "flows": self.flows,
            "closed_trades": self.closed_trades,
            "trading_days": self.trading_days,
        }

    @classmethod
    def of_inputs(cls, stored: Mapping[str, Any]) -> MonthRecord:
        """Return the record that was stored."""
        opening = stored["opening"]
        return cls(
            month=Month.named(str(stored["month"])),
            is_nominated=stored["is_nominated"],
            opening=None if opening is None else Decimal(opening),
            closes=tuple(Decimal(close) for close in stored["closes"]),
            sessions=stored["sessions"],
            flows=stored["flows"],
            closed_trades=stored["closed_trades"],
            trading_days=stored["trading_days"],
        )
