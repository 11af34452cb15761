"""Every Valkey key and channel of a market, in one place. All of it may be lost: PostgreSQL is the truth."""

from __future__ import annotations


def feed(market_id: int) -> str:
    """Name a stream: one encoded batch of items an entry (`matching.market.batch`)."""
    return f"raxx:m{market_id}:feed"


def latest(market_id: int) -> str:
    """Name a hash: symbol -> latest quote and print (`matching.market.latest`)."""
    return f"raxx:m{market_id}:latest"


def session(market_id: int) -> str:
    """Name a string: the session change that is in force, as an empty batch."""
    return f"raxx:m{market_id}:session"


def published(market_id: int) -> str:
    """Name a string: JSON of how far the hub has published: run, seq, at (nanoseconds)."""
    return f"raxx:m{market_id}:published"


def heartbeat(market_id: int) -> str:
    """Name a string that expires: JSON of the running hub: feed, process id, wall time, seq, at."""
    return f"raxx:m{market_id}:hub"


def bell(market_id: int) -> str:
    """Name a channel: rung, without content, after each batch that was published."""
    return f"raxx:m{market_id}:bell"


def clock(market_id: int) -> str:
    """Name a channel: rung, without content, after the market's clock was changed in PostgreSQL."""
    return f"raxx:m{market_id}:clock"


def progress(market_id: int) -> str:
    """Channel: rung, without content, when hub or matcher have come further in market time."""
    return f"raxx:m{market_id}:progress"


def days(digest: str) -> str:
    """Name a hash that expires: day bars of a synthetic symbol (`matching.market.day_store`), in whichever market."""
    return f"raxx:days:{digest}"


def minute(market_id: int, at: int) -> str:
    """Name a list that expires: the encoded items of a live market's minute that begins at `at`, in order."""
    return f"raxx:m{market_id}:minute:{at}"
