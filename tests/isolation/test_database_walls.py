"""The second wall without the first: every kind of statement, as the web role, against every table with people's rows.

The tables are found in the catalogue. Statements are sent by real log-ins of raxx_app, which has what privileges it
has in life; and once more by the role within the tests' own transaction with every privilege and without
triggers, so that nothing but the policies is left.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from accounts.binding import acting_for, bound_user_id
from raxx import roles
from tests.factories.rows import make_user
from tests.factories.sessions import session
from tests.factories.whole_person import NEVER_FILLED, make_whole_person
from tests.isolation.statements import STATEMENTS, tables
from tests.trading.walls import all_powers, bind, sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from accounts.models import User
    from tests.isolation.conftest import Web
    from tests.isolation.statements import Statement, Table
    from tests.trading.walls import AsRole

    Run = Callable[[str], list[tuple[Any, ...]]]
    Way = Callable[[Web], AbstractContextManager[Run]]

DENIED = "permission denied"


@pytest.fixture
def people(transactional_db: None) -> tuple[User, User]:
    """Return two people, with rows in every table; committed."""
    staff = make_user(is_staff=True)
    return make_whole_person("alice@example.com", staff=staff), make_whole_person(
        "bob@example.com", staff=staff
    )


@pytest.fixture
def both(db: None) -> tuple[User, User]:
    """Return the same within the test's transaction."""
    staff = make_user(is_staff=True)
    return make_whole_person("alice@example.com", staff=staff), make_whole_person(
        "bob@example.com", staff=staff
    )


def whole(table: Table) -> list[tuple[Any, ...]]:
    return sql(f"select t::text from {table.name} t order by 1")


@contextmanager
def autocommit(web: Web) -> Iterator[Run]:
    with web() as app:
        yield lambda statement: _rows(app.cursor(), statement)


@contextmanager
def in_a_transaction(web: Web) -> Iterator[Run]:
    with web() as app, transaction.atomic():

        def run(statement: str) -> list[tuple[Any, ...]]:
            with transaction.atomic():  # a savepoint: a refusal must not end the rest
                return _rows(app.cursor(), statement)

        yield run


@contextmanager
def by_the_driver(_web: Web) -> Iterator[Run]:
    """Without Django: what binds is one statement at the transaction's start, as our hot paths send it."""
    with session(roles.APP, autocommit=False) as app:
        app.row_factory = psycopg.rows.tuple_row  # type: ignore[assignment] # of tuples from here on
        if bound_user_id():
            app.execute("select set_config('raxx.user_id', %s, true)", [bound_user_id()])

        def run(statement: str) -> list[tuple[Any, ...]]:
            with app.transaction():
                cursor = app.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []  # type: ignore[arg-type]

        yield run


def _rows(cursor: Any, statement: str) -> list[tuple[Any, ...]]:
    with cursor:
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


WAYS = [autocommit, in_a_transaction, by_the_driver]


def fault(statement: Statement, table: Table, rows: list[tuple[Any, ...]], allowed: set[Any]) -> str | None:
    """Return what an answer gives away, None if nothing. `allowed` are the owners whose rows it may tell of."""
    if statement.told == "nothing":
        return None if rows == [(0,)] else f"{statement.name} of {table}: {rows}"
    told = {row[0] for row in rows} - allowed - (set() if table.is_always_owned else {None})
    return f"{statement.name} of {table}: {told}" if told else None


def judged(run: Run, statement: Statement, table: Table, alice: User | None, bob: User) -> str | None:
    """Run a statement and return its fault. A refusal for want of a privilege is none."""
    try:
        rows = run(statement.of(table, bob.pk))
    except (DatabaseError, psycopg.Error) as error:
        return None if DENIED in str(error) else f"{statement.name} of {table}: {error}"
    return fault(statement, table, rows, set() if alice is None else {alice.pk})


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_log_in_of_the_web_role_reaches_its_owner_s_rows_alone(
    people: tuple[User, User], web: Web, way: Way
) -> None:
    alice, bob = people
    before = {table.name: whole(table) for table in tables()}
    with acting_for(alice.pk), way(web) as run:
        faults = [judged(run, statement, table, alice, bob) for statement in STATEMENTS for table in tables()]
        shown = {table.name for table in tables() if _is_shown(run, table, alice)}

    assert "\n".join(filter(None, faults)) == ""
    after = {table.name: whole(table) for table in tables()}
    assert [name for name in before if before[name] != after[name]] == []
    assert shown == {table.name for table in tables() if _may_be_shown(table, alice)}  # the positive control
    assert len(shown) > 25


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_log_in_for_whom_nobody_is_bound_reaches_nothing(
    people: tuple[User, User], web: Web, way: Way
) -> None:
    _, bob = people
    before = {table.name: whole(table) for table in tables()}
    with way(web) as run:
        faults = [judged(run, statement, table, None, bob) for statement in STATEMENTS for table in tables()]

    assert "\n".join(filter(None, faults)) == ""
    assert {table.name: whole(table) for table in tables()} == before


