"""/raxx/v1/live/differences: where the account at the broker is not as we know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.api.base import SessionView
from accounts.api.bodies import json_response
from broker_handoff.services.reconciling import differences_of
from trading.wire import instant, instant_or_none

if TYPE_CHECKING:
    from django.http import HttpResponse
    from rest_framework.request import Request

    from broker_handoff.models import BrokerDifference


class Differences(SessionView):
    """What a comparison with the broker has found."""

    def get(self, _request: Request) -> HttpResponse:
        """List the newest, those that are there now first."""
        return json_response([_body(row) for row in differences_of(self.session)])


def _body(row: BrokerDifference) -> dict[str, Any]:
    return {
        "id": row.pk,
        "connection_id": row.connection_id,
        "kind": row.kind,
        "subject": row.subject,
        "ours": row.ours,
        "theirs": row.theirs,
        "first_seen_at": instant(row.first_seen_at),
        "last_seen_at": instant(row.last_seen_at),
        "ended_at": instant_or_none(row.ended_at),
    }
