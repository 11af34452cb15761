"""`manage.py seed`: choose the market and have a demo account in it; running it again changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings

from accounts.errors import Failure
from accounts.management.command import OperatorCommand
from matching.market.errors import MarketError
from trading.management.market_option import add_description
from trading.services.demo import ensure_demo, plan_demo
from trading.services.markets import MarketNotChosen, activate_market, market_time

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(OperatorCommand):
    help = (
        "Make a market the default one, in place of the one before, list its symbols as assets, and have a demo "
        "user with a funded paper account in it. The key is written to demo.json in the data folder, which nobody else can read."
    )
    when = (
        "`up` runs it; by hand, to change the market of processes that are started one by one. "
        "`market open` puts another one beside it."
    )
    examples = (
        "",
        "--feed replay --tape ~/lean/data --date 2013-10-08 --symbols IBM --paused",
        "--dry-run",
    )
    changes = True
    refusals = (Failure, MarketError, MarketNotChosen)

    def add_arguments(self, parser: CommandParser) -> None:
        add_description(parser)
        parser.add_argument(
            "--base-url", help="where the API will answer; the first of RAXX_ORIGINS unless told"
        )

    def handle(
        self, *, base_url: str | None, json: bool, dry_run: bool, symbols: str | None, **options: Any
    ) -> None:
        names = symbols.split(",") if symbols else None
        chosen = {name: options[name] for name in ("feed", "tape", "date", "speed", "paused")}
        market = activate_market(symbols=names, is_trial=dry_run, **chosen)
        file, base_url = settings.DATA_FOLDER.demo_file, base_url or settings.ORIGINS[0]
        if dry_run:
            plan = plan_demo(market=market, file=file, base_url=base_url)
            makes = ", ".join(plan["makes"]) or "nothing"
            line = f"market {market.title!r} would be the default one; of the demo in {file} would be made: {makes}"
            self.tell({"market": market.title, **plan}, [line], as_json=json, is_dry=True)
            return
        settings.DATA_FOLDER.create()
        demo = ensure_demo(market=market, file=file, base_url=base_url, now=market_time(market))
        line = f"market {market.title!r}; demo account in {file}"
        self.tell(demo, [line], as_json=json)
