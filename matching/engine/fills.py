"""Fill models: how much of what is shown or printed an order gets.

A model is a handful of pure functions over integers in 1e-9 share; a new model is one module and
one line in `MODELS`. When and at what price an order trades is the book's business, the same for
all models.

Invariants: the quantity returned is between 0 and what is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matching.engine import bars, displayed, instant
from matching.engine.types import Model

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class FillModel:
    """The quantity filled, from what an order wants and what is left for its account.

    `from_offer` answers for a quote side at or better than the limit (L2, R2), `from_print_through`
    for a print beyond the limit (R2). `from_print_at` answers for a print at the limit and is also
    given the queue ahead (R3); None turns R3 off. A model that `takes_prints` is served by each
    print as the others are by a quote, and by nothing else (B1).
    """

    from_offer: Callable[[int, int], int]
    from_print_through: Callable[[int, int], int]
    from_print_at: Callable[[int, int, int], int] | None
    takes_prints: bool = False

    @property
    def has_queue(self) -> bool:
        return self.from_print_at is not None


MODELS: dict[Model, FillModel] = {
    Model.DISPLAYED: FillModel(
        from_offer=displayed.from_offer,
        from_print_through=displayed.from_print_through,
        from_print_at=displayed.from_print_at,
    ),
    Model.INSTANT: FillModel(
        from_offer=instant.from_offer,
        from_print_through=instant.from_print_through,
        from_print_at=None,
    ),
    Model.BARS: FillModel(
        from_offer=bars.from_offer,
        from_print_through=bars.nothing,
        from_print_at=None,
        takes_prints=True,
    ),
}
