"""/raxx/v1/sessions: where a person is signed in. For a session alone: no API key comes near them.

None of it needs a step-up: who finds a stranger among their sessions must be able to end that at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse

from accounts.api.base import SessionView
from accounts.api.bodies import json_response
from accounts.middleware import forget_cookie
from accounts.services import own_sessions

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request

    from accounts.services.own_sessions import Shown

NO_CONTENT = 204


class Sessions(SessionView):
    """The person's sessions."""

    def get(self, _request: Request) -> HttpResponse:
        """List the living ones, and those that ended in the last thirty days; each newest first."""
        found = own_sessions.sessions_of(self.session)
        return json_response([_body(shown, self.session.id) for shown in found])

    def delete(self, _request: Request) -> HttpResponse:
        """End all but this one, and say which those were."""
        ended = own_sessions.end_other_sessions(owner=self.session, current=self.session.id)
        return json_response({"ended": ended})


class OneSession(SessionView):
    """One session."""

    def get(self, _request: Request, session_id: UUID) -> HttpResponse:
        """Read it. Raises NotFound."""
        return json_response(_body(own_sessions.session_of_person(self.session, session_id), self.session.id))

    def delete(self, _request: Request, session_id: UUID) -> HttpResponse:
        """End it; one that has ended stays as it was. Raises NotFound."""
        own_sessions.end_session(owner=self.session, session_id=session_id, current=self.session.id)
        response = HttpResponse(status=NO_CONTENT)
        if session_id == self.session.id:
            forget_cookie(response)
        return response


class CurrentSession(OneSession):
    """The session at hand."""

    serves_leaving = True

    def get(self, request: Request) -> HttpResponse:  # type: ignore[override] # its id is known
        """Read it."""
        return super().get(request, self.session.id)

    def delete(self, request: Request) -> HttpResponse:  # type: ignore[override] # the same
        """Log out."""
        return super().delete(request, self.session.id)


def _body(shown: Shown, current: UUID) -> dict[str, Any]:
    row = shown.row
    return {
        "id": row.pk,
        "is_current": row.pk == current,
        "status": "living" if shown.is_living else "ended",
        "device": row.device,
        "address_prefix": row.address_prefix,
        "passkey": None if row.passkey is None else {"id": row.passkey.pk, "name": row.passkey.name},
        "is_enrol_only": row.is_enrol_only,
        "created_at": row.created_at,
        "last_seen_at": row.last_seen_at,
        "idle_after_s": row.idle_s,
        "expires_at": row.expires_at,
        "fresh_until": row.fresh_until,
        "ended_at": shown.ended_at,
        "end_reason": shown.end_reason or None,
    }
