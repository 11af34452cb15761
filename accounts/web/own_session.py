"""/auth: who is signed in, showing the passkey again, and leaving."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from django.http import HttpResponse
from django.middleware.csrf import get_token

from accounts.api.bodies import json_response, read_body
from accounts.errors import ValueInvalid
from accounts.middleware import forget_cookie
from accounts.services.log_in import log_out
from accounts.services.step_up import begin_step_up, complete_step_up
from accounts.web.base import Answer, JsonView, person_body

if TYPE_CHECKING:
    from django.http import HttpRequest

NO_CONTENT = 204
DIGEST_BYTES = 32


class Digest(msgspec.Struct):
    """What a step-up is for: SHA-256 of one thing in hexadecimal; empty for anything."""

    digest: str = ""


_digest_decoder = msgspec.json.Decoder(Digest)
_answer_decoder = msgspec.json.Decoder(Answer)


class CurrentSession(JsonView):
    """Who is signed in."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Tell it, also where a session may only enrol. Either way the browser has a CSRF token afterwards."""
        get_token(request)
        session = self.must_be_signed_in()
        return json_response(
            {
                "user": person_body(session),
                "session": {
                    "id": str(session.id),
                    "is_enrol_only": session.is_enrol_only,
                    "is_leaving": session.is_leaving,
                    "fresh_until": session.fresh_until,
                    "restricted_until": session.restricted_until,
                    "expires_at": session.expires_at,
                },
            }
        )


class LogOut(JsonView):
    """The end of a session."""

    def post(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002 - Django's signature
        """End it; without one there is nothing to do."""
        if self.session is not None:
            log_out(session=self.session)
        response = HttpResponse(status=NO_CONTENT)
        forget_cookie(response)
        return response


class StepUpBegin(JsonView):
    """A step-up's challenge."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Return request options for the person's own passkeys."""
        session = self.must_be_signed_in()
        body = read_body(request, _digest_decoder)
        try:
            digest = bytes.fromhex(body.digest)
        except ValueError:
            digest = b"?"
        if body.digest and len(digest) != DIGEST_BYTES:
            raise ValueInvalid(f"digest is not {DIGEST_BYTES} bytes in hexadecimal")
        return json_response(begin_step_up(session=session, digest=digest or None))


class StepUpComplete(JsonView):
    """A step-up."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make the session fresh, or allow the one thing once."""
        session = self.must_be_signed_in()
        until = complete_step_up(session=session, answer=read_body(request, _answer_decoder).credential)
        return json_response({"fresh_until": until})
