"""Day bars on Valkey, made by one process for all: of a market of numbers, where each is dear to make.

A hash a symbol, named after all that its numbers depend on; a field a session; a value is a bar's eight columns.
What is lost is made again.
"""

from __future__ import annotations

import logging
import time
from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from matching.market import keys
from matching.market.candles import Bars, no_bars
from matching.market.valkey import DOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import redis

    from matching.market.calendar import Day

logger = logging.getLogger(__name__)

EXPIRES_S = 30 * 24 * 3600  # after the last day that was added
_ASK_AGAIN_S = 5.0  # a Valkey that is away must not cost each day of a page its timeout
_WIDTH = 8  # bytes of each column
_TYPES = [column.dtype.newbyteorder("<") for column in (getattr(no_bars(), one.name) for one in fields(Bars))]
_LENGTH = _WIDTH * len(_TYPES)


class SharedDays:
    """Implements `matching.market.history.DayStore`; `digests` names each symbol's numbers."""

    def __init__(
        self,
        client: redis.Redis,
        digests: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._keys = {name: keys.days(digest) for name, digest in digests.items()}
        self._clock = clock
        self._ask_at = 0.0

    def read(self, symbol: str, days: Sequence[Day]) -> list[Bars | None]:
        """Return the bars of these days, None for each that is not kept."""
        if self._clock() < self._ask_at:
            return [None] * len(days)
        try:
            stored = self._client.hmget(self._keys[symbol], [_field(day) for day in days])
        except DOWN as error:
            self._is_away(error)
            return [None] * len(days)
        return [_bar(value) for value in cast("list[bytes | None]", stored)]

    def write(self, symbol: str, day: Day, bar: Bars) -> None:
        """Keep the bar of a day that is over."""
        if self._clock() < self._ask_at:
            return
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hset(self._keys[symbol], _field(day), _bytes(bar))
        pipeline.expire(self._keys[symbol], EXPIRES_S)
        try:
            pipeline.execute()
        except DOWN as error:
            self._is_away(error)

    def _is_away(self, error: Exception) -> None:
        self._ask_at = self._clock() + _ASK_AGAIN_S
        logger.warning("day bars are not shared, Valkey does not answer: %s", error)


def _field(day: Day) -> str:
    return f"{day.date}:{day.open}:{day.close}"


def _bytes(bar: Bars) -> bytes:
    columns = [getattr(bar, column.name) for column in fields(Bars)]
    return b"".join(column.astype(kind).tobytes() for column, kind in zip(columns, _TYPES, strict=True))


def _bar(value: bytes | None) -> Bars | None:
    """Return what `_bytes` wrote, a day without a print too; None for anything else."""
    if value is None or len(value) not in (0, _LENGTH):
        return None
    if not value:
        return no_bars()
    columns: list[Any] = [
        np.frombuffer(value, kind, count=1, offset=place * _WIDTH).astype(kind.newbyteorder("="))
        for place, kind in enumerate(_TYPES)
    ]
    return Bars(*columns)
