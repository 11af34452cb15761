"""What every answer forbids the browser: the pages' Content-Security-Policy and its neighbours, in one place.

A page loads scripts, styles and pictures from us alone, nothing inline and nothing evaluated, talks to
us alone, and is shown in nobody's frame. There are no nonces and no exceptions, so one constant text does
what a package would make anew for each answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Passkeys for our own pages; of what else a page could ask of a device, nothing.
PERMISSIONS = (
    "publickey-credentials-get=(self), publickey-credentials-create=(self), "
    "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
)


class PageHeadersMiddleware:
    """Puts them on everything that is not the API's: pages, files, and refusals. What a view has set stays.

    SecurityMiddleware, which stands before it, adds Referrer-Policy, Cross-Origin-Opener-Policy and nosniff.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request."""
        response = self._get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        return response
