"""From an exception to an answer, by one table; nothing else in the project makes error answers.

For people with a browser a failure outside the API is a page: `raxx.failure_pages`.
Every body is `{"code": <int>, "message": <text>, ..., "request_id": <text>}`, also for what the
framework refuses: clients decode the body of every error and index the first two. Spec of the wire: 1.5.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from django.core import exceptions as django_errors
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from django.http.request import RawPostDataException, UnreadablePostError
from rest_framework import exceptions as rest_errors

from accounts import errors as access, tracing
from accounts.step_up import CHALLENGE
from broker_handoff.errors import GuardRefused
from matching.market import errors as market_errors
from raxx.failure_pages import failure_page
from trading import errors
from trading.marketdata import errors as data_errors

if TYPE_CHECKING:
    from django.http import HttpRequest

logger = logging.getLogger(__name__)


class Answer(NamedTuple):
    """Status and wire code; `text` replaces the exception's own words, which are then not for callers."""

    status: int
    code: int
    text: str | None = None


INTERNAL = Answer(500, 50010000, "internal server error occurred")
UNAVAILABLE = Answer(503, 50310000, "service unavailable")
UNREADABLE = Answer(400, 40010000, "request body format is invalid")

# The most special class of an exception that stands here decides.
TABLE: dict[type[BaseException], Answer] = {
    errors.NotAuthorized: Answer(401, 40110000),
    access.StepUpRequired: Answer(401, 40110001),
    errors.ScopeMissing: Answer(403, 40310000),
    access.CoolingDown: Answer(403, 40310001),
    access.EnrolmentOnly: Answer(403, 40310002),
    access.Leaving: Answer(403, 40310003),
    GuardRefused: Answer(403, 40310004),
    errors.BodyUnreadable: Answer(400, 40010000),
    errors.BodyTooLarge: Answer(413, 41310000),
    errors.ContentTypeWrong: Answer(415, 41510000),
    errors.ValueInvalid: Answer(422, 40010001),
    errors.RuleBroken: Answer(422, 42210000),
    errors.OrderDenied: Answer(403, 40310000),
    errors.NotFound: Answer(404, 40410000),
    errors.Unavailable: Answer(503, 50310000),
    access.AddressTaken: Answer(409, 40910000),
    access.RateLimited: Answer(429, 42910000),
    errors.OutcomeUnknown: Answer(503, 50310000),
    data_errors.ParameterInvalid: Answer(400, 40010000),
    data_errors.SubscriptionInsufficient: Answer(403, 42210000),
    market_errors.ClockRefused: Answer(422, 42210000),
    market_errors.SpeedInvalid: Answer(422, 40010001),
    market_errors.MarketError: UNAVAILABLE,
    rest_errors.NotAuthenticated: Answer(401, 40110000, "unauthorized."),
    rest_errors.AuthenticationFailed: Answer(401, 40110000, "unauthorized."),
    rest_errors.PermissionDenied: Answer(403, 40310000, "forbidden."),
    rest_errors.MethodNotAllowed: Answer(405, 40510000, "method not allowed"),
    rest_errors.UnsupportedMediaType: Answer(415, 41510000, "the body must be application/json"),
    rest_errors.ParseError: UNREADABLE,
    rest_errors.NotFound: Answer(404, 40410000, "not found"),
    rest_errors.Throttled: Answer(429, 42910000, "rate limit exceeded"),
    Http404: Answer(404, 40410000, "not found"),
    django_errors.PermissionDenied: Answer(403, 40310000, "forbidden."),
    django_errors.RequestDataTooBig: Answer(413, 41310000, "the request's body is too large"),
    django_errors.SuspiciousOperation: Answer(400, 40010000, "bad request"),
    django_errors.BadRequest: Answer(400, 40010000, "bad request"),
    UnreadablePostError: UNREADABLE,
    RawPostDataException: UNREADABLE,
    OperationalError: UNAVAILABLE,
    InterfaceError: UNAVAILABLE,
}

ENDPOINT_NOT_FOUND = errors.NotFound("endpoint not found")


def answer(error: BaseException) -> HttpResponse | None:
    """Return the answer that the table has for an exception; None means a bug."""
    found = next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), None)
    if found is None:
        return None
    if found is UNAVAILABLE:
        logger.error("answered 503: %s", error)
    message = str(error) if found.text is None else found.text
    response = body(found.status, found.code, message, getattr(error, "context", {}))
    if found.status == UNAVAILABLE.status:
        response["Retry-After"] = "1"
    if isinstance(error, access.StepUpRequired):
        response["WWW-Authenticate"] = CHALLENGE
    if isinstance(error, access.RateLimited):
        response["Retry-After"] = str(error.context.get("retry_after", 1))
    return response


def internal_error() -> HttpResponse:
    """Return the answer to a bug, which tells nothing of it."""
    return body(INTERNAL.status, INTERNAL.code, str(INTERNAL.text), {})


def body(status: int, code: int, message: str, context: dict[str, Any]) -> HttpResponse:
    """Return one error answer; `context` adds fields to the three that are always there."""
    content = msgspec.json.encode(
        {"code": code, "message": message, **context, "request_id": tracing.current().request_id}
    )
    return HttpResponse(content, status=status, content_type="application/json")


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """Answer for a view (REST framework's setting EXCEPTION_HANDLER)."""
    response = answer(error)
    if response is not None and isinstance(error, rest_errors.MethodNotAllowed):
        response["Allow"] = ", ".join(context["view"].allowed_methods)
    return response


def endpoint_not_found(request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
    """Answer for a path that nothing serves (the last route, and Django's handler404)."""
    response = answer(ENDPOINT_NOT_FOUND)
    assert response is not None
    return failure_page(request, response)


def bad_request(request: HttpRequest, error: Exception | None = None, *_: Any, **__: Any) -> HttpResponse:
    """Answer for what Django refuses before a view (handler400)."""
    refused = body(400, 40010000, "bad request", {})
    if isinstance(error, django_errors.DisallowedHost):
        return refused  # a page would name the host that is not ours
    return failure_page(request, refused)


def forbidden(request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
    """Answer for what Django forbids (handler403)."""
    return failure_page(request, body(403, 40310000, "forbidden.", {}))


def forged(_request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer for what another site may have sent in somebody's name (setting CSRF_FAILURE_VIEW)."""
    return body(403, 40310000, f"CSRF check failed: {reason}", {})


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer for a bug outside the API (handler500); Django has logged it."""
    return failure_page(request, internal_error())
