"""How often a log-in may fail before we stop asking the database about it.

A secret cannot be guessed; this is about clients that retry for ever with a bad one, and about the
load they make. Nobody waits on a timer: an attempt during a block is refused at once.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

ENTRIES_MAX = 10_000  # of the table; the ones longest without a failure are forgotten first


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Failures that are free, and how the block after each further one grows (seconds)."""

    free: int
    first_block_s: float = 0.5
    block_s_max: float = 30.0  # also the longest that the owner of a good key may have to wait


@dataclass(slots=True)
class _Failures:
    count: int
    last_at: float
    blocked_until: float


class FailureLimiter:
    """Counts failures by name; each beyond the allowance doubles the block, up to its bound.

    Times are of one monotonic clock, in seconds, given by the caller. After ten bounds without a
    failure a name begins anew.
    """

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._names: OrderedDict[str, _Failures] = OrderedDict()

    def is_blocked(self, name: str, now: float) -> bool:
        """Whether an attempt under this name is to be refused unseen."""
        entry = self._names.get(name)
        return entry is not None and now < entry.blocked_until

    def failed(self, name: str, now: float) -> None:
        """Count one failure."""
        entry = self._names.pop(name, None)
        if entry is None or now - entry.last_at > 10 * self._allowance.block_s_max:
            entry = _Failures(0, now, now)
        entry.count += 1
        entry.last_at = now
        beyond = entry.count - self._allowance.free
        if beyond > 0:
            growth = self._allowance.first_block_s * 2.0 ** min(beyond - 1, 30)
            entry.blocked_until = now + min(growth, self._allowance.block_s_max)
        self._names[name] = entry
        if len(self._names) > ENTRIES_MAX:
            self._names.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget the failures of a name."""
        self._names.pop(name, None)


class LogInGuard:
    """The two limits of a log-in: by key and address, and by address alone.

    By key *and* address, so that nobody can lock a key's owner out from elsewhere. An address that
    is not known is not limited as such: it would be everybody's.
    """

    def __init__(
        self, by_key: Allowance = Allowance(free=5), by_address: Allowance = Allowance(free=50)
    ) -> None:
        self._by_key = FailureLimiter(by_key)
        self._by_address = FailureLimiter(by_address)

    def is_blocked(self, key_id: str, address: str, now: float) -> bool:
        """Whether this attempt is to be refused without a look at the database."""
        if self._by_key.is_blocked(f"{address} {key_id[:32]}", now):
            return True
        return bool(address) and self._by_address.is_blocked(address, now)

    def failed(self, key_id: str, address: str, now: float) -> None:
        """Count a failed log-in."""
        self._by_key.failed(f"{address} {key_id[:32]}", now)
        if address:
            self._by_address.failed(address, now)

    def succeeded(self, key_id: str, address: str) -> None:
        """Forget the failures of this key at this address."""
        self._by_key.succeeded(f"{address} {key_id[:32]}")
