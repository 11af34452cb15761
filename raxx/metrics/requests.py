"""What the web processes count: requests by route and tier, how long they took, and those that were too many."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import Counter, Histogram

from accounts.throttling import TIER_KEY
from raxx import errors

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

# Nobody's own words become labels: routes and tiers are ours, and so is every other word here.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER, NONE = "other", "none"
TOO_MANY = 429
BUCKETS_S = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)

REQUESTS = Counter(
    "raxx_requests", "Requests that were answered, by the first digit of the status.",
    ["route", "method", "tier", "status"],
)  # fmt: skip
SECONDS = Histogram(
    "raxx_request_seconds", "How long an answer took, in seconds.", ["route", "tier"], buckets=BUCKETS_S
)
THROTTLED = Counter("raxx_throttled", "Requests that were refused because there were too many.", ["tier"])


def begin() -> float:
    """Return when a request began."""
    return time.perf_counter()


def end(began: float, request: HttpRequest, response: HttpResponseBase | None) -> None:
    """Count a request; without a response it ended in an exception. A path that leads nowhere has no route."""
    match = request.resolver_match
    route = NONE if match is None or match.func is errors.endpoint_not_found else f"/{match.route}"
    tier = request.META.get(TIER_KEY) or NONE
    method = request.method if request.method in METHODS else OTHER
    status = 500 if response is None else response.status_code
    REQUESTS.labels(route, method, tier, f"{status // 100}xx").inc()
    SECONDS.labels(route, tier).observe(time.perf_counter() - began)
    if status == TOO_MANY:
        THROTTLED.labels(tier).inc()
