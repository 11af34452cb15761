"""/raxx/v1/passkeys: a person's passkeys. For a session alone: no API key comes near them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from django.http import HttpResponse

from accounts.api.base import SessionView
from accounts.api.bodies import json_response, read_body
from accounts.errors import NotFound
from accounts.middleware import forget_cookie
from accounts.services import passkeys
from accounts.services.signing_in import Where

if TYPE_CHECKING:
    from django_otp_webauthn.models import WebAuthnCredential
    from rest_framework.request import Request

CREATED, NO_CONTENT = 201, 204
ID_MAX = 2**63 - 1
CHANGES = frozenset({"POST", "PATCH", "DELETE"})


class NewPasskey(msgspec.Struct):
    """POST of what a device has made."""

    credential: dict[str, Any]
    name: str = ""


class Name(msgspec.Struct):
    """PATCH of a name."""

    name: str


_new_decoder = msgspec.json.Decoder(NewPasskey)
_name_decoder = msgspec.json.Decoder(Name)


class Passkeys(SessionView):
    """The person's passkeys."""

    def get(self, _request: Request) -> HttpResponse:
        """List them, oldest first."""
        found = passkeys.passkeys_of(self.session)
        return json_response([_body(passkey, self.session.passkey_id) for passkey in found])


class PasskeyBegin(SessionView):
    """One more passkey's challenge."""

    step_up = CHANGES

    def post(self, _request: Request) -> HttpResponse:
        """Return creation options."""
        return json_response(passkeys.begin_passkey(session=self.session))


class PasskeyComplete(SessionView):
    """One more passkey."""

    step_up = CHANGES

    def post(self, request: Request) -> HttpResponse:
        """Keep what the device has made."""
        body = read_body(request, _new_decoder)
        made = passkeys.complete_passkey(
            session=self.session,
            answer=body.credential,
            name=body.name,
            where=Where(headers=request.META),
        )
        return json_response(_body(made, self.session.passkey_id), CREATED)


class OnePasskey(SessionView):
    """One passkey."""

    step_up = CHANGES

    def patch(self, request: Request, passkey_id: int) -> HttpResponse:
        """Give it another name."""
        body = read_body(request, _name_decoder)
        renamed = passkeys.rename_passkey(session=self.session, passkey_id=_known(passkey_id), name=body.name)
        return json_response(_body(renamed, self.session.passkey_id))

    def delete(self, _request: Request, passkey_id: int) -> HttpResponse:
        """Remove it, and end what it has opened."""
        passkeys.remove_passkey(session=self.session, passkey_id=_known(passkey_id))
        response = HttpResponse(status=NO_CONTENT)
        if passkey_id == self.session.passkey_id:
            forget_cookie(response)
        return response


def _known(passkey_id: int) -> int:
    if passkey_id > ID_MAX:
        raise NotFound("passkey not found")
    return passkey_id


def _body(passkey: WebAuthnCredential, current: int | None) -> dict[str, Any]:
    return {
        "id": passkey.pk,
        "name": passkey.name,
        "is_on": passkey.confirmed,
        "is_current": passkey.pk == current,
        "is_synchronized": passkey.backup_state,
        "created_at": passkey.created_at,
        "last_used_at": passkey.last_used_at,
    }
