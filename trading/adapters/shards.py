"""Who decides a shard: which ones nobody does, and how a matcher becomes the only writer of one.

Its advisory lock says that somebody has a shard, for as long as the session lives that holds it. Its lease says
that they are awake: an owner who has been silent for longer may be ended. What neither can stop, a matcher that was
frozen, taken over and woken again, is refused by the shard's epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zlib import crc32

import psycopg
from django.db import connection

from matching.market.errors import FeedUnavailable
from matching.market.locks import shard_lock
from matching.models import Market
from matching.ports import Disturbed, Fenced
from trading.adapters.lease import BEGIN_SHARD

if TYPE_CHECKING:
    from collections.abc import Iterable

LEASE = timedelta(seconds=10)  # a shard whose owner has been silent for so long may be taken over
PATIENCE = timedelta(seconds=5)  # or half a lease: a killed owner's connection needs a moment to be noticed
HASTE = timedelta(milliseconds=50)  # of one who may take any shard, and need not wait for this one
ENDING = timedelta(seconds=1)  # a session that is ended is gone in a moment

MARKETS = """select m.id, m.shard_count,
    coalesce(array_agg(s.number) filter (where s.updated_at <= clock_timestamp() - make_interval(secs => %s)), '{}') as silent
  from matching_market m left join matching_shard s on s.market_id = m.id
 where m.is_active group by m.id order by m.id"""

# A session that began within the lease has had no time to tell of itself: it is about to.
OWNERS = """select l.classid::bigint, l.objid::bigint, l.pid,
    coalesce(a.backend_start <= clock_timestamp() - make_interval(secs => %s), false) as is_old
  from pg_locks l left join pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'advisory' and l.objsubid = 2 and l.granted
   and l.database = (select oid from pg_database where datname = current_database())"""

END_OWNER = f"""select pg_terminate_backend(o.pid) from ({OWNERS}) o
 where o.is_old and o.classid = %s and o.objid = %s and o.pid <> pg_backend_pid()"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A matcher's place: one of the `shards` of a market, and why it is to be taken."""

    market_id: int
    number: int
    shards: int
    reason: str

    def __str__(self) -> str:
        return f"{self.market_id}/{self.number}"


def free_seats(lease: timedelta) -> list[Seat]:
    """Return the shards of the active markets that no matcher has, and those whose matcher is silent.

    Raises django.db.OperationalError, InterfaceError.
    """
    with connection.cursor() as cursor:
        cursor.execute(MARKETS, [lease.total_seconds()])
        markets = cursor.fetchall()
        cursor.execute(OWNERS, [lease.total_seconds()])
        owners = {(space, number): is_old for space, number, _, is_old in cursor.fetchall()}
    free = []
    for market_id, shards, silent in markets:
        for number in range(shards):
            is_old = owners.get(shard_lock(market_id, number))
            if is_old is None:
                free.append(
                    Seat(market_id=market_id, number=number, shards=shards, reason="it has no matcher")
                )
            elif is_old and number in silent:
                free.append(
                    Seat(market_id=market_id, number=number, shards=shards, reason="its matcher is silent")
                )
    return free


def seat(market_id: int, number: int) -> Seat | None:
    """Return one shard of a market, whoever has it; None while the market is closed. Raises FeedUnavailable for no such shard."""
    market = Market.objects.filter(pk=market_id).first()
    if market is None:
        raise FeedUnavailable(f"there is no market {market_id}")
    if not 0 <= number < market.shard_count:
        raise FeedUnavailable(
            f"market {market_id} has no shard {number}: it has {market.shard_count}, from 0 (`manage.py market shards`)"
        )
    if not market.is_active:
        return None
    return Seat(market_id=market_id, number=number, shards=market.shard_count, reason="it was asked for")


def symbols_of_shard(symbols: Iterable[str], shard: int, shards: int) -> list[str]:
    """Return the symbols that one of `shards` shards owns: by checksum, so the same on every machine."""
    return sorted(symbol for symbol in symbols if crc32(symbol.encode()) % shards == shard)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to a shard, as one session can have it: `take` waits at most `patience` for its lock."""

    market_id: int
    number: int
    shards: int
    lease: timedelta
    patience: timedelta

    def take(self, session: psycopg.Connection[Any]) -> Any:
        """Take the shard for this session, and return its row: epoch, run, seq, at.

        Raises Fenced while a living matcher owns it, Disturbed when its market is divided otherwise by now.
        """
        if not self._lock(session, min(self.patience, self.lease / 2)):
            self._end_owner(session)
        # Under the lock: who changes the number holds the locks of all shards meanwhile.
        found = session.execute(
            "select shard_count from matching_market where id = %s", [self.market_id]
        ).fetchone()
        if found is None or found[0] != self.shards:
            raise Disturbed(f"market {self.market_id} does not have {self.shards} shards any more")
        session.execute(BEGIN_SHARD, [self.number, self.market_id])
        return session.execute(
            "update matching_shard set epoch = epoch + 1, updated_at = clock_timestamp() "
            "where market_id = %s and number = %s returning epoch, run, seq, at",
            [self.market_id, self.number],
        ).fetchone()

    def _lock(self, session: psycopg.Connection[Any], patience: timedelta) -> bool:
        session.execute(f"set lock_timeout = {patience // timedelta(milliseconds=1)}")
        try:
            session.execute("select pg_advisory_lock(%s, %s)", self._keys)
        except psycopg.errors.LockNotAvailable:
            return False
        finally:
            session.execute("set lock_timeout = 0")
        return True

    def _end_owner(self, session: psycopg.Connection[Any]) -> None:
        """End the session of an owner whose lease is over, and lock. Raises Fenced when it is alive."""
        silence = session.execute(
            "select clock_timestamp() - updated_at from matching_shard where market_id = %s and number = %s",
            [self.market_id, self.number],
        ).fetchone()
        if silence is not None and silence[0] < self.lease:
            message = f"shard {self.market_id}/{self.number} is owned by a living matcher"
            raise Fenced(message)
        session.execute(END_OWNER, [self.lease.total_seconds(), *self._keys])
        if not self._lock(session, ENDING):
            message = f"shard {self.market_id}/{self.number} could not be taken over"
            raise Fenced(message)

    @property
    def _keys(self) -> list[int]:
        return list(shard_lock(self.market_id, self.number))
