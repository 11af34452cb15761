"""What a plain view answers to a method that it does not have: the project's own words, not Django's."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING

from raxx import errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

SAFE = ("GET", "HEAD")


def only_reading(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Have a view answer GET and HEAD alone."""

    @wraps(view)
    def reading(request: HttpRequest) -> HttpResponse:
        if request.method in SAFE:
            return view(request)
        refusal = errors.body(405, 40510000, "method not allowed", {})
        refusal["Allow"] = ", ".join(SAFE)
        return refusal

    return reading
