"""What a soak has found, and whether that is well."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.soak_load import Memory, Told

PAGE = Path(__file__).resolve().parent / "README.md"
BEGIN, END = "<!-- soak: written by bench/soak.py -->", "<!-- /soak -->"
WRITTEN_MINUTES = 20.0  # shorter ones are for trying it
P99_RATIO_MAX = 1.2
MEMORY_RATIO_MAX = 1.05
MEMORY_FREE_MIB = 2.0  # of a process so small that a page more or less is five per cent
REFUSED_SHARE_MAX = 0.1  # of answers: more says that the load is not what it should be


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time in which nothing was killed: latencies of what was due in it, in ms, and memory by kind, in MiB."""

    answers: int
    p50: float
    p99: float
    memory: Mapping[str, float]


def window(told: Sequence[Told], began: float, ended: float, samples: Mapping[str, list[float]]) -> Window:
    """Return what was measured between two instants of time.monotonic."""
    latencies = sorted(one.latency * 1_000 for one in told if began <= one.due < ended)
    return Window(
        answers=len(latencies),
        p50=_share(latencies, 0.5),
        p99=_share(latencies, 0.99),
        memory={kind: statistics.median(values) for kind, values in samples.items()},
    )


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One soak."""

    minutes: float
    users: int
    streams: int
    rate: float  # orders a second
    killed: Mapping[str, int]
    first: Window
    last: Window
    memory: Memory
    heard: int
    resumed: int
    undecided: int
    missing: int
    is_ledger_sound: bool
    is_audit_sound: bool

    @property
    def p99_ratio(self) -> float:
        return self.last.p99 / self.first.p99

    def faults(self) -> list[str]:
        """Return what is not as it should be."""
        refused = sum(self.memory.refused.values())
        found = [
            (not self.is_ledger_sound, "verify_ledger has found faults"),
            (not self.is_audit_sound, "verify_audit has found faults"),
            (self.missing > 0, f"{self.missing} accepted orders are not there, or twice"),
            (self.undecided > 0, f"{self.undecided} wishes are undecided"),
            (self.memory.lost > 0, f"{self.memory.lost} wishes were never answered"),
            (self.memory.skipped > 0, f"{self.memory.skipped} wishes were due and never made"),
            (self.heard == 0, "no stream has heard anything"),
            (min(self.first.answers, self.last.answers) == 0, "a window has no answers"),
            (
                refused > REFUSED_SHARE_MAX * (len(self.memory.accepted) + refused),
                f"{refused} orders were refused: {self.memory.refused.most_common(3)}",
            ),
            (
                not self.p99_ratio <= P99_RATIO_MAX,  # nan is no pass
                f"p99 is {self.p99_ratio:.2f} times that of the start",
            ),
        ]
        return [text for is_so, text in found if is_so] + [
            f"{kind} has grown from {before:.1f} to {after:.1f} MiB"
            for kind, before, after in self._memories()
            if after > max(before * MEMORY_RATIO_MAX, before + MEMORY_FREE_MIB)
        ] + [
            f"{kind} was not measured in both windows"
            for kind in self.killed
            if kind not in self.first.memory or kind not in self.last.memory
        ]  # fmt: skip

    def _memories(self) -> list[tuple[str, float, float]]:
        shared = [kind for kind in self.first.memory if kind in self.last.memory]
        return [(kind, self.first.memory[kind], self.last.memory[kind]) for kind in shared]

    def text(self) -> str:
        """Return the report as Markdown."""
        faults = self.faults()
        verdict = "All is well." if not faults else "Not well: " + "; ".join(faults) + "."
        p50_ratio = self.last.p50 / self.first.p50
        lines = [
            f"{datetime.now(UTC):%Y-%m-%d}, {self.minutes:g} minutes, {self.users} people, {self.streams} streams,",
            f"{self.rate:g} orders a second due. {verdict}",
            "",
            "| | first window | last window | ratio |",
            "| --- | ---: | ---: | ---: |",
            f"| answers | {self.first.answers} | {self.last.answers} | |",
            f"| acknowledgement p50, ms | {self.first.p50:.1f} | {self.last.p50:.1f} | {p50_ratio:.2f} |",
            f"| acknowledgement p99, ms | {self.first.p99:.1f} | {self.last.p99:.1f} | {self.p99_ratio:.2f} |",
            *(
                f"| {kind}, MiB | {before:.1f} | {after:.1f} | {after / before:.2f} |"
                for kind, before, after in self._memories()
            ),
            "",
            f"{len(self.memory.accepted)} orders were accepted, {sum(self.memory.refused.values())} refused; "
            f"{self.memory.repeated} times somebody had to ask again; {self.heard} updates were heard, and streams "
            f"came back {self.resumed} times. Killed: "
            + ", ".join(f"{kind} {count}" for kind, count in self.killed.items())
            + ".",
        ]
        return "\n".join(lines)


def keep(report: Report, page: Path = PAGE) -> None:
    """Write the report between its marks in bench/README.md."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{report.text()}\n{END}{after}", encoding="utf-8")
