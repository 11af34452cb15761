"""What a browser sends with a stream's handshake, and what its person does elsewhere meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connections

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.factories.people import Browser

OURS = settings.ORIGINS[0]


def cookie(browser: Browser) -> str:
    """Return the header that a browser sends along, among cookies of others."""
    return f"theme=dark; {settings.SESSION_COOKIE_NAME}={browser.key}; other=1"


def page_of(browser: Browser, origin: str | None = OURS, account: Any = None) -> dict[str, Any]:
    """Return a peer's options as a page that a browser shows; None is a page that does not say of where."""
    headers: tuple[tuple[bytes, bytes], ...] = ((b"cookie", cookie(browser).encode()),)
    if origin is not None:
        headers = (*headers, (b"origin", origin.encode()))
    return {"headers": headers, "query": b"" if account is None else f"account_id={account}".encode()}


async def elsewhere(do: Callable[[], Any]) -> Any:
    """Do something with Django's own connections, which know no event loop."""

    def done() -> Any:
        try:
            return do()
        finally:
            connections.close_all()

    return await asyncio.to_thread(done)
