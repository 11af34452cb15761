"""What every test may use. Servers start once a run, and only when a test asks for them."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings as of_hypothesis
from psycopg.pq import TransactionStatus

from tests import schema, services

# A run starts hundreds of processes, each of which would compile anew what is not kept, and this one rewrites
# every test's assertions: an image whose Python keeps nothing (many do not) would double what they cost.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# How fast a machine is proves nothing of what it computes. Every run makes up others: `make fuzz` many more of them.
of_hypothesis.register_profile(
    "raxx",
    deadline=None,
    max_examples=int(os.environ.get("RAXX_EXAMPLES", "32")),
    suppress_health_check=[HealthCheck.too_slow],
)
of_hypothesis.load_profile("raxx")

# Before pytest-django reads the settings, and before any test module imports a model.
services.choose_folder()
os.environ["DJANGO_SETTINGS_MODULE"] = "raxx.settings"
# Tests ask more often than people may. Those of the budgets switch them on, for themselves or for a child.
os.environ["RAXX_BUDGETS"] = "off"

import django  # noqa: E402

django.setup()
# A worker of xdist inherits this process's environment, and must choose a folder before it has settings.
del os.environ["DJANGO_SETTINGS_MODULE"]

from tests import chain, emptying, lasting, order  # noqa: E402

chain.install()

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import redis
    from pytest_django import DjangoDbBlocker

NEED_TABLES = {"db", "transactional_db", "django_db_setup", "live_server"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Answer `-n auto` with a worker more than there are cores: the long tests wait for processes of their own."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep the collector of garbage from what stays until the end anyway: tests, modules, and all that they import."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let modules that share what they start go to the same worker, one after the other."""
    return order.scheduler(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End what was kept for other modules when the next one does not want it."""
    lasting.end_unless_wanted(item, nextitem)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files."""
    order.sort(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    """Have the tables made, where a test will ask for them, before the first test's time is counted."""
    if any(
        item.get_closest_marker("django_db") or NEED_TABLES & {*item.fixturenames} for item in session.items
    ):
        services.prepare()
    return (yield)


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> Iterator[None]:
    """Have a PostgreSQL before pytest-django makes its test database in it."""
    emptying.install()
    with services.database():
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Let the copied tables be as old as the run."""
    from django.db import connection

    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(schema.IS_NEW)


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """Return the URL of a running Valkey."""
    with services.valkey() as url:
        yield url


@pytest.fixture
def valkey(valkey_url: str) -> Iterator[redis.Redis]:
    """Return a client of an empty Valkey."""
    import redis

    client = redis.Redis.from_url(valkey_url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def budgets_on(valkey: redis.Redis, settings: Any) -> Iterator[None]:
    """Count requests and failures, in an empty Valkey."""
    from accounts import throttling

    settings.RATELIMIT_ENABLE = True
    throttling.forget()
    yield
    throttling.forget()


@pytest.fixture
def as_role(db: None) -> Callable[[str], AbstractContextManager[None]]:
    """Return a context manager that runs the block as a database role, inside the test's transaction.

    The tests' own role owns the tables and sees everybody's rows: a test of row security that
    does not take another role proves nothing.
    """
    from django.db import connection

    @contextmanager
    def taking(role: str) -> Iterator[None]:
        with connection.cursor() as cursor:
            cursor.execute(f"set local role {connection.ops.quote_name(role)}")
            try:
                yield
            finally:
                # In a failed transaction the rollback puts the role back.
                if connection.connection.info.transaction_status != TransactionStatus.INERROR:
                    cursor.execute("reset role")

    return taking


@pytest.fixture(scope="session", autouse=True)
def _matchers_leave_the_collector_alone() -> Iterator[None]:
    """Let no matcher that starts in a test's process look through all that the run keeps: a fifth of a second each.

    The processes of their own do as ever, and tests/matching/test_memory.py looks at what it does.
    """
    from matching import matcher

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matcher, "settled", nullcontext)
        yield


@pytest.fixture(autouse=True)
def _settings_know_no_developer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Keep the developer's own operator keys out of the tests."""
    for name in ("RAXX_ALPACA_KEY_ID", "RAXX_ALPACA_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)


DATABASE = frozenset({"db", "transactional_db", "django_db_serialized_rollback"})


@pytest.fixture(autouse=True)
def _connections_are_left_alone_without_a_database(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep a request from asking the connection of a test before, whether it lives, in one that may not ask it."""
    if request.node.get_closest_marker("django_db") is None and DATABASE.isdisjoint(request.fixturenames):
        from raxx import reconnecting

        monkeypatch.setattr(reconnecting, "begin", list)


@pytest.fixture(autouse=True)
def _answers_keep_the_contracts() -> Iterator[None]:
    """Fail a test in which an answer was not as Alpaca's documents or ours say.

    Our own is written from trading/api/schema by `make openapi`; where we mean to differ from Alpaca's,
    tests/contract/deviations.py says why.
    """
    from tests.contract import hook

    hook.install()
    hook.faults.clear()
    yield
    assert hook.faults == []
