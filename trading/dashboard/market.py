"""`/paper/<number>/market`: what time it is in the account's market, and, of a tape, the hand on its clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accounts.dashboard.words import WORDS
from accounts.models.api_key import Scope
from matching.market.calendar import ALWAYS_OPEN
from matching.market.errors import FeedUnavailable
from matching.market.feeds import TapeConfig
from matching.market.times import SECOND, new_york, new_york_date, rfc3339, to_ns
from matching.models import Market
from trading import reference
from trading.dashboard.account_words import MARKET_WORDS
from trading.dashboard.page import PaperPage
from trading.templatetags.figures import quantity

if TYPE_CHECKING:
    from datetime import date, datetime

    from django.http import HttpRequest

SPEEDS = ("1", "5", "10", "60", "300", "max")  # market seconds a second, as the API takes them


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A recorded day of the tape. `midnight` is New York's, from which a time of day is counted."""

    on: date
    midnight: str
    is_now: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """How a tape stands: between which instants it plays, how much of it is over, and where it may be moved."""

    starts_at: datetime
    ends_at: datetime
    played_s: int
    length_s: int
    run: int
    is_over: bool
    days: tuple[Day, ...]
    next_open: str  # RFC 3339; empty when none is left on the tape
    next_close: str
    speed: str
    speed_words: str


class MarketPage(PaperPage):
    """The market of the account; `?part=tape` is its state alone."""

    template = "trading/market.html"
    section = "market"
    parts = ("tape",)

    def whole(self, request: HttpRequest, **_: Any) -> dict[str, Any]:  # noqa: ARG002 - a page's signature
        """Return what kind of market it is, and whether the reader may move its clock."""
        market = self.account.market
        terms = reference.market_terms(market.pk)
        return {
            "feed": market.feed,
            "is_active": market.is_active,
            "never_closes": terms.calendar == ALWAYS_OPEN,
            "symbols": sorted(terms.symbols),
            "words": {**WORDS, **MARKET_WORDS},
        }

    def tape(self, request: HttpRequest, **_: Any) -> dict[str, Any]:  # noqa: ARG002 - the same
        """Return how the tape stands, None for a market that goes on by itself."""
        market = self.account.market
        may = self.principal.may(Scope.OPERATOR)
        return {
            "tape": _tape(market),
            "may_move": may and market.is_active,
            "is_operator": may,
            "speeds": SPEEDS,
        }


def _tape(market: Market) -> Tape | None:
    if market.feed != Market.FeedKind.REPLAY or market.starts_at is None or market.ends_at is None:
        return None
    now, first, last = (
        to_ns(instant) for instant in (reference.market_now(market.pk), market.starts_at, market.ends_at)
    )
    calendar = reference.calendar_of(market.pk)
    today = new_york_date(now)
    try:
        days = TapeConfig.of(market.config).dates
    except FeedUnavailable:  # its clock can be moved all the same
        days = ()
    return Tape(
        starts_at=market.starts_at,
        ends_at=market.ends_at,
        played_s=max(0, min(now, last) - first) // SECOND,
        length_s=max(1, (last - first) // SECOND),
        run=market.run,
        is_over=now >= last,
        days=tuple(Day(on=day, midnight=rfc3339(new_york(day)), is_now=day == today) for day in days),
        next_open=_before(calendar.next_open(now), last),
        next_close=_before(calendar.next_close(now), last),
        speed="max" if market.speed is None else quantity(market.speed).replace(",", ""),
        speed_words="" if market.speed is None else quantity(market.speed),
    )


def _before(instant: int, last: int) -> str:
    return rfc3339(instant) if instant <= last else ""
