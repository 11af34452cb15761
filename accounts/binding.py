"""Bind the caller to the database session: the ambient half of the second wall.

`acting_for(user_id)` says for whom this context works. The guard, an execute wrapper on every
Django connection, sends that id as the transaction-local setting `raxx.user_id` in the same
round trip as the statement that begins a transaction; the row-security policies read it through
`raxx_uid()`. Nobody bound means no owned rows. Transaction-local, so that a pooler can never
hand one caller's binding to the next.

Known limit: a transaction keeps the binding with which it began, so `acting_for` inside `atomic`
changes nothing for it (`rebind` does). In autocommit, a bound statement is one statement: the extended protocol
of a pipeline takes no `a; b`.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.db import connection
from psycopg import Error, IntegrityError, ServerCursor
from psycopg.pq import ExecStatus, PipelineStatus, TransactionStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

BIND = "select set_config('raxx.user_id', %s, true)"

RESULTS_MAX = 10  # of two statements, what lies between them, and the end

_bound: ContextVar[str] = ContextVar("raxx_bound_user", default="")


def bound_user_id() -> str:
    """Return the bound user's id as text, or an empty string when nobody is bound."""
    return _bound.get()


@contextmanager
def acting_for(user_id: UUID) -> Iterator[None]:
    """Bind `user_id` to every transaction that this context begins on any Django connection."""
    token = _bound.set(str(user_id))
    try:
        yield
    finally:
        _bound.reset(token)


def bind(user_id: UUID) -> None:
    """Bind `user_id` until the context ends; for a request, whose middleware calls `unbind`."""
    _bound.set(str(user_id))


def unbind() -> None:
    """Bind nobody: a worker thread must not carry one request's caller into the next."""
    _bound.set("")


def _guard(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    user_id = _bound.get()
    connection = context["connection"]
    raw = connection.connection
    if not user_id or raw is None or raw.info.transaction_status != TransactionStatus.IDLE:
        return execute(sql, params, many, context)
    if not raw.autocommit:
        # `atomic` has switched autocommit off: the binding begins the transaction by itself.
        with connection.wrap_database_errors:
            raw.execute(BIND, [user_id])
        return execute(sql, params, many, context)
    if isinstance(context["cursor"].cursor, ServerCursor):
        # Not allowed in a pipeline. Django declares it WITH HOLD, so its rows are those that this
        # short transaction sees, however late they are fetched.
        with connection.wrap_database_errors, raw.transaction():
            raw.execute(BIND, [user_id])
            return execute(sql, params, many, context)
    with connection.wrap_database_errors:
        try:
            with raw.pipeline():  # one trip; implicit transaction of both
                raw.execute(BIND, [user_id])
                return execute(sql, params, many, context)
        except (Error, IndexError) as error:
            # The commit's error may come with what it answers, or after it: then psycopg has left already.
            has_left = raw.closed or raw.pgconn.pipeline_status == PipelineStatus.OFF
            if has_left and not isinstance(error, IndexError):
                raise
            if not has_left:
                _leave_pipeline(raw)
            if isinstance(error, IndexError):  # psycopg has read the commit's error as if it answered nothing
                raise IntegrityError("a constraint that waits for the commit was broken") from None
            raise (error.__context__ if isinstance(error.__context__, Error) else error) from None


def _leave_pipeline(raw: Any) -> None:
    """Take a connection out of a pipeline whose implicit commit has failed, by a constraint that waits for it.

    psycopg does not expect an error there: it reads no further, cannot leave, and would raise that instead.
    """
    for _ in range(RESULTS_MAX):
        result = raw.pgconn.get_result()
        if result is not None and result.status == ExecStatus.PIPELINE_SYNC:
            raw.pgconn.exit_pipeline_mode()
            return
    raw.close()


def install_guard(connection: Any, **_: Any) -> None:
    """Put the guard on a new Django connection (signal `connection_created`)."""
    if connection.vendor == "postgresql" and _guard not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _guard)


def rebind(user_id: UUID) -> None:
    """Bind `user_id` from now on, also to the transaction that is open: for who has just proved who they are."""
    bind(user_id)
    with connection.cursor() as cursor:
        cursor.execute(BIND, [str(user_id)])
