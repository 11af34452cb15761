"""The market data's paths; the more special of two that fit stands first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import path

from trading.api import other_data, stocks, stocks_now

if TYPE_CHECKING:
    from django.urls import URLPattern

_HISTORY = {"quotes": stocks.Quotes, "trades": stocks.Trades, "bars": stocks.Bars}
_NEWEST = {"quotes": stocks_now.LatestQuote, "trades": stocks_now.LatestTrade, "bars": stocks_now.LatestBar}
_CRYPTO_NEWEST = ("bars", "quotes", "trades", "orderbooks")


def _nothing(route: str, key: str, **options: object) -> URLPattern:
    return path(route, other_data.Nothing.as_view(key=key, **options))


urlpatterns = [
    path("v2/stocks/meta/exchanges", stocks.Exchanges.as_view()),
    path("v2/stocks/meta/conditions/<str:kind>", stocks.Conditions.as_view()),
    path("v2/stocks/snapshots", stocks_now.Snapshot.as_view()),
    path("v2/stocks/auctions", stocks.Auctions.as_view()),
    *(path(f"v2/stocks/{name}/latest", view.as_view()) for name, view in _NEWEST.items()),
    *(path(f"v2/stocks/{name}", view.as_view()) for name, view in _HISTORY.items()),
    path("v2/stocks/<str:symbol>/snapshot", stocks_now.Snapshot.as_view()),
    path("v2/stocks/<str:symbol>/auctions", stocks.Auctions.as_view()),
    *(path(f"v2/stocks/<str:symbol>/{name}/latest", view.as_view()) for name, view in _NEWEST.items()),
    *(path(f"v2/stocks/<str:symbol>/{name}", view.as_view()) for name, view in _HISTORY.items()),
    _nothing("v1beta1/options/bars", "bars", has_pages=True),
    _nothing("v1beta1/options/trades", "trades", has_pages=True),
    _nothing("v1beta1/options/quotes/latest", "quotes"),
    _nothing("v1beta1/options/trades/latest", "trades"),
    _nothing("v1beta1/options/snapshots", "snapshots", has_pages=True),
    _nothing("v1beta1/options/snapshots/<str:underlying>", "snapshots", has_pages=True),
    path("v1beta1/options/meta/exchanges", other_data.OptionExchanges.as_view()),
    *(_nothing(f"v1beta3/crypto/us/latest/{name}", name) for name in _CRYPTO_NEWEST),
    *(_nothing(f"v1beta3/crypto/us/{name}", name, has_pages=True) for name in _HISTORY),
    _nothing("v1beta3/crypto/us/snapshots", "snapshots"),
    _nothing("v1beta1/news", "news", content=(), has_pages=True, has_symbols=False),
    path("v1beta1/screener/stocks/most-actives", other_data.MostActives.as_view()),
    path("v1beta1/screener/<str:market_type>/movers", other_data.Movers.as_view()),
    path("v1/corporate-actions", other_data.CorporateActions.as_view()),
]
