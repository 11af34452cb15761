"""The account's trade updates, as the SDK's own stream delivers them, in a thread of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from alpaca.trading.stream import TradingStream

from tests.contract.conformance.expecting import NotAsExpected

if TYPE_CHECKING:
    from collections.abc import Callable

    from alpaca.trading.models import TradeUpdate

PATIENCE_S = 30.0


class Listener:
    """A log that grows; whoever waits for something in it is woken."""

    def __init__(self, key_id: str, secret: str, url: str) -> None:
        self._stream = TradingStream(key_id, secret, url_override=url)
        self._stream.subscribe_trade_updates(self._hear)
        self._thread = threading.Thread(target=self._stream.run, name="trading-stream", daemon=True)
        self._news = threading.Condition()
        self.log: list[TradeUpdate] = []

    async def _hear(self, update: TradeUpdate) -> None:
        with self._news:
            self.log.append(update)
            self._news.notify_all()

    def start(self, knock: Callable[[], None]) -> None:
        """Return when an update was heard: the SDK does not say when it has begun to listen.

        `knock` causes one.
        """
        self._thread.start()
        for _ in range(60):
            knock()
            if self.hears(lambda: bool(self.log), PATIENCE_S / 60):
                return
        raise NotAsExpected("the stream tells nothing")

    def stop(self, knock: Callable[[], None]) -> None:
        """End it; it looks up when the next message comes, or after five seconds."""
        self._stream.stop()
        knock()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def until(self, is_there: Callable[[], bool], what: str) -> None:
        """Wait until the log satisfies a condition. Raises NotAsExpected, naming `what` is missing."""
        if not self.hears(is_there, PATIENCE_S):
            raise NotAsExpected(f"the stream did not tell {what}")

    def hears(self, is_there: Callable[[], bool], within_s: float) -> bool:
        """Wait until the log satisfies a condition; return whether it does."""
        with self._news:
            return self._news.wait_for(is_there, timeout=within_s)
