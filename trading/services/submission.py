"""Group submission: one thread a process sends all orders that wait in one call, one transaction.

Nothing waits on purpose: a batch is what arrived while the one before it was committed. A request
is answered only after the commit that carries its order. `trading_submit_orders` judges each row
under its own owner, so that a batch may span users.

What can go wrong, and what is then known:
- an account is locked for too long: nothing of the batch is stored; the accounts' orders are sent
  again apart, hardly waiting any more, and those of whoever is still locked are refused at once;
- the batch fails otherwise: nothing of it is stored; its orders are sent again one by one;
- the connection is lost: nobody knows; the batch is sent again, and an order that is refused now
  and yet is there was stored the first time;
- the time is over: an order that was never sent is certainly not stored, else nobody knows.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from django.db import connections

from trading.doorbells import ring_market
from trading.errors import OutcomeUnknown, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

logger = logging.getLogger(__name__)

BATCH_MAX = 200
PATIENCE_S = 10.0  # of a request: a client without a time-out of its own must not hang
SEND_WITHIN_S = 8.0  # so that a request is told before its patience ends
RECONNECT_PAUSE_S = 0.1

# One account that somebody holds must not stop everybody's orders for long. Who it was, the failure
# of a batch does not tell: then each account is tried again, and the others have waited enough.
SESSION = "set lock_timeout = '2s'; set statement_timeout = '6s'; set timezone = 'UTC'"
SECOND_LOOK = "set local lock_timeout = '100ms'"
SUBMIT = "select n, denial, detail, at, status, position_intent from trading_submit_orders(%s)"
BIND = "select set_config('raxx.user_id', %s, true)"
FIND = "select submitted_at, position_intent from trading_order where id = %s"

# Django's own, beside what libpq is told.
_NOT_OF_LIBPQ = frozenset({"context", "cursor_factory", "prepare_threshold"})

_TRY_LATER = (
    psycopg.errors.QueryCanceled,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one order: accepted at market time `at`, or refused for `denial`.

    `position_intent` is what the position made of it.
    """

    denial: str | None
    detail: dict[str, Any] | None
    at: datetime | None
    status: str | None
    position_intent: str | None


