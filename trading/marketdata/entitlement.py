"""What of the market each tier may see: the one place for these rules, for every path.

    Free   everything with a delay of 15 minutes of market time; 30 days back; 30 symbols of a stream
    Pro    in real time; 30 days back
    Pro+   in real time, and the archive

Archive is what is older than 30 days of market time, and what lies before the first day of a tape.
The two limits are of the market's time: a tape at double speed is seven and a half minutes late.
`feed` never widens a right: `delayed_sip` asks for the delay, any other feed shows the same market.

Why: trading/decisions/0010-market-data.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from accounts.models.user import Tier
from matching.market.times import HOUR, SECOND
from trading.marketdata.errors import SubscriptionInsufficient

DELAY = 15 * 60 * SECOND
ARCHIVE_AGE = 30 * 24 * HOUR
DELAYED_STREAM_SYMBOLS = 30

SIP, DELAYED_SIP = "sip", "delayed_sip"
FEEDS = (SIP, "iex", DELAYED_SIP, "boats", "overnight", "otc")

REFUSAL = "subscription does not permit querying recent SIP data"


class Window(NamedTuple):
    """From the first to the last instant that an answer may tell of, both included; nanoseconds."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """The rights of one tier; `stream_symbols` None means that nobody counts."""

    delay: int = 0
    has_archive: bool = False
    stream_symbols: int | None = None

    def visible_until(self, now: int, feed: str = "") -> int:
        """Return the newest instant that may be seen when the market's time is `now`."""
        return now - (DELAY if feed == DELAYED_SIP else self.delay)

    def visible_from(self, now: int, present_from: int) -> int:
        """Return the oldest instant; `present_from` is where the market itself begins."""
        return 0 if self.has_archive else max(now - ARCHIVE_AGE, present_from)

    def require_recent(self, feed: str) -> None:
        """Refuse a delayed caller who names the feed that is defined by being recent.

        Raises SubscriptionInsufficient.
        """
        if self.delay and feed == SIP:
            raise SubscriptionInsufficient(REFUSAL)

    def window(
        self,
        *,
        start: int,
        end: int | None,
        feed: str,
        now: int,
        present_from: int,
        is_sip_needed: bool = True,
    ) -> Window:
        """Return the part of start..end that may be seen; no `end` means up to now.

        Only who names the feed `sip` and asks for instants that are too recent is refused; anybody
        else gets what there is for them. `is_sip_needed` is false where the end was a mere date.
        Raises SubscriptionInsufficient.
        """
        until = self.visible_until(now, feed)
        if is_sip_needed and max(start, end if end is not None else 0) > until:
            self.require_recent(feed)
        return Window(
            max(start, self.visible_from(now, present_from)), until if end is None else min(end, until)
        )


_OF_TIER = {
    Tier.FREE.value: Entitlement(delay=DELAY, stream_symbols=DELAYED_STREAM_SYMBOLS),
    Tier.PRO.value: Entitlement(),
    Tier.PRO_PLUS.value: Entitlement(has_archive=True),
}


def may_see_watermark(tier: str, *, is_triggered: bool) -> bool:
    """Say whether a trailing stop's watermark may be told: until the stop triggers it is the market's latest extreme."""
    return is_triggered or not of_tier(tier).delay


def of_tier(tier: str) -> Entitlement:
    """Return a tier's rights; a tier that is not known has the least."""
    return _OF_TIER.get(tier, _OF_TIER[Tier.FREE.value])
