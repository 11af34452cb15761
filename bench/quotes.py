"""How many quotes a second the engine decides on, with no, 1,000 and 100,000 resting orders.

    python -m bench.quotes [--runs 9] [--chunk 1000]

The tape is IBM's of 2013-10-08 by ticks, prints included; the figure counts its quotes alone. The
resting orders are spread over 1,000 symbols; `HOT_SHARE` of them rest on IBM, on both sides, away from
where the day traded, so that every quote passes them by. `--chunk` is the length of the pieces in
which the tape is handed over: long ones are a replay at full speed, short ones a live market.

Runs of the three are interleaved in one process; ratios are to quotes_0 of the same round.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from bench.figure import Figure
from matching.engine.engine import Engine
from matching.engine.types import (
    CENT,
    SHARE,
    Chunk,
    Kind,
    Order,
    OrderType,
    Session,
    SessionChange,
    Side,
    TimeInForce,
)
from matching.market.tape import cut, load_day

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matching.engine.types import Items

SYMBOL, DAY, RESOLUTION = "IBM", date(2013, 10, 8), "tick"
SYMBOLS = 1_000
HOT_SHARE = 0.1
CASES = {"quotes_0": 0, "quotes_1k": 1_000, "quotes_100k": 100_000}


def tape_folder() -> Path:
    """Return the folder of recorded days, whether it is there or not."""
    return Path(os.environ.get("RAXX_LEAN_DATA", "../shared/data/lean"))


def has_tape() -> bool:
    """Say whether there are recorded days."""
    return (tape_folder() / "equity").is_dir()


def resting_orders(count: int, items: Items) -> Iterator[Order]:
    """Yield gtc limit orders beyond the day's range, `HOT_SHARE` of them on the tape's own symbol."""
    is_quote = items.kind == Kind.QUOTE.value
    has_both = is_quote & (items.bid > 0) & (items.ask > 0)
    floor, ceiling = int(items.bid[has_both].min()), int(items.ask[has_both].max())
    floor = min(floor, int(items.price[~is_quote].min(initial=floor)))
    ceiling = max(ceiling, int(items.price[~is_quote].max(initial=ceiling)))
    for number in range(count):
        is_hot = number < count * HOT_SHARE
        side = Side.BUY if number % 2 else Side.SELL
        away = CENT * (1 + number // 2 % 500)
        edge = floor - floor % CENT - away if side is Side.BUY else ceiling - ceiling % CENT + away
        yield Order(
            order_id=number,
            account=number % 1_000,
            symbol=SYMBOL if is_hot else f"S{number % (SYMBOLS - 1)}",
            side=side,
            order_type=OrderType.LIMIT,
            time_in_force=TimeInForce.GTC,
            priority=(0, number),
            quantity=100 * SHARE,
            limit_price=max(CENT, edge),
        )


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


def seconds(orders: list[Order], chunks: list[Chunk]) -> float:
    """Return how long an engine with these orders resting takes for the tape."""
    engine = Engine()
    opening, *rest = chunks
    engine.advance(opening)
    for order in orders:
        engine.place(order)
    # The first quotes bring every order on the tape to rest; they are not what is measured.
    first, *rest = rest
    engine.advance(first)
    gc.collect()
    gc.disable()
    begin = time.perf_counter()
    decided = sum(len(engine.advance(chunk)) for chunk in rest)
    took = time.perf_counter() - begin
    gc.enable()
    if decided or engine.open_count() != len(orders):
        sys.exit(f"bench.quotes FAILED: {decided} decisions on orders that no quote should reach")
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--chunk", type=int, default=1_000, help="rows in a piece of the tape")
    options = parser.parse_args()

    if not has_tape():
        sys.exit(f"bench.quotes NOT RUN: no LEAN data in {tape_folder().resolve()}; set RAXX_LEAN_DATA")
    items = load_day(tape_folder(), SYMBOL, DAY, RESOLUTION)
    chunks = chunks_of(items, options.chunk)
    is_quote = items.kind[options.chunk :] == Kind.QUOTE.value
    quotes = int(is_quote.sum())
    orders = {name: list(resting_orders(count, items)) for name, count in CASES.items()}

    speeds: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(options.runs):
        for name in CASES:
            speeds[name].append(quotes / seconds(orders[name], chunks))

    base = speeds["quotes_0"]
    for name, values in speeds.items():
        is_base = name == "quotes_0"
        Figure(
            name=name,
            values=values,
            unit="quotes/s",
            against=None if is_base else "quotes_0",
            ratios=() if is_base else [value / other for value, other in zip(values, base, strict=True)],
        ).print()


if __name__ == "__main__":
    main()
