"""The outermost layer: the edge of every trace, and the API skips what browsers need.

Each request gets its id here (`accounts.tracing`), which its answer, its rows and its log lines carry.

A path of the API is resolved and answered right here; it needs no session, no messages, no CSRF
token and no host check (nothing of it is built from the Host header), and those cost more than the
order itself.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.core.signals import got_request_exception
from django.urls import Resolver404, get_resolver

from accounts import tracing
from accounts.binding import unbind
from accounts.throttling import headers_of
from raxx import errors, reconnecting, telemetry
from raxx.metrics import requests as metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

logger = logging.getLogger("raxx.request")

API_PREFIXES = ("/v1", "/v2", "/v3", "/raxx/v1/", "/health/")
REQUEST_ID_KEY = "raxx.request_id"  # in META, beside what the server put there


class ApiMiddleware:
    """Put first in MIDDLEWARE."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._rest_of_the_chain = get_response
        self._resolve = get_resolver().resolve

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request; no exception leaves."""
        said = request.META.get
        trace = tracing.begin(
            request_id=said("HTTP_X_REQUEST_ID", ""), traceparent=said("HTTP_TRACEPARENT", "")
        )
        request.META[REQUEST_ID_KEY] = trace.request_id
        span = telemetry.begin_request(str(request.method))
        response, began, held = None, metrics.begin(), reconnecting.begin()
        try:
            if request.path_info.startswith(API_PREFIXES):
                response = self._answer(request)
                response._has_been_logged = True  # type: ignore[attr-defined] # noqa: SLF001 - by us, where it matters
            else:
                response = self._rest_of_the_chain(request)
        finally:
            if span is not None:
                telemetry.end_request(span, request.resolver_match, response)
            metrics.end(began, request, response)
            reconnecting.end(held)
            unbind()  # the thread serves somebody else next
            tracing.end()
        response["X-Request-ID"] = trace.request_id
        for name, value in headers_of(request).items():
            response[name] = value
        response["X-Content-Type-Options"] = "nosniff"
        if not response.streaming and not response.has_header("Content-Length"):
            response["Content-Length"] = str(len(response.content))  # type: ignore[attr-defined] # without it the server sends chunks
        return response

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        try:
            match = self._resolve(request.path_info)
        except Resolver404:
            return errors.endpoint_not_found(request)
        request.resolver_match = match
        try:
            response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        except Exception as error:
            answer = errors.answer(error)
            if answer is not None:
                return answer
            got_request_exception.send(sender=self.__class__, request=request)
            request_id = request.META[REQUEST_ID_KEY]
            logger.exception(
                "bug while answering %s %s (request %s)", request.method, request.path, request_id
            )
            return errors.internal_error()
        return response
