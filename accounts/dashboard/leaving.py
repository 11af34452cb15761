"""The pages of a person who has asked to be erased: what they may still do, and the link that was mailed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts import links
from accounts.dashboard.page import Page, redirect_to
from accounts.errors import LinkUnusable, NotFound
from accounts.services.erasures import pending_erasure

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class Leaving(Page):
    """All that a session may open whose person waits to be erased."""

    template = "accounts/leaving.html"

    def get(self, request: HttpRequest, **kwargs: str) -> HttpResponse:
        """Answer with the page, or with the way to where the person belongs."""
        if self.session is None:
            return redirect_to("log-in", next=request.get_full_path())
        if not self.session.is_leaving:
            return redirect_to("security")
        return super().get(request, **kwargs)

    def content(self, request: HttpRequest, **_: str) -> dict[str, Any]:  # noqa: ARG002 - a page's signature
        """Return until when it can be withdrawn; None where that was done a moment ago."""
        assert self.session is not None
        try:
            return {"erasure": pending_erasure(self.session)}
        except NotFound:
            return {"erasure": None}


class Keep(Page):
    """The mailed link. To open it withdraws nothing, for mail scanners open every link: the button does."""

    template = "accounts/keep.html"

    def content(self, request: HttpRequest, **kwargs: str) -> dict[str, Any]:  # noqa: ARG002 - a page's signature
        """Return whether the link is good still, and whose it is."""
        try:
            link = links.read(kwargs["token"], frozenset({links.Purpose.KEEP}))
        except LinkUnusable:
            return {"token": ""}
        return {"token": kwargs["token"], "email": link.email}
