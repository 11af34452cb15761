"""What belongs to nobody and hardly ever changes, kept for a moment by each process.

An asset or a market that an operator has changed is seen within `KEPT_S`; a calendar's days are
history and are kept for good.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar
from uuid import UUID

from django.db import connection

from matching.market import rows
from matching.models import Market
from trading.models import Asset

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from matching.market.calendar import Calendar

KEPT_S = 5.0
KEPT_MAX = 20_000

SYMBOL = re.compile(r"[A-Za-z0-9./-]{1,36}")  # and so also a UUID's text
LISTED = re.compile(r"(?=.{1,32}\Z)[A-Z0-9]+([./-][A-Z0-9]+)*", re.ASCII)  # what a market may call an asset

Name = TypeVar("Name")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTerms:
    """What of a market a clock does not move: its calendar's name, what its feed carries, if it is run."""

    calendar: str
    is_active: bool
    symbols: frozenset[str]


class _Kept(Generic[Name, Value]):
    """A small map of values that are read again after a while."""

    def __init__(self) -> None:
        self._values: dict[Name, tuple[float, Value]] = {}

    def get(self, name: Name, read: Callable[[Name], Value | None]) -> Value | None:
        now = time.monotonic()
        kept = self._values.get(name)
        if kept is not None and kept[0] > now:
            return kept[1]
        value = read(name)
        if value is None:  # never kept: a caller could fill the memory with names of nothing
            self._values.pop(name, None)
            return None
        if len(self._values) >= KEPT_MAX:
            self._values.clear()
        self._values[name] = (now + KEPT_S, value)
        return value

    def clear(self) -> None:
        self._values.clear()


_assets: _Kept[str, Asset] = _Kept()
_markets: _Kept[int, MarketTerms] = _Kept()
_calendars: dict[str, Calendar] = {}
_reading_calendar = threading.Lock()


def asset_named(name: str) -> Asset | None:
    """Return the asset of a symbol, an id, a CUSIP or a crypto pair without its slash."""
    return _assets.get(name, _read_asset) if SYMBOL.fullmatch(name) else None


def market_terms(market_id: int) -> MarketTerms:
    """Return a market's calendar and symbols. Raises Market.DoesNotExist."""
    terms = _markets.get(market_id, _read_market)
    if terms is None:
        raise Market.DoesNotExist(f"there is no market {market_id}")
    return terms


def calendar_of(market_id: int) -> Calendar:
    """Return the whole calendar of a market."""
    name = market_terms(market_id).calendar
    calendar = _calendars.get(name)
    if calendar is None:
        with _reading_calendar:  # sixty years of days: read once, not by every waiting thread
            calendar = _calendars.get(name) or rows.calendar(name)
            if len(calendar):
                _calendars[name] = calendar
    return calendar


def market_now(market_id: int) -> datetime:
    """Return the market's time, as the database tells it to everybody who writes."""
    with connection.cursor() as cursor:
        cursor.execute("select matching_now(%s)", [market_id])
        now: datetime = cursor.fetchone()[0]
    return now


def forget() -> None:
    """Keep nothing; for tests."""
    _assets.clear()
    _markets.clear()
    _calendars.clear()


def _read_asset(name: str) -> Asset | None:
    found = Asset.objects.filter(symbol=name).first()
    if found is None and (key := _uuid(name)):
        return Asset.objects.filter(pk=key).first()
    if found is None:
        found = Asset.objects.filter(cusip=name).first()
    if found is None and name.isalpha():
        pairs = Asset.objects.filter(asset_class=Asset.AssetClass.CRYPTO, symbol__contains="/")
        found = next((pair for pair in pairs if pair.symbol.replace("/", "") == name), None)
    return found


def _read_market(market_id: int) -> MarketTerms | None:
    market = Market.objects.filter(pk=market_id).only("calendar", "config", "feed", "is_active").first()
    if market is None:
        return None
    symbols = market.config.get("symbols")
    if not symbols and market.feed == Market.FeedKind.SYNTHETIC:
        from matching.market.feeds import synthetic_symbols

        symbols = synthetic_symbols(market.config)
    return MarketTerms(calendar=market.calendar, is_active=market.is_active, symbols=frozenset(symbols or ()))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
