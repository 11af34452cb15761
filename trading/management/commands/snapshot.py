"""`manage.py snapshot`: write down what every account was worth at a close."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from accounts.errors import Failure
from accounts.management.command import OperatorCommand
from matching.market.errors import MarketError
from matching.market.times import new_york_date, to_ns
from trading import reference
from trading.management.market_option import add_market, chosen_market
from trading.services.snapshots import take_snapshots

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from matching.market.calendar import Day

_LONGEST_CLOSED = timedelta(days=14)


class Command(OperatorCommand):
    help = (
        "Write down what every account of a market was worth at the close of a trading day. "
        "May be repeated: what is written stays. Accounts that hold something whose price at the close is "
        "not known are left out, and counted."
    )
    when = "Where no worker runs, or to make up for a day that it missed. It may be stopped at any instant and run again."
    examples = (
        "",
        "--date 2013-10-08 --dry-run",
    )
    changes = True
    is_long = True
    refusals = (Failure, MarketError)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--date",
            type=date.fromisoformat,
            metavar="YYYY-MM-DD",
            help="the trading day; default: the last one that has closed in market time",
        )
        add_market(parser)

    def handle(self, *, market: str | None, json: bool, dry_run: bool, **options: Any) -> None:
        market_id = chosen_market(market).pk
        day = _day(market_id, options["date"])
        with self.progress(as_json=json) as progress:
            taken = take_snapshots(
                market_id=market_id,
                day=day,
                is_dry=dry_run,
                progress=lambda done, of: progress(done, of, "accounts"),
            )
        line = (
            f"{taken.date}: {taken.taken} snapshots {'would be ' if dry_run else ''}taken, {taken.known} known before, "
            f"{taken.unpriced} left out for want of a price"
        )
        self.tell(asdict(taken), [line], as_json=json, is_dry=dry_run)


def _day(market_id: int, on: date | None) -> Day:
    calendar = reference.calendar_of(market_id)
    if on is not None:
        day = calendar.day(on)
        if day is None:
            message = f"{on} is not a trading day"
            raise CommandError(message)
        return day
    now = to_ns(reference.market_now(market_id))
    today = new_york_date(now)
    over = [day for day in calendar.days(today - _LONGEST_CLOSED, today) if day.close <= now]
    if not over:
        message = "no trading day has closed yet in this market"
        raise CommandError(message)
    return over[-1]
