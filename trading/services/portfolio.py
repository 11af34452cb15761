"""An account's worth over time, as its owner asks for it. Spec of the wire: 4.3.

Intraday, a profit is what equity is above the close before: each trading day's own, or the first
day's for all. In a daily history it is the change since the item before, and the first item is the
base. Deposits are not taken out of either, and are told beside them. An account that has no close
before is counted from its first item on, and nothing is told of the time before it was opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from matching.market.times import to_ns
from matching.models import Market
from trading import reference
from trading.history.spans import DAILY, plan
from trading.history.worth import worth_at
from trading.models import TradingAccount
from trading.services.snapshots import equity_at_closes
from trading.wire import EXACT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from matching.market.calendar import Day
    from trading.history.spans import Ask, Plan, Window
    from trading.history.worth import Worth
    from trading.principal import Principal

_ZERO = Decimal(0)
_FOUR_PLACES = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One window: its stamp in nanoseconds, dollars, a fraction, and what came and went in it."""

    stamp: int
    equity: Decimal
    profit_loss: Decimal
    fraction: Decimal
    deposited: Decimal
    fees: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """A history. `base_value` is None without items; `base_date` is of the close that it is from."""

    timeframe: str
    items: tuple[Item, ...]
    base_value: Decimal | None
    base_date: date | None


def portfolio(*, principal: Principal, ask: Ask, is_reset_daily: bool, wants_flows: bool) -> Portfolio:
    """Return the history that is asked for, up to the market's time. Raises ValueInvalid.

    Without `wants_flows` the items may tell no deposits and fees.
    """
    now = reference.market_now(principal.market_id)
    found = plan(ask, reference.calendar_of(principal.market_id), to_ns(now))
    begins = history_begins(principal, now)
    windows = [each for each in found.windows if each.valued_at >= begins]
    if not windows:
        return Portfolio(timeframe=found.timeframe, items=(), base_value=None, base_date=None)
    if found.timeframe == DAILY:
        equity = equity_at_closes(principal=principal, days=[each.day for each in windows], now=now)
        flows = _flows(_worths(principal, found, windows, {}, now), windows) if wants_flows else None
        return _daily(windows, equity, flows or [(_ZERO, _ZERO)] * len(windows))
    closes = {on: day for on, day in _days_before(found).items() if day.close >= begins}
    worths = _worths(principal, found, windows, closes, now)
    return _intraday(found.timeframe, windows, worths, closes, is_reset_daily=is_reset_daily)


def history_begins(principal: Principal, now: datetime) -> int:
    """Return when the history begins, in nanoseconds: with the account, its last reset, or the run that it was in before.

    Or with the newest fill of the present run that is no longer kept: it could not be undone.
    """
    account = TradingAccount.objects.owned_by(principal).get(pk=principal.account_id)
    market = Market.objects.get(pk=principal.market_id)
    opened_at = account.reset_at or account.created_at
    if opened_at <= now:
        begins = to_ns(opened_at)
    else:  # A tape that began anew stands before the account's opening, and the account has been there since.
        begins = 0 if market.starts_at is None else to_ns(market.starts_at)
    if account.history_at is not None and account.history_run == market.run:
        begins = max(begins, to_ns(account.history_at))
    return begins


def _days_before(found: Plan) -> dict[date, Day]:
    """Return the trading day before each of the plan's, by that one's date."""
    days = list({each.day.date: each.day for each in found.windows}.values())
    before = [found.day_before, *days[:-1]]
    return {day.date: prior for day, prior in zip(days, before, strict=True) if prior is not None}


def _worths(
    principal: Principal, found: Plan, windows: Sequence[Window], closes: dict[date, Day], now: datetime
) -> dict[int, Worth]:
    """Return the worth at each window's instant, at the closes, and where the history begins."""
    anchor = found.day_before.close if found.day_before is not None else windows[0].stamp - 1
    bases = (day.close for on, day in closes.items() if on >= windows[0].day.date)
    instants = sorted({anchor, *bases, *(each.valued_at for each in windows)})
    worths = worth_at(
        principal=principal,
        account_ids=[principal.account_id],
        market_id=principal.market_id,
        instants=instants,
        now=now,
    )
    return dict(zip(instants, worths[principal.account_id], strict=True))


def _flows(worths: dict[int, Worth], windows: Sequence[Window]) -> list[tuple[Decimal, Decimal]]:
    """Return deposits and fees of each window: of all instants since the window before."""
    found, deposited, fees = {}, _ZERO, _ZERO
    for instant, worth in worths.items():
        deposited, fees = deposited + worth.deposited, fees + worth.fees
        found[instant] = (deposited, fees)
    totals = [(_ZERO, _ZERO), *(found[each.valued_at] for each in windows)]
    return [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(totals)]


def _daily(
    windows: Sequence[Window], equity: dict[date, Decimal], flows: Sequence[tuple[Decimal, Decimal]]
) -> Portfolio:
    values = [equity[each.day.date] for each in windows]
    priors = [values[0], *values[:-1]]
    return Portfolio(
        timeframe=DAILY,
        items=tuple(_item(*each) for each in zip(windows, values, priors, flows, strict=True)),
        base_value=values[0],
        base_date=None,
    )


def _intraday(
    timeframe: str,
    windows: Sequence[Window],
    worths: dict[int, Worth],
    closes: dict[date, Day],
    *,
    is_reset_daily: bool,
) -> Portfolio:
    first = windows[0].day.date
    bases: dict[date, Decimal] = {}
    items = []
    for window, flow in zip(windows, _flows(worths, windows), strict=True):
        equity = worths[window.valued_at].equity
        on = window.day.date if is_reset_daily else first
        if on not in bases:
            bases[on] = worths[closes[on].close].equity if on in closes else equity
        items.append(_item(window, equity, bases[on], flow))
    return Portfolio(
        timeframe=timeframe,
        items=tuple(items),
        base_value=bases[first],
        base_date=closes[first].date if first in closes else None,
    )


def _item(window: Window, equity: Decimal, base: Decimal, flow: tuple[Decimal, Decimal]) -> Item:
    profit = EXACT.subtract(equity, base)
    fraction = EXACT.divide(profit, abs(base)) if base else _ZERO
    return Item(
        stamp=window.stamp,
        equity=equity,
        profit_loss=profit,
        fraction=fraction.quantize(_FOUR_PLACES, rounding=ROUND_HALF_UP, context=EXACT),
        deposited=flow[0],
        fees=flow[1],
    )
