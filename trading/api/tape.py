"""/raxx/v1/market/tape: an operator's hand on a recorded market's clock.

Not Alpaca's; the errors are theirs in shape. Every control answers with where the tape then stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from accounts.api.bodies import json_response, read_body
from accounts.models.api_key import Scope
from matching.market.clock import parse_speed
from trading.api import numbers
from trading.api.base import ApiView
from trading.errors import ValueInvalid
from trading.services import tape
from trading.wire import plain

if TYPE_CHECKING:
    from django.http import HttpResponse
    from rest_framework.request import Request


class AdvanceBody(msgspec.Struct):
    """POST advance."""

    to: str | None = None


class SpeedBody(msgspec.Struct):
    """POST speed."""

    speed: msgspec.Raw = numbers.ABSENT


_advance_decoder = msgspec.json.Decoder(AdvanceBody)
_speed_decoder = msgspec.json.Decoder(SpeedBody)


class _TapeView(ApiView):
    scopes: ClassVar[dict[str, Scope]] = {}
    default_scope: ClassVar[Scope] = Scope.OPERATOR
    step_up: ClassVar[frozenset[str]] = frozenset({"POST"})  # of staff at a screen: the clock is everybody's

    @property
    def _market_id(self) -> int:
        return self.principal.market_id


class Tape(_TapeView):
    """Where the tape stands."""

    def get(self, _request: Request) -> HttpResponse:
        """Read it."""
        return json_response(tape.status(self._market_id).as_body())


class Play(_TapeView):
    def post(self, _request: Request) -> HttpResponse:
        """Let the tape run from where it stands."""
        return json_response(tape.play(self._market_id).as_body())


class Pause(_TapeView):
    def post(self, _request: Request) -> HttpResponse:
        """Stop the tape where it is."""
        return json_response(tape.pause(self._market_id).as_body())


class Advance(_TapeView):
    def post(self, request: Request) -> HttpResponse:
        """Move the paused tape to an instant; answered when every decision up to it is committed."""
        to = read_body(request, _advance_decoder).to
        if not to:
            raise ValueInvalid("to is required")
        return json_response(tape.advance(self._market_id, tape.instant_of(to)).as_body())


class Restart(_TapeView):
    def post(self, _request: Request) -> HttpResponse:
        """Begin the tape anew, as a new run; answered when it has begun and what was open is canceled."""
        return json_response(tape.restart(self._market_id).as_body())


class Speed(_TapeView):
    def post(self, request: Request) -> HttpResponse:
        """Set market seconds per second: a number, or "max"."""
        raw = read_body(request, _speed_decoder).speed
        if bytes(raw) == b'"max"':
            return json_response(tape.set_speed(self._market_id, None).as_body())
        number = numbers.decimal(raw, "speed")
        if number is None:
            raise ValueInvalid("speed is required")
        return json_response(tape.set_speed(self._market_id, parse_speed(plain(number))).as_body())
