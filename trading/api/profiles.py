"""/raxx/v1/profiles and /raxx/v1/account/profile: by which model, with which parameters, orders fill.

Not Alpaca's; the errors are theirs in shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from accounts.api.bodies import json_response, read_body
from trading.api import query
from trading.api.base import ApiView
from trading.errors import ValueInvalid
from trading.explaining.profile import profile_body
from trading.services import profiles

if TYPE_CHECKING:
    from django.http import HttpResponse
    from rest_framework.request import Request

    from trading.models import SimulationProfile

VERSION_MAX = 32_767  # of the column


class ProfileBody(msgspec.Struct):
    """PATCH /raxx/v1/account/profile."""

    name: str | None = None


_decoder = msgspec.json.Decoder(ProfileBody)


class Profiles(ApiView):
    """The profiles of this installation; they belong to nobody."""

    def get(self, request: Request) -> HttpResponse:
        """List the newest version of each that accounts may choose; with `all`, every version that ever was."""
        wants_all = query.boolean(request.GET.get("all"), "all")
        listed = profiles.every_version() if wants_all else profiles.profiles_offered()
        return json_response([profile_body(profile) for profile in listed])


class OneProfile(ApiView):
    """One profile, by name."""

    def get(self, request: Request, name: str) -> HttpResponse:
        """Read its newest offered version, or the `version` that is named. Raises NotFound."""
        version = query.whole(request.GET, "version", 0, VERSION_MAX) or None
        return json_response(profile_body(profiles.profile_version(name, version)))


class AccountProfile(ApiView):
    """What the account's new orders are filled by."""

    def get(self, _request: Request) -> HttpResponse:
        """Read it; `newest_version` says whether the name means a later version by now."""
        return json_response(_chosen(profiles.profile_of_account(self.principal)))

    def patch(self, request: Request) -> HttpResponse:
        """Choose the newest version of a profile for new orders; those that were accepted keep theirs."""
        name = read_body(request, _decoder).name
        if not name:
            raise ValueInvalid("name is required")
        return json_response(_chosen(profiles.choose_profile(principal=self.principal, name=name)))


def _chosen(profile: SimulationProfile) -> dict[str, Any]:
    newest = next((each for each in profiles.profiles_offered() if each.name == profile.name), None)
    return {**profile_body(profile), "newest_version": None if newest is None else newest.version}
