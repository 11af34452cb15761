"""/v2/corporate_actions/announcements. Spec of the wire: 1.4, 4.5."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from accounts.api.bodies import json_response
from trading.announcements import DIVIDEND, announcement, announcements
from trading.api import query
from trading.api.base import ApiView
from trading.errors import NotFound, ValueInvalid
from trading.wire import plain

if TYPE_CHECKING:
    from datetime import date

    from django.http import HttpResponse
    from rest_framework.request import Request

    from trading.announcements import Announcement

KINDS = frozenset({"dividend", "merger", "spinoff", "split"})
EX_DATE = "ex_date"
DATE_TYPES = (EX_DATE, "declaration_date", "record_date", "payable_date")
SPAN_MAX = timedelta(days=90)


class Announcements(ApiView):
    """Dividends and splits of the market."""

    def get(self, request: Request) -> HttpResponse:
        """List those of the asked types from `since` to `until`, both included, by ex-date.

        No other date of an action is known, so that asking by another finds none.
        """
        kinds = query.words(request.GET, "ca_types")
        if not kinds:
            raise ValueInvalid("ca_types is required")
        if unknown := [kind for kind in kinds if kind.lower() not in KINDS]:
            raise ValueInvalid(f"invalid ca_types: {unknown[0][:64]}")
        since, until = _required_day(request, "since"), _required_day(request, "until")
        if since > until:
            raise ValueInvalid("since must not be after until")
        if until - since > SPAN_MAX:
            raise ValueInvalid(f"the date range is limited to {SPAN_MAX.days} days")
        date_type = query.choice(request.GET, "date_type", DATE_TYPES, EX_DATE)
        cusip = request.GET.get("cusip")
        wanted = {kind.lower() for kind in kinds}
        found = announcements(self.principal.market_id, symbol=request.GET.get("symbol") or None)
        return json_response(
            [
                announcement_body(each)
                for each in found
                if date_type == EX_DATE
                and each.kind in wanted
                and since <= each.ex_date <= until
                and (not cusip or each.cusip == cusip)
            ]
        )


class OneAnnouncement(ApiView):
    """One of them, by its id."""

    def get(self, _request: Request, name: str) -> HttpResponse:
        """Read it. Raises NotFound."""
        try:
            found = announcement(self.principal.market_id, UUID(name))
        except ValueError:
            found = None
        if found is None:
            raise NotFound(f"announcement not found for {name[:64]}")
        return json_response(announcement_body(found))


def announcement_body(each: Announcement) -> dict[str, Any]:
    """Return an announcement as the wire shows it; every word in lower case, which clients demand."""
    is_dividend = each.kind == DIVIDEND
    split = "reverse_split" if each.new_shares < each.old_shares else "stock_split"
    return {
        "id": each.id,
        "corporate_action_id": f"{each.symbol}_{each.kind}_{each.ex_date:%Y%m%d}",
        "ca_type": each.kind,
        "ca_sub_type": "cash" if is_dividend else split,
        "initiating_symbol": each.symbol,
        "initiating_original_cusip": each.cusip,
        "target_symbol": each.symbol,
        "target_original_cusip": each.cusip,
        "declaration_date": None,
        "ex_date": str(each.ex_date),
        "record_date": None,
        "payable_date": None,
        "cash": plain(each.cash),
        "old_rate": str(each.old_shares),
        "new_rate": str(each.new_shares),
    }


def _required_day(request: Request, name: str) -> date:
    day = query.day(request.GET, name)
    if day is None:
        raise ValueInvalid(f"{name} is required")
    return day
