"""What a run did, as a table for people."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def table(seed: int, faults: Mapping[str, int], figures: Mapping[str, int], seconds: float) -> str:
    """Return the counts of a run in Markdown."""
    rows = [("Fault", "times"), ("---", "---:"), *sorted(faults.items()), ("all", sum(faults.values()))]
    more = [("Meanwhile", "count"), ("---", "---:"), *figures.items()]
    lines = [f"Seed {seed}, {seconds:.0f} s, {datetime.now(UTC):%Y-%m-%d}.", ""]
    lines += [f"| {name} | {count} |" for name, count in rows]
    lines += ["", *(f"| {name} | {count} |" for name, count in more)]
    return "\n".join(lines)


def keep(text: str) -> None:
    """Write the table of a run that went well to the file that RAXX_FAULT_RESULTS names."""
    if path := os.environ.get("RAXX_FAULT_RESULTS"):
        Path(path).write_text(f"{HEAD}\n{text}\n", encoding="utf-8")


HEAD = """# The last long run of `make faults`

Written by `tests/faults/test_under_load.py`; the same seed deals the same faults (`RAXX_FAULT_SEED`), though
not at the same instants. After it: every acknowledged order was stored once, every acknowledged cancel had
ended its order, no order was overfilled or filled twice, no fill was worse than its limit, the events of each
account counted from 1 without a gap, the listeners had heard exactly the log, the inbox was empty, and
`verify_ledger` found nothing.
"""
