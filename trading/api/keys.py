"""/raxx/v1/keys: the API keys of a person's accounts. For a session alone: a key can make no other.

To make, change, rotate and revoke asks for a passkey shown lately: whoever finds a browser open shall neither
leave with a key nor stop a bot. To revoke is possible at all times; the rest waits while a person who recovered
their access cools down.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID  # noqa: TC003 - msgspec reads it from the annotations

import msgspec

from accounts.api.base import SessionView
from accounts.api.bodies import json_response, read_body
from accounts.models.api_key import DEFAULT_SCOPES
from accounts.step_up import require_settled
from trading.api import query
from trading.errors import ValueInvalid
from trading.services import keys
from trading.services.key_terms import OVERLAP_MAX, KeyTerms, expiry
from trading.wire import instant, instant_or_none

if TYPE_CHECKING:
    from django.http import HttpResponse
    from rest_framework.request import Request

    from accounts.models import ApiKey
    from trading.services.keys import NewKey

OK, CREATED = 200, 201
OVERLAP_MAX_S = int(OVERLAP_MAX.total_seconds())


class KeyRequest(msgspec.Struct):
    """POST of a key. Its end is an instant or a number of days; without either it has none."""

    account_id: UUID
    name: str = ""
    scopes: list[str] = msgspec.field(default_factory=lambda: list(DEFAULT_SCOPES))
    addresses: list[str] = msgspec.field(default_factory=list)
    expires_at: datetime | None = None
    expires_in_days: int | None = None


class KeyChanges(msgspec.Struct):
    """PATCH of a key; what is absent stays."""

    name: str | None = None
    addresses: list[str] | None = None


class Rotation(msgspec.Struct):
    """POST of a rotation."""

    overlap_s: int = 0  # how long the old key stays good beside its successor


_new_decoder = msgspec.json.Decoder(KeyRequest)
_changes_decoder = msgspec.json.Decoder(KeyChanges)
_rotation_decoder = msgspec.json.Decoder(Rotation)


class _KeyView(SessionView):
    step_up: ClassVar[frozenset[str]] = frozenset({"POST", "PATCH", "DELETE"})


class Keys(_KeyView):
    """The person's keys."""

    def get(self, request: Request) -> HttpResponse:
        """List them, newest first, also those that are over; of one account where it is named."""
        account_id = query.identifier(request.GET, "account_id")
        return json_response([key_body(key) for key in keys.keys_of(self.session, account_id)])

    def post(self, request: Request) -> HttpResponse:
        """Make one; its secret is in this answer and in no other. Raises CoolingDown."""
        require_settled(self.session)
        body = read_body(request, _new_decoder)
        terms = KeyTerms(
            name=body.name, scopes=body.scopes, addresses=body.addresses, expires_at=_end_of(body)
        )
        made = keys.create_own_key(
            owner=self.session, account_id=body.account_id, terms=terms, may_operate=self.session.is_staff
        )
        return _told_once(made, CREATED)


class OneKey(_KeyView):
    """One key."""

    def get(self, _request: Request, key_id: str) -> HttpResponse:
        """Read it. Raises NotFound."""
        return json_response(key_body(keys.key_of(self.session, key_id)))

    def patch(self, request: Request, key_id: str) -> HttpResponse:
        """Rename it, or limit it to other networks. Raises CoolingDown, NotFound, RuleBroken."""
        require_settled(self.session)
        body = read_body(request, _changes_decoder)
        changed = keys.change_own_key(
            owner=self.session, key_id=key_id, name=body.name, addresses=body.addresses
        )
        return json_response(key_body(changed))

    def delete(self, _request: Request, key_id: str) -> HttpResponse:
        """End it for good, and the streams that it has opened; one that is over stays as it was."""
        return json_response(key_body(keys.revoke_own_key(owner=self.session, key_id=key_id)))


class RotationOfKey(_KeyView):
    """A key's successor."""

    def post(self, request: Request, key_id: str) -> HttpResponse:
        """Make one that may do the same; its secret is in this answer and in no other. Raises CoolingDown."""
        require_settled(self.session)
        body = read_body(request, _rotation_decoder)
        if not 0 <= body.overlap_s <= OVERLAP_MAX_S:
            raise ValueInvalid(f"overlap_s must be a number from 0 to {OVERLAP_MAX_S}")
        made = keys.rotate_own_key(
            owner=self.session, key_id=key_id, overlap=timedelta(seconds=body.overlap_s)
        )
        return _told_once(made, CREATED)


def key_body(key: ApiKey) -> dict[str, Any]:
    """Return a key as its owner lists it: all but what it is proved by."""
    return {
        "key_id": key.pk,
        "account_id": key.account_id,
        "name": key.name,
        "scopes": key.scopes,
        "addresses": key.addresses,
        "status": "revoked" if key.revoked_at else "expired" if key.is_over else "active",
        "created_at": instant(key.created_at),
        "last_used_at": instant_or_none(key.last_used_at),
        "expires_at": instant_or_none(key.expires_at),
        "revoked_at": instant_or_none(key.revoked_at),
    }


def _told_once(made: NewKey, status: int) -> HttpResponse:
    body = {**key_body(made.key), "secret": made.secret, "token": made.token}
    response = json_response(body, status)
    response["Cache-Control"] = "no-store"
    return response


def _end_of(body: KeyRequest) -> datetime | None:
    if body.expires_at is None:
        return expiry(body.expires_in_days)
    if body.expires_in_days is not None:
        raise ValueInvalid("expires_at and expires_in_days exclude each other")
    if body.expires_at.tzinfo is None:
        raise ValueInvalid("expires_at has no time zone")
    return body.expires_at
