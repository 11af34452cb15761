"""How long sending waits for what. Seconds, unless a name says otherwise.

The order of these figures is what keeps an order from being there twice: whoever holds a lease begins to
send within `send_within` of it and hears no longer than the client's time-outs; only after the lease and
`processing` on top of it may a broker's "I have none" be believed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """`processing` is the longest that a request which reached the broker may need to be seen there."""

    lease: timedelta = timedelta(seconds=60)
    send_within: timedelta = timedelta(seconds=15)  # of the lease's begin: later nothing is sent under it
    processing: timedelta = timedelta(seconds=30)
    wait_min: timedelta = timedelta(seconds=1)
    wait_max: timedelta = timedelta(seconds=60)
    connect_timeout_s: float = 3.0
    read_timeout_s: float = 10.0
    submit_deadline: timedelta = timedelta(minutes=2)  # from acceptance; a replacement has the same
    cancel_deadline: timedelta = timedelta(minutes=15)

    def __post_init__(self) -> None:
        asked = timedelta(seconds=self.connect_timeout_s + self.read_timeout_s)
        assert self.send_within + asked < self.lease, "a lease outlives what is done under it"

    def wait(self, attempts: int) -> timedelta:
        """Return how long to wait after so many attempts: twice as long each time, half of it by chance."""
        longest = min(self.wait_max, self.wait_min * 2 ** min(attempts, 20))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - so that many do not come at once

    def after(self, now: datetime, attempts: int, at_least_s: float | None) -> datetime:
        """Return when to try again; `at_least_s` is the broker's wish."""
        return now + max(self.wait(attempts), timedelta(seconds=at_least_s or 0))


PACE = Pace()
