"""One measured figure, and its line."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What `make bench` prints of one thing. `ratios` are of the rounds, against what `against` names.

    Without anything to compare with, give `values` alone: the spread is then theirs.
    """

    name: str
    values: Sequence[float]
    unit: str
    against: str | None = None
    ratios: Sequence[float] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """Return the figure as one line of JSON: medians, and the least and the most of the rounds."""
        spread = self.ratios or self.values
        content: dict[str, Any] = {
            "name": self.name,
            "value": _rounded(statistics.median(self.values)),
            "unit": self.unit,
            "against": self.against,
            "ratio": _rounded(statistics.median(self.ratios)) if self.ratios else None,
            "runs": len(self.values),
            "spread": [_rounded(min(spread)), _rounded(max(spread))],
        }
        return json.dumps(content | ({"detail": dict(self.detail)} if self.detail else {}))

    def print(self) -> None:
        """Print the line at once: somebody may be watching a long run."""
        print(self.line(), flush=True)


def _rounded(value: float) -> float:
    """Return three significant digits and whole numbers above a thousand: more would be noise."""
    return float(f"{value:.3g}") if abs(value) < 1_000 else round(value)
