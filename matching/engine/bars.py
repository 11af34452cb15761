"""The model `bars`, for tapes that show what was traded and not what was offered (B1).

A print of a bar is what a quote is to the other models, and no queue is known. All arguments and
results are quantities in 1e-9 share; `left` is what is left of the participation in the print.

Source: matching/decisions/0012-profiles.md.
"""

from __future__ import annotations


def from_offer(wanted: int, left: int) -> int:
    """Fill from a print at or better than the limit: at most its share of the volume."""
    return min(wanted, left)


def nothing(wanted: int, left: int) -> int:  # noqa: ARG001 - the book never asks
    """Fill nothing: a print serves these orders as an offer."""
    return 0
