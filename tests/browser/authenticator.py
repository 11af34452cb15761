"""Chromium's virtual authenticator: a passkey device that a test may order about, copy and break."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

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

    def remove(self, credential: Credential) -> None:
        self._send("removeCredential", credentialId=credential["credentialId"])

    def verifies(self, *, users: bool) -> None:
        """Say whether fingerprint or PIN will be right."""
        self._send("setUserVerified", isUserVerified=users)

    def is_touched(self, *, by_itself: bool) -> None:
        """Say whether somebody is there to touch it."""
        self._send("setAutomaticPresenceSimulation", enabled=by_itself)
