"""What came of the cases: a table to print and to keep. It has nothing that changes from run to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.contract.conformance.registry import GROUPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.contract.conformance.registry import Case

PASSED, FAILED, SKIPPED = "passed", "FAILED", "skipped"

_HEAD = """\
# Conformance

Written by `make conformance`: numbered cases by the unmodified SDK ({sdk}) against real processes,
on a tape that the run writes itself. `tests/contract/conformance/` has the cases.

{summary}
"""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one case; `words` say why when it did not pass."""

    case: Case
    outcome: str
    words: str = ""


def line(result: Result) -> str:
    """Return a result as one line for a terminal."""
    words = f"\n        {result.words}" if result.words else ""
    return f"{result.case.number:>5}  {result.outcome:7}  {result.case.title}{words}"


def summary(results: Sequence[Result]) -> str:
    """Return the counts in words."""
    counts = {
        outcome: sum(each.outcome == outcome for each in results) for outcome in (PASSED, FAILED, SKIPPED)
    }
    return f"{len(results)} cases: " + ", ".join(
        f"{count} {outcome}" for outcome, count in counts.items() if count
    )


def document(results: Sequence[Result], sdk: str) -> str:
    """Return the page of Markdown."""
    parts = [_HEAD.format(sdk=sdk, summary=summary(results) + ".")]
    for group, (_, name) in GROUPS.items():
        of_group = [each for each in results if each.case.group == group]
        if of_group:
            rows = [f"| {each.case.number} | {each.case.title} | {each.outcome} |" for each in of_group]
            parts.append(
                "\n".join(
                    [
                        f"## {group}. {name}",
                        "",
                        "| Case | What must hold | Result |",
                        "| --- | --- | --- |",
                        *rows,
                        "",
                    ]
                )
            )
    if failures := [each for each in results if each.outcome == FAILED]:
        parts.append(
            "\n".join(["## Failures", "", *(f"- {each.case.number}: {each.words}" for each in failures), ""])
        )
    return "\n".join(parts)
