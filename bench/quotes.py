"""How many quotes a second the engine decides on, with no and up to 1,000,000 resting orders.

    python -m bench.quotes [--runs 9] [--chunk 1000] [--only quotes_100k quotes_1m]

The tape is IBM's of 2013-10-08 by ticks, prints included; the figure counts its quotes alone. The
resting orders are of all types and spread over 1,000 symbols; `HOT_SHARE` of them rest on IBM, on both
sides, away from where the day traded, so that every quote passes them by and only watermarks move.
`--chunk` is the length of the pieces in which the tape is handed over: long ones are a replay at full
speed, short ones a live market.

The cases are interleaved in one process; the ratios are to quotes_0 of the same round. Beside the
speed: how long a million orders take to restore, made one by one on the way, and what each of them
occupies, its `Order` and keys included.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bench.figure import Figure
from matching.engine.engine import Engine
from matching.engine.types import (
    CENT,
    DOLLAR,
    SHARE,
    Chunk,
    Kind,
    Order,
    OrderType,
    Role,
    Session,
    SessionChange,
    Side,
    TimeInForce,
)
from matching.market.tape import ITEM_COLUMNS, cut, load_day

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matching.engine.types import Items

SYMBOL, DAY, RESOLUTION = "IBM", date(2013, 10, 8), "tick"
SYMBOLS = 1_000
HOT_SHARE = 0.1
CASES = {"quotes_0": 0, "quotes_1k": 1_000, "quotes_100k": 100_000, "quotes_1m": 1_000_000}


def tape_folder() -> Path:
    """Return the folder of recorded days, whether it is there or not."""
    return Path(os.environ.get("RAXX_LEAN_DATA", "../shared/data/lean"))


def has_tape() -> bool:
    """Say whether there are recorded days."""
    return (tape_folder() / "equity").is_dir()


def range_of(items: Items) -> tuple[int, int]:
    """Return the lowest and the highest price that the tape shows or prints."""
    is_quote = items.kind == Kind.QUOTE.value
    has_both = is_quote & (items.bid > 0) & (items.ask > 0)
    floor, ceiling = int(items.bid[has_both].min()), int(items.ask[has_both].max())
    floor = min(floor, int(items.price[~is_quote].min(initial=floor)))
    return floor, max(ceiling, int(items.price[~is_quote].max(initial=ceiling)))


def resting_orders(count: int, floor: int, ceiling: int) -> Iterator[Order]:
    """Yield open gtc orders of all types beyond the day's range, `HOT_SHARE` of them on the tape's own symbol.

    Of ten, four are limit orders, two stops, two trailing stops, in dollars and percent, and two an oco.
    """
    floor, ceiling = floor - floor % CENT, ceiling - ceiling % CENT
    for number in range(count):
        is_hot = number < count * HOT_SHARE
        side = Side.BUY if number // 10 % 2 else Side.SELL
        away = CENT * (1 + number // 20 % 500)
        below, above = max(CENT, floor - away), ceiling + away
        # A limit waits where the market would have to come to, a stop on the other side.
        limit, stop = (below, above) if side is Side.BUY else (above, below)
        yield Order(
            order_id=UUID(int=number),
            account=UUID(int=number % 1_000),
            symbol=SYMBOL if is_hot else f"S{number // 10 % (SYMBOLS - 1)}",
            side=side,
            time_in_force=TimeInForce.GTC,
            priority=(0, number),
            quantity=100 * SHARE,
            **_kind(number % 10, number, limit, stop),
        )


def _kind(kind: int, number: int, limit: int, stop: int) -> dict[str, Any]:
    """Return what makes an order one of the ten kinds; the last two are the exits of one oco."""
    trail = {"order_type": OrderType.TRAILING_STOP, "is_active": True}
    group = {"group": number // 10}
    match kind:
        case 4:
            return {"order_type": OrderType.STOP, "stop_price": stop, "is_active": True}
        case 5:
            both = {"stop_price": stop, "limit_price": stop}
            return {"order_type": OrderType.STOP_LIMIT, "is_active": True, **both}
        case 6:
            return trail | {"trail_price": 100 * DOLLAR + CENT * (number // 10 % 500)}
        case 7:
            return trail | {"trail_percent": 500_000 + 1_000 * (number // 10 % 100)}
        case 8:
            terms = {"order_type": OrderType.LIMIT, "limit_price": limit, "role": Role.TAKE_PROFIT}
            return terms | group | {"is_active": True}
        case 9:
            return {"order_type": OrderType.STOP, "stop_price": stop, "role": Role.STOP_LOSS} | group
        case _:
            return {"order_type": OrderType.LIMIT, "limit_price": limit, "is_active": True}


def chunks_of(items: Items, length: int) -> list[Chunk]:
    """Cut the tape into pieces of `length` rows, after the regular session's opening."""
    opening = SessionChange(seq=1, at=int(items.at[0]), session=Session.REGULAR)
    chunks = [Chunk(seq=1, at=opening.at, session=opening)]
    for begin in range(0, len(items), length):
        piece = cut(items, slice(begin, begin + length))
        seq = piece.seq + 1  # behind the opening
        of_symbol = type(piece)(seq, *(getattr(piece, name) for name in _AFTER_SEQ))
        chunks.append(Chunk(seq=int(seq[-1]), at=int(piece.at[-1]), items={SYMBOL: of_symbol}))
    return chunks


