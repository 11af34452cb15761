"""Rule R3: how many shares stand ahead of an order at its price.

A queue is a quantity in 1e-9 share; None while it is unknown, because better prices are displayed.
A rank is a price seen from one side of the book: higher ranks trade first, for buys the price and
for sells its negative.

Invariants: once known, a queue never grows.

Source: matching/decisions/0004-queue.md.
"""

from __future__ import annotations

FAR = 1 << 62  # beyond any price


def rank_of(price: int, sign: int) -> int:
    """Return the rank of a displayed price; an absent one (0) ranks behind every price.

    `sign` is 1 for the buyers' side and -1 for the sellers'.
    """
    return sign * price if price else -FAR


def after_quote(queue: int | None, rank: int, touch_rank: int, touch_size: int) -> int | None:
    """Return the queue ahead at `rank` when its own side shows this touch.

    At the touch it is at most the displayed size; ahead of the touch nothing is displayed at the
    price, so nobody is ahead; behind it nothing new is known. `queue` None asks for an arrival.
    """
    if rank < touch_rank:
        return queue
    shown = touch_size if rank == touch_rank else 0
    return shown if queue is None else min(queue, shown)


def after_print(queue: int, size: int) -> int:
    """Return the queue ahead after a print of `size` at the price, whoever started it."""
    return max(0, queue - size)
