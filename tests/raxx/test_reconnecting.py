"""After PostgreSQL has ended every session, not every thread of web has to fail once before it knows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from raxx import reconnecting
from tests.factories.rows import SECRET, make_account, make_api_key

if TYPE_CHECKING:
    from concurrent.futures import Executor

THREADS = 3


def session_of(thread: Executor) -> int:
    """Return the number of the session that a thread has."""

    def ask() -> int:
        connection.ensure_connection()
        pid: int = connection.connection.info.backend_pid
        return pid

    return thread.submit(ask).result()


def _close() -> None:
    connection.close()  # that of the thread that calls


NEVER_S = 3_600.0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("idle_s", "expected"),
    [(NEVER_S, [503, 200, 200]), (0.0, [200, 200, 200])],
    ids=["busy threads warn each other", "idle ones ask first"],
)
def test_who_has_lost_a_connection_makes_another_before_it_answers(
    idle_s: float, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconnecting, "IDLE_S", idle_s)
    key = make_api_key(make_account())
    headers = {"APCA-API-KEY-ID": key.key_id, "APCA-API-SECRET-KEY": SECRET}

    def answer_of(thread: Executor) -> int:
        return thread.submit(lambda: Client().get("/v2/orders", headers=headers).status_code).result()

    with ExitStack() as stack:
        threads = [stack.enter_context(ThreadPoolExecutor(max_workers=1)) for _ in range(THREADS)]
        for thread in threads:
            stack.callback(thread.submit, _close)
        assert [answer_of(thread) for thread in threads] == [200] * THREADS
        sessions = [session_of(thread) for thread in threads]
        with psycopg.connect(
            **settings.DATABASE_SERVER.administrative_login(), autocommit=True
        ) as administrator:
            for pid in sessions:
                administrator.execute("select pg_terminate_backend(%s, 10000)", [pid])

        told = [answer_of(thread) for thread in threads]

        assert told == expected
        assert answer_of(threads[0]) == 200
        kept = [session_of(thread) for thread in threads]
        assert not set(kept) & set(sessions)
        assert [answer_of(thread) for thread in threads] == [200] * THREADS
        assert [session_of(thread) for thread in threads] == kept  # who lives is kept
