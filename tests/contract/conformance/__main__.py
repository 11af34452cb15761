"""`python -m tests.contract.conformance`: exit status 1 if a case fails."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tests.contract.conformance import results, schedule
from tests.contract.conformance.broker import Broker
from tests.contract.conformance.registry import all_cases, chosen
from tests.contract.conformance.run import own_house, run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

RESULTS = Path(__file__).parents[1] / "RESULTS.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases that the arguments name, print the table, and keep it when it is whole."""
    parser = argparse.ArgumentParser(prog="python -m tests.contract.conformance", description=__doc__)
    parser.add_argument("--only", metavar="N,N", help="groups or cases, e.g. 2,6.04")
    parser.add_argument("--write-tape", type=Path, metavar="DIR", help="write the tape and do nothing else")
    parser.add_argument("--base-url", metavar="URL", help="an installation that plays that tape, paused")
    parser.add_argument(
        "--demo", type=Path, default=Path(".raxx/demo.json"), help="its demo.json (default: .raxx/demo.json)"
    )
    options = parser.parse_args(arguments)
    if options.write_tape is not None:
        schedule.write(options.write_tape, all_cases())
        print(f"--feed replay --tape {options.write_tape} --date {schedule.DATES} --paused")
        return 0
    try:
        cases = chosen(options.only)
    except ValueError as error:
        parser.error(str(error))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "raxx.settings")
    with _broker(options) as broker:
        told = run(broker, cases, lambda result: print(results.line(result), flush=True))
    print(results.summary(told))
    if options.only is None and options.base_url is None:
        RESULTS.write_text(results.document(told, sdk_name()), encoding="utf-8")
    return int(any(each.outcome == results.FAILED for each in told))


def _broker(options: argparse.Namespace) -> AbstractContextManager[Broker]:
    if options.base_url is None:
        return own_house()
    demo = json.loads(options.demo.read_text(encoding="utf-8"))
    return nullcontext(
        Broker(options.base_url.rstrip("/"), demo["key_id"], demo["secret"], demo["account_id"])
    )


def sdk_name() -> str:
    """Return the SDK with its version."""
    return f"alpaca-py {version('alpaca-py')}"


if __name__ == "__main__":
    sys.exit(main())
