"""What every view of the market data shares: who may ask, and what was asked. Spec of the wire: 6.2."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accounts.models.api_key import Scope
from matching.market.times import new_york, new_york_date
from trading import reference
from trading.api import query
from trading.api.base import ApiView
from trading.errors import ValueInvalid
from trading.marketdata import entitlement, markets
from trading.marketdata.errors import ParameterInvalid
from trading.marketdata.paging import Cursor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponseBase

    from trading.marketdata.entitlement import Entitlement
    from trading.marketdata.markets import MarketView
    from trading.principal import Principal

LIMIT, LIMIT_MAX = 1_000, 10_000
SYMBOLS_MAX = 1_000

_SYMBOL_MAX = 32  # characters that a refusal repeats
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class DataView(ApiView):
    """A view of the market that the caller's account trades in."""

    http_method_names = ["get", "head"]

    def is_allowed(self, principal: Principal, method: str) -> bool:  # noqa: ARG002 - there is only reading
        """Say whether the key may read data, or anything."""
        return principal.may(Scope.DATA) or principal.may(Scope.READ)

    def handle_exception(self, exc: Exception) -> HttpResponseBase:  # type: ignore[override] # as its base
        """Answer for a failure; this API calls a bad parameter a bad request."""
        return super().handle_exception(
            ParameterInvalid(exc.message) if isinstance(exc, ValueInvalid) else exc
        )

    @property
    def entitlement(self) -> Entitlement:
        """What the caller's tier may see."""
        return entitlement.of_tier(self.principal.tier)

    def market(self) -> MarketView:
        """Return the caller's market as it stands now."""
        return markets.view(self.principal.market_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a question about history asks for, less what is special to its kind; nanoseconds."""

    feed: str
    start: int | None
    end: int | None
    is_end_a_date: bool
    limit: int
    newest_first: bool
    cursor: Cursor | None

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Question:
        """Read it. A date as `end` includes its day. Raises ValueInvalid, ParameterInvalid."""
        start, end = _instant(given, "start"), _instant(given, "end")
        is_date = _DATE.fullmatch(given.get("end", "").strip()) is not None
        if start is not None and end is not None and start > end:
            raise ParameterInvalid("end should not be before start")
        return cls(
            feed=feed_of(given),
            start=start,
            end=end,
            is_end_a_date=is_date,
            limit=query.whole(given, "limit", LIMIT, LIMIT_MAX),
            newest_first=query.choice(given, "sort", ("asc", "desc"), "asc") == "desc",
            cursor=Cursor.of_token(given.get("page_token", "")),
        )

    def window(self, rights: Entitlement, view: MarketView) -> entitlement.Window:
        """Return what of it the caller may see. Raises SubscriptionInsufficient."""
        start = new_york(new_york_date(view.now)) if self.start is None else self.start
        window = rights.window(
            start=start,
            end=self.end,
            feed=self.feed,
            now=view.now,
            present_from=view.history.present_from,
            is_sip_needed=not self.is_end_a_date,
        )
        return window if self.cursor is None else window._replace(last=min(window.last, self.cursor.until))


def feed_of(given: Mapping[str, str]) -> str:
    """Read the feed's name, empty where none is given; asks for dollars too. Raises ParameterInvalid."""
    feed = query.choice(given, "feed", (*entitlement.FEEDS, ""), "")
    query.choice(given, "currency", ("USD",), "USD")
    return feed


def symbols_of(given: Mapping[str, str]) -> list[str]:
    """Read `symbols`, sorted and each once. Raises ParameterInvalid."""
    names = sorted(set(query.words(given, "symbols")))
    if not names:
        raise ParameterInvalid("symbols is required")
    if len(names) > SYMBOLS_MAX:
        raise ParameterInvalid(f"at most {SYMBOLS_MAX} symbols are allowed")
    for name in names:
        check_symbol(name)
    return names


def check_symbol(name: str) -> None:
    """Refuse what can be no symbol at all. Raises ParameterInvalid."""
    if not reference.LISTED.fullmatch(name):
        raise ParameterInvalid(f"invalid symbol: {name[:_SYMBOL_MAX]}")


def _instant(given: Mapping[str, str], name: str) -> int | None:
    """Read an instant; a date is that day in New York: its beginning, or as `end` its last instant."""
    text = given.get(name, "").strip()
    on = query.day(given, name) if _DATE.fullmatch(text) else None
    if on is None:
        return query.moment(given, name)
    return new_york(on, 24) - 1 if name == "end" else new_york(on)
