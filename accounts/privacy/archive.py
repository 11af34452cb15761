"""One ZIP of all that is kept of a person: each table as JSON and as CSV, and a page that says what is what.

Rows go from the database into the file a few at a time, so that memory stays flat however long somebody
has traded. Decimals, ids and instants are text in both formats, so that nothing is rounded on the way.
"""

from __future__ import annotations

import csv
import io
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import msgspec
from django.db import connection

from accounts.privacy.keepers import holdings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from uuid import UUID

    from accounts.privacy.keepers import Holding

ROWS_A_TRIP = 2_000
README = "README.txt"
_JSONB = 3802  # its type's id, for ever

_COLUMNS = """
select a.attname from pg_attribute a
 where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped and a.attname <> all(%s)
 order by a.attnum"""
_KEY = """
select a.attname from pg_index i
  cross join lateral unnest(i.indkey) with ordinality k(number, place)
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
 where i.indrelid = %s::regclass and i.indisprimary order by k.place"""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of one table: asked for again by each format, in the one snapshot."""

    statement: str
    user_id: UUID

    @contextmanager
    def open(self) -> Iterator[tuple[list[str], Iterator[Row]]]:
        """Yield the columns' names and the rows."""
        with connection.chunked_cursor() as cursor:
            cursor.execute(self.statement, {"user": self.user_id})
            rows = cursor.fetchmany(ROWS_A_TRIP)
            names = [column.name for column in cursor.description]
            json_places = [
                place for place, column in enumerate(cursor.description) if column.type_code == _JSONB
            ]
            yield names, _rows(cursor, rows, json_places)


def write_archive(
    file: IO[bytes],
    *,
    user_id: UUID,
    made_at: datetime,
    progress: Callable[[int, int, str], None] = lambda _done, _of, _table: None,
) -> dict[str, int]:
    """Write the archive of one person; return how many rows each table gave.

    In the caller's transaction, which must see one snapshot throughout (REPEATABLE READ). `file` is written
    from where it stands, and not closed. `progress` is told before each table how many of how many it is.
    """
    counts: dict[str, int] = {}
    held = holdings()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, holding in enumerate(held, start=1):
            progress(number, len(held), holding.table)
            rows = Rows(statement=_statement(holding), user_id=user_id)
            counts[holding.table] = _write(archive, f"{holding.table}.json", rows, _as_json)
            _write(archive, f"{holding.table}.csv", rows, _as_csv)
        archive.writestr(README, _readme(held, counts, made_at))
    return counts


def _statement(holding: Holding) -> str:
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, [holding.table, sorted(holding.left_out)])
        columns = [f't."{name}"' for (name,) in cursor.fetchall()]
        cursor.execute(_KEY, [holding.table])
        key = ", ".join(f't."{name}"' for (name,) in cursor.fetchall())
    columns += [f'{expression} as "{name}"' for name, expression in holding.figures.items()]
    return f"select {', '.join(columns)} from {holding.table} t where {holding.whose} order by {key}"


def _rows(cursor: Any, rows: list[Row], json_places: list[int]) -> Iterator[Row]:
    while rows:
        for row in rows:
            yield _with_json(row, json_places) if json_places else row
        rows = cursor.fetchmany(ROWS_A_TRIP)


def _with_json(row: Row, places: list[int]) -> Row:
    """Return the row with its documents as they are, which Django hands over as text."""
    values = list(row)
    for place in places:
        if values[place] is not None:
            values[place] = msgspec.Raw(values[place].encode())
    return tuple(values)


def _write(
    archive: zipfile.ZipFile, name: str, rows: Rows, as_format: Callable[[IO[bytes], Rows], int]
) -> int:
    with archive.open(name, "w", force_zip64=True) as entry:
        return as_format(entry, rows)


def _as_json(entry: IO[bytes], rows: Rows) -> int:
    count = 0
    with rows.open() as (names, found):
        for row in found:
            entry.write(b",\n" if count else b"[\n")
            entry.write(msgspec.json.encode(dict(zip(names, row, strict=True))))
            count += 1
    entry.write(b"\n]\n" if count else b"[]\n")
    return count


def _as_csv(entry: IO[bytes], rows: Rows) -> int:
    count = 0
    with rows.open() as (names, found), io.TextIOWrapper(entry, encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(names)
        for row in found:
            writer.writerow([_cell(value) for value in row])
            count += 1
    return count


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    plain = msgspec.to_builtins(value)
    return plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()


def _readme(held: list[Holding], counts: dict[str, int], made_at: datetime) -> str:
    lines = [
        "What Raxx keeps of you",
        "======================",
        "",
        f"Made {made_at.isoformat(timespec='seconds')}. Each table is here twice: as JSON (a list of objects) and as CSV",
        "(UTF-8, with a first line of names). Instants are UTC, money is in dollars, bytes are Base64. Secrets are left",
        "out: most of them are kept as hashes only, and none would be of use to you.",
        "",
    ]
    for holding in held:
        lines += [f"{holding.table} ({counts[holding.table]} rows)", f"    {holding.words}", ""]
    return "\n".join(lines)
