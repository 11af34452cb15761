"""/v2/stocks/.../latest and snapshots: the newest of each symbol that the caller may see. Spec of the wire: 6.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from accounts.api.bodies import json_response
from trading.api.market_data import DataView, check_symbol, feed_of, symbols_of
from trading.errors import NotFound
from trading.marketdata import bodies, newest
from trading.marketdata.bodies import Listing

if TYPE_CHECKING:
    from django.http import HttpResponse
    from rest_framework.request import Request

    from trading.marketdata.bodies import Body
    from trading.marketdata.markets import MarketView


class NewestView(DataView):
    """A question about the present; `one` and `many` name the answer's keys, no `many` means none."""

    one: ClassVar[str]
    many: ClassVar[str | None]

    def get(self, request: Request, symbol: str | None = None) -> HttpResponse:
        """Answer by symbol, leaving out those of which nothing is known; or with the path's one symbol.

        Raises NotFound where nothing is known of that.
        """
        feed = feed_of(request.GET)
        if symbol is not None:
            check_symbol(symbol)
        symbols = symbols_of(request.GET) if symbol is None else [symbol]
        self.entitlement.require_recent(feed)
        found = self.find(self.market(), symbols, feed)
        if symbol is None:
            return json_response(found if self.many is None else {self.many: found})
        if symbol not in found:
            raise NotFound(f"no {self.one} found for {symbol}")
        return json_response(self.single(symbol, found[symbol]))

    def single(self, symbol: str, found: Body) -> Body:
        """Return the answer about one symbol."""
        return {"symbol": symbol, self.one: found}

    def find(self, market: MarketView, symbols: list[str], feed: str) -> dict[str, Body]:
        """Return what is known, by symbol."""
        raise NotImplementedError


class LatestQuote(NewestView):
    """The standing quote."""

    one, many = "quote", "quotes"

    def find(self, market: MarketView, symbols: list[str], feed: str) -> dict[str, Body]:
        """Return quotes."""
        known = newest.latest_of(market, symbols, self.entitlement, feed)
        return {
            name: bodies.latest_quote(latest.quote, Listing.of(name))
            for name, latest in known.items()
            if latest.quote is not None
        }


class LatestTrade(NewestView):
    """The last print that makes a price."""

    one, many = "trade", "trades"

    def find(self, market: MarketView, symbols: list[str], feed: str) -> dict[str, Body]:
        """Return prints."""
        known = newest.latest_of(market, symbols, self.entitlement, feed)
        return {
            name: bodies.latest_trade(latest.trade, Listing.of(name), market.history)
            for name, latest in known.items()
            if latest.trade is not None
        }


class LatestBar(NewestView):
    """The newest minute that is over and had a print."""

    one, many = "bar", "bars"

    def find(self, market: MarketView, symbols: list[str], feed: str) -> dict[str, Body]:
        """Return minute bars."""
        known = newest.latest_minutes(market, symbols, self.entitlement, feed)
        return {name: bodies.bars_of(bars)[0] for name, bars in known.items()}


class Snapshot(NewestView):
    """All of it at once, and the bars of the day and of the day before; what is not known is left out."""

    one, many = "snapshot", None

    def single(self, symbol: str, found: Body) -> Body:
        """Return the answer about one symbol, which stands beside the symbol's name."""
        return {"symbol": symbol, **found}

    def find(self, market: MarketView, symbols: list[str], feed: str) -> dict[str, Body]:
        """Return snapshots."""
        known = newest.latest_of(market, symbols, self.entitlement, feed)
        minutes = newest.latest_minutes(market, symbols, self.entitlement, feed)
        found: dict[str, Body] = {}
        for name in sorted(known.keys() | minutes.keys()):
            listing, body = Listing.of(name), {}
            if (latest := known.get(name)) is not None and latest.trade is not None:
                body["latestTrade"] = bodies.latest_trade(latest.trade, listing, market.history)
            if latest is not None and latest.quote is not None:
                body["latestQuote"] = bodies.latest_quote(latest.quote, listing)
            if name in minutes:
                body["minuteBar"] = bodies.bars_of(minutes[name])[0]
            days = newest.latest_days(market, name, self.entitlement, feed)
            for key, bars in zip(("dailyBar", "prevDailyBar"), days, strict=False):
                body[key] = bodies.bars_of(bars)[0]
            found[name] = body
        return found
