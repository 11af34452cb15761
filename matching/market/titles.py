"""What a market is called where people read: by what it is, unless somebody has given it a name.

Its name is its identity: a digest of what describes it, so that the same description finds the same market.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from matching.market.clock import REPLAY, SYNTHETIC
from matching.market.synthetic import BASE_PRICES

if TYPE_CHECKING:
    from collections.abc import Sequence

LISTED = 3  # symbols that are told by name; of more, how many there are

_MADE = re.compile(r"synthetic|(?:synthetic|alpaca|replay \S+) [0-9a-f]{12}")


def title(*, name: str, feed: str, config: dict[str, Any]) -> str:
    """Return a given name as it is; for one that was made of a description, the description.

    `Synthetic, seed 1 (10 symbols)`, `Recorded, 2013-10-08 (IBM)`, `Live (AAPL, SPY)`. Two markets may have one title,
    say two tapes of one day: their numbers tell them apart.
    """
    if not _MADE.fullmatch(name):
        return name
    symbols = config.get("symbols") or (list(BASE_PRICES) if feed == SYNTHETIC else [])
    if feed == SYNTHETIC:
        kind = _("Synthetic, seed %(seed)s") % {"seed": config.get("seed", 1)}
    elif feed == REPLAY:
        kind = _("Recorded, %(days)s") % {"days": _days(config.get("dates") or [""])}
    else:
        kind = _("Live")
    return f"{kind} ({_symbols(sorted(symbols))})" if symbols else kind


def _days(dates: Sequence[str]) -> str:
    return dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"


def _symbols(symbols: Sequence[str]) -> str:
    return ", ".join(symbols) if len(symbols) <= LISTED else _("%(n)s symbols") % {"n": len(symbols)}
