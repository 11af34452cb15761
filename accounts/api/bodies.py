"""JSON in and JSON out. There is one format, so nothing is negotiated, and a body has a longest length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse

from accounts.errors import BodyTooLarge, BodyUnreadable, ContentTypeWrong

if TYPE_CHECKING:
    from rest_framework.request import Request

JSON = "application/json"
BODY_MAX = 64 * 1024  # bytes; the longest sensible order has a few hundred

Body = TypeVar("Body", bound=msgspec.Struct)


def json_response(content: Any, status: int = 200) -> HttpResponse:
    """Return an answer with this content; UUIDs become text, decimals must already be."""
    return HttpResponse(msgspec.json.encode(content), status=status, content_type=JSON)


def read_body(request: Request | HttpRequest, decoder: msgspec.json.Decoder[Body]) -> Body:
    """Return the request's JSON body. Raises ContentTypeWrong, BodyTooLarge, BodyUnreadable."""
    plain = request if isinstance(request, HttpRequest) else request._request  # noqa: SLF001 - DRF's own parsers are left out
    kind = plain.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind not in {"", JSON}:
        raise ContentTypeWrong(f"the body must be {JSON}")
    try:
        return decoder.decode(_bytes_of(plain))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BodyUnreadable("request body format is invalid") from None


def _bytes_of(request: HttpRequest) -> bytes:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isascii() and length.isdigit() and int(length) > BODY_MAX:
        raise _too_large()
    if "chunked" not in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        try:
            return request.body
        except RequestDataTooBig:
            raise _too_large() from None
    content: bytes = request.META["wsgi.input"].read(BODY_MAX + 1)  # a length is not told beforehand
    if len(content) > BODY_MAX:
        raise _too_large()
    return content


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(f"the request's body is longer than {BODY_MAX} bytes")
