"""Back from the broker: `/live/callback` ends an attempt to connect, `/live/connected` says what is connected."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from accounts.dashboard.page import OwnPage, redirect_to
from accounts.errors import Failure, NotFound
from broker_handoff import adapters
from broker_handoff.services import connecting
from broker_handoff.services.connections import latest_connection
from broker_handoff.services.gate import is_gate_open

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from accounts.sessions import LivingSession

logger = logging.getLogger(__name__)

REFUSED = 422


class Callback(OwnPage):
    """Where the broker sends a person back, with a code or an error. It works once.

    Another site may send somebody here: what comes without the state of this very session's attempt changes
    nothing. The answer leads on to an address without the code.
    """

    http_method_names = ["get"]  # a HEAD would use the attempt up
    template = "broker_handoff/not_connected.html"

    def get(self, request: HttpRequest, **_: str) -> HttpResponse:
        """Finish the attempt, or say why not."""
        if self.session is None:
            return redirect_to("log-in")  # and not back to here: the code is for the session that asked
        if self.session.is_enrol_only or self.session.is_leaving:
            return super().get(request)  # which leads elsewhere
        try:
            self._finish(request, self.session)
        except Failure as failure:
            logger.info("a live account was not connected: %s", failure.code)
            response = self.show(request, why=failure.message)
            response.status_code = REFUSED
            return response
        return redirect_to("live-connected")

    def _finish(self, request: HttpRequest, session: LivingSession) -> None:
        now, state = timezone.now(), request.GET.get("state", "")
        if "error" in request.GET:
            connecting.give_up(session=session, state=state, now=now)
            raise connecting.ConnectFailed("you, or the broker, said no")
        connecting.finish(
            session=session,
            state=state,
            code=request.GET.get("code", ""),
            consent=adapters.consent(),
            build=adapters.builder(),
            keys=adapters.key_service(),
            is_gate_open=is_gate_open,
            now=now,
        )


class Connected(OwnPage):
    """What is connected, in a sentence."""

    template = "broker_handoff/connected.html"

    def content(self, request: HttpRequest, **_: str) -> dict[str, Any]:  # noqa: ARG002 - the base class's
        """Return the latest connection, None for who has none."""
        assert self.session is not None
        try:
            return {"connection": latest_connection(self.session).row}
        except NotFound:
            return {"connection": None}
