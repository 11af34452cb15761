"""A binding ends with its transaction: on pooled connections, in threads, in tasks, and after the answer has begun.

Queries have no filter, and are of every table with people's rows. What the guard itself does: tests/accounts/
test_binding.py.
"""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection, connections, transaction
from django.http import StreamingHttpResponse
from django.test import RequestFactory

from accounts.binding import acting_for, bind, bound_user_id
from raxx import roles
from raxx.middleware import ApiMiddleware
from tests.factories.rows import make_account, make_one_of_everything, make_user
from tests.factories.sessions import session
from tests.isolation.conftest import log_in_as
from tests.isolation.statements import tables
from trading.models import TradingAccount
from trading.stream import database, events
from trading.stream.database import fetch, make_pool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from accounts.models import User
    from tests.isolation.conftest import Web
    from trading.stream.database import Pool

pytestmark = pytest.mark.django_db(transaction=True)

THREADS, ROUNDS = 4, 6


@pytest.fixture
def people() -> list[User]:
    """Return two people, with rows in every owned table."""
    found = []
    for _ in range(2):
        person = make_user()
        make_one_of_everything(make_account(person))
        found.append(person)
    return found


def owned() -> list[str]:
    """Return, for each table that the web role may read, the statement which says whose rows it shows."""
    with session(roles.APP) as app:
        readable = []
        for table in tables():
            query = f"select distinct {table.whose} as who from {table.name}"
            try:
                app.execute(query)
            except psycopg.errors.InsufficientPrivilege:
                continue
            readable.append(query)
    assert len(readable) > 25
    return readable


def seen() -> set[UUID]:
    """Return whose rows this thread's default connection shows, over all tables."""
    found: set[UUID] = set()
    with connection.cursor() as cursor:
        for query in QUERIES:
            cursor.execute(query)
            found |= {row[0] for row in cursor.fetchall()}
    return found - {None}


QUERIES: list[str] = []


@pytest.fixture(autouse=True)
def _queries(transactional_db: None) -> None:
    QUERIES[:] = owned()


@contextmanager
def of_this_thread() -> Iterator[None]:
    """Make this thread's default connection one of the web role's own."""
    before, app = connections["default"], log_in_as(roles.APP)
    connections["default"] = app
    try:
        yield
    finally:
        app.close()
        connections["default"] = before


@pytest.fixture(autouse=True)
def _one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everybody have the same pooled connection in turn."""
    monkeypatch.setattr(database, "CONNECTIONS_MAX", 1)


def pool_of_one() -> Pool:
    """Return the stream process's pool, closed."""
    return make_pool(
        {**settings.DATABASE_SERVER.login(roles.APP), "dbname": connection.settings_dict["NAME"]}
    )


async def seen_through(pool: Pool, owner: UUID | None) -> set[UUID]:
    rows = [await fetch(pool, query, [], bound_to=owner) for query in QUERIES]
    return {row["who"] for answer in rows for row in answer} - {None}


def test_one_pooled_connection_serves_two_people_and_nobody_in_turn(people: list[User]) -> None:
    alice, bob = people

    async def in_turn() -> list[set[UUID]]:
        async with pool_of_one() as pool:
            return [await seen_through(pool, who) for who in (alice.pk, bob.pk, None, alice.pk, None)]

    assert asyncio.run(in_turn()) == [{alice.pk}, {bob.pk}, set(), {alice.pk}, set()]


def test_the_event_log_is_told_to_its_owner_alone_whatever_the_query_asks_for(people: list[User]) -> None:
    alice, bob = people
    account = TradingAccount.objects.get(user=alice)
    asked = [account.pk, alice.pk, 0, 100]

    async def told() -> list[int]:
        async with pool_of_one() as pool:
            return [
                len(await fetch(pool, events.SELECT, asked, bound_to=who)) for who in (alice.pk, bob.pk, None)
            ]

    assert asyncio.run(told()) == [1, 0, 0]


def test_a_pooled_connection_on_which_a_statement_failed_is_bound_to_nobody(people: list[User]) -> None:
    alice, _ = people

    async def failing() -> list[set[UUID]]:
        found = []
        async with pool_of_one() as pool:
            for broken in ("select 1 / 0", "select pg_cancel_backend(pg_backend_pid()), pg_sleep(60)"):
                with pytest.raises(psycopg.Error):
                    await fetch(pool, broken, [], bound_to=alice.pk)
                found.append(await seen_through(pool, None))
        return found

    assert asyncio.run(failing()) == [set(), set()]


def test_people_who_share_a_pooled_connection_at_once_stay_apart(people: list[User]) -> None:
    async def at_once() -> list[set[UUID]]:
        async with pool_of_one() as pool:
            return await asyncio.gather(*(seen_through(pool, one.pk) for one in people * 3))

    assert asyncio.run(at_once()) == [{one.pk} for one in people * 3]