class _Waiting:
    """One order and the request that waits for it."""

    __slots__ = ("claim", "done", "error", "outcome", "row", "send_until", "was_sent")

    def __init__(self, row: dict[str, Any]) -> None:
        self.row = row
        self.send_until = time.monotonic() + SEND_WITHIN_S
        self.claim = (
            threading.Lock()
        )  # whoever takes it first decides: the thread sends, or the request gives up
        self.done = threading.Lock()  # released once, when there is an outcome or an error
        self.done.acquire()
        self.was_sent = False
        self.outcome: Outcome | None = None
        self.error: Exception | None = None

    def settle(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.done.release()

    def fail(self, error: Exception) -> None:
        self.error = error
        self.done.release()


class Flusher:
    """The thread and its connection. `login` is what psycopg connects with."""

    def __init__(self, login: dict[str, Any]) -> None:
        self._login = login
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._connection: psycopg.Connection[Any] | None = None
        self._thread = threading.Thread(target=self._work, name="order-flusher", daemon=True)
        self._thread.start()

    def submit(self, row: dict[str, Any]) -> Outcome:
        """Send one order with all that wait, and return what became of it, committed.

        Raises Unavailable when it was certainly not stored, OutcomeUnknown when nobody knows.
        """
        waiting = _Waiting(row)
        self._queue.put(waiting)
        if not waiting.done.acquire(timeout=PATIENCE_S):
            raise not_sent() if waiting.claim.acquire(blocking=False) else unknown(row)
        if waiting.error is not None:
            raise waiting.error
        assert waiting.outcome is not None
        return waiting.outcome

    def close(self) -> None:
        """Send what waits, end the thread and its connection."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            try:
                while len(batch) < BATCH_MAX and (more := self._queue.get_nowait()) is not None:
                    batch.append(more)
                if len(batch) < BATCH_MAX:
                    self._queue.put(None)  # the end came while collecting: send these, then meet it again
            except Empty:
                pass
            self._flush([waiting for waiting in batch if waiting.claim.acquire(blocking=False)])
        self._disconnect()

    def _flush(self, batch: Sequence[_Waiting], *, is_second: bool = False) -> None:
        if not batch:
            return
        try:
            self._send(batch, is_second=is_second)
        except psycopg.errors.LockNotAvailable as error:
            self._flush_around_the_locked(batch, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the requests that wait must be told
            if len(batch) > 1:
                logger.warning("a batch of %d orders failed and is sent singly: %s", len(batch), error)
                for waiting in batch:
                    if waiting.outcome is None:
                        self._flush([waiting], is_second=is_second)
            elif isinstance(error, _TRY_LATER):
                batch[0].fail(busy())
            else:
                batch[0].fail(error)

    def _flush_around_the_locked(self, batch: Sequence[_Waiting], error: Exception) -> None:
        accounts = _by_account(batch)
        if len(accounts) == 1:
            for waiting in batch:
                waiting.fail(busy())
            return
        logger.warning("a batch of %d orders met a locked account: %s", len(batch), error)
        for orders in accounts:
            self._flush(orders, is_second=True)

    def _send(self, batch: Sequence[_Waiting], *, is_second: bool) -> None:
        """Commit a batch and wake its requests; over a lost connection, until it is too late for them."""
        document = msgspec.json.encode([{"n": n, **waiting.row} for n, waiting in enumerate(batch)]).decode()
        while True:
            try:
                connection = self._connected()
                results = _submitted(connection, document, is_second=is_second)
                outcomes = {n: Outcome(*rest) for n, *rest in results}
                settled = [(waiting, self._judged(waiting, outcomes[n])) for n, waiting in enumerate(batch)]
            except psycopg.OperationalError as error:
                if self._connection is not None and not self._connection.closed:
                    raise  # an answer of the server's: nothing was stored
                for waiting in batch:
                    waiting.was_sent = waiting.was_sent or self._connection is not None
                self._disconnect()
                if time.monotonic() > min(waiting.send_until for waiting in batch):
                    logger.error("%d orders could not be sent: %s", len(batch), error)  # noqa: TRY400 - an outage
                    for waiting in batch:
                        waiting.fail(unknown(waiting.row) if waiting.was_sent else not_sent())
                    return
                time.sleep(RECONNECT_PAUSE_S)  # between attempts at a server that is away
            else:
                break
        for waiting, outcome in settled:
            waiting.settle(outcome)
        for market_id in {waiting.row["market_id"] for waiting, outcome in settled if outcome.denial is None}:
            ring_market(market_id)

    def _judged(self, waiting: _Waiting, outcome: Outcome) -> Outcome:
        """Return the outcome, which for an order sent before may have been decided then."""
        if outcome.denial is None or not waiting.was_sent:
            return outcome
        connection = self._connected()
        with connection.transaction():
            connection.execute(BIND, [str(waiting.row["user_id"])])
            row = connection.execute(FIND, [waiting.row["id"]]).fetchone()
        if row is None:
            return outcome
        at, position_intent = row
        return Outcome(denial=None, detail=None, at=at, status="pending_new", position_intent=position_intent)

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            connection = psycopg.connect(
                **self._login, autocommit=True, prepare_threshold=0, connect_timeout=3
            )
            try:
                connection.execute(SESSION, prepare=False)  # several statements in one cannot be prepared
            except psycopg.Error:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _submitted(connection: psycopg.Connection[Any], document: str, *, is_second: bool) -> list[Any]:
    """Commit the orders of a document and return the rows that tell of them."""
    with connection.transaction() if is_second else nullcontext():
        if is_second:
            connection.execute(SECOND_LOOK)
        return connection.execute(SUBMIT, [document], prepare=True).fetchall()


def _by_account(batch: Sequence[_Waiting]) -> list[list[_Waiting]]:
    """Return the orders of each account, in the order in which they came."""
    accounts: dict[Any, list[_Waiting]] = {}
    for waiting in batch:
        accounts.setdefault(waiting.row["account_id"], []).append(waiting)
    return list(accounts.values())


def busy() -> Unavailable:
    """Return the error for an order whose account somebody held for too long."""
    return Unavailable("the account is busy; the order was not accepted, send it again")


def not_sent() -> Unavailable:
    """Return the error for an order that is certainly not stored."""
    return Unavailable("service unavailable; the order was not accepted")


def unknown(row: dict[str, Any]) -> OutcomeUnknown:
    """Return the error for an order that may be stored or not."""
    return OutcomeUnknown(
        "service unavailable; the order may have been accepted: look its client_order_id up before sending it again",
        client_order_id=row["client_order_id"],
    )


_flusher: tuple[int, Flusher] | None = None
_starting = threading.Lock()


def submit(row: dict[str, Any]) -> Outcome:
    """Send one order through this process's flusher. Raises as `Flusher.submit`."""
    # A thread does not survive a fork: each process starts its own with its first order.
    if _flusher is None or _flusher[0] != os.getpid():
        return _start().submit(row)
    return _flusher[1].submit(row)


def shut_down() -> None:
    """End this process's flusher; the next order starts another."""
    global _flusher  # noqa: PLW0603 - one a process
    with _starting:
        if _flusher is not None and _flusher[0] == os.getpid():
            _flusher[1].close()
        _flusher = None


def login() -> dict[str, Any]:
    """Return what this process connects to PostgreSQL with, in psycopg's words."""
    parameters = connections["default"].get_connection_params()
    return {name: value for name, value in parameters.items() if name not in _NOT_OF_LIBPQ}


def _start() -> Flusher:
    global _flusher  # noqa: PLW0603 - one a process
    with _starting:
        if _flusher is None or _flusher[0] != os.getpid():
            _flusher = (os.getpid(), Flusher(login()))
        return _flusher[1]
