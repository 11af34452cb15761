"""What every view of the broker's API shares: who calls, for which account, and what they may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.conf import settings
from rest_framework.authentication import BaseAuthentication

from accounts import tracing
from accounts.addresses import client_address
from accounts.api.base import BaseView, session_of
from accounts.binding import bind
from accounts.credentials import key_pair
from accounts.errors import RateLimited
from accounts.models.api_key import Scope
from accounts.step_up import require_fresh
from accounts.throttling import count_failure, refuse_if_blocked, require_budget
from trading.errors import NotAuthorized, NotFound, ScopeMissing, TradingError
from trading.principal import (
    Principal,
    principal_of_key,
    principal_of_session,
    recent_principal_of_key,
    was_good_lately,
)
from trading.seen import as_told

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponseBase
    from rest_framework.request import Request

ORDER_ENTRY = frozenset({"POST", "PATCH"})  # of a view of orders; a cancel is let through, whoever can count
CLOSING = frozenset({"POST", "DELETE"})  # of a view of positions, whose deletion places orders
ACCOUNT_HEADER = (
    "HTTP_RAXX_ACCOUNT_ID"  # which of their accounts a signed-in person means; else the oldest open one
)


class KeyAuthentication(BaseAuthentication):
    """The key headers of Alpaca's clients, or the same pair as HTTP Basic or as a bearer token."""

    def authenticate(self, request: Request) -> tuple[Principal, None] | None:
        """Return whom the credential speaks for, None without one. Raises NotAuthorized, RateLimited."""
        credential = _credential(request.META)
        if credential is None:
            return None
        view = (request.parser_context or {}).get("view")
        remembers = getattr(view, "may_remember_key", False) and request.method == "POST"
        return _proved(recent_principal_of_key if remembers else principal_of_key, credential), None

    def authenticate_anew(self, request: Request) -> None:
        """Ask the database whether a remembered key still lives. Raises NotAuthorized."""
        if credential := _credential(request.META):
            _proved(principal_of_key, credential)


class PersonAuthentication(BaseAuthentication):
    """The cookie of a signed-in browser, for the account that the request names."""

    def authenticate(self, request: Request) -> tuple[Principal, None] | None:
        """Return whom the session speaks for, None without one. Raises NotFound, ScopeMissing, EnrolmentOnly, Leaving."""
        session = session_of(request._request)  # noqa: SLF001 - cookies and CSRF are Django's
        if session is None:
            return None
        named = request.META.get(ACCOUNT_HEADER)
        try:
            account_id = UUID(named) if named else None
        except ValueError:
            raise NotFound(f"account not found for {named}") from None
        # Here already: to find nothing below costs as much as to find something.
        require_budget(request._request, session, (request.parser_context or {}).get("view"))  # noqa: SLF001
        return principal_of_session(session, account_id), None


class ApiView(BaseView):
    """A view with a caller: `self.principal`, bound to the database session before anything is read."""

    authentication_classes = (KeyAuthentication, PersonAuthentication)

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.READ, "HEAD": Scope.READ}
    default_scope: ClassVar[Scope] = Scope.TRADE
    step_up: ClassVar[frozenset[str]] = frozenset()  # methods that ask a session for a passkey shown lately
    may_remember_key: ClassVar[bool] = False  # of a POST whose transaction asks whether the key lives
    needs_account: ClassVar[bool] = True  # a person who has just signed up may have none yet

    principal: Principal

    def initial(self, request: Request, *_: Any, **__: Any) -> None:
        """Find out who calls and whether they may.

        Raises NotAuthorized, RateLimited, ScopeMissing, StepUpRequired, NotFound.
        """
        principal = request.user
        if not isinstance(principal, Principal):
            raise NotAuthorized("unauthorized.")
        self.check_throttles(request)
        if not self.is_allowed(principal, str(request.method)):
            raise ScopeMissing("forbidden.")
        if principal.session is not None and request.method in self.step_up:
            require_fresh(principal.session)
        if self.needs_account and not principal.has_account:
            raise NotFound("there is no account yet; open one with POST /raxx/v1/accounts")
        bind(principal.user_id)
        _tell(principal)
        self.principal = principal

    def is_allowed(self, principal: Principal, method: str) -> bool:
        """Say whether the credential's scopes are enough for a method of this view."""
        return principal.may(self.scopes.get(method, self.default_scope))

    def handle_exception(self, exc: Exception) -> HttpResponseBase:  # type: ignore[override] # no Response
        """Answer for a failure by the project's one table; anything else is a bug and goes up."""
        principal = getattr(self, "principal", None)
        if principal is not None and isinstance(exc, TradingError):
            exc = as_told(principal, exc)
        return super().handle_exception(exc)


def _tell(principal: Principal) -> None:
    """Let log lines and rows say for whom this is."""
    session = principal.session
    tracing.told(
        user_id=principal.user_id,
        account_id=principal.account_id if principal.has_account else None,
        actor_kind="key" if session is None else "user",
        actor_id=str(principal.key_id if session is None else principal.user_id),
    )


def _proved(
    principal_of: Callable[[str, str, str], Principal], credential: tuple[str, str, str]
) -> Principal:
    """Return whom a key speaks for, unless its address has sent too many wrong ones; a wrong one is counted.

    A key that was good a moment ago passes all the same: nobody shall be shut out by a neighbour.
    Raises NotAuthorized, RateLimited.
    """
    address = credential[2]
    try:
        refuse_if_blocked("bad_key", address)
    except RateLimited:
        if not was_good_lately(*credential):
            raise
    try:
        return principal_of(*credential)
    except NotAuthorized:
        count_failure("bad_key", address)
        raise


def _credential(headers: dict[str, str]) -> tuple[str, str, str] | None:
    """Return key id, secret and the address that they come from; None without a credential."""
    names = ("HTTP_APCA_API_KEY_ID", "HTTP_APCA_API_SECRET_KEY", "HTTP_AUTHORIZATION")
    pair = key_pair(*(headers.get(name) for name in names))
    if pair is None:
        return None
    peer, forwarded_for = headers.get("REMOTE_ADDR", ""), headers.get("HTTP_X_FORWARDED_FOR", "")
    return *pair, client_address(peer, forwarded_for, settings.TRUSTED_PROXIES)
