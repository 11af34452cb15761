"""Pages of an answer that is sorted by symbol and then by time. Spec of the wire: 2.5, 6.2.

A token says where the page before it ended, and where the whole answer ends: that end is fixed with
the first page, or an answer about a market that moves would never be over. A token opens nothing:
each page is measured anew by what its caller may see.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import msgspec
import numpy as np

from trading.marketdata.errors import ParameterInvalid
from trading.marketdata.work import Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from matching.market.history import Piece
    from trading.marketdata.bodies import Body

Rows = TypeVar("Rows")

PIECES_A_PAGE = 200  # that are looked at, whatever they hold; what they cost is bounded by `work`
LAST = (1 << 63) - 1  # a place in a sequence after any other


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """After which row a page begins: its symbol, instant and sequence; `until` ends the whole answer."""

    symbol: str
    at: int
    seq: int
    until: int

    def as_token(self) -> str:
        """Return it as text for a query string."""
        return base64.urlsafe_b64encode(msgspec.msgpack.encode(self)).decode()

    @classmethod
    def of_token(cls, token: str) -> Cursor | None:
        """Read what `as_token` wrote, None where there is nothing. Raises ParameterInvalid."""
        if not token:
            return None
        try:
            cursor = _decoder.decode(base64.b64decode(token, altchars=b"-_", validate=True))
        except (binascii.Error, ValueError, msgspec.DecodeError):
            raise ParameterInvalid("page_token is none of ours") from None
        return cursor


_decoder = msgspec.msgpack.Decoder(Cursor)


class Series(Protocol, Generic[Rows]):
    """One kind of rows of any symbol, between bounds that it knows itself."""

    @property
    def newest_first(self) -> bool:
        """Whether rows come against the order of time."""
        ...

    def pieces(self, symbol: str, after: int | None) -> Iterator[Piece[Rows]]:
        """Yield rows, those of instant `after` and all that come later in the series' order.

        A piece whose bounds cross tells nothing yet, not even that there is nothing: it only has cost.
        """
        ...

    def places(self, rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the instants and sequences of rows."""
        ...

    def bodies(self, symbol: str, rows: Rows, which: NDArray[np.intp]) -> list[Body]:
        """Return some of the rows as the wire shows them, in this order."""
        ...


def page(
    series: Series[Rows], symbols: Sequence[str], *, limit: int, cursor: Cursor | None, until: int
) -> tuple[dict[str, list[Body]], str | None]:
    """Return at most `limit` rows by symbol, and the token of the next page, None after the last.

    A page may be short, and even empty, and yet have a next one: when enough was looked at or made.
    """
    with Work() as work:
        return _page(series, symbols, limit, cursor, until, work)


def _page(
    series: Series[Rows], symbols: Sequence[str], limit: int, cursor: Cursor | None, until: int, work: Work
) -> tuple[dict[str, list[Body]], str | None]:
    found: dict[str, list[Body]] = {}
    looked_at, room = 0, limit
    for symbol in symbols:
        if cursor is not None and symbol < cursor.symbol:
            continue
        begin = (cursor.at, cursor.seq) if cursor is not None and symbol == cursor.symbol else None
        done = Cursor(symbol, *(begin or ((LAST, -1) if series.newest_first else (-1, LAST))), until)
        for piece in series.pieces(symbol, None if begin is None else begin[0]):
            looked_at += 1
            work.add(piece.cost)
            at, seq = series.places(piece.rows)
            beyond = _beyond(at, seq, begin, newest_first=series.newest_first)
            if len(taken := beyond[:room]):
                found.setdefault(symbol, []).extend(series.bodies(symbol, piece.rows, taken))
                room -= len(taken)
                done = Cursor(symbol, int(at[taken[-1]]), int(seq[taken[-1]]), until)
            if len(taken) < len(beyond):
                return found, done.as_token()
            is_told = piece.first <= piece.last
            if is_told:
                place = (piece.first, -1) if series.newest_first else (piece.last, LAST)
                done = Cursor(symbol, *place, until)
            # A page that ends must have come further than the one before, or what it has made must be kept.
            if looked_at >= PIECES_A_PAGE or (work.is_used_up and (done != cursor or not is_told)):
                return found, done.as_token()
    return found, None


def _beyond(
    at: NDArray[np.int64], seq: NDArray[np.int64], place: tuple[int, int] | None, *, newest_first: bool
) -> NDArray[np.intp]:
    """Return which rows come after a place in the order that is asked for, in that order."""
    if place is None:
        which = np.arange(len(at))
    elif newest_first:
        which = np.flatnonzero((at < place[0]) | ((at == place[0]) & (seq < place[1])))
    else:
        which = np.flatnonzero((at > place[0]) | ((at == place[0]) & (seq > place[1])))
    return which[::-1] if newest_first else which
