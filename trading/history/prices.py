"""What a share cost at earlier instants, as far as the market has come and its history goes.

A price is the close of the last whole minute with a print by then, or the latest print where that is
younger. Nothing after the market's time is ever read: a replay must not tell its own future. A caller
who sees the market with a delay sees their own worth with the same delay.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from matching.market.candles import MINUTE
from matching.market.errors import MarketError
from matching.market.latest import Latest, latest_many
from matching.market.times import HOUR, new_york_date
from matching.market.valkey import DOWN
from trading.marketdata import entitlement, markets
from trading.seen import latest_seen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matching.market.candles import Bars
    from matching.market.history import Piece
    from trading.principal import Principal

log = logging.getLogger(__name__)

_NEAR = 10 * MINUTE  # before an instant, within which most symbols have a print
_FAR = 14 * 24 * HOUR  # no market was ever closed for so long, but in a war


class Minutes(Protocol):
    """As much of a market's history (`matching.market.history`) as is read here."""

    def minutes(
        self, symbol: str, first: int, last: int, *, newest_first: bool = False
    ) -> Iterator[Piece[Bars]]:
        """Yield the minute bars that begin from `first` to `last`; `last` is a minute that is over."""
        ...


class Prices:
    """Prices in 1/10,000 dollar at instants in nanoseconds, none of them after the market's time.

    What happened after `until` is not told. Without a history the latest prints are all that is known.
    """

    def __init__(self, history: Minutes | None, latest: dict[str, Latest], until: int) -> None:
        self._history = history
        self._latest = latest
        self._until = until

    def at(self, symbol: str, instants: Sequence[int]) -> list[int]:
        """Return the last price at or before each of the ascending instants, 0 where it is not known."""
        seen = [min(instant, self._until) for instant in instants]
        found = self._of_history(symbol, seen)
        trade = self._latest.get(symbol, Latest()).trade
        if trade is None:
            return found
        # The latest print is younger than every minute that was over with it, and no younger than the next.
        whole = trade.at // MINUTE * MINUTE + MINUTE
        return [
            trade.price if trade.at <= instant and (not price or instant < whole + MINUTE) else price
            for instant, price in zip(seen, found, strict=True)
        ]

    def _of_history(self, symbol: str, instants: Sequence[int]) -> list[int]:
        if self._history is None or not instants:
            return [0] * len(instants)
        try:
            return list(_read(self._history, symbol, instants))
        except (MarketError, *DOWN) as error:
            log.warning("the past prices of %s cannot be read: %s", symbol, error)
            return [0] * len(instants)


def prices_of(
    market_id: int, symbols: Sequence[str], now: int, *, principal: Principal | None = None
) -> Prices:
    """Return what is known of these symbols at market time `now`: to a caller, or to a task, which sees all."""
    try:
        history: Minutes | None = markets.view(market_id).history
    except MarketError as error:
        log.warning("the past of market %s cannot be read: %s", market_id, error)
        history = None
    if principal is None:
        return Prices(history, latest_many(market_id, symbols), now)
    until = entitlement.of_tier(principal.tier).visible_until(now)
    return Prices(history, latest_seen(principal, symbols), until)


def _read(history: Minutes, symbol: str, instants: Sequence[int]) -> Iterator[int]:
    """Yield the price at each instant: a day's instants from one reading, the gaps before by looking back."""
    price, before = 0, instants[0] - _FAR
    for group in _by_day(instants):
        begin = (group[0] - _NEAR) // MINUTE * MINUTE
        at, closes = _minutes(history, symbol, begin, group[-1])
        place = -1
        for instant in group:
            while place + 1 < len(at) and at[place + 1] + MINUTE <= instant:
                place += 1
                price = closes[place]
            if place < 0 and before < begin:
                price = _last_close(history, symbol, before - MINUTE, begin - MINUTE) or price
                before = begin
            yield price
        before = group[-1]


def _by_day(instants: Sequence[int]) -> Iterator[list[int]]:
    group: list[int] = []
    for instant in instants:
        if group and new_york_date(group[0]) != new_york_date(instant):
            yield group
            group = []
        group.append(instant)
    if group:
        yield group


def _minutes(history: Minutes, symbol: str, first: int, last: int) -> tuple[list[int], list[int]]:
    """Return beginnings and closes of the minutes that were over at `last`."""
    at: list[int] = []
    closes: list[int] = []
    for piece in history.minutes(symbol, first, _last_over(last)):
        at += piece.rows.at.tolist()
        closes += piece.rows.close.tolist()
    return at, closes


def _last_close(history: Minutes, symbol: str, first: int, last: int) -> int:
    for piece in history.minutes(symbol, first, last, newest_first=True):
        if len(piece.rows):
            return int(piece.rows.close[-1])
    return 0


def _last_over(instant: int) -> int:
    """Return the beginning of the last minute that was over at this instant."""
    return instant // MINUTE * MINUTE - MINUTE
