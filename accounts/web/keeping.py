"""/auth/keep: the link by which a person who asked to be erased thinks better of it. Needs no session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from django.http import HttpResponse

from accounts import throttling
from accounts.api.bodies import read_body
from accounts.errors import Failure
from accounts.services.erasures import cancel_by_link
from accounts.web.base import JsonView

if TYPE_CHECKING:
    from django.http import HttpRequest

NO_CONTENT = 204


class KeepToken(msgspec.Struct):
    """POST of the link's token."""

    token: str


_decoder = msgspec.json.Decoder(KeepToken)


class Keep(JsonView):
    """The link's page has a button; this is what it does."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Withdraw the erasure. Nobody is let in by it."""
        body = read_body(request, _decoder)
        throttling.refuse_if_blocked("log_in", self.where.address)
        try:
            cancel_by_link(token=body.token)
        except Failure:
            throttling.count_failure("log_in", self.where.address)
            raise
        return HttpResponse(status=NO_CONTENT)
