"""The model `instant`: whoever can trade, trades whole; sizes and queues are ignored.

All arguments and results are quantities in 1e-9 share. R3 is off: a print at the limit fills nobody.

Source: how Alpaca describes its paper venue, without its random partial fills.
"""

from __future__ import annotations


def from_offer(wanted: int, left: int) -> int:  # noqa: ARG001 - the size is ignored by design
    """Fill from a quote side: everything, whatever size it shows."""
    return wanted


def from_print_through(wanted: int, left: int) -> int:  # noqa: ARG001 - as above
    """Fill from a print beyond the limit: everything, whatever was printed."""
    return wanted
