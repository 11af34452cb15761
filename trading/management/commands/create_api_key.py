"""`manage.py create_api_key`: make a key for a bot, and show its secret this once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models.api_key import DEFAULT_SCOPES, Scope
from trading.errors import TradingError
from trading.management.showing import show
from trading.services.key_terms import KeyTerms, expiry
from trading.services.keys import NewKey, create_api_key


class Command(BaseCommand):
    help = "Make an API key for one account of a user. The secret is shown once and never stored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="whose key")
        parser.add_argument(
            "--account", metavar="N", help="the account's number or id; needed where there are several"
        )
        parser.add_argument(
            "--scopes", nargs="+", choices=Scope.values, default=DEFAULT_SCOPES, help="what the key may do"
        )
        parser.add_argument("--name", default="", help="a note for its owner")
        parser.add_argument(
            "--address",
            action="append",
            default=[],
            metavar="NETWORK",
            help="an IP address or network from which alone it may be used; repeat it for several",
        )
        parser.add_argument("--expires-in-days", type=int, metavar="DAYS", help="when it ends by itself")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(
        self,
        *,
        email: str,
        account: str | None,
        scopes: list[str],
        name: str,
        address: list[str],
        expires_in_days: int | None,
        json: bool,
        **_: Any,
    ) -> None:
        try:
            terms = KeyTerms(scopes=scopes, name=name, addresses=address, expires_at=expiry(expires_in_days))
            key = create_api_key(email=email, account=account, terms=terms)
        except TradingError as error:
            raise CommandError(str(error)) from None
        show_key(self, key, as_json=json)


def show_key(command: BaseCommand, made: NewKey, *, as_json: bool) -> None:
    """Print a key that was just made, with the secret that is shown this once."""
    key = made.key
    shown = {
        "email": made.email,
        "account_id": str(key.account_id),
        "account_number": made.account_number,
        "key_id": key.pk,
        "secret": made.secret,
        "token": made.token,
        "scopes": list(key.scopes),
        "addresses": list(key.addresses),
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
    }
    show(command, shown, as_json=as_json)