def _is_shown(run: Run, table: Table, owner: User) -> bool:
    try:
        return (owner.pk,) in run(f"select {table.whose} from {table.name}")
    except (DatabaseError, psycopg.Error):
        return False


def _may_be_shown(table: Table, owner: User) -> bool:
    """Say whether the web role may read a table, and the person has a row there."""
    may = sql("select has_column_privilege(%s, %s, %s, 'select')", roles.APP, table.name, table.column)[0][0]
    return may and bool(sql(f"select 1 from {table.name} where {table.whose} = %s", owner.pk))


def test_policies_alone_are_enough_for_every_kind_of_statement(
    both: tuple[User, User], as_role: AsRole
) -> None:
    alice, bob = both
    faults = []
    for table in tables():
        before = whole(table)
        with all_powers(table.name), as_role(roles.APP):
            bind(alice.pk)
            faults += [judged(_in_a_savepoint, statement, table, alice, bob) for statement in STATEMENTS]
            faults.append(_copied(table, alice))
            bind(None)
            faults += [judged(_in_a_savepoint, statement, table, None, bob) for statement in STATEMENTS]
        if whole(table) != before:
            faults.append(f"{table} was changed")

    assert "\n".join(filter(None, faults)) == ""


def test_policies_alone_refuse_every_row_for_somebody_else(both: tuple[User, User], as_role: AsRole) -> None:
    alice, bob = both
    faults = []
    for table in tables():
        found = sql(f"select to_jsonb(t.*) from {table.name} t where {_of_alias(table)} = %s limit 1", bob.pk)
        if not found:
            if table.name not in NEVER_FILLED:
                faults.append(f"{table}: there is no row of Bob's to try with")
            continue
        row = found[0][0]
        new = f"select (jsonb_populate_record(null::{table.name}, %s::jsonb)).*"
        with all_powers(table.name), as_role(roles.APP):
            for bound in (alice.pk, None):
                bind(bound)
                for name, statement in INSERTS.items():
                    refusal = _refusal(statement.format(t=table.name, new=new, column=table.column), row)
                    if refusal is None or not any(word in refusal for word in REFUSED_BY_POLICY):
                        faults.append(f"{name} into {table}, bound to {bound}: {refusal}")

    assert "\n".join(faults) == ""


REFUSED_BY_POLICY = ("violates row-level security policy", "not supported with row-level security")
INSERTS = {
    "insert": "insert into {t} {new}",
    "insert that returns": "insert into {t} {new} returning {column}",
    "insert in a CTE": "with x as (insert into {t} {new} returning 1) select * from x",
    "insert or nothing": "insert into {t} {new} on conflict do nothing",
    "merge that inserts": (
        "merge into {t} using ({new}) s on false when not matched then insert values (s.*)"
    ),
}


def _of_alias(table: Table) -> str:
    return table.whose.replace(f"{table.name}.", "t.")


def _refusal(statement: str, row: str) -> str | None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [row])
    except DatabaseError as error:
        return str(error)
    return None


def _in_a_savepoint(statement: str) -> list[tuple[Any, ...]]:
    with transaction.atomic():
        return sql(statement)


def _copied(table: Table, owner: User) -> str | None:
    """Copy a table out and back in; return what was wrong."""
    with connection.cursor() as cursor:
        raw = cursor.cursor
        with raw.copy(f"copy (select {table.whose} from {table.name}) to stdout") as copy:
            told = (
                {row[0] for row in copy.rows()}
                - {str(owner.pk)}
                - ({None} if not table.is_always_owned else set())
            )
        if told:
            return f"copy of {table}: {told}"
        if table.name in NEVER_FILLED:
            return None  # a constraint refuses every row, whoever's
        try:
            with transaction.atomic(), raw.copy(f"copy {table.name} from stdin") as copy:
                copy.write(b"")
        except psycopg.errors.FeatureNotSupported:
            return None
    return f"copy into {table} was let through"
