"""The pages of a signed-in person about their own access."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.dashboard.page import OwnPage
from accounts.models.api_key import Scope
from accounts.sessions import device_of

if TYPE_CHECKING:
    from django.http import HttpRequest


class Welcome(OwnPage):
    """After the first passkey: what keeps a person from losing their access."""

    template = "accounts/welcome.html"

    def content(self, request: HttpRequest, **_: str) -> dict[str, Any]:
        """Return what another passkey may be called."""
        return {"device": device_of(request.META.get("HTTP_USER_AGENT", ""))}


class Security(OwnPage):
    """Passkeys, recovery codes, sessions and API keys. The lists come from the API."""

    template = "accounts/security.html"

    def content(self, request: HttpRequest, **_: str) -> dict[str, Any]:
        """Return what a key may be allowed."""
        return {
            "device": device_of(request.META.get("HTTP_USER_AGENT", "")),
            "scopes": [Scope.READ, Scope.TRADE, Scope.DATA],
        }
