"""/raxx/v1/recovery-codes: how many are left, and new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts.api.base import SessionView
from accounts.api.bodies import json_response
from accounts.services.recovery import codes_of, make_codes

if TYPE_CHECKING:
    from django.http import HttpResponse
    from rest_framework.request import Request

CREATED = 201


class Codes(SessionView):
    """The person's recovery codes."""

    step_up = frozenset({"POST"})

    def get(self, _request: Request) -> HttpResponse:
        """Tell how many are left; the codes themselves nobody can."""
        kept = codes_of(self.session)
        return json_response(
            {"left": len(kept.digests) if kept else 0, "made_at": kept.made_at if kept else None}
        )

    def post(self, _request: Request) -> HttpResponse:
        """Make ten; they are in this answer and in no other, and the old ones end."""
        response = json_response({"codes": make_codes(session=self.session)}, CREATED)
        response["Cache-Control"] = "no-store"
        return response
