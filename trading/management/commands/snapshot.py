"""`manage.py snapshot`: write down what every account was worth at a close."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from matching.market import rows
from matching.market.errors import MarketError
from matching.market.times import new_york_date, to_ns
from trading import reference
from trading.errors import TradingError
from trading.services.snapshots import take_snapshots

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from matching.market.calendar import Day

_LONGEST_CLOSED = timedelta(days=14)


class Command(BaseCommand):
    help = (
        "Write down what every account of the active market was worth at the close of a trading day. "
        "May be repeated: what is written stays. Accounts that hold something whose price at the close is "
        "not known are left out, and counted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--date",
            type=date.fromisoformat,
            metavar="YYYY-MM-DD",
            help="the trading day; default: the last one that has closed in market time",
        )

    def handle(self, **options: Any) -> None:
        try:
            market_id = rows.active_market_id()
            taken = take_snapshots(market_id=market_id, day=_day(market_id, options["date"]))
        except (TradingError, MarketError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{taken.date}: {taken.taken} snapshots taken, {taken.known} known before, "
            f"{taken.unpriced} left out for want of a price"
        )


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
