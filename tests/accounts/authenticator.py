"""A passkey device in software: answers a browser's create and get, honestly or not, as a test asks.

What it sends is what `PublicKeyCredential.toJSON()` makes. Source: Web Authentication Level 3, 6.1 to 6.3.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import base64url_to_bytes as decoded, bytes_to_base64url as encoded

ORIGIN = "http://localhost:8000"
PRESENT, VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
ES256 = -7


@dataclass
class Key:
    """One passkey on the device."""

    rp_id: str
    handle: bytes
    private: ec.EllipticCurvePrivateKey
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def cose(self) -> bytes:
        """Return the public key as COSE has it (RFC 9053, 7.1.1)."""
        numbers = self.private.public_key().public_numbers()
        coordinates = {-2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        return cbor2.dumps({1: 2, 3: ES256, -1: 1, **coordinates})


@dataclass
class Authenticator:
    """A device. `counts` is False for one that synchronises: it always says nought."""

    origin: str = ORIGIN
    verifies: bool = True
    counts: bool = True
    count: int = 0
    keys: list[Key] = field(default_factory=list)

    def clone(self) -> Authenticator:
        """Return a copy as a thief makes it: the keys and the count of now."""
        return Authenticator(self.origin, self.verifies, self.counts, self.count, list(self.keys))

    def create(self, options: dict[str, Any], **lies: Any) -> dict[str, Any]:
        """Make a passkey and return what the browser sends. Raises LookupError where it has one that is excluded."""
        excluded = {decoded(each["id"]) for each in options.get("excludeCredentials", [])}
        if any(key.credential_id in excluded for key in self.keys):
            raise LookupError("InvalidStateError")
        key = Key(
            options["rp"]["id"], decoded(options["user"]["id"]), ec.generate_private_key(ec.SECP256R1())
        )
        self.keys.append(key)
        self.count += self.counts
        attested = bytes(16) + struct.pack(">H", len(key.credential_id)) + key.credential_id + key.cose()
        data = self._data(key, lies, ATTESTED) + attested
        response = {
            "clientDataJSON": self._client_data("webauthn.create", options, lies),
            "attestationObject": encoded(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
            "transports": ["internal"],
        }
        return self._credential(key, response) | {"clientExtensionResults": {"credProps": {"rk": True}}}

    def get(self, options: dict[str, Any], **lies: Any) -> dict[str, Any]:
        """Sign with a passkey that is asked for. `lies`: origin, rp_id, verifies, count, handle, signature, kind."""
        allowed = {decoded(each["id"]) for each in options.get("allowCredentials", [])}
        key = next(
            key
            for key in reversed(self.keys)
            if key.rp_id == options["rpId"] and (not allowed or key.credential_id in allowed)
        )
        self.count += self.counts
        data = self._data(key, lies)
        client_data = self._client_data("webauthn.get", options, lies)
        signed = data + hashlib.sha256(decoded(client_data)).digest()
        handle = lies.get("handle", key.handle)
        response = {
            "clientDataJSON": client_data,
            "authenticatorData": encoded(data),
            "signature": encoded(lies.get("signature", key.private.sign(signed, ec.ECDSA(SHA256())))),
            "userHandle": None if handle is None else encoded(handle),
        }
        return self._credential(key, response)

    def _data(self, key: Key, lies: dict[str, Any], more: int = 0) -> bytes:
        flags = PRESENT | more | (VERIFIED if lies.get("verifies", self.verifies) else 0)
        flags |= 0 if self.counts else BACKUP_ELIGIBLE | BACKED_UP
        rp_id = lies.get("rp_id", key.rp_id)
        count = lies.get("count", self.count if self.counts else 0)
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + struct.pack(">I", count)

    def _client_data(self, kind: str, options: dict[str, Any], lies: dict[str, Any]) -> str:
        told = {
            "type": lies.get("kind", kind),
            "challenge": options["challenge"],
            "origin": lies.get("origin", self.origin),
            "crossOrigin": False,
        }
        return encoded(json.dumps(told).encode())

    @staticmethod
    def _credential(key: Key, response: dict[str, Any]) -> dict[str, Any]:
        named = encoded(key.credential_id)
        return deepcopy(
            {
                "id": named,
                "rawId": named,
                "type": "public-key",
                "authenticatorAttachment": "platform",
                "response": response,
                "clientExtensionResults": {},
            }
        )
