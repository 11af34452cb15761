"""A symbol: its chart, what is quoted, what the account has of it, and the ticket for an order. And how to find one."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from django.urls import reverse

from accounts.dashboard.page import redirect_to
from accounts.dashboard.words import WORDS
from matching.engine.types import DOLLAR
from matching.engine.units import SHARE
from matching.market.calendar import ALWAYS_OPEN
from matching.market.latest import Latest
from matching.market.times import to_datetime
from trading import finding, reference
from trading.dashboard.estimate import estimated
from trading.dashboard.page import PaperPage
from trading.dashboard.symbol_words import TICKET_WORDS
from trading.dashboard.ticket import CLASSES, TYPES, times_in_force
from trading.errors import NotFound
from trading.marketdata import entitlement
from trading.models import Fill, Order
from trading.seen import latest_seen
from trading.selectors import position_in
from trading.services.watchlists import watchlists
from trading.wire import EXACT, ratio

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

    from trading.models import Asset
    from trading.principal import Principal

FOUND_MAX = 50  # of a page
PAGES_MAX = 1_000
SUGGESTED_MAX = 8
OPEN_SHOWN, FILLS_SHOWN = 50, 100
FRAMES = ("1Min", "5Min", "15Min", "1Hour", "1Day")
# What the ticket may be opened with, by a link from elsewhere.
PREFILLED = (
    "side",
    "qty",
    "notional",
    "type",
    "limit_price",
    "stop_price",
    "time_in_force",
    "order_class",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """What of a symbol is shown now; dollars and shares, None is not known."""

    bid: Decimal | None
    bid_size: Decimal | None
    ask: Decimal | None
    ask_size: Decimal | None
    last: Decimal | None
    previous_close: Decimal | None
    at: datetime | None
    is_halted: bool

    @property
    def spread(self) -> Decimal | None:
        return None if self.bid is None or self.ask is None else EXACT.subtract(self.ask, self.bid)

    @property
    def change(self) -> Decimal | None:
        """Since the close of the day before."""
        if self.last is None or not self.previous_close:
            return None
        return EXACT.subtract(self.last, self.previous_close)

    @property
    def change_fraction(self) -> Decimal | None:
        return (
            None
            if self.change is None or not self.previous_close
            else ratio(self.change, self.previous_close)
        )


class SymbolPage(PaperPage):
    """`/paper/<number>/symbols/<symbol>`."""

    template = "trading/symbol.html"
    section = "symbols"
    parts: ClassVar[tuple[str, ...]] = ("holding", "estimate")

    def content(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        """Return the page or a part of it. Raises NotFound, also for a symbol that nobody has."""
        symbol = kwargs.pop("symbol")
        asset = reference.asset_named(symbol)
        if asset is None:
            raise NotFound(f"asset not found for {symbol[:64]}")
        return {"asset": asset, **super().content(request, asset=asset, **kwargs)}

    def whole(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        """Return the quote, what the asset may, the lists it may be on, and the ticket's choices."""
        asset: Asset = kwargs["asset"]
        rights = entitlement.of_tier(self.principal.tier)
        lists = watchlists(principal=self.principal)
        terms = reference.market_terms(self.principal.market_id)
        return {
            "quote": quoted(self.principal, asset.symbol),
            "is_late": bool(rights.delay),
            "is_here": asset.symbol in terms.symbols,
            "may_be_short": asset.shortable and asset.easy_to_borrow,
            "watchlist": lists[0] if lists else None,
            "is_watched": bool(lists) and asset.pk in lists[0].asset_ids,
            "frames": FRAMES,
            "types": TYPES,
            "times_in_force": times_in_force(never_closes=terms.calendar == ALWAYS_OPEN),
            "classes": CLASSES,
            "given": {name: request.GET[name][:32] for name in PREFILLED if name in request.GET},
            "words": {**WORDS, **TICKET_WORDS},
            "orders_url": reverse("paper-orders", args=[self.account.number]),
        }

    def holding(self, _request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        """Return the position, the open orders and the latest fills in the asset."""
        asset: Asset = kwargs["asset"]
        owner = (self.principal, self.principal.account_id)
        orders = Order.objects.owned_by(*owner).open().filter(asset=asset).order_by("-submitted_at", "-pk")
        fills = Fill.objects.owned_by(*owner).filter(
            symbol=asset.symbol, order__generation=self.account.generation, run=self.account.market.run
        )
        shown = list(orders[: OPEN_SHOWN + 1])
        return {
            "position": position_in(self.principal, asset.symbol),
            "working": shown[:OPEN_SHOWN],
            "has_more_working": len(shown) > OPEN_SHOWN,
            "fills": list(fills.order_by("-at", "-pk")[:FILLS_SHOWN]),
        }

    def estimate(self, request: HttpRequest, **_: Any) -> dict[str, Any]:
        """Return what the order of `?order=` would do."""
        return estimated(request, self.principal)


class Symbols(PaperPage):
    """`/paper/<number>/symbols?q=`: what a text finds; the symbol's page where it is one."""

    template = "trading/symbols.html"
    section = "symbols"
    parts: ClassVar[tuple[str, ...]] = ("suggestions",)

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Answer with what is found, or lead to the symbol that was typed."""
        answer = super().get(request, **kwargs)
        if answer.status_code != 200 or "part" in request.GET:  # noqa: PLR2004 - led elsewhere, or a script asks
            return answer
        asset = finding.exact(self.principal.market_id, request.GET.get("q", ""))
        return answer if asset is None else redirect_to("paper-symbol", self.account.number, asset.symbol)

    def whole(self, request: HttpRequest, **_: Any) -> dict[str, Any]:
        """Return a page of what is found."""
        text, page = request.GET.get("q", ""), _page(request)
        found = finding.find(
            self.principal.market_id, text, limit=FOUND_MAX + 1, offset=(page - 1) * FOUND_MAX
        )
        return {
            "q": text[: finding.TEXT_MAX],
            "found": found[:FOUND_MAX],
            "page": page,
            "next_page": page + 1 if len(found) > FOUND_MAX else None,
        }

    def suggestions(self, request: HttpRequest, **_: Any) -> dict[str, Any]:
        """Return the first few, for the list under the search box."""
        text = request.GET.get("q", "")
        if not text.strip():
            return {"suggested": [], "q": ""}
        found = finding.find(self.principal.market_id, text, limit=SUGGESTED_MAX)
        return {"suggested": found, "q": text[: finding.TEXT_MAX]}


def quoted(principal: Principal, symbol: str) -> Quoted:
    """Return what the caller may see of a symbol now."""
    return quoted_many(principal, [symbol])[symbol]


def quoted_many(principal: Principal, symbols: Sequence[str]) -> dict[str, Quoted]:
    """Return what the caller may see of each of some symbols now."""
    known = latest_seen(principal, symbols)
    return {symbol: _quoted(known.get(symbol, Latest())) for symbol in symbols}


def _quoted(known: Latest) -> Quoted:
    quote, trade = known.quote, known.trade
    newest = max((one.at for one in (quote, trade) if one is not None), default=None)
    return Quoted(
        bid=_dollars(quote.bid if quote else 0),
        bid_size=_shares(quote.bid_size if quote else 0),
        ask=_dollars(quote.ask if quote else 0),
        ask_size=_shares(quote.ask_size if quote else 0),
        last=_dollars(trade.price if trade else 0),
        previous_close=_dollars(known.previous_close),
        at=None if newest is None else to_datetime(newest),
        is_halted=known.is_halted,
    )


def _page(request: HttpRequest) -> int:
    text = request.GET.get("page", "1")
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(PAGES_MAX))
    return min(max(int(text), 1), PAGES_MAX) if is_number else 1


def _dollars(price: int) -> Decimal | None:
    return EXACT.divide(Decimal(price), Decimal(DOLLAR)) if price else None


def _shares(size: int) -> Decimal | None:
    return EXACT.divide(Decimal(size), Decimal(SHARE)) if size else None
