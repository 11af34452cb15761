"""What every view of the API shares, and the views that a signed-in person alone may use.

The framework's negotiation, parsers and renderers are left out: there is one format, and what they
cost is more than an order's own work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from django.conf import settings
from django.middleware.csrf import CsrfViewMiddleware
from rest_framework.authentication import BaseAuthentication
from rest_framework.views import APIView

from accounts import tracing
from accounts.binding import bind
from accounts.errors import EnrolmentOnly, Leaving, NotAuthorized, RateLimited, ScopeMissing
from accounts.sessions import LivingSession, living_session
from accounts.step_up import CHALLENGE, require_fresh
from accounts.throttling import EXCEEDED, TierThrottle

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse, HttpResponseBase
    from rest_framework.request import Request


LEAVING = "you have asked to be erased: withdraw that first, with POST /raxx/v1/privacy/erase/cancel"


class _ForgeryCheck(CsrfViewMiddleware):
    """Django's check, asked by us: what it would answer is only its reason here."""

    def _reject(self, _request: HttpRequest, reason: str) -> HttpResponse:
        return reason  # type: ignore[return-value] # as Django's own callers of it do


def session_of(request: HttpRequest) -> LivingSession | None:
    """Return the living session of the request's cookie.

    Raises ScopeMissing where another site may have sent the request: the cookie goes along with those too.
    """
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    session = living_session(key) if key else None
    if session is None:
        return None
    check = _ForgeryCheck(lambda _: None)  # type: ignore[arg-type]
    check.process_request(request)
    if reason := check.process_view(request, None, (), {}):  # type: ignore[arg-type]
        raise ScopeMissing(f"CSRF check failed: {reason}")
    return session


class SessionAuthentication(BaseAuthentication):
    """The cookie of a signed-in browser."""

    def authenticate(self, request: Request) -> tuple[LivingSession, LivingSession] | None:
        """Return the session as who it speaks for and as what proved it, None without one. Raises ScopeMissing."""
        session = session_of(request._request)  # noqa: SLF001 - cookies and CSRF are Django's
        return None if session is None else (session, session)


class BaseView(APIView):
    """A view that answers JSON, and for every failure by the project's one table."""

    permission_classes = ()
    throttle_classes = (TierThrottle,)  # asked in `initial`, as soon as the caller is known
    parser_classes = ()
    renderer_classes = ()
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    needs_budget: ClassVar[frozenset[str]] = (
        frozenset()
    )  # methods that are refused while nobody can be counted

    def handle_exception(self, exc: Exception) -> HttpResponseBase:  # type: ignore[override] # no Response
        """Answer for a failure; anything else is a bug and goes up."""
        response = self.get_exception_handler()(exc, {"view": self})
        if response is None:
            raise exc
        return response

    def finalize_response(  # type: ignore[override] # made whole already
        self, _request: Request, response: HttpResponseBase, *_: Any, **__: Any
    ) -> HttpResponseBase:
        """Return what the view has made: there is nothing to negotiate or render."""
        return response

    def throttled(self, _request: Request, wait: float | None) -> NoReturn:
        """Refuse a caller who has asked too often. Raises RateLimited."""
        raise RateLimited(EXCEEDED, retry_after=int(wait or 1))

    def get_authenticate_header(self, _request: Request) -> str:
        """Return the challenge of a 401: a browser must not ask for a name and a word."""
        return CHALLENGE

    @property
    def request_id(self) -> str:
        """The id that the answer carries and that rows keep."""
        return str(self.request.META["raxx.request_id"])


class SessionView(BaseView):
    """A view for a signed-in person: `self.session`, bound to the database session before anything is read.

    `step_up` names the methods that need a passkey shown in the last five minutes. A session that may
    only enrol is let in where the view `serves_enrolment`, one of who asked to be erased where it `serves_leaving`.
    """

    authentication_classes = (SessionAuthentication,)
    step_up: ClassVar[frozenset[str]] = frozenset()
    serves_enrolment: ClassVar[bool] = False
    serves_leaving: ClassVar[bool] = False

    session: LivingSession

    def initial(self, request: Request, *_: Any, **__: Any) -> None:
        """Find out who it is. Raises NotAuthorized, RateLimited, EnrolmentOnly, Leaving, StepUpRequired."""
        session = request.user
        if not isinstance(session, LivingSession):
            raise NotAuthorized("unauthorized.")
        self.check_throttles(request)
        if session.is_enrol_only and not self.serves_enrolment:
            raise EnrolmentOnly("enrol a passkey first")
        if session.is_leaving and not self.serves_leaving:
            raise Leaving(LEAVING)
        if request.method in self.step_up:
            require_fresh(session)
        bind(session.user_id)
        tracing.told(user_id=session.user_id, actor_kind="user", actor_id=str(session.user_id))
        self.session = session
