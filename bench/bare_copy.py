"""A bare COPY of rows that a commit has written: the least that it takes to make them durable.

The rows go in one transaction into fresh tables, made like theirs with all checks, defaults and indexes,
their triggers and their enforced keys. Row security is not part of it: COPY does not work with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    import psycopg

    from bench.pace import Pace, Timer

# Names are looked up in the schema `bare` first, so that the triggers' functions look at the copies.
BARE = "set search_path = bare, public"
RULES = """
select format('alter table bare.%%I add constraint %%I %%s', c.relname, k.conname, pg_get_constraintdef(k.oid))
  from pg_constraint k join pg_class c on c.oid = k.conrelid
 where c.relname = any(%(tables)s) and c.relnamespace = 'public'::regnamespace and k.contype = 'f'
union all
select replace(pg_get_triggerdef(t.oid), ' ON public.', ' ON bare.')
  from pg_trigger t join pg_class c on c.oid = t.tgrelid
 where c.relname = any(%(tables)s) and c.relnamespace = 'public'::regnamespace and not t.tgisinternal
"""


class BareCopy:
    """Copies what queries find in tables into others made like them. `owner` owns the tables."""

    def __init__(self, owner: psycopg.Connection[Any], timer: Timer, queries: dict[str, str]) -> None:
        self._owner = owner
        self._timer = timer
        self._queries = queries

    def of_rows(self) -> Pace:
        """Copy rows that are at hand as values, and return what that took."""
        rows = {
            table: [tuple(map(_value, row)) for row in self._owner.execute(query).fetchall()]
            for table, query in self._queries.items()
        }
        self._make_tables()
        self._timer.start()
        with self._owner.transaction():
            for table, found in rows.items():
                with self._owner.cursor() as cursor, cursor.copy(f"copy {table} from stdin") as copy:
                    for row in found:
                        copy.write_row(row)
        return self._stop(rows)

    def of_text(self) -> Pace:
        """Copy rows whose text has been made before, and return what that took."""
        texts = {table: self._read(query) for table, query in self._queries.items()}
        self._make_tables()
        self._timer.start()
        with self._owner.transaction():
            for table, text in texts.items():
                with self._owner.cursor() as cursor, cursor.copy(f"copy {table} from stdin") as copy:
                    copy.write(text)
        return self._stop({table: text.splitlines() for table, text in texts.items()})

    def _read(self, query: str) -> bytes:
        with self._owner.cursor() as cursor, cursor.copy(f"copy ({query}) to stdout") as copy:
            return b"".join(bytes(piece) for piece in copy)

    def _make_tables(self) -> None:
        self._owner.execute("create schema bare")
        for table in self._queries:
            self._owner.execute(f"create table bare.{table} (like public.{table} including all)")
        rules = self._owner.execute(RULES, {"tables": list(self._queries)}).fetchall()
        self._owner.execute(BARE)
        for (rule,) in rules:
            self._owner.execute(rule)

    def _stop(self, rows: dict[str, list[Any]]) -> Pace:
        """Take the time, and the tables away. Raises ValueError when a row is missing."""
        pace = self._timer.stop()
        for table, found in rows.items():
            count = self._owner.execute(f"select count(*) from bare.{table}").fetchone()
            if count != (len(found),):
                raise ValueError(f"{count} rows of {table} were copied instead of {len(found)}")
        self._owner.execute("reset search_path")
        self._owner.execute("drop schema bare cascade")
        return pace


def _value(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, dict) else value
