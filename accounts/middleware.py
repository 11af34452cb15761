"""The session of a page: found by its cookie, and bound to the database before anything is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.utils.cache import patch_vary_headers

from accounts import tracing
from accounts.binding import bind
from accounts.session_engine import SessionStore

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse, HttpResponseBase


class PersonSessionMiddleware(SessionMiddleware):
    """Stands where Django's own would. Nothing is saved at the end of a request: there is nothing to save."""

    def process_request(self, request: HttpRequest) -> None:
        """Give the request its session, and bind its person."""
        store = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
        request.session = store
        if store.living is not None:
            bind(store.living.user_id)
            user_id = store.living.user_id
            tracing.told(user_id=user_id, actor_kind="user", actor_id=str(user_id))

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Take back the cookie of a session that is over."""
        store = getattr(request, "session", None)
        if store is None:
            return response
        given = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        if given and store.living is None and settings.SESSION_COOKIE_NAME not in response.cookies:
            forget_cookie(response)
        if store.accessed or given:
            patch_vary_headers(response, ("Cookie",))
        return response


def put_cookie(response: HttpResponseBase, key: str, expires_at: datetime) -> None:
    """Put a session's key into the answer: not for scripts, and not for requests from other sites."""
    response.set_cookie(
        settings.SESSION_COOKIE_NAME,
        key,
        expires=expires_at,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def forget_cookie(response: HttpResponseBase) -> None:
    """Take the session's key out of the browser."""
    response.delete_cookie(settings.SESSION_COOKIE_NAME, samesite="Lax")
