"""The outermost layer: every answer has its request id, and the API skips what browsers need.

A path of the API is resolved and answered right here; it needs no session, no messages, no CSRF
token and no host check (nothing of it is built from the Host header), and those cost more than the
order itself.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING
from uuid import uuid4

from django.core.signals import got_request_exception
from django.urls import Resolver404, get_resolver

from accounts.binding import unbind
from raxx import errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

logger = logging.getLogger("raxx.request")

API_PREFIXES = ("/v1", "/v2", "/v3", "/raxx/v1/", "/health/")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SERVER_ERROR = 500


class ApiMiddleware:
    """Put first in MIDDLEWARE."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._rest_of_the_chain = get_response
        self._resolve = get_resolver().resolve

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request; no exception leaves."""
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        try:
            if request.path_info.startswith(API_PREFIXES):
                response = self._answer(request)
                response._has_been_logged = response.status_code < SERVER_ERROR  # type: ignore[attr-defined] # noqa: SLF001 - a refusal is no warning
            else:
                response = self._rest_of_the_chain(request)
        finally:
            unbind()  # the thread serves somebody else next
        response["X-Request-ID"] = request_id
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
            logger.exception(
                "bug while answering %s %s (request %s)", request.method, request.path, request.request_id
            )  # type: ignore[attr-defined]
            return errors.internal_error()
        return response
