"""How much of a budget is used: django-ratelimit's counter on Valkey, and what stands in while that is away.

A window is fixed, and each person's begins at a second of their own. Known limit: around its edge twice the
budget may pass within moments. The rate is part of the counter's name, so another tier is another budget.

With Valkey down or stalled whoever asks is told `CounterAway`; it is asked again once a second, by one
request, so that a stall costs that request the timeout of `budget_cache` and everybody else nothing. That
it began and that it ended are one line each in the log, at ERROR: who is alarmed must hear both.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django_ratelimit.core import get_usage
from redis import RedisError

from accounts.tiers import allowance

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

logger = logging.getLogger(__name__)

MINUTE_S = 60
ASK_AGAIN_S = 1.0  # how long a counter that is away is left alone
REFUSED_FOR_S = 5  # what a caller is told to wait who may not pass uncounted
NAMES_MAX = 10_000  # that one process counts for itself; the ones that began first are forgotten first


class CounterAway(Exception):
    """Nobody can be counted now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many in each window of so many seconds."""

    limit: int
    period_s: int = MINUTE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Where somebody stands in their window, this request included."""

    count: int
    limit: int
    left_s: int  # until the next window, at least one

    @property
    def is_over(self) -> bool:
        """Whether this one was too many."""
        return self.count > self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a caller is told; `retry_after_s` is None for one who may pass."""

    limit: int
    remaining: int
    resets_at: int  # seconds since the epoch
    retry_after_s: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The three that go with every answer."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.resets_at),
        }


class Breaker:
    """Whether the counter is there, and when it is worth asking again. Safe in threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.is_away = False
        self.outages = 0  # that began since the process did
        self._clock = clock
        self._ask_at = 0.0
        self._lock = threading.Lock()

    def may_ask(self) -> bool:
        """Say whether to ask; while it is away that is one caller a second."""
        if not self.is_away:
            return True
        with self._lock:
            now = self._clock()
            if now < self._ask_at:
                return False
            self._ask_at = now + ASK_AGAIN_S
            return True

    def failed(self, error: Exception) -> None:
        """Take note that it did not answer."""
        with self._lock:
            self._ask_at = self._clock() + ASK_AGAIN_S
            began, self.is_away = not self.is_away, True
            self.outages += began
        if began:
            logger.error(
                "budgets cannot be counted: orders and log-ins are refused, all else is counted by each"
                " process for itself: %s",
                error,
            )

    def answered(self) -> None:
        """Take note that it did."""
        if not self.is_away:
            return
        with self._lock:
            ended, self.is_away = self.is_away, False
        if ended:
            logger.error("budgets are counted again")


class OwnCounter:
    """Counts in this process alone, in fixed windows; for as long as the shared counter is away."""

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[str, Rate, int], int] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, name: str, rate: Rate, now: float, *, cost: int = 1) -> Usage:
        """Count one more, at `now` in seconds since the epoch; with no cost, only look."""
        window, passed = divmod(int(now), rate.period_s)
        key = name, rate, window
        with self._lock:
            count = self._counts.get(key, 0) + cost
            if cost:
                self._counts[key] = count
            if len(self._counts) > NAMES_MAX:
                self._counts.popitem(last=False)
        return Usage(count=count, limit=rate.limit, left_s=rate.period_s - passed)


breaker = Breaker()
_own = OwnCounter()


def count(group: str, name: str, rate: Rate, *, is_spending: bool = True) -> Usage | None:
    """Count one more for a name, or only look; None where budgets are off. Raises CounterAway."""
    if not breaker.may_ask():
        raise CounterAway
    try:
        usage = get_usage(
            None,
            group=group,
            key=lambda *_: name,
            rate=lambda *_: (rate.limit, rate.period_s),
            increment=is_spending,
        )
    except (RedisError, OSError) as error:
        # RATELIMIT_FAIL_OPEN is not reached: the library does not catch these.
        breaker.failed(error)
        raise CounterAway from error
    breaker.answered()
    if usage is None:
        return None
    # The library's window includes the second in which it ends.
    return Usage(count=usage["count"], limit=rate.limit, left_s=max(1, usage["time_left"] + 1))


def count_here(group: str, name: str, rate: Rate, *, is_spending: bool = True) -> Usage:
    """Count for a name in this process alone."""
    return _own.count(f"{group} {name}", rate, time.time(), cost=int(is_spending))


def spend(user_id: UUID, tier: str, *, must_be_counted: bool) -> Budget | None:
    """Take one request from a person's budget; None where budgets are off.

    While Valkey is away, one that `must_be_counted` is refused; any other is counted by this process, so
    that the person has as many budgets as there are web processes.
    """
    rate = Rate(limit=allowance(tier).requests)
    try:
        usage = count("api", str(user_id), rate)
    except CounterAway:
        if must_be_counted:
            resets_at = int(time.time()) + REFUSED_FOR_S
            return Budget(limit=rate.limit, remaining=0, resets_at=resets_at, retry_after_s=REFUSED_FOR_S)
        usage = count_here("api", str(user_id), rate)
    if usage is None:
        return None
    return Budget(
        limit=usage.limit,
        remaining=max(0, usage.limit - usage.count),
        resets_at=int(time.time()) + usage.left_s,
        retry_after_s=usage.left_s if usage.is_over else None,
    )


def standing(user_id: UUID, tier: str) -> Budget | None:
    """Return how a person's budget stands, without taking anything from it; None where budgets are off.

    While Valkey is away it is what this process has counted.
    """
    rate = Rate(limit=allowance(tier).requests)
    try:
        usage = count("api", str(user_id), rate, is_spending=False)
    except CounterAway:
        usage = count_here("api", str(user_id), rate, is_spending=False)
    if usage is None:
        return None
    return Budget(
        limit=usage.limit,
        remaining=max(0, usage.limit - usage.count),
        resets_at=int(time.time()) + usage.left_s,
    )


def forget() -> None:
    """Count from nothing in this process, and take the counter to be there; for tests."""
    global breaker, _own
    breaker, _own = Breaker(), OwnCounter()
