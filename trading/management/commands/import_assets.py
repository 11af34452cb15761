"""`manage.py import_assets`: take names, exchanges and permissions of assets from a list."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accounts.errors import Failure
from accounts.management.command import OperatorCommand
from matching.market.alpaca import Credentials
from matching.market.errors import MarketError
from trading.adapters.alpaca_assets import NAME, assets_at_alpaca
from trading.services.asset_import import FIELDS, facts_of, import_assets, read_list

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.management.base import CommandParser

    from trading.services.asset_import import Imported


class Command(OperatorCommand):
    help = (
        "Add the assets of a list, and let those that are known be as the list tells them; what it does not tell, and "
        f"what it does not name, stays. Besides symbol it may have {', '.join(FIELDS)}. All of it is done, or nothing."
    )
    when = (
        "Before a market of new symbols, or when a listing has changed. SOURCE is a CSV with a header, a JSON list as "
        "Alpaca's /v2/assets answers it, or a LEAN folder, which tells symbols and their exchanges. Repeating it changes "
        "nothing."
    )
    examples = ("assets.csv --dry-run", "assets.json --json", "~/lean/data", "--alpaca --dry-run")
    changes = True
    is_long = True
    refusals = (Failure, MarketError)

    def add_arguments(self, parser: CommandParser) -> None:
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument(
            "source", nargs="?", type=Path, metavar="SOURCE", help="a .csv or .json file, or a folder"
        )
        source.add_argument(
            "--alpaca",
            action="store_true",
            help="ask Alpaca for its list, with RAXX_ALPACA_KEY_ID and its secret",
        )

    def handle(self, *, source: Path | None, alpaca: bool, json: bool, dry_run: bool, **_: Any) -> None:
        with self.progress(as_json=json) as progress:
            if alpaca:
                progress.step("asking Alpaca")
                facts = facts_of(assets_at_alpaca(Credentials.of_environment(os.environ)), NAME)
            else:
                assert source is not None
                progress.step(f"reading {source}")
                facts = read_list(source.expanduser())
            progress.step(f"comparing {len(facts)} assets")
            done = import_assets(facts, is_trial=dry_run)
        shown = {
            "added": done.added,
            "changed": {
                each.symbol: {name: {"was": was, "is": is_} for name, (was, is_) in each.fields.items()}
                for each in done.changed
            },
            "same": done.same,
        }
        self.tell(shown, _lines(done, is_dry=dry_run), as_json=json, is_dry=dry_run)


def _lines(done: Imported, *, is_dry: bool) -> Iterator[str]:
    if is_dry:
        yield from (f"+ {symbol}" for symbol in done.added)
        for each in done.changed:
            told = ", ".join(f"{name} {was!r} -> {is_!r}" for name, (was, is_) in each.fields.items())
            yield f"~ {each.symbol}: {told}"
    would = "would be " if is_dry else ""
    yield f"{len(done.added)} {would}added, {len(done.changed)} {would}changed, {done.same} as they were"
