"""One market as the data API sees it now: its time, its symbols, its past. Shared by a process's requests."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings

from matching.market import keys, rows
from matching.market.clock import REPLAY
from matching.market.histories import open_history
from matching.market.times import to_ns
from matching.market.valkey import DOWN, READ_TIMEOUT, connect
from trading import reference

if TYPE_CHECKING:
    import redis

    from matching.market.history import History

logger = logging.getLogger(__name__)

KEPT_S = 5.0  # as `trading.reference` keeps what an operator may change


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """A market at one moment; `now` is how far anybody may see at all, nanoseconds of market time."""

    market_id: int
    is_tape: bool
    now: int
    symbols: frozenset[str]
    history: History


@dataclass(frozen=True, slots=True)
class _Opened:
    made_of: Any
    history: History
    state: rows.MarketState


_opened: dict[int, _Opened] = {}
_looked_at: dict[int, float] = {}
_opening = threading.Lock()


def view(market_id: int) -> MarketView:
    """Look at a market. Raises MarketError."""
    opened = _open(market_id)
    is_tape = opened.state.clock.feed == REPLAY
    now = to_ns(reference.market_now(market_id))
    if not is_tape:
        # What the hub has not published yet, nobody has seen.
        published = published_at(market_id)
        now = now if published is None else min(now, published)
    return MarketView(
        market_id=market_id,
        is_tape=is_tape,
        now=now,
        symbols=reference.market_terms(market_id).symbols,
        history=opened.history,
    )


def published_at(market_id: int) -> int | None:
    """Return the market time up to which the hub has published, None where nobody knows."""
    try:
        stored: Any = _client().get(keys.published(market_id))
    except DOWN as error:
        logger.warning("Valkey does not answer: %s", error)
        return None
    return int(json.loads(stored)["at"]) if stored else None


def forget() -> None:
    """Keep nothing; for tests."""
    _opened.clear()
    _looked_at.clear()


def _open(market_id: int) -> _Opened:
    """Return the market's history; it is opened anew when the market has become another."""
    known = _opened.get(market_id)
    if known is not None and _looked_at.get(market_id, 0.0) + KEPT_S > time.monotonic():
        return known
    state = rows.market_state(market_id)
    made_of = (state.clock.feed, state.calendar, state.config)
    with _opening:  # a tape is read once, not by every waiting thread
        known = _opened.get(market_id)
        if known is None or known.made_of != made_of:
            history = open_history(state, _client(), reference.calendar_of(market_id))
            known = _opened[market_id] = _Opened(made_of, history, state)
    _looked_at[market_id] = time.monotonic()
    return known


@cache
def _client() -> redis.Redis:
    return connect(settings.REDIS_URL, timeout=READ_TIMEOUT)
