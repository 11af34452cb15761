"""A page of ours that opens a stream: the cookie of its person's session stands for what others must say.

A browser sends the cookie with a WebSocket's handshake whichever page asks for it, and lets that page read
the answers: nothing but the `Origin` tells our pages from another site's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from django.conf import settings
from django.http.cookie import parse_cookie

from accounts.sessions import hash_of

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    Scope = MutableMapping[str, Any]

CREDENTIALS = (b"apca-api-key-id", b"apca-api-secret-key", b"authorization")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The key in the cookie, and the account that the page names; empty is the oldest open one."""

    session_key: str = field(repr=False)
    account: str = ""

    @property
    def name(self) -> str:
        """What the log-in guard counts by; the key itself is nobody's to see."""
        return hash_of(self.session_key).hex()


def page_of(scope: Scope) -> Page | None:
    """Return the page that asks; None without a session's cookie, and where a key is shown, which comes first."""
    headers = scope["headers"]
    if any(name.lower() in CREDENTIALS for name, _ in headers):
        return None
    cookies = [value.decode("latin-1") for name, value in headers if name.lower() == b"cookie"]
    session_key = parse_cookie("; ".join(cookies)).get(settings.SESSION_COOKIE_NAME, "")
    if not session_key:
        return None
    named = parse_qs(scope["query_string"].decode("latin-1")).get("account_id", [""])
    return Page(session_key=session_key, account=named[-1])


def is_asked_by_another_site(scope: Scope) -> bool:
    """Say whether a browser itself says that a page which is not ours sends a request.

    A page's own request for what it only reads need not say of where it is, as a WebSocket's handshake must.
    """
    said = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    origin = said.get(b"origin")
    return said.get(b"sec-fetch-site", "same-origin") != "same-origin" or origin not in {
        None,
        *settings.ORIGINS,
    }


def is_of_another_site(scope: Scope) -> bool:
    """Say whether a handshake comes with a person's cookie from a page that is not ours, or from nowhere."""
    if page_of(scope) is None:
        return False
    origins = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"origin"]
    return len(origins) != 1 or origins[0] not in settings.ORIGINS
