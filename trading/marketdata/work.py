"""How much one page of history may cost, counted in ticks that had to be made, never in time.

A synthetic market's past is made of numbers, and a day of a symbol is 345,600 of them. A page ends when its
part is used up and names the next one, which goes on from what is kept. All pages that are being made in a
process share one part: each is answered after about the same while, however many ask at once, and what orders
need is not waited for by threads that make bars.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

TICKS_A_PAGE = 6_000_000  # up to a second of a core: 17 days that never close, 64 of New York's sessions

_pages: set[Work] = set()


class Work:
    """What one page has cost so far; from its first cost to its end it takes part in the sharing."""

    def __init__(self) -> None:
        self._cost = 0

    def add(self, cost: int) -> None:
        """Count ticks that were made for the page."""
        if cost:
            self._cost += cost
            _pages.add(self)

    @property
    def is_used_up(self) -> bool:
        """Whether the page has had its part, as many as there are pages now."""
        return self._cost > 0 and self._cost >= TICKS_A_PAGE // max(1, len(_pages))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _pages.discard(self)
