"""Chromium's virtual authenticator: a passkey device that a test may order about, copy and break."""

from __future__ import annotations

from base64 import b64encode
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django_otp_webauthn.models import WebAuthnUserHandle

from tests.factories.people import make_passkey

if TYPE_CHECKING:
    from django_otp_webauthn.models import WebAuthnCredential
    from playwright.sync_api import Page

    from accounts.models import User

Credential = dict[str, Any]


class Authenticator:
    """One device at one page. It shows its passkeys without being asked twice, as with a finger always on it."""

    def __init__(self, page: Page, transport: str = "internal") -> None:
        self._cdp = page.context.new_cdp_session(page)
        self._cdp.send("WebAuthn.enable", {"enableUI": False})
        options = {
            "protocol": "ctap2",
            "ctap2Version": "ctap2_1",
            "transport": transport,
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        made = self._cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self._id = made["authenticatorId"]

    def _send(self, command: str, **more: Any) -> Any:
        return self._cdp.send(f"WebAuthn.{command}", {"authenticatorId": self._id, **more})

    def credentials(self) -> list[Credential]:
        found: list[Credential] = self._send("getCredentials")["credentials"]
        return found

    def put(self, credential: Credential, **changes: Any) -> None:
        """Have this device hold a passkey too: of another device, or an altered one."""
        kept = {
            name: value
            for name, value in credential.items()
            if name
            in {"credentialId", "isResidentCredential", "rpId", "privateKey", "userHandle", "signCount"}
        }
        self._send("addCredential", credential={**kept, **changes})

    def take(self, user: User) -> WebAuthnCredential:
        """Have a passkey of a person's as if it had been made here just now, and store what the server keeps of it."""
        key, credential_id = ec.generate_private_key(ec.SECP256R1()), token_bytes(32)
        point = key.public_key().public_numbers()
        pkcs8 = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        self.put(
            {
                "credentialId": b64encode(credential_id).decode(),
                "isResidentCredential": True,
                "rpId": "localhost",
                "privateKey": b64encode(pkcs8).decode(),
                "userHandle": b64encode(WebAuthnUserHandle.get_handle_for_user(user)).decode(),
                "signCount": 1,
            }
        )
        cose = {
            1: 2,
            3: -7,
            -1: 1,
            -2: point.x.to_bytes(32),
            -3: point.y.to_bytes(32),
        }  # an ES256 key: RFC 9053, 2.1 and 7.1
        return make_passkey(
            user, name="", credential_id=credential_id, public_key=cbor2.dumps(cose), sign_count=1
        )

    def remove(self, credential: Credential) -> None:
        self._send("removeCredential", credentialId=credential["credentialId"])

    def verifies(self, *, users: bool) -> None:
        """Say whether fingerprint or PIN will be right."""
        self._send("setUserVerified", isUserVerified=users)

    def is_touched(self, *, by_itself: bool) -> None:
        """Say whether somebody is there to touch it."""
        self._send("setAutomaticPresenceSimulation", enabled=by_itself)
