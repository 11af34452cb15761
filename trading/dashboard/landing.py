"""The first page: what Raxx is, and its market, moving. For everybody, signed in or not.

What nobody in particular may see of the market is what the Free tier may: the same delay, by the same
rules (`trading.marketdata.entitlement`). Of a live vendor's feed nothing is shown but the clock.
"""

from __future__ import annotations

import threading
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from accounts.api.bodies import json_response
from accounts.dashboard.page import Page
from accounts.models.user import Tier
from matching.market.errors import MarketError
from matching.market.times import NEW_YORK, SECOND, rfc3339, to_ns
from matching.models import Market
from trading.dashboard.page import market_now
from trading.dashboard.starters import default_market, starters_of
from trading.marketdata import entitlement, markets
from trading.marketdata.newest import latest_of
from trading.models import Asset
from trading.templatetags.figures import price

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from matching.market.latest import Latest

EXAMPLE = "SPY"  # a symbol of the code, where the market has none to show
KEPT_S = 1.0  # so often at most is the market looked at, however many people do
RIGHTS = entitlement.of_tier(Tier.FREE)

_lock = threading.Lock()
_kept: tuple[float, dict[str, Any] | None] = (0.0, None)


class Landing(Page):
    """What Raxx is. `?part=market` answers with the figures alone, as JSON, for the page's script."""

    template = "trading/landing.html"

    def get(self, request: HttpRequest, **kwargs: str) -> HttpResponse:
        """Answer with the page, or with how the market stands."""
        if request.GET.get("part") == "market":
            return json_response(shown_market())
        return super().get(request, **kwargs)

    def content(self, request: HttpRequest, **_: str) -> dict[str, Any]:
        """Return how the market stands, and at which address a bot finds us."""
        demo = shown_market()
        quotes = demo["quotes"] if demo else []
        return {
            "demo": demo,
            "origin": f"{request.scheme}://{request.get_host()}",
            "example": quotes[0]["symbol"] if quotes else EXAMPLE,
        }


def shown_market() -> dict[str, Any] | None:
    """Return the market as everybody may see it, None where there is none; a second old at most."""
    global _kept  # noqa: PLW0603 - one small value a process
    until, shown = _kept
    if until > time.monotonic():
        return shown
    with _lock:  # one looks, the others take what it has found
        until, shown = _kept
        if until <= time.monotonic():
            _kept = (
                time.monotonic() + KEPT_S,
                shown,
            )  # where the look fails: nobody queues for a database that is away
            shown = _look()
            _kept = (time.monotonic() + KEPT_S, shown)
    return shown


def forget() -> None:
    """Keep nothing; for tests."""
    global _kept  # noqa: PLW0603 - the same
    _kept = (0.0, None)


def _look() -> dict[str, Any] | None:
    market = default_market()
    try:
        now = market_now(market) if market else None
    except MarketError:  # its calendar has come to an end: the page has more to say than this
        now = None
    if market is None or now is None:
        return None
    quotes = [] if market.feed == Market.FeedKind.ALPACA else _quotes(market)
    return {
        "name": now.name,
        "at": rfc3339(to_ns(now.at)),
        "clock": f"{now.at.astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S}",
        "session": now.session,
        "is_open": now.is_open,
        "is_paused": now.is_paused,
        "delay_minutes": RIGHTS.delay // (60 * SECOND),
        "quotes": quotes,
    }


def _quotes(market: Market) -> list[dict[str, str]]:
    """Return the figures of a few symbols, as text: the script puts them where they belong and knows no rule."""
    symbols = starters_of(market)
    names = dict(Asset.objects.filter(symbol__in=symbols).values_list("symbol", "name"))
    try:
        view = markets.view(market.pk)
        latest = latest_of(view, symbols, RIGHTS)
    except MarketError:
        latest = {}
    return [_quote(symbol, _short(names.get(symbol, "")), latest.get(symbol)) for symbol in symbols]


def _short(name: str) -> str:
    """Return a company's name as it is called: there is little room."""
    return (
        name.removesuffix(" Common Stock")
        .removesuffix(" Capital Stock")
        .removesuffix(" Class C")
        .removesuffix(" Class A")
    )


def _quote(symbol: str, name: str, latest: Latest | None) -> dict[str, str]:
    quote = None if latest is None else latest.quote
    trade = None if latest is None else latest.trade
    return {
        "symbol": symbol,
        "name": name,
        "bid": price(None if quote is None else _dollars(quote.bid)),
        "ask": price(None if quote is None else _dollars(quote.ask)),
        "last": price(None if trade is None else _dollars(trade.price)),
    }


def _dollars(units: int) -> Decimal | None:
    """Return a price of the engine's, in 1/10,000 dollar; nought means that there is none."""
    return Decimal(units).scaleb(-4) if units else None
