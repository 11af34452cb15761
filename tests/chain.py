"""One chain of middleware for all the clients of a test run.

Each `django.test.Client()` makes the whole chain anew at its first request, WhiteNoise's list of two
hundred files included: ten milliseconds, which is more than most of the requests take. No middleware of
ours keeps anything from one request to the next, so handlers may share what was made from the same settings.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.test.client import ClientHandler
from django.urls import get_resolver

PARTS = ("_view_middleware", "_template_response_middleware", "_exception_middleware", "_middleware_chain")
# What a middleware of Django or of WhiteNoise reads when it is made, and not when it answers.
READ_BY_MIDDLEWARE = (
    "MIDDLEWARE",
    "ROOT_URLCONF",
    "DEBUG",
    "SESSION_ENGINE",
    "FORCE_SCRIPT_NAME",
    "STATIC",
    "SECURE_",
    "CSRF_",
    "WHITENOISE_",
)

_make = ClientHandler.load_middleware
_made: dict[str, tuple[Any, dict[str, Any]]] = {}  # by settings: the resolver that the chain holds, its parts


def install() -> None:
    """Let every test client's handler take the chain that stands."""
    ClientHandler.load_middleware = _take  # type: ignore[assignment,method-assign]


def _take(handler: ClientHandler, is_async: bool = False) -> None:  # noqa: FBT002 - Django's signature
    read = repr(
        [(name, getattr(settings, name)) for name in dir(settings) if name.startswith(READ_BY_MIDDLEWARE)]
    )
    resolver, parts = _made.get(read, (None, {}))
    if resolver is not get_resolver():  # a test has exchanged the routes
        _make(handler, is_async=is_async)
        parts = {name: getattr(handler, name) for name in PARTS}
        _made[read] = get_resolver(), parts
    vars(handler).update(parts)
