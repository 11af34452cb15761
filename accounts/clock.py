"""The database's clock: what the policies compare with. The clocks of the machines beside it may differ from it.

What one process writes and another judges, a web process and a worker for instance, is dated by this one alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connections

if TYPE_CHECKING:
    from datetime import datetime

_NOW = "select clock_timestamp()"


def database_now(using: str = "default") -> datetime:
    """Return the instant, by the clock of this database."""
    with connections[using].cursor() as cursor:
        cursor.execute(_NOW)
        now: datetime = cursor.fetchone()[0]
    return now
