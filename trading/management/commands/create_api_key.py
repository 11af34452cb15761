"""`manage.py create_api_key`: make a key for a bot, and show its secret this once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.management.command import OperatorCommand
from accounts.models.api_key import DEFAULT_SCOPES, Scope
from trading.services.key_terms import KeyTerms, expiry
from trading.services.keys import NewKey, create_api_key

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(OperatorCommand):
    help = "Make an API key for one account of a user. The secret is shown once and never stored."
    when = (
        "For a bot whose owner cannot make its key on the page /security. Each run makes another key. One that was "
        "stopped before it printed may have made a key whose secret nobody knows: list_api_keys shows it, and "
        "revoke_api_key ends it."
    )
    examples = (
        "--email you@example.com",
        "--email you@example.com --account PA3X9K2M7Q4T --scopes read data --expires-in-days 30",
    )
    changes = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="whose key")
        parser.add_argument(
            "--account", metavar="N", help="the account's number or id; needed where there are several"
        )
        parser.add_argument(
            "--scopes",
            nargs="+",
            choices=Scope.values,
            default=DEFAULT_SCOPES,
            help=f"what the key may do; {' '.join(DEFAULT_SCOPES)} unless told",
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
        dry_run: bool,
        **_: Any,
    ) -> None:
        terms = KeyTerms(scopes=scopes, name=name, addresses=address, expires_at=expiry(expires_in_days))
        key = create_api_key(email=email, account=account, terms=terms, is_trial=dry_run)
        show_key(self, key, as_json=json, is_dry=dry_run)


def show_key(command: OperatorCommand, made: NewKey, *, as_json: bool, is_dry: bool) -> None:
    """Print a key that was just made, with the secret that is shown this once; of a trial only the terms."""
    key = made.key
    shown = {
        "email": made.email,
        "account_id": str(key.account_id),
        "account_number": made.account_number,
        "key_id": None if is_dry else key.pk,
        "secret": None if is_dry else made.secret,
        "token": None if is_dry else made.token,
        "scopes": list(key.scopes),
        "addresses": list(key.addresses),
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
    }
    command.tell(shown, as_json=as_json, is_dry=is_dry)
