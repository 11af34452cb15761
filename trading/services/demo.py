"""The demo: a user with one funded paper account in the active market, and its key in a file."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from accounts.models import ApiKey, User
from accounts.models.api_key import Scope, digest, new_secret
from trading.models import TradingAccount
from trading.services.accounts import open_account
from trading.services.markets import symbols_of

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from matching.models import Market

EMAIL = "demo@raxx.example"
CASH = Decimal(100_000)
FAVOURITE = "AAPL"  # traded by the snippet, where the market has it


def ensure_demo(*, market: Market, file: Path, base_url: str, now: datetime) -> dict[str, Any]:
    """Have a demo account in `market`, and a living key to it in `file` (mode 0600); return the file's content.

    What is there and still works is kept, so that a bot's configuration outlives a restart.
    """
    user = User.objects.filter(email=EMAIL).first() or User.objects.create_user(EMAIL)
    account = TradingAccount.objects.owned_by(user).filter(market=market).order_by("created_at").first()
    if account is None:
        account = open_account(owner=user, market=market, cash=CASH, now=now, name="Demo")
    symbols = symbols_of(market)
    content = {
        "email": user.email,
        "account_id": str(account.pk),
        **(_kept(file, user, account) or _new_key(user, account)),
        "base_url": base_url,
        "symbol": FAVOURITE if FAVOURITE in symbols else symbols[0],
    }
    _write(file, content)
    return content


def _kept(file: Path, user: User, account: TradingAccount) -> dict[str, str] | None:
    """Return the key that the file names, if it still opens this account."""
    try:
        old = json.loads(file.read_text(encoding="utf-8"))
        key_id, secret = str(old["key_id"]), str(old["secret"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    key = (
        ApiKey.objects.owned_by(user, account.pk).filter(pk=key_id, revoked_at=None, expires_at=None).first()
    )
    return {"key_id": key_id, "secret": secret} if key is not None and key.matches(secret) else None


def _new_key(user: User, account: TradingAccount) -> dict[str, str]:
    secret = new_secret()
    # The demo's key may also operate the tape: whoever starts `up` operates the installation.
    key = ApiKey.objects.create(
        user=user, account_id=account.pk, secret_hash=digest(secret), name="demo", scopes=list(Scope.values)
    )
    return {"key_id": key.pk, "secret": secret}


def _write(file: Path, content: dict[str, Any]) -> None:
    draft = file.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=2)
        stream.write("\n")
    draft.replace(file)
