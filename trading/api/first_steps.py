"""/raxx/v1/first-steps: how a person begins. For a signed-in person, not for a key. Not Alpaca's."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from accounts.api.base import SessionView
from accounts.api.bodies import json_response, read_body
from trading.first_steps import profile_for
from trading.services.first_steps import first_steps_of, keep_first_steps, progress_of
from trading.wire import plain

if TYPE_CHECKING:
    from django.http import HttpResponse
    from rest_framework.request import Request

    from accounts.sessions import LivingSession
    from trading.first_steps import InvestorProfile
    from trading.models import FirstSteps


class Changes(msgspec.Struct):
    """PUT of the first steps; what is absent stays."""

    answers: dict[str, str] | None = None
    profile: str | None = None
    is_dismissed: bool | None = None


_decoder = msgspec.json.Decoder(Changes)


class FirstStepsOfPerson(SessionView):
    """The caller's first steps."""

    def get(self, _request: Request) -> HttpResponse:
        """Read them, with what the answers come to and what is done."""
        return json_response(_body(self.session, first_steps_of(self.session)))

    def put(self, request: Request) -> HttpResponse:
        """Keep answers, the profile that was taken, or that the list is dismissed. Raises ValueInvalid."""
        wanted = read_body(request, _decoder)
        kept = keep_first_steps(
            session=self.session,
            answers=wanted.answers,
            profile=wanted.profile,
            is_dismissed=wanted.is_dismissed,
        )
        return json_response(_body(self.session, kept))


def _body(session: LivingSession, kept: FirstSteps) -> dict[str, Any]:
    progress = progress_of(session)
    return {
        "answers": kept.answers,
        "comes_to": _profile_body(profile_for(kept.answers)) if kept.answers else None,
        "profile": kept.profile or None,
        "is_dismissed": kept.is_dismissed,
        "done": asdict(progress),
    }


def _profile_body(profile: InvestorProfile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "cash": plain(profile.cash),
        "profile": profile.simulation,
        "multiplier": profile.multiplier,
    }
