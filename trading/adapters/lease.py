"""A shard's row: where it begins, and its lease, kept while its owner recovers and has nothing to commit."""

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

# A shard that has never run begins where the market's others have come to, so that orders which it takes over from them,
# when their number grows, stay open; what passed meanwhile of a live market was not seen, as after any absence. A tape's
# begins from its start: each symbol's decisions hold up to a place of its own, and there is no one place to go on from.
BEGIN_SHARD = """insert into matching_shard (market_id, number, epoch, run, seq, at, updated_at)
  select m.id, %s, 0, coalesce(o.run, 0), coalesce(o.seq, 0), coalesce(o.at, 0), now() from matching_market m
    left join lateral (select s.run, max(s.seq) as seq, max(s.at) as at from matching_shard s
      where s.market_id = m.id and m.feed <> 'replay' group by s.run order by s.run desc limit 1) o on true
   where m.id = %s
  on conflict (market_id, number) do nothing"""

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
