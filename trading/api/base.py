"""What every view of the API shares: who calls, what they may, JSON in and JSON out.

The framework's negotiation, parsers and renderers are left out: there is one format, and what they
cost is more than an order's own work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import msgspec
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpResponse
from rest_framework.authentication import BaseAuthentication
from rest_framework.views import APIView

from accounts.addresses import client_address
from accounts.binding import bind
from accounts.credentials import key_pair
from accounts.models.api_key import Scope
from trading.errors import (
    BodyTooLarge,
    BodyUnreadable,
    ContentTypeWrong,
    NotAuthorized,
    ScopeMissing,
    TradingError,
)
from trading.principal import Principal, principal_of_key, recent_principal_of_key
from trading.seen import as_told

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase
    from rest_framework.request import Request

JSON = "application/json"
BODY_MAX = 64 * 1024  # bytes; the longest sensible order has a few hundred

Body = TypeVar("Body", bound=msgspec.Struct)


class KeyAuthentication(BaseAuthentication):
    """The key headers of Alpaca's clients, or the same pair as HTTP Basic or as a bearer token."""

    def authenticate(self, request: Request) -> tuple[Principal, None] | None:
        """Return whom the credential speaks for, None without one. Raises NotAuthorized."""
        credential = _credential(request.META)
        if credential is None:
            return None
        view = (request.parser_context or {}).get("view")
        remembers = getattr(view, "may_remember_key", False) and request.method == "POST"
        return (recent_principal_of_key if remembers else principal_of_key)(*credential), None

    def authenticate_anew(self, request: Request) -> None:
        """Ask the database whether a remembered key still lives. Raises NotAuthorized."""
        if credential := _credential(request.META):
            principal_of_key(*credential)


class ApiView(APIView):
    """A view with a caller: `self.principal`, bound to the database session before anything is read."""

    authentication_classes = (KeyAuthentication,)
    permission_classes = ()
    throttle_classes = ()
    parser_classes = ()
    renderer_classes = ()
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.READ, "HEAD": Scope.READ}
    default_scope: ClassVar[Scope] = Scope.TRADE
    may_remember_key: ClassVar[bool] = False  # of a POST whose transaction asks whether the key lives

    principal: Principal

    def initial(self, request: Request, *_: Any, **__: Any) -> None:
        """Find out who calls and whether they may. Raises NotAuthorized, ScopeMissing."""
        principal = request.user
        if not isinstance(principal, Principal):
            raise NotAuthorized("unauthorized.")
        if not self.is_allowed(principal, str(request.method)):
            raise ScopeMissing("forbidden.")
        bind(principal.user_id)
        self.principal = principal

    def is_allowed(self, principal: Principal, method: str) -> bool:
        """Say whether the credential's scopes are enough for a method of this view."""
        return principal.may(self.scopes.get(method, self.default_scope))

    def handle_exception(self, exc: Exception) -> HttpResponseBase:  # type: ignore[override] # no Response
        """Answer for a failure by the project's one table; anything else is a bug and goes up."""
        principal = getattr(self, "principal", None)
        if principal is not None and isinstance(exc, TradingError):
            exc = as_told(principal, exc)
        response = self.get_exception_handler()(exc, {"view": self})
        if response is None:
            raise exc
        return response

    def finalize_response(  # type: ignore[override] # made whole already
        self, _request: Request, response: HttpResponseBase, *_: Any, **__: Any
    ) -> HttpResponseBase:
        """Return what the view has made: there is nothing to negotiate or render."""
        return response

    @property
    def request_id(self) -> str:
        """The id that the answer carries and that rows keep."""
        return str(self.request.META["raxx.request_id"])


def json_response(content: Any, status: int = 200) -> HttpResponse:
    """Return an answer with this content; UUIDs become text, decimals must already be."""
    return HttpResponse(msgspec.json.encode(content), status=status, content_type=JSON)


def read_body(request: Request, decoder: msgspec.json.Decoder[Body]) -> Body:
    """Return the request's JSON body. Raises ContentTypeWrong, BodyTooLarge, BodyUnreadable."""
    plain: HttpRequest = request._request  # noqa: SLF001 - DRF's own parsers are left out
    kind = plain.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind not in {"", JSON}:
        raise ContentTypeWrong(f"the body must be {JSON}")
    try:
        return decoder.decode(_bytes_of(plain))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BodyUnreadable("request body format is invalid") from None


def _bytes_of(request: HttpRequest) -> bytes:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isascii() and length.isdigit() and int(length) > BODY_MAX:
        raise _too_large()
    if "chunked" not in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        try:
            return request.body
        except RequestDataTooBig:
            raise _too_large() from None
    content: bytes = request.META["wsgi.input"].read(BODY_MAX + 1)  # a length is not told beforehand
    if len(content) > BODY_MAX:
        raise _too_large()
    return content


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(f"the request's body is longer than {BODY_MAX} bytes")


def _credential(headers: dict[str, str]) -> tuple[str, str, str] | None:
    """Return key id, secret and the address that they come from; None without a credential."""
    names = ("HTTP_APCA_API_KEY_ID", "HTTP_APCA_API_SECRET_KEY", "HTTP_AUTHORIZATION")
    pair = key_pair(*(headers.get(name) for name in names))
    if pair is None:
        return None
    peer, forwarded_for = headers.get("REMOTE_ADDR", ""), headers.get("HTTP_X_FORWARDED_FOR", "")
    return *pair, client_address(peer, forwarded_for, settings.TRUSTED_PROXIES)
