"""A shard's lease, kept while its owner recovers and has nothing to commit."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from datetime import timedelta
    from types import TracebackType

logger = logging.getLogger(__name__)

BEAT_S = 2.0  # at most: of a lease of ten seconds, so that some may fail
BEATS_OF_A_LEASE = 5

RENEW = """update matching_shard set updated_at = clock_timestamp()
  where market_id = %s and number = %s and epoch = %s"""


class KeptLease:
    """Renews the lease from a thread and a connection of its own, until the block is left.

    Whoever has lost the shard, or the database, hears of it from the next commit: a beat that
    fails is told to the log and nobody else.
    """

    def __init__(self, conninfo: str, *, market_id: int, shard: int, epoch: int, lease: timedelta) -> None:
        self._conninfo = conninfo
        self._beat_s = min(BEAT_S, lease.total_seconds() / BEATS_OF_A_LEASE)
        self._owner = [market_id, shard, epoch]
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._is_over.wait(self._beat_s):
            try:
                with psycopg.connect(self._conninfo, autocommit=True, connect_timeout=5) as connection:
                    renewed = connection.execute(RENEW, self._owner).rowcount
            except psycopg.Error as error:
                logger.warning("the lease of shard %s/%s is not renewed: %s", *self._owner[:2], error)
                continue
            if not renewed:
                logger.warning("shard %s/%s has another owner", *self._owner[:2])
                return
