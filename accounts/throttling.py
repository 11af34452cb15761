"""Who has asked too often: people by their tier's budget, addresses by what they fail at.

The API's requests are counted by `TierThrottle` once the caller is known, by the person alone, whichever of
their keys or sessions it was. What nobody in particular asks for is limited by address:

    refuse_if_blocked(kind, address)   before the work, by the failures so far
    count_failure(kind, address)       after it, for one that failed
    attempt(kind, address)             both in one, where a success costs us as much as a failure
    attempt_mail(email)                the same of a mailbox: many addresses together must not fill it

All do nothing while budgets are off (setting RATELIMIT_ENABLE). decisions/0002-budgets.md says why.
"""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Literal, Protocol

from rest_framework.throttling import BaseThrottle

from accounts import budgets
from accounts.budgets import REFUSED_FOR_S, Budget, CounterAway, Rate, count, count_here
from accounts.errors import RateLimited

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest
    from rest_framework.request import Request
    from rest_framework.views import APIView

BUDGET_KEY = "raxx.budget"  # in META: what the answer's headers say
TIER_KEY = "raxx.tier"  # in META: whose budget it was, for figures by tier
EXCEEDED = "rate limit exceeded"

HOUR_S = 3_600

Kind = Literal[
    "log_in", "ceremony", "sign_up", "mailbox", "recovery", "bad_key", "page", "review", "file", "estimate"
]


