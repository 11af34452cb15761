"""Pages, styles and scripts go over the wire compressed; what the API answers does not: bots are near, and in a hurry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.middleware.gzip import GZipMiddleware

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

TEXTS = ("text/html", "text/css", "text/javascript", "image/svg+xml")


class CompressPages(GZipMiddleware):
    """Compress what a browser shows, also the packages' files, which are served from where they are installed.

    Django hides the length of what is compressed by some random bytes, so that nobody can guess by it at a token.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress an answer that is worth it; a part of a file stays a part."""
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        if request.method == "HEAD" or kind not in TEXTS or response.has_header("Content-Range"):
            return response
        return super().process_response(request, response)
