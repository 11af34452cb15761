"""What the tables' owner can do to the log once they have taken its triggers down."""

from __future__ import annotations

from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from accounts.audit.entries import NO_HASH, StoredEntry, hash_of
from accounts.models import AuditEntry
from accounts.services.audit import record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

TABLES = ("accounts_auditentry", "accounts_audithead", "accounts_auditdetail")


@contextmanager
def no_triggers() -> Iterator[None]:
    """Do what the block does as one transaction in which nothing is refused, and put the triggers back."""
    with transaction.atomic(), connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"alter table {table} disable trigger user")
        yield
        for table in TABLES:
            cursor.execute(
                f"select tgname from pg_trigger where tgrelid = '{table}'::regclass and not tgisinternal"
            )
            for (trigger,) in cursor.fetchall():
                cursor.execute(f"alter table {table} enable always trigger {trigger}")


def tamper(statement: str, *parameters: Any) -> None:
    """Run one statement that the triggers would refuse."""
    with no_triggers(), connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)


def fill(chain: UUID, entries: int) -> None:
    """Append so many entries to a person's chain, each with a transaction of its own."""
    for number in range(entries):
        record(
            action="thing.changed", user_id=chain, after={"number": number}, details={"note": f"n{number}"}
        )


def stored(chain: UUID) -> list[StoredEntry]:
    """Return the chain as it stands."""
    rows = AuditEntry.objects.filter(chain=chain).order_by("seq").values_list(*StoredEntry._fields)
    return [
        StoredEntry._make(bytes(value) if isinstance(value, memoryview) else value for value in row)
        for row in rows
    ]


def rewrite(chain: UUID, entries: list[StoredEntry]) -> None:
    """Put these in place of the chain, hashed anew from the first to the last, and its head to match."""
    prev, rehashed = NO_HASH, []
    for seq, entry in enumerate(entries, start=1):
        linked = entry._replace(seq=seq, prev=prev)
        prev = hash_of(linked)
        rehashed.append(linked._replace(hash=prev))
    put(chain, rehashed)
    tamper("update accounts_audithead set seq = %s, hash = %s where chain = %s", len(rehashed), prev, chain)


def put(chain: UUID, entries: list[StoredEntry]) -> None:
    """Put these in place of the chain's entries as they are."""
    columns = ", ".join(StoredEntry._fields)
    with no_triggers(), connection.cursor() as cursor:
        cursor.execute("delete from accounts_auditentry where chain = %s", [chain])
        cursor.executemany(
            f"insert into accounts_auditentry ({columns}) values ({', '.join(['%s'] * len(StoredEntry._fields))})",
            entries,
        )


def salted(details: str) -> tuple[bytes, bytes]:
    """Return a salt, and the digest of these details with it."""
    salt = sha256(details.encode()).digest()
    return salt, sha256(salt + details.encode()).digest()