_AFTER_SEQ = ("at", "kind", "bid", "bid_size", "ask", "ask_size", "price", "size", "eligible")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One pass over the tape."""

    quotes_per_s: float
    restore_s: float
    resident_bytes: int  # that restoring the orders added


def run(count: int, items: Items, chunks: list[Chunk]) -> Run:
    """Restore `count` orders and work the tape; the first chunk, in which things settle, is not timed."""
    engine = Engine()
    opening, first, *rest = chunks
    engine.rewind(opening)
    gc.collect()
    before, begin = _resident(), time.perf_counter()
    engine.restore(resting_orders(count, *range_of(items)))
    restore_s = time.perf_counter() - begin
    resident = _resident() - before

    engine.advance(first)
    gc.collect()
    gc.disable()
    _warm(rest)
    begin = time.process_time()  # decisions only: what others do to the machine is not ours
    decided = sum(len(engine.advance(chunk)) for chunk in rest)
    took = time.process_time() - begin
    gc.enable()
    if decided or engine.open_count() != count:
        sys.exit(f"bench.quotes FAILED: {decided} decisions on orders that no quote should reach")
    quotes = int((items.kind[len(first.items[SYMBOL]) :] == Kind.QUOTE.value).sum())
    return Run(quotes_per_s=quotes / took, restore_s=restore_s, resident_bytes=resident)


def _warm(chunks: list[Chunk]) -> None:
    """Bring the tape into the processor's cache: what has just arrived is there, too."""
    for chunk in chunks:
        for items in chunk.items.values():
            for name in ITEM_COLUMNS:
                getattr(items, name).sum()


def _resident() -> int:
    """Return the bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Measure and print one line for each figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--chunk", type=int, default=1_000, help="rows in a piece of the tape")
    parser.add_argument("--only", nargs="*", choices=CASES, default=list(CASES), help="beside quotes_0")
    options = parser.parse_args()

    if not has_tape():
        sys.exit(f"bench.quotes NOT RUN: no LEAN data in {tape_folder().resolve()}; set RAXX_LEAN_DATA")
    items = load_day(tape_folder(), SYMBOL, DAY, RESOLUTION)
    chunks = chunks_of(items, options.chunk)
    names = [name for name in CASES if name in {"quotes_0", *options.only}]
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for _ in range(options.runs):
        for name in names:
            runs[name].append(run(CASES[name], items, chunks))

    base = [one.quotes_per_s for one in runs["quotes_0"]]
    for name, passes in runs.items():
        values = [one.quotes_per_s for one in passes]
        ratios = [value / against for value, against in zip(values, base, strict=True)]
        Figure(name=name, values=values, unit="quotes/s", against="quotes_0", ratios=ratios).print()
    if "quotes_1m" in runs:
        passes, count = runs["quotes_1m"], CASES["quotes_1m"]
        each = [one.resident_bytes / count for one in passes]
        Figure(name="engine_restore_1m", values=[one.restore_s for one in passes], unit="s").print()
        Figure(name="engine_bytes_per_order", values=each, unit="bytes").print()


if __name__ == "__main__":
    main()
