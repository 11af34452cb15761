"""A month of an account, as a page that is made to be printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trading.dashboard.generations import generations_to_choose
from trading.dashboard.page import PaperPage
from trading.errors import NotFound
from trading.review.months import Month
from trading.review.statement import statement_of

if TYPE_CHECKING:
    from django.http import HttpRequest


class Statement(PaperPage):
    """`/paper/<number>/statements/<month>`: a month on a sheet of paper."""

    template = "trading/statement.html"
    costs = "review"
    section = "history"

    def whole(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:  # noqa: ARG002 - the address says it all
        """Return the month. Raises NotFound for one that is none, or of which there is no statement."""
        try:
            month = Month.named(kwargs["month"])
        except ValueError:
            raise NotFound(f"there is no statement of {kwargs['month'][:32]}") from None
        return {
            "tab": "statements",
            "statement": statement_of(self.principal, month),
            "month": month,
            "present": month,
            **generations_to_choose(self),
        }
