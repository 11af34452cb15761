"""What every page of ours shares: who is signed in, and what the scripts must be told.

Pages only read. What a person does on one goes from its script through the API and the `/auth` paths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.http import HttpResponseRedirect
from django.http.request import split_domain_port
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from accounts.api.base import BaseView
from accounts.dashboard.words import WORDS
from accounts.sessions import LivingSession

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from rest_framework.request import Request


class Page(BaseView):
    """A page that anybody may open."""

    authentication_classes = ()  # the middleware has found the session
    http_method_names = ["get", "head"]
    template: ClassVar[str]

    def get(self, request: Request, **kwargs: str) -> HttpResponse:
        """Answer with the page."""
        return self.show(request._request, **self.content(request._request, **kwargs))  # noqa: SLF001 - templates and CSRF are Django's

    def content(self, request: HttpRequest, **kwargs: str) -> dict[str, Any]:  # noqa: ARG002 - a page has its own
        """Return what its template needs beyond what every page has."""
        return {}

    def show(self, request: HttpRequest, **content: Any) -> HttpResponse:
        """Return the page. It names a person, so nobody keeps it: not the browser either, after a log-out."""
        get_token(request)  # puts the cookie, whose value the scripts send back
        session = session_of(request)
        shared = {
            "session": session,
            "csrf_cookie": settings.CSRF_COOKIE_NAME,
            "right_place": _right_place(request),
            "words": WORDS,
        }
        response = render(request, self.template, {**shared, **content})
        response["Cache-Control"] = "no-store"
        return response


class OwnPage(Page):
    """A page for a signed-in person. Others are sent to the log-in and back; who recovers, to their enrolment."""

    def get(self, request: Request, **kwargs: str) -> HttpResponse:
        """Answer with the page, or with the way to it."""
        session = session_of(request._request)  # noqa: SLF001 - the middleware's
        if session is None:
            return redirect_to("log-in", next=request.get_full_path())
        if session.is_enrol_only:
            return redirect_to("enrol")
        return super().get(request, **kwargs)


def _right_place(request: HttpRequest) -> str | None:
    """Return this page's address where passkeys work, None if that is here: they belong to one domain for ever."""
    host, domain = split_domain_port(request.get_host())[0], settings.OTP_WEBAUTHN_RP_ID
    if host == domain or host.endswith(f".{domain}"):
        return None
    return f"{settings.ORIGINS[0]}{request.get_full_path()}"


def session_of(request: HttpRequest) -> LivingSession | None:
    """Return the living session that the middleware has found."""
    found = request.session.living  # type: ignore[attr-defined] # our session engine
    return found if isinstance(found, LivingSession) else None


def redirect_to(name: str, **query: str) -> HttpResponse:
    """Return the way to another page of ours."""
    return HttpResponseRedirect(reverse(name) + (f"?{urlencode(query)}" if query else ""))


def next_of(request: HttpRequest, otherwise: str) -> str:
    """Return where `?next=` leads, if that is one of our own pages, else `otherwise`."""
    wanted = request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if is_ours else otherwise
