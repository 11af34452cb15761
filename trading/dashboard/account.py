"""`/paper/<number>`: what an account is worth, holds and waits for, live while the page is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from accounts.dashboard.words import WORDS
from trading.dashboard.desk_words import DESK_WORDS
from trading.dashboard.first_steps import FirstStepsPart
from trading.dashboard.page import PaperPage
from trading.dashboard.symbol import quoted_many
from trading.marketdata import entitlement
from trading.review.orders import Wanted, orders_of
from trading.selectors import account_figures, positions
from trading.services.activities import TYPES, Span, activities
from trading.services.watchlists import Which, watchlist, watchlists
from trading.wire import ratio

if TYPE_CHECKING:
    from decimal import Decimal

    from django.http import HttpRequest

    from trading.models import TradingAccount
    from trading.selectors import AccountFigures, PositionFigures

POSITIONS_MOST = 100  # as many as the page's channel follows
ORDERS_MOST = 50
WATCHED_MOST = 40
ACTIVITIES_MOST = 12

# of the history's API: period -> timeframe
PERIODS = {"1D": "5Min", "1W": "15Min", "1M": "1H", "3M": "1D", "1A": "1D"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """An account's figures, and what the day brought so far."""

    figures: AccountFigures

    @property
    def account(self) -> TradingAccount:
        return self.figures.account

    @property
    def profit(self) -> Decimal:
        return self.figures.equity - self.figures.last_equity

    @property
    def fraction(self) -> Decimal | None:
        return ratio(self.profit, self.figures.last_equity) if self.figures.last_equity else None


class AccountPage(FirstStepsPart, PaperPage):
    """The page that is kept open. `changes` is all of it that an event of the account may change, in one answer."""

    template = "trading/account.html"
    section = "account"
    parts: ClassVar[tuple[str, ...]] = ("changes", "watchlist", "first_steps")

    def whole(self, request: HttpRequest, **_: Any) -> dict[str, Any]:  # noqa: ARG002 - a page's signature
        """Return what the parts do not show."""
        is_late = entitlement.of_tier(self.principal.tier).delay > 0
        return {"periods": PERIODS, "is_late": is_late, "words": {**WORDS, **DESK_WORDS}}

    def changes(self, request: HttpRequest, **_: Any) -> dict[str, Any]:  # noqa: ARG002 - a part's signature
        """Return figures, positions, open orders and what happened last."""
        held = positions(self.principal)
        waiting = orders_of(self.principal, Wanted(status="open"), ORDERS_MOST + 1)
        span = Span(types=frozenset(TYPES), limit=ACTIVITIES_MOST)
        return {
            "worth": Worth(figures=account_figures(self.principal)),
            "positions": _largest(held),
            "positions_hidden": max(0, len(held) - POSITIONS_MOST),
            "open_orders": waiting[:ORDERS_MOST],
            "has_more_orders": len(waiting) > ORDERS_MOST,
            "activities": activities(principal=self.principal, span=span),
        }

    def watchlist(self, request: HttpRequest, **_: Any) -> dict[str, Any]:  # noqa: ARG002 - a part's signature
        """Return the account's oldest list, and what its assets are quoted at."""
        oldest = watchlists(principal=self.principal).first()
        if oldest is None:
            return {"list": None, "watched": [], "watched_hidden": 0}
        listed = watchlist(principal=self.principal, which=Which(pk=oldest.pk)).assets
        shown = listed[:WATCHED_MOST]
        quotes = quoted_many(self.principal, [asset.symbol for asset in shown])
        watched = [(asset, quotes[asset.symbol]) for asset in shown]
        return {"list": oldest, "watched": watched, "watched_hidden": max(0, len(listed) - WATCHED_MOST)}


def _largest(held: list[PositionFigures]) -> list[PositionFigures]:
    """Return all positions by symbol, or the ones that are worth most."""
    if len(held) <= POSITIONS_MOST:
        return held
    return sorted(held, key=lambda one: -abs(one.market_value))[:POSITIONS_MOST]
