"""/raxx/v1/privacy: a copy of all that is kept of a person, and the end of it. For a session alone.

Who has asked to be erased can still use all of this, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import FileResponse

from accounts.api.base import SessionView
from accounts.api.bodies import json_response
from accounts.middleware import forget_cookie
from accounts.services import erasures, exports

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse
    from rest_framework.request import Request

    from accounts.models import Erasure, Export

ACCEPTED = 202


class Ask(SessionView):
    """The wish for an archive."""

    step_up = frozenset({"POST"})
    serves_leaving = True

    def post(self, _request: Request) -> HttpResponse:
        """Ask for it; who waits for one already is answered with that."""
        return json_response(_export_body(exports.ask_for_export(owner=self.session)), ACCEPTED)


class Exports(SessionView):
    """The person's archives."""

    serves_leaving = True

    def get(self, _request: Request) -> HttpResponse:
        """List them, newest first."""
        return json_response([_export_body(export) for export in exports.exports_of(self.session)])


class OneExport(SessionView):
    """One archive."""

    serves_leaving = True

    def get(self, _request: Request, export_id: UUID) -> HttpResponse:
        """Say how it stands. Raises NotFound."""
        return json_response(_export_body(exports.export_of(self.session, export_id)))


class Download(SessionView):
    """The file, once. The link was mailed: the mailbox is asked for as well as the session."""

    http_method_names = ["get"]  # HEAD would spend the link for nothing
    serves_leaving = True

    def get(self, request: Request, export_id: UUID) -> FileResponse:
        """Send it. Raises NotFound, LinkUnusable, Unavailable."""
        token = request.GET.get("token", "")
        file, size = exports.fetch(owner=self.session, export_id=export_id, token=token)
        response = FileResponse(
            file, as_attachment=True, filename=f"raxx-{export_id}.zip", content_type="application/zip"
        )
        response["Content-Length"] = str(size)
        response["Cache-Control"] = "no-store"
        return response


class Erase(SessionView):
    """The wish to be forgotten."""

    step_up = frozenset({"POST"})
    serves_leaving = True

    def get(self, _request: Request) -> HttpResponse:
        """Say until when it can be withdrawn. Raises NotFound."""
        return json_response(_erasure_body(erasures.pending_erasure(self.session)))

    def post(self, _request: Request) -> HttpResponse:
        """End all access at once, and all that is kept after thirty days."""
        response = json_response(_erasure_body(erasures.ask_for_erasure(owner=self.session)), ACCEPTED)
        if not self.session.is_leaving:  # it has ended with all others; one from afterwards lives on
            forget_cookie(response)
        return response


class Cancel(SessionView):
    """The change of mind. Needs no step-up: who has just logged in may."""

    serves_leaving = True

    def post(self, _request: Request) -> HttpResponse:
        """Keep everything. Raises NotFound, RuleBroken."""
        return json_response(_erasure_body(erasures.cancel_erasure(owner=self.session)))


def _export_body(export: Export) -> dict[str, Any]:
    return {
        "id": export.pk,
        "status": export.status,
        "asked_at": export.asked_at,
        "ready_at": export.ready_at,
        "expires_at": export.expires_at,
        "downloaded_at": export.downloaded_at,
        "size_bytes": export.size_bytes,
    }


def _erasure_body(erasure: Erasure) -> dict[str, Any]:
    return {
        "status": "waiting" if erasure.canceled_at is None else "canceled",
        "asked_at": erasure.asked_at,
        "due_at": erasure.due_at,
        "canceled_at": erasure.canceled_at,
    }
