"""`manage.py create_account`: open a funded paper account, for a new person or a known one."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.errors import Failure
from accounts.management.command import OperatorCommand, fields
from matching.market.errors import MarketError
from trading.management.market_option import add_market, chosen_market
from trading.models.configuration import MULTIPLIERS
from trading.services.accounts import PAPER_MULTIPLIER, create_account
from trading.services.markets import market_time
from trading.services.running_markets import require_running


class Command(OperatorCommand):
    help = "Open a paper account in a market; a person with a new address is made."
    when = (
        "For who shall trade and has no account yet. Each run opens another one; after a run that was stopped, "
        "list_accounts tells whether it had. The next step is a key: create_api_key."
    )
    examples = (
        "--email you@example.com",
        "--email you@example.com --cash 25000 --multiplier 1 --profile instant --dry-run",
        "--email you@example.com --market 2",
    )
    changes = True
    refusals = (Failure, MarketError)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="whose account")
        parser.add_argument("--name", default="", help="a note for its owner")
        parser.add_argument(
            "--cash", default="100000", metavar="DOLLARS", help="starting cash; 100000 unless told"
        )
        add_market(parser)
        parser.add_argument(
            "--profile",
            default="displayed",
            help="simulation profile: how orders fill; displayed unless told",
        )
        parser.add_argument(
            "--multiplier",
            type=int,
            default=PAPER_MULTIPLIER,
            choices=MULTIPLIERS,
            help=f"how many times its equity the account may hold, {PAPER_MULTIPLIER} unless told; 1 is a cash "
            "account, which cannot sell short",
        )

    def handle(
        self,
        *,
        email: str,
        name: str,
        cash: str,
        market: str | None,
        profile: str,
        multiplier: int,
        json: bool,
        dry_run: bool,
        **_: Any,
    ) -> None:
        try:
            dollars = Decimal(cash)
        except InvalidOperation:
            raise CommandError(f"starting cash {cash!r} is not a number") from None
        chosen = require_running(chosen_market(market))
        account = create_account(
            email=email,
            market=chosen,
            cash=dollars,
            now=market_time(chosen),
            name=name,
            profile=profile,
            multiplier=multiplier,
            is_trial=dry_run,
        )
        shown: dict[str, str | int] = {
            "email": account.email,
            "account_id": "" if dry_run else str(account.account_id),
            "account_number": "" if dry_run else account.account_number,
            "market": chosen.name,
            "profile": account.profile,
            "multiplier": account.multiplier,
            "cash": str(account.cash),
        }
        lines = fields({**shown, "market": chosen.title})
        self.tell(shown, lines, as_json=json, is_dry=dry_run)
