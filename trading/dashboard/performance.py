"""How an account has done: its return, its falls, its trades and its months, each figure with what it means."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _, gettext_lazy

from matching.market.times import SECOND
from trading.dashboard.filters import Filters
from trading.dashboard.generations import generations_to_choose
from trading.dashboard.page import PaperPage
from trading.review.performance import PERIODS, performance_of
from trading.templatetags.figures import money, percent
from trading.wire import plain

if TYPE_CHECKING:
    from django.http import HttpRequest

    from trading.review.performance import Performance as Figures

PERIOD_NAMES = (
    ("1M", gettext_lazy("1 month")),
    ("3M", gettext_lazy("3 months")),
    ("6M", gettext_lazy("6 months")),
    ("1A", gettext_lazy("1 year")),
    ("all", gettext_lazy("All")),
)


class Performance(PaperPage):
    """`/paper/<number>/performance?period=`."""

    template = "trading/performance.html"
    costs = "review"
    section = "performance"

    def whole(self, request: HttpRequest, **_: Any) -> dict[str, Any]:
        """Return the figures of the period; of all there is, where none or none that is known is asked for."""
        period = Filters(request.GET).word("period", tuple(PERIODS)) or "all"
        found = performance_of(self.principal, period)
        return {
            "performance": found,
            "period": period,
            "periods": PERIOD_NAMES,
            "months": [date_format(date(2000, number, 1), "M") for number in range(1, 13)],
            "plot": _plot(found),
            "summary": _summary(found),
            **generations_to_choose(self),
        }


def _plot(found: Figures) -> list[dict[str, str | None]]:
    """Return the plots' points: dollars, and percent below the high."""
    by_second = {
        point.at // SECOND: {
            "equity": plain(point.equity),
            "below": None if point.below is None else f"{-100 * point.below:.4f}",
        }
        for point in found.points
    }
    return [{"at": str(at), **point} for at, point in by_second.items()]


def _summary(found: Figures) -> str:
    """Return what the plots show, for who does not see them."""
    if not found.points:
        return ""
    equities = [point.equity for point in found.points]
    said = _(
        "From %(first)s to %(last)s the equity went from $%(opening)s to $%(closing)s, between $%(low)s and $%(high)s."
    ) % {
        "first": found.points[0].day,
        "last": found.points[-1].day,
        "opening": money(equities[0]),
        "closing": money(equities[-1]),
        "low": money(min(equities)),
        "high": money(max(equities)),
    }
    if found.fall is None:
        return said
    fall = _("Its deepest fall was %(depth)s, from %(high)s to %(low)s.") % {
        "depth": percent(-found.fall.depth),
        "high": found.fall.high,
        "low": found.fall.low,
    }
    return f"{said} {fall}"
