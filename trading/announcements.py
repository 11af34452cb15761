"""Corporate actions as far as an account's market has come: what its tape's factor files tell.

A market without such files knows of none. An action is told from its ex-date on and never before,
because when it was announced is not recorded, and a replay must not tell its own future.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from matching.market import factors
from matching.market.clock import REPLAY
from matching.market.feeds import TapeConfig
from matching.market.times import new_york_date, to_ns
from matching.models import Market
from trading import reference
from trading.models import Asset

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

DIVIDEND, SPLIT = "dividend", "split"
_NAMESPACE = UUID("6f1d6cc4-2f5c-5d5e-9f0b-7a0a3c1b52d1")  # of ids that follow from what they name
_LONGEST_CLOSED = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """One dividend or split; `cash` in dollars a share."""

    id: UUID
    kind: str
    symbol: str
    cusip: str
    ex_date: date
    cash: Decimal
    old_shares: int
    new_shares: int


def announcements(market_id: int, *, symbol: str | None = None) -> list[Announcement]:
    """Return what is told in a market by now, by ex-date and symbol; of one symbol, or of all it has."""
    market = Market.objects.get(pk=market_id)
    if market.feed != REPLAY:
        return []
    config = TapeConfig.of(market.config)
    symbols = [name for name in config.symbols if symbol is None or name == symbol]
    cusips = dict(Asset.objects.filter(symbol__in=symbols).values_list("symbol", "cusip"))
    calendar = reference.calendar_of(market_id)
    today = new_york_date(to_ns(reference.market_now(market_id)))
    told = []
    for name in symbols:
        for action in factors.actions_in(config.folder, name):
            if action.last_date >= today:
                break
            following = calendar.days(
                action.last_date + timedelta(days=1), action.last_date + _LONGEST_CLOSED
            )
            if following and following[0].date <= today:
                told.append(_announced(action, following[0].date, cusips.get(name, "")))
    return sorted(told, key=lambda each: (each.ex_date, each.symbol, each.kind))


def announcement(market_id: int, announcement_id: UUID) -> Announcement | None:
    """Return one of them, None when it is not told."""
    return next((each for each in announcements(market_id) if each.id == announcement_id), None)


def _announced(action: factors.Action, ex_date: date, cusip: str) -> Announcement:
    kind = DIVIDEND if action.cash else SPLIT
    return Announcement(
        id=uuid5(_NAMESPACE, f"{action.symbol} {ex_date} {kind}"),
        kind=kind,
        symbol=action.symbol,
        cusip=cusip,
        ex_date=ex_date,
        cash=action.cash,
        old_shares=action.old_shares,
        new_shares=action.new_shares,
    )
