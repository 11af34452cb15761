"""After PostgreSQL was away a thread of web does not answer with what is left of its connection.

Each thread keeps its connection, and Django looks whether one lives only after an error of its own: after a failover every
thread would answer one request with 503, the last of them hours later. Here a connection that has been idle for a while is
asked before it is used, and all are once any thread of the process has lost its own. Under load nothing is asked.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

IDLE_S = 1.0  # no failover is done sooner; a thread that is this idle has time for one more trip

_lock = threading.Lock()
_losses = 0  # that any thread of this process has noticed
_of_thread = threading.local()

Held = list[tuple[BaseDatabaseWrapper, Any]]  # as Django sees a connection, and as psycopg does


def begin() -> Held:
    """Before a request: drop connections that may have died and have; return those that this thread has."""
    opened = connections.all(initialized_only=True)
    seen, last = getattr(_of_thread, "state", (0, 0.0))
    if seen != _losses or time.monotonic() - last > IDLE_S:
        _of_thread.state = _losses, last
        for connection in opened:
            connection.errors_occurred = True  # Django asks it, and closes it where it does not answer
            connection.close_if_unusable_or_obsolete()
    return [(connection, connection.connection) for connection in opened if connection.connection is not None]


def end(held: Held) -> None:
    """After a request: let the other threads know where one of these connections was lost in it."""
    global _losses  # noqa: PLW0603 - one count a process
    _of_thread.state = getattr(_of_thread, "state", (0, 0.0))[0], time.monotonic()
    for connection, raw in held:
        if raw.closed or connection.connection is not raw:
            with _lock:
                _losses += 1
            return
