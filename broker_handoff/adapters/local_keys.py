"""A key service in a file, for development and tests; production refuses it (raxx/production.py).

The file has one line a key, `<key id> <32 bytes in hex> [disabled]`; the last one that is not disabled wraps
what is new, and all others still unwrap. Its mode is 0600.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker_handoff.vault import KEY_BYTES, NONCE_BYTES, KeyServiceAway, VaultRefused, WrappedKey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class LocalKeys:
    """The service of one file, which is read anew at each call: it has no memory to be stale."""

    file: Path

    @property
    def current_key_id(self) -> str:
        """The key that wraps what is new. Raises KeyServiceAway, VaultRefused when all are disabled."""
        usable = [key_id for key_id, (_, is_disabled) in self._keys().items() if not is_disabled]
        if not usable:
            raise VaultRefused("every key of the service is disabled")
        return usable[-1]

    def new_key(self, context: Mapping[str, str]) -> tuple[bytes, WrappedKey]:
        """Return a fresh data key, in clear and wrapped."""
        data_key = secrets.token_bytes(KEY_BYTES)
        return data_key, self._wrap(data_key, context)

    def unwrap(self, key: WrappedKey, context: Mapping[str, str]) -> bytes:
        """Return a data key in clear."""
        master, is_disabled = self._keys().get(key.key_id, (b"", True))
        if is_disabled:
            raise VaultRefused(f"the key {key.key_id} is disabled or not known")
        try:
            nonce, wrapped = key.wrapped[:NONCE_BYTES], key.wrapped[NONCE_BYTES:]
            return AESGCM(master).decrypt(nonce, wrapped, _encoded(context))
        except (InvalidTag, ValueError):
            raise VaultRefused("the wrapped key does not belong to this context") from None

    def rewrap(self, key: WrappedKey, context: Mapping[str, str]) -> WrappedKey:
        """Return the same data key under the present key."""
        return self._wrap(self.unwrap(key, context), context)

    def _wrap(self, data_key: bytes, context: Mapping[str, str]) -> WrappedKey:
        key_id = self.current_key_id
        nonce = os.urandom(NONCE_BYTES)
        wrapped = AESGCM(self._keys()[key_id][0]).encrypt(nonce, data_key, _encoded(context))
        return WrappedKey(wrapped=nonce + wrapped, key_id=key_id)

    def _keys(self) -> dict[str, tuple[bytes, bool]]:
        try:
            if not self.file.exists():
                add_key(self.file)
            lines = [line.split() for line in self.file.read_text(encoding="ascii").splitlines() if line]
            return {line[0]: (bytes.fromhex(line[1]), DISABLED in line[2:]) for line in lines}
        except (OSError, ValueError, IndexError) as error:
            raise KeyServiceAway(f"{self.file} cannot be read: {type(error).__name__}") from None


def add_key(file: Path) -> str:
    """Add a key, which wraps from now on what is new; return its id."""
    key_id = f"local-{secrets.token_hex(6)}"
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(f"{key_id} {secrets.token_bytes(KEY_BYTES).hex()}\n")
        stream.flush()
        os.fsync(stream.fileno())
    return key_id


def _encoded(context: Mapping[str, str]) -> bytes:
    return json.dumps(context, sort_keys=True, separators=(",", ":")).encode()
