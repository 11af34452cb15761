"""All that a command may change: every row of every table, the mails, and the files of a folder, each as one word."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from django.core import mail
from django.db import connection

if TYPE_CHECKING:
    from pathlib import Path

TABLES = (
    "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
    " and pg_relation_size(oid) > 0 order by relname"
)
OF_TABLE = "select '{table}', md5(string_agg(t::text, '|' order by t::text)), count(*) from {table} t having count(*) > 0"


def everything(folder: Path | None = None) -> dict[str, object]:
    """Return what there is; but for drafts, whose names begin with a dot or end in `.new`: nobody reads them."""
    found: dict[str, object] = {"mails": len(mail.outbox)}
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        tables = [table for (table,) in cursor.fetchall()]
        cursor.execute(" union all ".join(OF_TABLE.format(table=table) for table in tables))
        found |= {table: (digest, count) for table, digest, count in cursor.fetchall()}
    for path in sorted(folder.rglob("*")) if folder is not None else ():
        is_draft = path.name.startswith(".") or path.suffix == ".new"
        if path.is_file() and path.name != "up.lock" and not is_draft:
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def leavings(folder: Path) -> list[str]:
    """Return the drafts that nobody will ever read: their names begin with a dot."""
    return sorted(path.name for path in folder.rglob(".*"))
