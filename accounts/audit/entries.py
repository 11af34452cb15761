"""An entry as it is stored, and its hash, computed here and not by the database that is being judged.

Must agree to the bit with accounts/sql/0005_audit.sql: SHA-256 over a tag and the fields, each after its
length in four bytes, big-endian; null is a length of -1.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from uuid import UUID

TAG = b"raxx-audit-1"
NO_HASH = bytes(32)  # what the first entry of a chain follows
FORGOTTEN = "audit.chain_forgotten"  # what accounts_forget_chain leaves

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_length = struct.Struct(">i").pack
_number = struct.Struct(">q").pack
_NULL = _length(-1)


class StoredEntry(NamedTuple):
    """The columns of one row of accounts_auditentry, in the order in which they are read."""

    chain: UUID
    seq: int
    subject: UUID | None
    at: datetime
    actor_kind: str
    actor_id: str
    request_id: str
    action: str
    body: str
    details_digest: bytes | None
    prev: bytes
    hash: bytes


def hash_of(entry: StoredEntry) -> bytes:
    """Return the hash that the entry must have."""
    fields = (
        entry.prev,
        entry.chain.bytes,
        _number(entry.seq),
        None if entry.subject is None else entry.subject.bytes,
        _number((entry.at - _EPOCH) // _MICROSECOND),
        entry.actor_kind.encode(),
        entry.actor_id.encode(),
        entry.request_id.encode(),
        entry.action.encode(),
        entry.body.encode(),
        entry.details_digest,
    )
    parts = [TAG]
    for field in fields:
        if field is None:
            parts.append(_NULL)
        else:
            parts += (_length(len(field)), field)
    return sha256(b"".join(parts)).digest()
