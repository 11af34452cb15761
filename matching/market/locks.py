"""The advisory locks of PostgreSQL that say which process runs what: their two keys, in one place.

Each lives as long as the session that took it, so that a killed owner leaves nothing to sweep.
"""

from __future__ import annotations

_HUB = 0x52415858
_SHARDS = 0x72780000  # "rx" and the market: beside other users of advisory locks


def markets_lock() -> tuple[int, int]:
    """Return the keys of the lock for a change of which markets are run. No market has the number 0."""
    return _HUB, 0


def hub_lock(market_id: int) -> tuple[int, int]:
    """Return the keys of the lock that a market's hub holds."""
    return _HUB, market_id


def shard_lock(market_id: int, number: int) -> tuple[int, int]:
    """Return the keys of the lock that the matcher of a market's shard holds."""
    return _SHARDS | market_id, number
