"""The guard: a bound caller reaches PostgreSQL with every transaction, and nobody else ever does.

Real transactions on a Django connection of the role that serves people; no query has a filter.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.db import (
    DataError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    connection,
    connections,
    transaction,
)
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg.pq import Trace

from accounts.binding import acting_for, bind, bound_user_id, unbind
from raxx import roles
from tests.factories.rows import make_account, make_order
from trading.models import Order, TradingAccount

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.django_db(transaction=True)

BOUND = "select nullif(current_setting('raxx.user_id', true), '')"


@contextmanager
def app_connection() -> Iterator[DatabaseWrapper]:
    """Make this thread's Django connection one of the role that serves people."""
    owner = connections["default"]
    login = settings.DATABASE_SERVER.login(roles.APP)
    app = DatabaseWrapper(
        {**owner.settings_dict, "USER": login["user"], "PASSWORD": login["password"]}, "default"
    )
    connections["default"] = app
    try:
        yield app
    finally:
        app.close()
        connections["default"] = owner


@pytest.fixture
def alice() -> TradingAccount:
    account = make_account()
    make_order(account)
    return account


@pytest.fixture
def bob() -> TradingAccount:
    account = make_account()
    make_order(account)
    make_order(account)
    return account


@pytest.fixture
def app(alice: TradingAccount, bob: TradingAccount) -> Iterator[DatabaseWrapper]:
    """Return the app's connection, once the rows are there."""
    with app_connection() as wrapper:
        yield wrapper


def owners_seen() -> set[Any]:
    return set(Order.objects.values_list("user_id", flat=True))


