"""When age ends a gtc order.

Source: the wire's compatibility notes, 3.2; matching/decisions/0015-age.md.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

from matching.market.times import HOUR, new_york, new_york_date

GTC_DAYS = 90
_HOUR, _MINUTE = 16, 15


def aged_at(submitted_at: int) -> int:
    """Return the instant from which age ends a gtc order: 16:15 in New York, 90 days after its submission.

    Both are nanoseconds. The engine acts on it at the next session change.
    """
    return _end_of(submitted_at // HOUR)


@lru_cache(maxsize=4_096)
def _end_of(hour: int) -> int:
    """Return it for an hour since 1970: New York's days begin with one."""
    return new_york(new_york_date(hour * HOUR) + timedelta(days=GTC_DAYS), _HOUR, _MINUTE)
