"""The stream's way to PostgreSQL: a small pool of the web role, and reads bound to an owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import AsyncConnection, InterfaceError, OperationalError
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from accounts.binding import BIND

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import LiteralString
    from uuid import UUID

CONNECTIONS_MAX = 4  # one reads events, the others log people in
PATIENCE_S = 5.0  # for a free connection, for a new one, and for any one statement

UNREACHABLE = (OperationalError, InterfaceError)  # a pool that has no connection to give is the first

Pool = AsyncConnectionPool[AsyncConnection[DictRow]]

# A server that vanishes without a word must not hold a reader for the kernel's quarter of an hour.
KEEPALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


def make_pool(login: Mapping[str, str]) -> Pool:
    """Return a closed pool over libpq keywords; opening it does not wait for the server."""
    options = f"{login.get('options', '')} -c statement_timeout={int(PATIENCE_S * 1000)}".strip()
    return AsyncConnectionPool(
        kwargs={
            "connect_timeout": int(PATIENCE_S),
            **KEEPALIVE,
            **login,
            "options": options,
            "application_name": "raxx-stream",
            "autocommit": True,
            "row_factory": dict_row,
        },
        connection_class=AsyncConnection[DictRow],
        min_size=1,
        max_size=CONNECTIONS_MAX,
        timeout=PATIENCE_S,
        reconnect_timeout=PATIENCE_S,
        open=False,
        name="raxx-stream",
    )


async def fetch(
    pool: Pool, query: LiteralString, parameters: Sequence[Any], *, bound_to: UUID | None = None
) -> list[DictRow]:
    """Return a query's rows, asking a second time where the first connection was a dead one.

    A query of owned rows is bound to their owner. Raises one of UNREACHABLE when the server cannot be asked.
    """
    try:
        return await _fetch_once(pool, query, parameters, bound_to)
    except UNREACHABLE:
        await pool.check()  # after a restart of the server every pooled connection is dead
        return await _fetch_once(pool, query, parameters, bound_to)


async def _fetch_once(
    pool: Pool, query: LiteralString, parameters: Sequence[Any], bound_to: UUID | None
) -> list[DictRow]:
    async with pool.connection() as connection:
        if bound_to is None:
            cursor = await connection.execute(query, parameters)
            return await cursor.fetchall()
        async with connection.transaction():
            await connection.execute(BIND, [str(bound_to)])
            cursor = await connection.execute(query, parameters)
            return await cursor.fetchall()
