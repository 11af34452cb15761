"""`manage.py create_account`: open a funded paper account, for a new person or a known one."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from matching.market import rows
from matching.market.errors import MarketError
from matching.models import Market
from trading.errors import TradingError
from trading.management.showing import show
from trading.models.configuration import MULTIPLIERS
from trading.services.accounts import PAPER_MULTIPLIER, create_account
from trading.services.markets import market_time


class Command(BaseCommand):
    help = "Open a paper account in the active market; a person with a new address is made."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="whose account")
        parser.add_argument("--name", default="", help="a note for its owner")
        parser.add_argument("--cash", default="100000", metavar="DOLLARS", help="starting cash")
        parser.add_argument("--profile", default="displayed", help="simulation profile: how orders fill")
        parser.add_argument(
            "--multiplier",
            type=int,
            default=PAPER_MULTIPLIER,
            choices=MULTIPLIERS,
            help="how many times its equity the account may hold: 1 is a cash account, which cannot sell short",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(
        self, *, email: str, name: str, cash: str, profile: str, multiplier: int, json: bool, **_: Any
    ) -> None:
        try:
            dollars = Decimal(cash)
        except InvalidOperation:
            raise CommandError(f"starting cash {cash!r} is not a number") from None
        try:
            market = Market.objects.get(pk=rows.active_market_id())
            account = create_account(
                email=email,
                market=market,
                cash=dollars,
                now=market_time(market),
                name=name,
                profile=profile,
                multiplier=multiplier,
            )
        except (TradingError, MarketError) as error:
            raise CommandError(str(error)) from None
        shown: dict[str, str | int] = {
            "email": account.email,
            "account_id": str(account.account_id),
            "account_number": account.account_number,
            "market": market.name,
            "profile": account.profile,
            "multiplier": account.multiplier,
            "cash": str(account.cash),
        }
        show(self, shown, as_json=json)
