"""The model `displayed`: nobody gets more than the tape showed or printed.

All arguments and results are quantities in 1e-9 share. `left` is what the order's account has not
yet taken of the offer or print.

Source: matching/decisions/0001-offers.md, 0004-queue.md.
"""

from __future__ import annotations


def from_offer(wanted: int, left: int) -> int:
    """Fill from a quote side: at most what is left of its displayed size (L2, R2)."""
    return min(wanted, left)


def from_print_through(wanted: int, left: int) -> int:
    """Fill from a print beyond the limit: at most what is left of the printed size (R2)."""
    return min(wanted, left)


def from_print_at(wanted: int, left: int, queue_ahead: int) -> int:
    """Fill from a print at the limit: what is left after the queue ahead has been served (R3)."""
    return min(wanted, max(0, left - queue_ahead))
