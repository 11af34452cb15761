"""/raxx/v1/live/connect and /raxx/v1/live/connection. For a session alone: no API key comes near them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.utils import timezone

from accounts.api.base import SessionView
from accounts.api.bodies import json_response
from broker_handoff import adapters
from broker_handoff.models import BrokerConnection
from broker_handoff.services import connecting
from broker_handoff.services.connections import latest_connection
from broker_handoff.services.disconnecting import disconnect
from broker_handoff.services.gate import is_gate_open
from trading.wire import instant, instant_or_none, plain

if TYPE_CHECKING:
    from django.http import HttpResponse
    from rest_framework.request import Request

    from broker_handoff.services.connections import Shown


class Connect(SessionView):
    """The way to the broker."""

    step_up: ClassVar[frozenset[str]] = frozenset({"GET"})

    def get(self, _request: Request) -> HttpResponse:
        """Begin an attempt. Raises CoolingDown, GuardRefused."""
        now = timezone.now()
        url = connecting.begin(
            session=self.session, consent=adapters.consent(), is_gate_open=is_gate_open, now=now
        )
        return json_response({"authorize_url": url, "expires_at": instant(now + connecting.ATTEMPT_LIFE)})


class Connection(SessionView):
    """The person's connection."""

    step_up: ClassVar[frozenset[str]] = frozenset({"DELETE"})
    serves_leaving = True  # what the broker has taken back is worth knowing to the end

    def get(self, _request: Request) -> HttpResponse:
        """Read the latest one. Raises NotFound."""
        return json_response(_body(latest_connection(self.session)))

    def delete(self, _request: Request) -> HttpResponse:
        """End it; one that is over stays as it was. Raises NotFound."""
        found = latest_connection(self.session).row
        disconnect(
            owner=self.session, connection_id=found.pk, reason="you disconnected it", now=timezone.now()
        )
        from broker_handoff.tasks import revoke_soon  # with Celery, which no page needs

        revoke_soon(found.pk)
        return json_response(_body(latest_connection(self.session)))


def _body(shown: Shown) -> dict[str, Any]:
    row = shown.row
    is_over = row.status == BrokerConnection.Status.DISCONNECTED
    return {
        "id": row.pk,
        "broker": row.broker,
        "broker_account": row.broker_account,
        "status": row.status,
        "scopes": row.scopes,
        "connected_at": instant(row.connected_at),
        "consent_expires_at": instant(row.consent_expires_at),
        "token": shown.token,
        "disconnected_at": instant_or_none(row.disconnected_at),
        "disconnect_reason": row.disconnect_reason if is_over else None,
        "revoked_at_broker": row.revoked_at_broker if is_over else None,
        "limits": {
            "notional_max": plain(row.notional_max),
            "day_notional_max": plain(row.day_notional_max),
            "open_orders_max": row.open_orders_max,
            "price_distance_max_bps": row.price_distance_max_bps,
        },
    }
