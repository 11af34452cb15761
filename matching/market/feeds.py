"""What a market's `config` says, and the feed that a matcher reads it through.

replay     {"folder": "...", "dates": ["2013-10-08"], "symbols": ["IBM"], "resolution": null}
synthetic  {"seed": 1, "symbols": ["AAPL", "IBM"], "halt_odds": 1024}
alpaca     {"symbols": ["AAPL"]}
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from matching.market import rows
from matching.market.clock import REPLAY
from matching.market.errors import FeedUnavailable
from matching.market.live import LiveFeed
from matching.market.synthetic import BASE_PRICES, HALT_ODDS, SyntheticMarket
from matching.market.tape import TapeFeed, parse_dates, symbols_on

if TYPE_CHECKING:
    from collections.abc import Collection

    import redis

    from matching.market.calendar import Calendar

_MARGIN = timedelta(days=30)  # around a tape's days and before today: sessions, ends and settlement


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeConfig:
    """Which recorded days a replay market plays."""

    folder: str
    dates: tuple[date, ...]
    symbols: tuple[str, ...]
    resolution: str | None = None

    @classmethod
    def of(cls, config: dict[str, Any]) -> Self:
        """Read a market's config. Raises FeedUnavailable when something is missing."""
        try:
            return cls(
                folder=str(config["folder"]),
                dates=tuple(date.fromisoformat(text) for text in config["dates"]),
                symbols=tuple(config["symbols"]),
                resolution=config.get("resolution"),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FeedUnavailable(f"the market's config cannot be replayed: {error!r}") from error

    def as_json(self) -> dict[str, Any]:
        """Return what `of` reads."""
        return {
            "folder": self.folder,
            "dates": [str(on) for on in self.dates],
            "symbols": list(self.symbols),
            "resolution": self.resolution,
        }

    def open(self, calendar: Calendar, *, only: Collection[str] | None = None) -> TapeFeed:
        """Load the tape. Raises TapeMissing, TapeInvalid, DateInvalid."""
        return TapeFeed.open(
            self.folder, self.dates, self.symbols, calendar, resolution=self.resolution, only=only
        )


def tape_config(folder: str, dates: str, symbols: Collection[str] | None, calendar: Calendar) -> TapeConfig:
    """Return the config for a folder, "2013-10-07..2013-10-10" and symbols, None meaning all there are.

    Raises DateInvalid, TapeMissing.
    """
    days = parse_dates(dates, calendar)
    names = sorted({name.upper() for name in symbols}) if symbols else symbols_on(folder, days)
    return TapeConfig(folder=folder, dates=days, symbols=tuple(names))


def synthetic_symbols(config: dict[str, Any]) -> tuple[str, ...]:
    """Return the symbols of a synthetic market; none named means the familiar ten."""
    return tuple(config.get("symbols") or sorted(BASE_PRICES))


def synthetic_market(config: dict[str, Any]) -> SyntheticMarket:
    """Return the market of numbers that a config describes; without a word it has seed 1 and rare halts."""
    odds = int(config.get("halt_odds", HALT_ODDS))
    return SyntheticMarket(int(config.get("seed", 1)), synthetic_symbols(config), halt_odds=odds)


def tape_calendar(name: str, dates: Collection[date]) -> Calendar:
    """Return the stored calendar around a tape's days."""
    return rows.calendar(name, min(dates) - _MARGIN, max(dates) + _MARGIN)


def live_calendar(name: str) -> Calendar:
    """Return the stored calendar from a month ago on."""
    return rows.calendar(name, datetime.now(UTC).date() - _MARGIN)


def open_feed(
    market: rows.MarketState,
    client: redis.Redis,
    *,
    only: Collection[str] | None = None,
    since: int | None = None,
) -> TapeFeed | LiveFeed:
    """Return the market's feed for a matcher: the tape itself, or what the hub publishes.

    `only` keeps a shard's symbols; `since` is the market time that a live reader had come to.
    Raises MarketError.
    """
    if market.clock.feed == REPLAY:
        config = TapeConfig.of(market.config)
        return config.open(tape_calendar(market.calendar, config.dates), only=only)
    calendar = live_calendar(market.calendar)
    return LiveFeed(client, market.market_id, only=only, calendar=calendar, since=since)
