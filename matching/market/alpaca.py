"""The operator's own market data from Alpaca, through alpaca-py's stream, in our units.

The SDK connects, logs in, subscribes and reconnects; it runs in a thread of its own and hands over
raw messages. Corrections and cancellations of prints are not applied: a paper fill is not undone.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from matching.engine.types import DOLLAR, SHARE, Kind
from matching.market.conditions import auction_of_sip, is_eligible_sip, status_of_sip
from matching.market.errors import FeedUnavailable
from matching.market.times import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

KEY_ID, SECRET_KEY, FEED = "RAXX_ALPACA_KEY_ID", "RAXX_ALPACA_SECRET_KEY", "RAXX_ALPACA_FEED"
FEEDS = ("iex", "sip")

_STOP_PATIENCE = 6.0  # seconds; the SDK looks for a stop after each message and every five seconds
_MOST_WAITING = 100_000  # messages; beyond it the oldest are lost, as if nobody had listened


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The operator's data key and feed; never shown, never logged."""

    key_id: str
    secret_key: str
    feed: str = "iex"

    def __repr__(self) -> str:
        return f"Credentials(feed={self.feed!r})"

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the operator's variables. Raises FeedUnavailable, naming the one to set."""
        missing = [name for name in (KEY_ID, SECRET_KEY) if not environment.get(name, "").strip()]
        if missing:
            raise FeedUnavailable(
                f"the feed alpaca needs the operator's data key: set {' and '.join(missing)}"
                f" (and {FEED} to {' or '.join(FEEDS)}, if not iex), or choose another feed"
            )
        feed = environment.get(FEED, "").strip() or "iex"
        if feed not in FEEDS:
            raise FeedUnavailable(f"{FEED} is {feed!r}; it must be {' or '.join(FEEDS)}")
        return cls(key_id=environment[KEY_ID].strip(), secret_key=environment[SECRET_KEY].strip(), feed=feed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One item of a live market, not yet numbered; `at` is the exchange's time, nanoseconds."""

    symbol: str
    kind: Kind
    at: int
    bid: int = 0
    bid_size: int = 0
    ask: int = 0
    ask_size: int = 0
    price: int = 0
    size: int = 0
    eligible: bool = True


def updates_of(message: Mapping[str, Any]) -> list[Update]:
    """Return what a raw message of the stream tells in our units: nothing, one item, or a print and its auction.

    Its numbers are binary floats; they are rounded to the nearest 1/10,000 dollar and 1e-9 share.
    """
    stamp = message["t"]
    symbol, at = message["S"], stamp.seconds * SECOND + stamp.nanoseconds
    if message["T"] == "q":
        bid, bid_size = _side(message["bp"], message["bs"])
        ask, ask_size = _side(message["ap"], message["as"])
        quote = Update(
            symbol=symbol, kind=Kind.QUOTE, at=at, bid=bid, bid_size=bid_size, ask=ask, ask_size=ask_size
        )
        return [quote]
    if message["T"] == "s":
        status = status_of_sip(message.get("sc", ""))
        return [] if status is None else [Update(symbol=symbol, kind=status, at=at)]
    price, size = _side(message["p"], message["s"])
    if price == 0 or size == 0:
        return []
    codes, tape = message.get("c") or [], message.get("z", "")
    eligible = is_eligible_sip(codes, tape)
    traded = Update(symbol=symbol, kind=Kind.TRADE, at=at, price=price, size=size, eligible=eligible)
    auction = auction_of_sip(codes, tape, message.get("x", ""))
    return [traded] if auction is None else [traded, replace(traded, kind=auction)]


def _side(price: float, size: float) -> tuple[int, int]:
    if price <= 0 or size <= 0:
        return 0, 0
    return round(price * DOLLAR), round(size * SHARE)


class AlpacaStream:
    """The SDK's stream in a thread; `ready` is called, from that thread, when updates begin to wait."""

    def __init__(
        self,
        credentials: Credentials,
        symbols: Sequence[str],
        ready: Callable[[], None],
        *,
        url: str | None = None,
    ) -> None:
        # The SDK pulls in pydantic, requests and its models: a second that other feeds need not pay.
        from alpaca.data.enums import DataFeed
        from alpaca.data.live import StockDataStream

        self._ready = ready
        self._updates: deque[Update] = deque(maxlen=_MOST_WAITING)
        self._stream = StockDataStream(
            credentials.key_id,
            credentials.secret_key,
            raw_data=True,
            feed=DataFeed(credentials.feed),
            url_override=url,
        )
        self._stream.subscribe_quotes(self._receive, *symbols)
        self._stream.subscribe_trades(self._receive, *symbols)
        self._stream.subscribe_trading_statuses(self._receive, *symbols)
        self._thread = threading.Thread(target=self._run, name="alpaca-stream", daemon=True)
        self._failure: Exception | None = None
        self._is_stopped = False

    def start(self) -> None:
        """Connect, and go on until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Have the SDK leave, and call `ready` no more; in a quiet market it takes its five seconds."""
        self._is_stopped = True
        if self._thread.is_alive():
            # Before its event loop runs, the SDK has nothing to stop; the thread is a daemon.
            with contextlib.suppress(AttributeError, TimeoutError):
                self._stream.stop()
            self._thread.join(_STOP_PATIENCE)

    def take(self) -> list[Update]:
        """Return what has arrived since the last call. Raises FeedUnavailable when the SDK gave up."""
        taken = [self._updates.popleft() for _ in range(len(self._updates))]
        if not taken and self._thread.ident is not None and not self._thread.is_alive():
            reason = self._failure or "the key has no right to this feed"
            raise FeedUnavailable(f"Alpaca's stream has ended for good: {reason}")
        return taken

    def _run(self) -> None:
        try:
            self._stream.run()
        except Exception as error:  # noqa: BLE001 - told to the hub's thread by `take`
            self._failure = error
        finally:
            self._tell()

    async def _receive(self, message: Any) -> None:
        updates = updates_of(message)
        was_empty = not self._updates
        self._updates.extend(updates)
        if was_empty and updates:
            self._tell()

    def _tell(self) -> None:
        if not self._is_stopped:
            self._ready()
