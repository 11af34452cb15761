"""/raxx/v1/live/limits and /raxx/v1/live/kill-switch: what a person sets against themselves."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from accounts.api.base import SessionView
from accounts.api.bodies import json_response, read_body
from broker_handoff.api.bodies import REASON_DEFAULT, close_decoder, limits_decoder, limits_in
from broker_handoff.guards import Limits
from broker_handoff.services import switches
from broker_handoff.services.guarding import ceilings, limits_of
from broker_handoff.services.limits import NAMES, connection_of, set_limits
from trading.wire import instant, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse
    from rest_framework.request import Request
    from rest_framework.throttling import BaseThrottle

    from broker_handoff.models import BrokerConnection, SwitchClosing


class LimitsView(SessionView):
    """The limits of the person's connection."""

    step_up = frozenset({"PUT"})

    def get(self, _request: Request) -> HttpResponse:
        """Read them, beside the installation's and what counts. Raises NotFound."""
        return json_response(_limits_body(connection_of(self.session)))

    def put(self, request: Request) -> HttpResponse:
        """Set some. Raises NotFound, ValueInvalid, RuleBroken."""
        limits = limits_in(read_body(request, limits_decoder))
        return json_response(_limits_body(set_limits(owner=self.session, limits=limits)))


class KillSwitch(SessionView):
    """The person's own switch. Closing must be possible in an emergency, opening takes a passkey."""

    step_up = frozenset({"DELETE"})

    def get_throttles(self) -> list[BaseThrottle]:
        """Return nobody who would refuse to close it: a person in panic is never told to wait."""
        return [] if self.request.method == "POST" else super().get_throttles()

    def get(self, _request: Request) -> HttpResponse:
        """Say what stops the person's orders: their own, and the staff's."""
        return json_response(self._body())

    def post(self, request: Request) -> HttpResponse:
        """Close it at once; closed, it stays as it was."""
        has_body = bool(request.META.get("CONTENT_LENGTH") not in {None, "", "0"})
        reason = read_body(request, close_decoder).reason if has_body else REASON_DEFAULT
        closed = switches.close_own(owner=self.session, reason=reason)
        return json_response({**self._body(), "being_sent": closed.being_sent})

    def delete(self, _request: Request) -> HttpResponse:
        """Open it again. What the staff has closed stays closed."""
        switches.open_own(owner=self.session)
        return json_response(self._body())

    def _body(self) -> dict[str, Any]:
        closings = [_closing_body(each) for each in switches.living(user_id=self.session.user_id)]
        return {"is_closed": bool(closings), "closings": closings}


def _closing_body(closing: SwitchClosing) -> dict[str, Any]:
    return {
        "id": closing.pk,
        "scope": closing.scope,
        "connection_id": closing.connection_id,
        "is_own": closing.is_own,
        "reason": closing.reason,
        "closed_at": instant(closing.closed_at),
    }


def _limits_body(connection: BrokerConnection) -> dict[str, Any]:
    own = {name: getattr(connection, name) for name in NAMES}
    return {
        "connection_id": connection.pk,
        "own": _figures(own),
        "installation": _figures(asdict(ceilings())),
        "in_force": _figures(asdict(limits_of(connection))),
    }


def _figures(limits: Mapping[str, Any]) -> dict[str, Any]:
    """Return limits as the wire shows them: money as text, counts as numbers."""
    assert set(limits) == set(Limits.__dataclass_fields__)
    return {name: value if isinstance(value, int) else plain(value) for name, value in limits.items()}
