"""/v2/options/contracts: no option can be traded yet, and whoever asks is told so in the right shape.

Spec of the wire: 1.1, 1.4, 4.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts.api.bodies import json_response
from trading.api import numbers, query
from trading.api.base import ApiView
from trading.errors import NotFound

if TYPE_CHECKING:
    from django.http import HttpResponse
    from rest_framework.request import Request

LIMIT, LIMIT_MAX = 100, 10_000
_DAYS = ("expiration_date", "expiration_date_gte", "expiration_date_lte")
_STRIKES = ("strike_price_gte", "strike_price_lte")
_CHOICES = {
    "status": ("active", "inactive"),
    "type": ("call", "put"),
    "style": ("american", "european"),
}


class Contracts(ApiView):
    """The option contracts that can be traded."""

    def get(self, request: Request) -> HttpResponse:
        """List them: none. Parameters are judged as they will be. Raises ValueInvalid."""
        for name in _DAYS:
            query.day(request.GET, name)
        for name, words in _CHOICES.items():
            query.choice(request.GET, name, (*words, ""), "")
        for name in _STRIKES:
            numbers.decimal(numbers.of_query(request.GET, name), name)
        query.whole(request.GET, "limit", LIMIT, LIMIT_MAX)
        return json_response({"option_contracts": [], "next_page_token": None})


class OneContract(ApiView):
    """One contract, by its OCC symbol or id."""

    def get(self, _request: Request, name: str) -> HttpResponse:
        """Read it. Raises NotFound."""
        raise NotFound(f"option contract {name[:64]} not found")