def scalar(statement: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchone()[0]


def test_the_connection_of_these_tests_is_the_app_s(app: DatabaseWrapper) -> None:
    assert scalar("select current_user") == roles.APP


@pytest.mark.parametrize("in_transaction", [False, True], ids=["autocommit", "atomic"])
class TestWhoeverIsBound:
    @pytest.fixture(autouse=True)
    def _transaction(self, app: DatabaseWrapper, in_transaction: bool) -> None:
        self.atomic = transaction.atomic if in_transaction else nullcontext

    def test_orm_count_exists_and_raw_queries_see_the_owner_s_rows_alone(
        self, alice: TradingAccount, bob: TradingAccount
    ) -> None:
        for account, number in ((alice, 1), (bob, 2), (alice, 1)):
            with acting_for(account.user_id), self.atomic():
                assert owners_seen() == {account.user_id}
                assert Order.objects.count() == number
                assert Order.objects.filter(user_id=account.user_id).exists()
                assert len(Order.objects.raw("select * from trading_order")) == number
                assert scalar("select count(*) from trading_order") == number

    def test_nobody_bound_sees_nothing(self) -> None:
        with self.atomic():
            assert owners_seen() == set()
            assert scalar("select count(*) from trading_order") == 0

    @pytest.mark.parametrize("chunk_size", [1, 2000])
    def test_a_server_side_cursor_sees_the_owner_s_rows_alone(
        self, bob: TradingAccount, chunk_size: int
    ) -> None:
        with acting_for(bob.user_id), self.atomic():
            assert [order.user_id for order in Order.objects.iterator(chunk_size)] == [bob.user_id] * 2

    def test_a_server_side_cursor_reads_on_while_other_statements_run(self, bob: TradingAccount) -> None:
        with acting_for(bob.user_id), self.atomic():
            seen = [(order.user_id, Order.objects.count()) for order in Order.objects.iterator(chunk_size=1)]
        assert seen == [(bob.user_id, 2)] * 2

    def test_writes_tell_how_many_rows_they_touched(self, alice: TradingAccount, bob: TradingAccount) -> None:
        with acting_for(bob.user_id), self.atomic():
            assert Order.objects.update(status="pending_cancel") == 2
            assert Order.objects.filter(user_id=alice.user_id).update(status="pending_cancel") == 0

    def test_many_statements_at_once_are_all_bound(self, bob: TradingAccount) -> None:
        ids = [[str(order_id)] for order_id in _ids_of(bob)]
        with acting_for(bob.user_id), self.atomic(), connection.cursor() as cursor:
            cursor.executemany("update trading_order set status = 'pending_cancel' where id = %s", ids)
            assert cursor.rowcount == 2

    @pytest.mark.parametrize(
        ("statement", "error"),
        [
            ("select nonsense", ProgrammingError),
            ("select 1 / 0", DataError),
            ("update trading_order set filled_quantity = 1", ProgrammingError),
            (
                "update trading_tradingaccount set profile_id = -1 returning 1",
                IntegrityError,
            ),  # found at the commit
            (
                "insert into trading_order select (jsonb_populate_record(o, '{}')).* from trading_order o",
                IntegrityError,
            ),
        ],
    )
    def test_a_wrong_statement_raises_django_s_error_and_leaves_a_connection_that_works(
        self, alice: TradingAccount, statement: str, error: type[Exception]
    ) -> None:
        with acting_for(alice.user_id):
            with pytest.raises(error), self.atomic():
                scalar(statement)
            with self.atomic():
                assert owners_seen() == {alice.user_id}

    def test_a_lost_connection_is_django_s_error_and_the_next_one_is_guarded_too(
        self, app: DatabaseWrapper, alice: TradingAccount
    ) -> None:
        with acting_for(alice.user_id):
            assert owners_seen() == {alice.user_id}
            app.connection.pgconn.finish()
            with pytest.raises(OperationalError), self.atomic():
                owners_seen()
            app.close()
            with self.atomic():
                assert owners_seen() == {alice.user_id}

    def test_nothing_is_left_for_the_next_caller_of_the_connection(self, alice: TradingAccount) -> None:
        with acting_for(alice.user_id), self.atomic():
            assert scalar(BOUND) == str(alice.user_id)
        assert scalar(BOUND) is None


def _ids_of(account: TradingAccount) -> list[Any]:
    with acting_for(account.user_id):
        return list(Order.objects.values_list("pk", flat=True))


# --- Transactions ----------------------------------------------------------------------------------


def test_the_binding_outlives_a_nested_rollback(app: DatabaseWrapper, alice: TradingAccount) -> None:
    with acting_for(alice.user_id), transaction.atomic():
        with pytest.raises(DataError), transaction.atomic():
            scalar("select 1 / 0")
        assert owners_seen() == {alice.user_id}
        with transaction.atomic():
            assert owners_seen() == {alice.user_id}


def test_a_savepoint_that_begins_the_transaction_is_bound_outside_of_it(
    app: DatabaseWrapper, alice: TradingAccount
) -> None:
    with acting_for(alice.user_id), transaction.atomic():
        try:
            with transaction.atomic():
                assert owners_seen() == {alice.user_id}
                raise InterruptedError
        except InterruptedError:
            pass
        assert owners_seen() == {alice.user_id}


def test_a_transaction_that_is_rolled_back_takes_its_binding_along(
    app: DatabaseWrapper, alice: TradingAccount, bob: TradingAccount
) -> None:
    with acting_for(alice.user_id), pytest.raises(InterruptedError), transaction.atomic():  # noqa: PT012 - ends in the middle
        assert Order.objects.update(status="pending_cancel") == 1
        raise InterruptedError
    assert owners_seen() == set()
    with acting_for(bob.user_id):
        assert owners_seen() == {bob.user_id}
    with acting_for(alice.user_id):
        assert Order.objects.get().status == "pending_new"


def test_a_transaction_keeps_the_caller_with_whom_it_began(
    app: DatabaseWrapper, alice: TradingAccount, bob: TradingAccount
) -> None:
    with acting_for(alice.user_id), transaction.atomic():
        assert owners_seen() == {alice.user_id}
        with acting_for(bob.user_id):
            assert owners_seen() == {alice.user_id}
    with transaction.atomic():
        assert owners_seen() == set()
        with acting_for(bob.user_id):  # too late: nobody was bound when it began
            assert owners_seen() == set()


def test_contexts_nest_and_end_also_by_an_exception(
    app: DatabaseWrapper, alice: TradingAccount, bob: TradingAccount
) -> None:
    with acting_for(alice.user_id):
        with pytest.raises(InterruptedError), acting_for(bob.user_id):  # noqa: PT012 - ends in the middle
            assert owners_seen() == {bob.user_id}
            raise InterruptedError
        assert owners_seen() == {alice.user_id}
    assert bound_user_id() == ""


def test_a_request_binds_and_unbinds(app: DatabaseWrapper, alice: TradingAccount) -> None:
    def request() -> None:
        bind(alice.user_id)
        assert owners_seen() == {alice.user_id}
        unbind()
        assert owners_seen() == set()

    contextvars.copy_context().run(request)


# --- Who shares a binding, and who does not --------------------------------------------------------


def test_a_bare_thread_is_bound_to_nobody(alice: TradingAccount, bob: TradingAccount) -> None:
    seen: list[set[Any]] = []

    def read() -> None:
        with app_connection():
            seen.append(owners_seen())

    with acting_for(alice.user_id):
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()

    assert seen == [set()]


def test_threads_at_work_for_different_people_stay_apart(alice: TradingAccount, bob: TradingAccount) -> None:
    together = threading.Barrier(4, timeout=20)

    def read(account: TradingAccount) -> bool:
        with app_connection(), acting_for(account.user_id):
            for _ in range(20):
                together.wait()
                if owners_seen() != {account.user_id}:
                    return False
                with transaction.atomic():
                    together.wait()
                    if owners_seen() != {account.user_id}:
                        return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(read, [alice, bob, alice, bob])) == [True] * 4


def test_coroutines_in_turn_on_one_thread_stay_apart(alice: TradingAccount, bob: TradingAccount) -> None:
    async def work(account: TradingAccount) -> list[str]:
        told = []
        with acting_for(account.user_id):
            for _ in range(5):
                told.append(bound_user_id())
                await asyncio.sleep(0)  # the other's turn
        return told

    async def both() -> list[list[str]]:
        return list(await asyncio.gather(work(alice), work(bob)))

    assert asyncio.run(both()) == [[str(alice.user_id)] * 5, [str(bob.user_id)] * 5]


# --- What it costs ---------------------------------------------------------------------------------


def round_trips(app: DatabaseWrapper, trace: Path) -> int:
    """Run one ORM query and return how often the server reported that it is ready for the next message."""
    app.ensure_connection()
    with trace.open("w") as file:
        app.connection.pgconn.trace(file.fileno())
        app.connection.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        Order.objects.count()
        app.connection.pgconn.untrace()
    return trace.read_text().count("ReadyForQuery")


def test_a_bound_statement_is_one_round_trip_as_an_unbound_one_is(
    app: DatabaseWrapper, alice: TradingAccount, tmp_path: Path
) -> None:
    assert round_trips(app, tmp_path / "unbound") == 1
    with acting_for(alice.user_id):
        assert round_trips(app, tmp_path / "bound") == 1
        assert "raxx.user_id" in (tmp_path / "bound").read_text()
