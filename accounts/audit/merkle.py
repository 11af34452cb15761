"""One hash over all chains' heads. Shape and prefixes as in RFC 6962, 2.1: a leaf is no node."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID


class Head(NamedTuple):
    """How far a chain has come: the number and the hash of its last entry."""

    seq: int
    hash: bytes


def root_of(heads: Mapping[UUID, Head]) -> bytes:
    """Return the root over the heads in the order of their chains; of none, the hash of nothing."""
    level = [
        sha256(b"\x00" + chain.bytes + heads[chain].seq.to_bytes(8) + heads[chain].hash).digest()
        for chain in sorted(heads)
    ]
    while len(level) > 1:
        # An odd last one moves up as it is, which gives the trees of the RFC.
        odd = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return level[0] if level else sha256(b"").digest()
