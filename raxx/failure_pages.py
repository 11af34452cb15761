"""What somebody with a browser is shown where the others are answered JSON: the page of a failure.

Only where a page was wanted: a GET that says it takes HTML, of no path of the API. Whoever asks for the
API gets JSON always, also a browser in whose address bar its path was typed.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from accounts import tracing

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)

# Of programs: what the middleware answers by itself, and what else is no page's.
OF_PROGRAMS = ("/v1", "/v2", "/v3", "/raxx/", "/health/", "/auth/", "/stream", "/static/", "/openapi.json")


def wants_page(request: HttpRequest) -> bool:
    """Say whether a refusal of this request is read by a person."""
    return (
        request.method in {"GET", "HEAD"}
        and not request.path_info.startswith(OF_PROGRAMS)
        and "text/html" in request.headers.get("Accept", "")
    )


def failure_page(request: HttpRequest, answer: HttpResponse, why: str = "") -> HttpResponse:
    """Return the page of a failure where one is wanted, else `answer`, which is the failure's JSON.

    What stands in the way of a page (a foreign host's name, a database that is away) makes it JSON.
    """
    if not wants_page(request):
        return answer
    # Its base class takes REST framework's settings in, which name raxx.errors.
    from accounts.dashboard.page import Page

    page = Page()
    try:
        page.setup(request)
        page.session = getattr(getattr(request, "session", None), "living", None)
        page.template = "accounts/failure.html"
        shown = page.show(
            request,
            status=answer.status_code,
            why=why,
            request_id=tracing.current().request_id,
            retry_after=answer.headers.get("Retry-After"),
        )
    except Exception:
        logger.warning("a failure could not be shown as a page", exc_info=True)
        return answer
    shown.status_code = answer.status_code
    if "Retry-After" in answer.headers:
        shown["Retry-After"] = answer.headers["Retry-After"]
    shown["Cache-Control"] = "no-store"
    return shown
