"""The vault: a broker's token under a data key of its own, which a key service outside wraps.

    sealed = version (1 byte) | nonce (12) | AES-256-GCM of the token
    associated data = encryption context = {user, connection, field}, ids alone

So a sealed token opens in its own row and nowhere else: a ciphertext or a wrapped key that was moved, or a
context that is not the row's, is refused by AES-GCM and by the key service, each by itself. One data key
a token: a nonce cannot repeat under a key.

Source: NIST SP 800-38D for GCM; the reasons stand in broker_handoff/decisions/0001-vault.md.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, AnyStr, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

VERSION = b"\x01"
NONCE_BYTES = 12
KEY_BYTES = 32
FIELD = "token"
MARK = "(the token)"  # stands where a broker repeated it
SCRUBBED_MIN = 8  # characters: what is shorter stands in any text by chance
AAD_PREFIX = b"raxx.broker_handoff:"


class VaultRefused(Exception):
    """A sealed token does not open here: moved, changed, or its key is disabled. The text holds no secret."""


class KeyServiceAway(Exception):
    """The key service did not answer; a later attempt may work."""


class Token:
    """A token in clear. It shows itself only to whoever asks for `reveal`, never in a text, log or pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: str | None = value

    def reveal(self) -> str:
        """Return the token itself, for the one call that needs it. Raises ValueError once it is forgotten."""
        if self._value is None:
            raise ValueError("the token was forgotten")
        return self._value

    def forget(self) -> None:
        """Let go of it: from now on nobody reads it here."""
        self._value = None

    def scrubbed_from(self, text: AnyStr) -> AnyStr:
        """Return a text without the token, as it is and as JSON writes it; the very same object where it is not there."""
        value = self._value
        if value is None or len(value) < SCRUBBED_MIN:
            return text
        for form in (value, value.replace("/", "\\/")):
            secret, mark = (form.encode(), MARK.encode()) if isinstance(text, bytes) else (form, MARK)
            if secret in text:
                text = text.replace(secret, mark)
        return text

    def __repr__(self) -> str:
        return "Token(…)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a token in clear is not passed on")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """A data key as its service gives it out: only the service turns it back."""

    wrapped: bytes
    key_id: str  # of the service's own key


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What a row keeps of a token."""

    ciphertext: bytes
    key: WrappedKey


class KeyService(Protocol):
    """Where data keys come from. Each call is bound to a context, which the service may log.

    Raises VaultRefused where the key or its context is wrong or disabled, KeyServiceAway where it is not there.
    """

    def new_key(self, context: Mapping[str, str]) -> tuple[bytes, WrappedKey]:
        """Return a fresh data key of 32 bytes, in clear and wrapped."""
        ...

    def unwrap(self, key: WrappedKey, context: Mapping[str, str]) -> bytes: ...

    def rewrap(self, key: WrappedKey, context: Mapping[str, str]) -> WrappedKey:
        """Return the same data key under the service's present key."""
        ...

    @property
    def current_key_id(self) -> str: ...


def context_of(*, user_id: UUID, connection_id: UUID) -> dict[str, str]:
    """Return what a token is bound to. Ids alone: key services log it in clear."""
    return {"user": str(user_id), "connection": str(connection_id), "field": FIELD}


def seal(token: Token, context: Mapping[str, str], keys: KeyService) -> Sealed:
    """Return the token under a new data key. Raises KeyServiceAway, VaultRefused."""
    data_key, wrapped = keys.new_key(context)
    nonce = os.urandom(NONCE_BYTES)
    ciphertext = AESGCM(data_key).encrypt(nonce, token.reveal().encode(), _associated(context))
    return Sealed(ciphertext=VERSION + nonce + ciphertext, key=wrapped)


def unseal(sealed: Sealed, context: Mapping[str, str], keys: KeyService) -> Token:
    """Return the token. Raises VaultRefused, KeyServiceAway."""
    version, nonce = sealed.ciphertext[:1], sealed.ciphertext[1 : 1 + NONCE_BYTES]
    if version != VERSION or len(nonce) != NONCE_BYTES:
        raise VaultRefused("the sealed token has a form that is not known")
    data_key = keys.unwrap(sealed.key, context)
    try:
        clear = AESGCM(data_key).decrypt(nonce, sealed.ciphertext[1 + NONCE_BYTES :], _associated(context))
    except InvalidTag:
        raise VaultRefused("the sealed token is not this row's, or was changed") from None
    return Token(clear.decode())


def _associated(context: Mapping[str, str]) -> bytes:
    return AAD_PREFIX + json.dumps(context, sort_keys=True, separators=(",", ":")).encode()
