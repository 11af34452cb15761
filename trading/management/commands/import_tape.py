"""`manage.py import_tape`: bring recorded days into the folder of plain CSV that a replay reads."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from accounts.errors import Failure
from accounts.management.command import OperatorCommand
from accounts.places import require_writable
from matching.market import lean
from matching.market.errors import MarketError
from matching.market.importing import import_days, leftovers
from matching.market.sheets import lean_days, sheet_days

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.management.base import CommandParser

    from matching.market.importing import Outcome
    from matching.market.sheets import Day

KINDS = {".csv", ".parquet"}


class Command(OperatorCommand):
    help = (
        "Check recorded days and write them as plain CSV, a file for each symbol and day, as `up --feed replay --tape` "
        "reads them. SOURCE is a LEAN folder, or CSV or Parquet, a file or a folder of them, with the columns of a plain "
        'file (README, "Replay a recorded day") and a symbol\'s where the name does not tell it. What is out of order, '
        "negative or not a number is refused with its place; repeated lines and crossed quotes are counted and kept."
    )
    when = (
        "When data comes from elsewhere. Each day is put in its place whole: stopped at any instant it may be run again, "
        "and what is there already is left. Parquet needs requirements-parquet.txt."
    )
    examples = (
        "quotes.parquet --to tapes --dry-run",
        "exports/ --to tapes --sort",
        "~/lean/data --to tapes --symbols IBM,SPY --json",
    )
    exits = {1: "something was refused, or is there already and says otherwise: the rest is written"}
    changes = True
    is_long = True
    refusals = (Failure, MarketError)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", type=Path, metavar="SOURCE", help="a file or a folder")
        parser.add_argument(
            "--to", required=True, type=Path, metavar="DIR", help="folder of the tape; made if needed"
        )
        parser.add_argument("--symbols", metavar="A,B", help="only these; default: all that there are")
        parser.add_argument(
            "--symbol", metavar="S", help="whose a file is that has no such column, and another name"
        )
        parser.add_argument(
            "--sort", action="store_true", help="put lines into the order of their times first"
        )
        parser.add_argument("--replace", action="store_true", help="write over days that say otherwise")

    def handle(self, *, source: Path, to: Path, json: bool, dry_run: bool, **options: Any) -> None:
        source, to = source.expanduser(), to.expanduser()
        wanted = {name.strip().upper() for name in (options["symbols"] or "").split(",") if name.strip()}
        done: list[Outcome] = []
        try:
            if dry_run:
                require_writable(to)
            else:
                to.mkdir(parents=True, exist_ok=True)
                for left in leftovers(to):
                    rmtree(left, ignore_errors=True)
            days = _days(source, wanted, options["symbol"])
            with self.progress(as_json=json) as progress:
                for outcome in import_days(
                    days, to, is_sorted_first=options["sort"], may_replace=options["replace"], is_dry=dry_run
                ):
                    done.append(outcome)
                    progress(len(done), what=f"days, {outcome.symbol} {outcome.date}")
        except OSError as error:
            raise CommandError(f"{error.filename or to} cannot be written: {error.strerror}") from None
        if not done:
            whose = f" of {', '.join(sorted(wanted))}" if wanted else ""
            raise CommandError(f"{source} has no day{whose}")
        shown = {"folder": str(to), "days": [asdict(each) for each in done]}
        self.tell(shown, _lines(done, is_dry=dry_run), as_json=json, is_dry=dry_run)
        if not all(each.is_well for each in done):
            self.end_with(1)


def _days(source: Path, wanted: set[str], symbol: str | None) -> Iterator[Day]:
    if source.is_dir() and lean.is_lean(source):
        symbols = lean.symbols_in(source)
        yield from lean_days(source, [name for name in symbols if not wanted or name in wanted])
        return
    files = [source]
    if source.is_dir():
        files = sorted(path for path in source.rglob("*") if path.suffix.lower() in KINDS and path.is_file())
    for file in files:
        for day in sheet_days(file, symbol):
            if not wanted or day.symbol in wanted:
                yield day


def _lines(done: list[Outcome], *, is_dry: bool) -> Iterator[str]:
    for each in done:
        counted = [
            f"{count} {word}"
            for count, word in ((each.duplicates, "repeated"), (each.crossed, "crossed"))
            if count
        ]
        outcome = "would be written" if is_dry and each.outcome == "written" else each.outcome
        yield f"{each.symbol:8}{each.date}  {outcome}: {', '.join([f'{each.rows} lines', *counted])}"
        yield from (f"        {note}" for note in each.notes)
    wrong = sum(not each.is_well for each in done)
    yield f"{len(done)} days, {wrong} of them not as they should be" if wrong else f"{len(done)} days"
