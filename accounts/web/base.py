"""JSON views within Django's chain: its session and its CSRF check before, the project's errors after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, cast

import msgspec
from django.conf import settings
from django.middleware.csrf import rotate_token
from django.utils.cache import add_never_cache_headers
from django.views import View
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.settings import api_settings

from accounts.api.bodies import json_response
from accounts.errors import NotAuthorized
from accounts.middleware import put_cookie
from accounts.passkeys import ceremonies
from accounts.passkeys.helper import challenge_life_s
from accounts.services.log_in import log_out
from accounts.services.signing_in import Where

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse, HttpResponseBase

    from accounts.models import User
    from accounts.services.signing_in import SignedIn
    from accounts.sessions import LivingSession, NewSession

CEREMONY_COOKIE = "__Host-raxx_ceremony" if settings.SESSION_COOKIE_SECURE else "raxx_ceremony"


class Answer(msgspec.Struct):
    """What a device has answered to a challenge, as `PublicKeyCredential.toJSON()` writes it."""

    credential: dict[str, Any]


class JsonView(View):
    """A path of /auth. `self.session` is the living session, None without one."""

    http_method_names = ["get", "post"]

    session: LivingSession | None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer; a failure by the project's one table, a bug goes up."""
        self.session = request.session.living  # type: ignore[attr-defined] # ours
        try:
            response = super().dispatch(request, *args, **kwargs)
        except Exception as error:
            handler = cast("Callable[..., HttpResponse | None]", api_settings.EXCEPTION_HANDLER)
            answer = handler(error, {"view": self})
            if answer is None:
                raise
            response = self.told(request, error, answer)
        add_never_cache_headers(response)
        return response

    def told(self, request: HttpRequest, error: Exception, answer: HttpResponse) -> HttpResponse:  # noqa: ARG002
        """Return the answer to a failure; `answer` is the one of the project's table."""
        return answer

    def http_method_not_allowed(self, request: HttpRequest, *_: Any, **__: Any) -> NoReturn:
        """Refuse as the API does."""
        raise MethodNotAllowed(str(request.method))

    @property
    def allowed_methods(self) -> list[str]:
        """The methods that the refusal names."""
        return [name.upper() for name in self.http_method_names if hasattr(self, name)]

    @property
    def where(self) -> Where:
        """Where the request came from."""
        return Where(headers=self.request.META)

    def must_be_signed_in(self) -> LivingSession:
        """Return the session. Raises NotAuthorized."""
        if self.session is None:
            raise NotAuthorized("unauthorized.")
        return self.session


def with_ceremony(options: dict[str, Any], key: str) -> HttpResponse:
    """Return a challenge, with the cookie that alone can answer it."""
    response = json_response(options)
    response.set_cookie(
        CEREMONY_COOKIE,
        key,
        max_age=challenge_life_s(),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
    return response


def binding_of(request: HttpRequest) -> bytes | None:
    """Return what the request's ceremony cookie binds, None without one."""
    key = request.COOKIES.get(CEREMONY_COOKIE)
    return ceremonies.binding_of_key(key) if key else None


def let_in(
    request: HttpRequest, entered: SignedIn, *, before: LivingSession | None, status: int
) -> HttpResponse:
    """Return who is in now, with the session's cookie in place of the one that the browser had before."""
    response = json_response({"user": person_body(entered.user), "session": str(entered.session.id)}, status)
    take_in(request, response, entered.session, before=before)
    response.delete_cookie(CEREMONY_COOKIE, samesite="Strict")
    return response


def take_in(
    request: HttpRequest, response: HttpResponse, session: NewSession, *, before: LivingSession | None
) -> None:
    """Put a new session's key into an answer, and end the session whose key it takes the place of.

    The CSRF token is a new one from here on.
    """
    if before is not None:
        log_out(session=before)
    put_cookie(response, session.key, session.expires_at)
    rotate_token(request)


def person_body(user: User | LivingSession) -> dict[str, Any]:
    """Return a person as a page is told of them."""
    return {"id": str(user.pk), "email": user.email, "tier": str(user.tier), "is_staff": user.is_staff}
