"""PostgreSQL or Valkey goes away and comes back: events are late, and none is missing."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from psycopg import sql

from tests.stream.peer import Peer, listening, log_in, running
from trading.stream import database, service

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

    from tests.factories.sessions import Session
    from tests.stream.conftest import Trader

FOREVER_S = 3600.0


@pytest.fixture
def administrator(transactional_db: None) -> Iterator[psycopg.Connection[Any]]:
    """Return a session that may end other people's."""
    if settings.DATABASE_SERVER.is_single_role:
        pytest.skip("DATABASE_URL names one of our own roles, which may not end sessions")
    login = {**settings.DATABASE_SERVER.administrative_login(), "dbname": "postgres"}
    with psycopg.connect(**login, autocommit=True) as opened:
        yield opened


def cut(administrator: psycopg.Connection[Any]) -> int:
    """End every database session of the stream and return how many there were."""
    return len(
        administrator.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'raxx-stream'"
        ).fetchall()
    )


@contextmanager
def no_new_sessions(administrator: psycopg.Connection[Any]) -> Iterator[None]:
    """Have a test database that refuses to be connected to; who is connected stays so."""
    name = sql.Identifier(connection.settings_dict["NAME"])
    administrator.execute(sql.SQL("alter database {} allow_connections false").format(name))
    try:
        yield
    finally:
        administrator.execute(sql.SQL("alter database {} allow_connections true").format(name))


def test_events_of_a_time_without_postgresql_are_told_afterwards(
    trader: Trader, administrator: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "BEAT_S", FOREVER_S)

    async def scenario() -> Any:
        async with running() as app:
            peer = await listening(app, trader.key)
            orders = [trader.place_working()]
            trader.ring()
            updates = await peer.updates(1)
            with no_new_sessions(administrator):
                assert cut(administrator) > 0
                for _ in range(3):
                    orders.append(trader.place_working())
                    trader.ring()
            return orders, updates + await peer.updates(3)

    orders, updates = asyncio.run(scenario())

    assert [u["order"]["id"] for u in updates] == [str(order) for order in orders]


def test_a_log_in_after_a_restart_of_postgresql_meets_no_dead_connection(
    trader: Trader, administrator: psycopg.Connection[Any]
) -> None:
    async def scenario() -> None:
        async with running() as app:
            await listening(app, trader.key)
            assert cut(administrator) > 0
            await listening(app, trader.key)

    asyncio.run(scenario())


def test_a_log_in_that_cannot_be_checked_is_told_to_come_later(
    trader: Trader, administrator: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE_S", 1.0)

    async def scenario() -> Any:
        async with running() as app:
            await (await listening(app, trader.key)).leave()
            with no_new_sessions(administrator):
                assert cut(administrator) > 0
                peer = Peer(app)
                peer.say(log_in(trader.key))
                return await peer.end()

    told, (code, _) = asyncio.run(scenario())

    assert (told, code) == ([{"action": "error", "data": {"error_message": "service unavailable"}}], 1013)


def test_events_come_without_valkey(trader: Trader, tmp_path: Any) -> None:
    async def scenario() -> list[Any]:
        async with running(valkey_url=f"unix://{tmp_path}/nobody.sock?db=0") as app:
            peer = await listening(app, trader.key)
            heard = []
            for _ in range(2):
                trader.place_working()
                heard += await peer.updates(1)
            return heard

    assert [update["event"] for update in asyncio.run(scenario())] == ["new", "new"]


def test_bells_are_heard_again_after_valkey_has_cut_the_line(
    trader: Trader, valkey: redis.Redis, owner: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "BEAT_S", FOREVER_S)
    monkeypatch.setattr("trading.stream.bells.RETRY_S", 0.01)

    async def scenario() -> list[Any]:
        async with running() as app:
            peer = await listening(app, trader.key)
            trader.place_working()
            trader.ring()
            heard = await peer.updates(1)
            assert valkey.client_kill_filter(_type="pubsub") > 0
            trader.place_working()  # the bell is not heard, but the new subscription counts as one
            heard += await peer.updates(1)
            trader.place_working()
            trader.ring()
            return heard + await peer.updates(1)

    assert len(asyncio.run(scenario())) == 3
