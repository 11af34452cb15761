"""The pages before somebody is known: sign up, log in, recover, and make a first passkey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponseRedirect
from django.urls import reverse

from accounts import links
from accounts.dashboard.page import Page, next_of, redirect_to
from accounts.errors import LinkUnusable
from accounts.sessions import device_of

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class SignUp(Page):
    """Ask for an address, to which a link is mailed."""

    template = "accounts/sign_up.html"


class LogIn(Page):
    """Show a passkey. Who is in already goes on to where they wanted to go."""

    template = "accounts/log_in.html"

    def get(self, request: HttpRequest, **kwargs: str) -> HttpResponse:
        """Answer with the page, or send on who is in."""
        if self.session is not None and not self.session.is_enrol_only:
            return HttpResponseRedirect(next_of(request, reverse("paper")))
        return super().get(request, **kwargs)

    def content(self, request: HttpRequest, **_: str) -> dict[str, Any]:
        """Return where to go afterwards."""
        return {"next": next_of(request, reverse("paper"))}


class Recover(Page):
    """Ask for an address and a recovery code."""

    template = "accounts/recover.html"


class Enrol(Page):
    """Make the first passkey, with a mailed link or in a session that may do nothing else.

    To open it spends nothing, for mail scanners open every link: the button does.
    """

    template = "accounts/enrol.html"

    def get(self, request: HttpRequest, **kwargs: str) -> HttpResponse:
        """Answer with the page; without a link it is only for who has just shown a recovery code."""
        if not kwargs and (self.session is None or not self.session.is_enrol_only):
            return redirect_to("log-in")
        return super().get(request, **kwargs)

    def content(self, request: HttpRequest, **kwargs: str) -> dict[str, Any]:
        """Return what the passkey is for, and what it may be called."""
        shared = {
            "device": device_of(request.META.get("HTTP_USER_AGENT", "")),
            "token": kwargs.get("token", ""),
        }
        if not kwargs:
            return {**shared, "purpose": "recovery", "email": self.session.email if self.session else ""}
        try:
            link = links.read(kwargs["token"])
        except LinkUnusable:
            return {**shared, "purpose": "unusable"}
        return {**shared, "purpose": link.purpose.value, "email": link.email}
