"""What one socket listens to: symbols by channel, `*` for all of them. Spec of the wire: 6.4."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trading.datastream.frames import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EVERYTHING = "*"
NAMES_MAX = 20_000  # of one socket, over all channels

_NAME = re.compile(r"\*|[A-Z0-9./-]{1,32}", re.ASCII)
_COUNTED = ("trades", "quotes")  # where a tier's limit holds
_WITH_TRADES = ("corrections", "cancelErrors")

Pair = tuple[str, str]  # channel and symbol


class TooManySymbols(Exception):
    """A subscription would pass a limit; nothing was changed."""


class Subscription:
    """The state of one socket's subscriptions; `symbols_max` is its tier's limit, None without one."""

    def __init__(self, symbols_max: int | None) -> None:
        self._symbols_max = symbols_max
        self._channels: dict[str, frozenset[str]] = dict.fromkeys(CHANNELS, frozenset())

    def add(self, wanted: Mapping[str, Iterable[str]]) -> None:
        """Subscribe to more. Raises TooManySymbols, and ValueError for what can be no symbol."""
        changed = {name: self._channels[name] | frozenset(names) for name, names in wanted.items()}
        for names in changed.values():
            if bad := next((name for name in names if not _NAME.fullmatch(name)), None):
                raise ValueError(f"invalid symbol: {bad[:32]}")
        self._change(changed)

    def remove(self, unwanted: Mapping[str, Iterable[str]]) -> None:
        """Subscribe to less; `*` takes back the `*` and nothing else."""
        self._change({name: self._channels[name] - frozenset(names) for name, names in unwanted.items()})

    def state(self) -> dict[str, list[str]]:
        """Return every channel's symbols, as the acknowledgement lists them."""
        return {name: sorted(names) for name, names in self._channels.items()}

    def symbols(self, channel: str) -> frozenset[str]:
        """Return a channel's symbols, `*` among them."""
        return self._channels[channel]

    def among(self, pairs: Iterable[Pair]) -> list[Pair]:
        """Return those of some channels and symbols that are subscribed to."""
        channels = self._channels
        return [
            (channel, symbol)
            for channel, symbol in pairs
            if symbol in channels[channel] or EVERYTHING in channels[channel]
        ]

    def _change(self, changed: Mapping[str, frozenset[str]]) -> None:
        channels = {**self._channels, **changed}
        counted = frozenset().union(*(channels[name] for name in _COUNTED))
        if self._symbols_max is not None and (EVERYTHING in counted or len(counted) > self._symbols_max):
            raise TooManySymbols
        if sum(map(len, channels.values())) > NAMES_MAX:
            raise TooManySymbols
        self._channels = {**channels, **dict.fromkeys(_WITH_TRADES, channels["trades"])}