def test_a_statement_that_is_prepared_once_is_judged_anew_for_each_person(people: list[User]) -> None:
    with session(roles.APP, autocommit=False) as app:
        found = []
        for who in (*people, None, *people):
            with app.transaction():
                app.execute("select set_config('raxx.user_id', %s, true)", [str(who.pk) if who else ""])
                answers = [app.execute(query, prepare=True).fetchall() for query in QUERIES for _ in range(2)]
            found.append({row["who"] for answer in answers for row in answer} - {None})

    alice, bob = (one.pk for one in people)
    assert found == [{alice}, {bob}, set(), {alice}, {bob}]


def test_a_cursor_held_beyond_its_transaction_shows_what_that_showed(people: list[User], web: Web) -> None:
    alice, bob = people
    with session(roles.APP, autocommit=False) as app:
        with app.transaction():
            app.execute("select set_config('raxx.user_id', %s, true)", [str(alice.pk)])
            app.execute("declare held cursor with hold for select distinct user_id from trading_order")
        with app.transaction():
            app.execute("select set_config('raxx.user_id', %s, true)", [str(bob.pk)])
            held = app.execute("fetch all from held").fetchall()

    assert held == [{"user_id": alice.pk}]


def test_a_thread_is_bound_to_nobody_and_one_with_a_copied_context_to_its_own(people: list[User]) -> None:
    def look() -> set[UUID]:
        with of_this_thread():
            return seen()

    alice, bob = people
    with ThreadPoolExecutor(1) as thread, acting_for(alice.pk):
        bare = thread.submit(look).result()
        copied = thread.submit(contextvars.copy_context().run, look).result()
        with acting_for(bob.pk):
            inner = thread.submit(contextvars.copy_context().run, look).result()
        bare_again = thread.submit(look).result()

    assert (bare, copied, inner, bare_again) == (set(), {alice.pk}, {bob.pk}, set())


def test_threads_that_serve_many_people_in_turn_never_mix_them(people: list[User]) -> None:
    def serve(mine: list[UUID]) -> list[set[UUID]]:
        found = []
        with of_this_thread():
            for who in mine:
                with acting_for(who):
                    found.append(seen())
                found.append(seen())
        return found

    turns = [[people[(thread + turn) % 2].pk for turn in range(ROUNDS)] for thread in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(serve, turns))

    assert answers == [[part for who in turn for part in ({who}, set())] for turn in turns]


def test_tasks_on_one_loop_see_their_own(people: list[User]) -> None:
    async def look(who: UUID) -> set[UUID]:
        with acting_for(who):
            await asyncio.sleep(0)  # the other has its turn
            return await asyncio.to_thread(in_own_connection)

    def in_own_connection() -> set[UUID]:
        with of_this_thread():
            return seen()

    async def at_once() -> list[set[UUID]]:
        return await asyncio.gather(*(look(one.pk) for one in people * 2))

    assert asyncio.run(at_once()) == [{one.pk} for one in people * 2]


def test_nested_people_savepoints_and_rollbacks_leave_the_transaction_to_its_own(
    people: list[User], web: Web
) -> None:
    alice, bob = people
    found = []
    with web(), acting_for(alice.pk):
        with transaction.atomic():
            found.append(seen())
            with acting_for(bob.pk):  # too late: the transaction keeps with whom it began
                found.append(seen())
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("select 1 / 0")
            found.append(seen())
            transaction.set_rollback(True)
        with acting_for(bob.pk):
            found.append(seen())
        found.append(seen())
    with web():
        found.append(seen())

    assert found == [{alice.pk}, {alice.pk}, {alice.pk}, {bob.pk}, {alice.pk}, set()]


def test_what_a_stream_reads_after_its_answer_has_begun_is_nobody_s(people: list[User], web: Web) -> None:
    alice, _ = people
    within: list[set[UUID]] = []

    def view(_request: Any) -> StreamingHttpResponse:
        bind(alice.pk)
        within.append(seen())
        return StreamingHttpResponse(str(sorted(map(str, seen()))) for _ in range(2))

    middleware = ApiMiddleware(view)
    with web():
        response = middleware(RequestFactory().get("/stream-of-a-test"))
        told = b"".join(response.streaming_content).decode()

    assert within == [{alice.pk}]
    assert told == "[][]"
    assert bound_user_id() == ""


def test_a_stream_that_binds_itself_shows_its_own_and_leaves_nobody_bound(
    people: list[User], web: Web
) -> None:
    def rows_of(who: UUID) -> Iterator[set[UUID]]:
        for _ in range(2):
            with acting_for(who):
                found = seen()
            yield found

    with web():
        both = [found for pair in zip(*(rows_of(one.pk) for one in people), strict=True) for found in pair]
        afterwards = seen()

    assert both == [{one.pk} for one in people] * 2
    assert afterwards == set()