class Caller(Protocol):
    """Whoever has a budget: a session or the principal of a request."""

    @property
    def user_id(self) -> UUID: ...

    @property
    def tier(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressLimit:
    """How often one address may; an IPv6 client has a /64 to choose from, so that is one address."""

    rate: Rate
    must_be_counted: bool = True  # refused while nobody can be counted
    # For what is asked before every request: a look costs no trip, and callers whose address we are not told,
    # who would all be one, are let through.
    is_before_all: bool = False


ADDRESS_LIMITS: dict[Kind, AddressLimit] = {
    "log_in": AddressLimit(rate=Rate(limit=20)),
    "ceremony": AddressLimit(rate=Rate(limit=50)),  # begun by nobody in particular: each leaves a row
    "sign_up": AddressLimit(rate=Rate(limit=10, period_s=HOUR_S)),
    "mailbox": AddressLimit(rate=Rate(limit=5, period_s=HOUR_S)),  # of whoever's, from however many addresses
    "recovery": AddressLimit(rate=Rate(limit=10, period_s=HOUR_S)),
    "bad_key": AddressLimit(rate=Rate(limit=30), must_be_counted=False, is_before_all=True),
    # Of a person, whatever the tier. The last three cost a hundred times what a page does, or hold the account's row.
    "page": AddressLimit(rate=Rate(limit=600), must_be_counted=False),
    "review": AddressLimit(
        rate=Rate(limit=60), must_be_counted=False
    ),  # read from all that an account has done
    "file": AddressLimit(rate=Rate(limit=20), must_be_counted=False),
    "estimate": AddressLimit(rate=Rate(limit=120), must_be_counted=False),  # a ticket asks while one types
}

# Which addresses this process has seen at their limit, and until when. A process that has not yet met the
# address asks Valkey at its next failure, so each lets at most one more pass.
_blocked: dict[tuple[Kind, str], float] = {}
BLOCKED_MAX = 10_000


class TierThrottle(BaseThrottle):
    """A person's budget of requests a minute, by their tier.

    `needs_budget` of the view names the methods that are refused while nobody can be counted.
    """

    def __init__(self) -> None:
        self._budget: Budget | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count the request of a known caller; say whether it may pass."""
        self._budget = _spend_once(request._request, _caller_of(request), view)  # noqa: SLF001 - META is Django's
        return self._budget is None or self._budget.retry_after_s is None

    def wait(self) -> float | None:
        """Return how many seconds a refused caller should wait."""
        return None if self._budget is None else self._budget.retry_after_s


def require_budget(request: HttpRequest, caller: Caller, view: APIView | None) -> None:
    """Take a request from its caller's budget before the throttles do, who then leave it. Raises RateLimited.

    For an authentication that has work to do once it knows the caller.
    """
    budget = _spend_once(request, caller, view)
    if budget is not None and budget.retry_after_s is not None:
        raise _limited(budget.retry_after_s)


def headers_of(request: HttpRequest) -> dict[str, str]:
    """Return what the answer to a request tells of its caller's budget; nothing without a caller."""
    budget: Budget | None = request.META.get(BUDGET_KEY)
    return {} if budget is None else budget.headers


def refuse_if_blocked(kind: Kind, address: str) -> None:
    """Raise RateLimited for an address that has failed too often."""
    limit = ADDRESS_LIMITS[kind]
    name = _network_of(address)
    if (left_s := _blocked_for_s(kind, name)) > 0:
        raise _limited(left_s)
    if limit.is_before_all:
        return
    try:
        usage = count(kind, name, limit.rate, is_spending=False)
    except CounterAway:
        if limit.must_be_counted:
            raise _limited(REFUSED_FOR_S) from None
        return
    if usage is not None and usage.count >= usage.limit:
        raise _limited(usage.left_s)


def count_failure(kind: Kind, address: str) -> None:
    """Count one failure of an address. Never raises."""
    limit = ADDRESS_LIMITS[kind]
    if limit.is_before_all and not address:
        return
    name = _network_of(address)
    try:
        usage = count(kind, name, limit.rate)
    except CounterAway:
        usage = count_here(kind, name, limit.rate)
    if usage is not None and usage.count >= usage.limit:
        if len(_blocked) >= BLOCKED_MAX:
            _blocked.clear()
        _blocked[kind, name] = time.time() + usage.left_s


def attempt(kind: Kind, address: str) -> None:
    """Count one more of an address. Raises RateLimited for one too many."""
    limit = ADDRESS_LIMITS[kind]
    name = _network_of(address)
    try:
        usage = count(kind, name, limit.rate)
    except CounterAway:
        if limit.must_be_counted:
            raise _limited(REFUSED_FOR_S) from None
        usage = count_here(kind, name, limit.rate)
    if usage is not None and usage.is_over:
        raise _limited(usage.left_s)


def attempt_mail(email: str) -> None:
    """Count one more mail to an address that somebody has typed in. Raises RateLimited for one too many.

    Whose it is makes no difference: nobody learns from it who is here.
    """
    attempt("mailbox", hashlib.sha256(email.strip().lower().encode()).hexdigest())


def attempt_page(user_id: UUID, kind: Kind = "page") -> None:
    """Count one more page, or part of one, of a person. Raises RateLimited for one too many.

    What costs much has a `kind` of its own, so that it is refused long before the light pages are.
    Pages do not count against the tier's budget: what a person does on one is a request of the API, and is counted.
    """
    attempt(kind, str(user_id))


def forget() -> None:
    """Know no budget, no blocked address and no outage; for tests."""
    _blocked.clear()
    budgets.forget()


def _caller_of(request: Request) -> Caller:
    caller: Any = request.user
    return caller  # what our authentications give; the stubs know Django's users alone


def _spend_once(request: HttpRequest, caller: Caller, view: APIView | None) -> Budget | None:
    budget: Budget | None = request.META.get(BUDGET_KEY)
    request.META[TIER_KEY] = caller.tier
    if budget is None:
        must_be_counted = request.method in getattr(view, "needs_budget", ())
        budget = budgets.spend(caller.user_id, caller.tier, must_be_counted=must_be_counted)
        request.META[BUDGET_KEY] = budget
    return budget


def _network_of(address: str) -> str:
    """Return what is counted as one address."""
    return str(ip_network(f"{address}/64", strict=False)) if ":" in address else address


def _blocked_for_s(kind: Kind, name: str) -> int:
    until = _blocked.get((kind, name)) if _blocked else None
    if until is None:
        return 0
    left_s = math.ceil(until - time.time())
    if left_s <= 0:
        _blocked.pop((kind, name), None)
    return left_s


def _limited(retry_after_s: int) -> RateLimited:
    return RateLimited(EXCEEDED, retry_after=retry_after_s)
