"""All benchmarks, or those named: `python -m bench [name ...]`, one JSON line a figure.

Each suite runs in a process of its own, one after the other. The exit status tells of errors, never of
slowness; a suite without its data says so and counts as an error only when it was named.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench import budgets, entry, fills, latency, quotes, restart, restoring, starts, takeover, walls

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A module and the figures that it prints."""

    module: str
    names: tuple[str, ...]
    needs_tape: bool = False
    can_choose: bool = False  # whether it measures nothing but what `--only` names


SUITES = (
    Suite(module="bench.entry", names=entry.NAMES),
    Suite(module="bench.quotes", names=tuple(quotes.CASES), needs_tape=True, can_choose=True),
    Suite(module="bench.fills", names=fills.NAMES),
    Suite(module="bench.restart", names=restart.NAMES),
    Suite(module="bench.takeover", names=takeover.NAMES),
    Suite(module="bench.restoring", names=restoring.NAMES),
    Suite(module="bench.latency", names=latency.NAMES),
    Suite(module="bench.starts", names=starts.NAMES),
    Suite(module="bench.walls", names=walls.NAMES),
    Suite(module="bench.budgets", names=budgets.NAMES),
)


def run(suite: Suite, wanted: set[str]) -> int:
    """Run a suite, pass on the lines of the figures that are wanted, and return its exit status."""
    chosen = ["--only", *sorted(wanted)] if suite.can_choose else []
    command = [sys.executable, "-m", suite.module, *chosen]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if json.loads(line)["name"] in wanted:
                print(line, end="", flush=True)
    return child.returncode


def main() -> None:
    known = [name for suite in SUITES for name in suite.names]
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure, and print one JSON line a figure."
    )
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"figures: {', '.join(known)}; all without a name"
    )
    chosen: list[str] = parser.parse_args().names
    unknown = [name for name in chosen if name not in known]
    if unknown:
        parser.error(f"there is no figure {', '.join(unknown)}; there are {', '.join(known)}")
    failed = False
    for suite in SUITES:
        wanted = set(suite.names).intersection(chosen or known)
        if not wanted:
            continue
        if suite.needs_tape and not chosen and not quotes.has_tape():
            print(f"{suite.module} NOT RUN: no LEAN data; set RAXX_LEAN_DATA", file=sys.stderr)
            continue
        failed = run(suite, wanted) != 0 or failed
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
