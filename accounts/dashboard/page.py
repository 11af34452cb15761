"""What every page of ours shares: who is signed in, and what the scripts must be told.

Pages only read. What a person does on one goes from its script through the API and the `/auth` paths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpResponseRedirect
from django.http.request import split_domain_port
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from accounts import tracing
from accounts.dashboard.words import WORDS
from accounts.web.base import JsonView

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class Page(JsonView):
    """A page that anybody may open. A failure is a page too, with the project's status and headers."""

    http_method_names = ["get", "head"]
    template: str

    def get(self, request: HttpRequest, **kwargs: str) -> HttpResponse:
        """Answer with the page."""
        return self.show(request, **self.content(request, **kwargs))

    def content(self, request: HttpRequest, **kwargs: str) -> dict[str, Any]:  # noqa: ARG002 - a page has its own
        """Return what its template needs beyond what every page has."""
        return {}

    def told(self, request: HttpRequest, error: Exception, answer: HttpResponse) -> HttpResponse:
        """Say in a page what went wrong; a part that was asked for alone gets a part. What reads nothing is no reader."""
        if request.method not in {"GET", "HEAD"}:
            return answer
        self.template = "accounts/parts/failure.html" if is_part(request) else "accounts/failure.html"
        shown = self.show(
            request,
            status=answer.status_code,
            why=getattr(error, "message", ""),
            request_id=tracing.current().request_id,
            retry_after=answer.headers.get("Retry-After"),
        )
        shown.status_code = answer.status_code
        for name in ("Retry-After", "Allow"):
            if name in answer.headers:
                shown[name] = answer.headers[name]
        return shown

    def show(self, request: HttpRequest, **content: Any) -> HttpResponse:
        """Return the page."""
        get_token(request)  # puts the cookie, whose value the scripts send back
        shared = {
            "session": self.session,
            "csrf_cookie": settings.CSRF_COOKIE_NAME,
            "right_place": _right_place(request),
            "words": WORDS,
        }
        return render(request, self.template, {**shared, **content})


class OwnPage(Page):
    """A page for a signed-in person. Others are sent to the log-in and back; who recovers, to their enrolment.

    Who has asked to be erased is sent to where that can be withdrawn.
    """

    def get(self, request: HttpRequest, **kwargs: str) -> HttpResponse:
        """Answer with the page, or with the way to it."""
        if self.session is None:
            return redirect_to("log-in", next=request.get_full_path())
        if self.session.is_enrol_only:
            return redirect_to("enrol")
        if self.session.is_leaving:
            return redirect_to("leaving")
        return super().get(request, **kwargs)


def is_part(request: HttpRequest) -> bool:
    """Say whether a script asks for a part of a page (htmx says so)."""
    return request.headers.get("HX-Request") == "true"


def _right_place(request: HttpRequest) -> str | None:
    """Return this page's address where passkeys work, None if that is here: they belong to one domain for ever."""
    host, domain = split_domain_port(request.get_host())[0], settings.OTP_WEBAUTHN_RP_ID
    if host == domain or host.endswith(f".{domain}"):
        return None
    return f"{settings.ORIGINS[0]}{request.get_full_path()}"


def redirect_to(name: str, *parts: str, **query: str) -> HttpResponse:
    """Return the way to another page of ours; `parts` are what its address names."""
    return HttpResponseRedirect(reverse(name, args=parts) + (f"?{urlencode(query)}" if query else ""))


def next_of(request: HttpRequest, otherwise: str) -> str:
    """Return where `?next=` leads, if that is one of our own pages, else `otherwise`."""
    wanted = request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if is_ours else otherwise
