"""What a batch of the matcher's decisions means in the books: pure arithmetic, no database.

Every figure is an integer in the engine's units (price 1/10,000 dollar, quantity 1e-9 share,
money 1e-13 dollar), so nothing is rounded but a closing trade's share of its position's cost.

The matcher is the only writer of what is computed here, so the rows it read stay true until it
commits; what an owner may change meanwhile (a cancel, a further hold) enters as a difference.

`rows` is what is read, `entries` what is written, `trades` and `holds` the arithmetic, `books` the whole.
"""

from __future__ import annotations

from trading.bookkeeping.books import Books
from trading.bookkeeping.entries import Entries, OrderChange
from trading.bookkeeping.rows import BooksDisagree, OrderBook, PositionBook
from trading.bookkeeping.trades import share_of

__all__ = ["Books", "BooksDisagree", "Entries", "OrderBook", "OrderChange", "PositionBook", "share_of"]
