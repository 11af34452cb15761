"""Data of what is not simulated (options, crypto, news): well-formed and empty. And corporate actions.

Spec of the wire: 6.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from accounts.api.bodies import json_response
from matching.market.times import new_york_date, rfc3339, to_ns
from trading import reference
from trading.announcements import SPLIT, announcements
from trading.api import query
from trading.api.market_data import DataView
from trading.errors import NotFound
from trading.marketdata.bodies import EXCHANGES
from trading.marketdata.errors import ParameterInvalid

if TYPE_CHECKING:
    from datetime import date

    from django.http import HttpResponse
    from rest_framework.request import Request

    from trading.announcements import Announcement
    from trading.marketdata.bodies import Body

LIMIT_MAX = 10_000
PAGE, PAGE_MAX = 100, 1_000
TOP, TOP_MAX = 10, 100


class Nothing(DataView):
    """An answer that lists nothing under `key`, and names no next page where there could be one."""

    key: ClassVar[str] = ""
    content: ClassVar[Any] = {}
    has_pages: ClassVar[bool] = False
    has_symbols: ClassVar[bool] = True

    def get(self, request: Request, **path: str) -> HttpResponse:
        """Answer with nothing. Raises ParameterInvalid for a question that cannot be right."""
        given = request.GET
        query.whole(given, "limit", 1, LIMIT_MAX)
        start, end = query.moment(given, "start"), query.moment(given, "end")
        if start is not None and end is not None and start > end:
            raise ParameterInvalid("end should not be before start")
        if self.has_symbols and not path and not query.words(given, "symbols"):
            raise ParameterInvalid("symbols is required")
        return json_response(
            {self.key: self.content, **({"next_page_token": None} if self.has_pages else {})}
        )


class OptionExchanges(DataView):
    """The letters of exchanges."""

    def get(self, _request: Request) -> HttpResponse:
        """List them."""
        return json_response(EXCHANGES)


class MostActives(DataView):
    """The stocks that are traded most."""

    def get(self, request: Request) -> HttpResponse:
        """List none: nobody counts them."""
        query.choice(request.GET, "by", ("volume", "trades"), "volume")
        query.whole(request.GET, "top", TOP, TOP_MAX)
        return json_response({"most_actives": [], "last_updated": rfc3339(self.market().now)})


class Movers(DataView):
    """What rose and fell most."""

    def get(self, request: Request, market_type: str) -> HttpResponse:
        """List none. Raises NotFound for what is no kind of market."""
        if market_type not in {"stocks", "crypto"}:
            raise NotFound("endpoint not found")
        query.whole(request.GET, "top", TOP, TOP_MAX)
        answer = {"gainers": [], "losers": [], "market_type": market_type}
        return json_response({**answer, "last_updated": rfc3339(self.market().now)})


class CorporateActions(DataView):
    """The splits and cash dividends that the market knows by now."""

    def get(self, request: Request) -> HttpResponse:
        """List them by kind, from `start` to `end` by process date, which is the ex-date; today's without."""
        given = request.GET
        today = new_york_date(to_ns(reference.market_now(self.principal.market_id)))
        start, end = query.day(given, "start"), query.day(given, "end")
        if start is not None and end is not None and start > end:
            raise ParameterInvalid("end should not be before start")
        limit = query.whole(given, "limit", PAGE, PAGE_MAX)
        skipped = query.whole(given, "page_token", 0, 1 << 31)
        ids, symbols, cusips, types = (
            query.words(given, name) for name in ("ids", "symbols", "cusips", "types")
        )
        told = [
            each
            for each in announcements(self.principal.market_id)
            if (str(each.id) in ids if ids else (start or today) <= each.ex_date <= (end or today))
            and (not symbols or each.symbol in symbols)
            and (not cusips or each.cusip in cusips)
            and (not types or _kind(each) in types)
        ]
        if query.choice(given, "sort", ("asc", "desc"), "asc") == "desc":
            told.reverse()
        found: dict[str, list[Body]] = {}
        for each in told[skipped : skipped + limit]:
            found.setdefault(f"{_kind(each)}s", []).append(_body(each, each.ex_date))
        token = str(skipped + limit) if len(told) > skipped + limit else None
        return json_response({"corporate_actions": found, "next_page_token": token})


def _kind(each: Announcement) -> str:
    if each.kind != SPLIT:
        return "cash_dividend"
    return "forward_split" if each.new_shares > each.old_shares else "reverse_split"


def _body(each: Announcement, on: date) -> Body:
    common = {"id": each.id, "symbol": each.symbol, "process_date": str(on), "ex_date": str(on)}
    if each.kind != SPLIT:
        return {**common, "cusip": each.cusip, "rate": float(each.cash), "special": False, "foreign": False}
    rates = {"old_rate": each.old_shares, "new_rate": each.new_shares}
    if each.new_shares > each.old_shares:
        return {**common, **rates, "cusip": each.cusip}
    return {**common, **rates, "old_cusip": each.cusip, "new_cusip": each.cusip}
