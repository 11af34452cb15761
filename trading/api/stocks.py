"""/v2/stocks: quotes, trades, bars and auctions as they were, of one symbol or of many. Spec of the wire: 6.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from accounts.api.bodies import json_response
from matching.engine.types import Kind
from trading.api.market_data import DataView, Question, check_symbol, symbols_of
from trading.errors import NotFound
from trading.marketdata.adjustment import Adjustment
from trading.marketdata.bodies import EXCHANGES, QUOTE_CONDITIONS, TRADE_CONDITIONS
from trading.marketdata.paging import page
from trading.marketdata.series import AuctionSeries, BarSeries, TickSeries
from trading.marketdata.timeframes import Timeframe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse
    from rest_framework.request import Request

    from trading.marketdata.entitlement import Window
    from trading.marketdata.markets import MarketView
    from trading.marketdata.paging import Series


class HistoryView(DataView):
    """A question about the past; `key` names what the answer lists."""

    key: ClassVar[str]

    def get(self, request: Request, symbol: str | None = None) -> HttpResponse:
        """Answer with one page: rows by symbol, or those of the one symbol that the path names."""
        given = request.GET
        if symbol is not None:
            check_symbol(symbol)
        symbols = symbols_of(given) if symbol is None else [symbol]
        question = Question.of(given)
        self.check(given)
        market = self.market()
        window = question.window(self.entitlement, market)
        until = self.entitlement.visible_until(market.now, question.feed)
        found, token = page(
            self.series(market, given, window, until, newest_first=question.newest_first),
            [name for name in symbols if name in market.symbols],
            limit=question.limit,
            cursor=question.cursor,
            until=window.last,
        )
        if symbol is None:
            return json_response({self.key: found, "next_page_token": token})
        rows = found.get(symbol, [])
        return json_response({"symbol": symbol, self.key: rows, "next_page_token": token})

    def check(self, given: Mapping[str, str]) -> None:
        """Refuse what is special to this kind and wrong. Raises ParameterInvalid."""

    def series(
        self, market: MarketView, given: Mapping[str, str], window: Window, until: int, *, newest_first: bool
    ) -> Series[Any]:
        """Return what a page is filled with."""
        raise NotImplementedError


class Ticks(HistoryView):
    """The quotes or the prints of a stretch of time."""

    kind: ClassVar[Kind]

    def series(
        self,
        market: MarketView,
        _given: Mapping[str, str],
        window: Window,
        _until: int,
        *,
        newest_first: bool,
    ) -> Series[Any]:
        """Return what is of this kind."""
        return TickSeries(market=market, window=window, kind=self.kind, newest_first=newest_first)


class Quotes(Ticks):
    """The quotes of a stretch of time."""

    key, kind = "quotes", Kind.QUOTE


class Trades(Ticks):
    """The prints of a stretch of time."""

    key, kind = "trades", Kind.TRADE


class Bars(HistoryView):
    """Bars of a minute to a year."""

    key = "bars"

    def check(self, given: Mapping[str, str]) -> None:
        """Refuse a length or an adjustment that there is not. Raises ParameterInvalid."""
        Timeframe.of(given.get("timeframe", ""))
        Adjustment.of(given.get("adjustment", ""))

    def series(
        self, market: MarketView, given: Mapping[str, str], window: Window, until: int, *, newest_first: bool
    ) -> Series[Any]:
        """Return bars."""
        return BarSeries(
            market=market,
            window=window,
            until=until,
            timeframe=Timeframe.of(given.get("timeframe", "")),
            adjustment=Adjustment.of(given.get("adjustment", "")),
            newest_first=newest_first,
        )


class Auctions(HistoryView):
    """The official opening and closing prints of days."""

    key = "auctions"

    def series(
        self, market: MarketView, _given: Mapping[str, str], window: Window, until: int, *, newest_first: bool
    ) -> Series[Any]:
        """Return days."""
        return AuctionSeries(market=market, window=window, until=until, newest_first=newest_first)


class Exchanges(DataView):
    """The letters of exchanges."""

    def get(self, _request: Request) -> HttpResponse:
        """List them."""
        return json_response(EXCHANGES)


class Conditions(DataView):
    """The letters of conditions."""

    def get(self, _request: Request, kind: str) -> HttpResponse:
        """List those of trades or of quotes; they are the same on every tape. Raises NotFound."""
        if kind not in {"trade", "quote"}:
            raise NotFound("endpoint not found")
        return json_response(TRADE_CONDITIONS if kind == "trade" else QUOTE_CONDITIONS)
