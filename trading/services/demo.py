"""The demo: a user with one funded paper account in each market that was active, and the keys in two files.

`demo.json` tells of the default market's account; `demo-keys.json`, beside it, keeps the key of each
account, so that going back to a market finds the key that a bot was configured with.
"""

from __future__ import annotations

import json
import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from accounts.models import ApiKey, Tier, User
from accounts.models.api_key import Scope, digest, new_secret
from accounts.services.audit import Entry, record_all
from trading.doorbells import ring_credentials
from trading.models import TradingAccount
from trading.services.accounts import open_account
from trading.services.audited import user_created
from trading.services.markets import symbols_of

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from matching.models import Market

EMAIL = "demo@raxx.example"
CASH = Decimal(100_000)
FAVOURITE = "AAPL"  # traded by the snippet, where the market has it
KEY_NAME = "demo"
KEYS_FILE = "demo-keys.json"
_ENDED = (TradingAccount.Status.CLOSING, TradingAccount.Status.CLOSED)

Keys = dict[str, dict[str, str]]  # account id -> key_id and secret


def ensure_demo(*, market: Market, file: Path, base_url: str, now: datetime) -> dict[str, Any]:
    """Have a demo account in `market`, and a living key to it in `file` (mode 0600); return the file's content.

    What is there and still works is kept, so that a bot's configuration outlives a restart and a
    visit to another market. A demo key whose secret is known no more is revoked when a new one is made.
    """
    user = _demo_user() or _new_user()
    account = _open_account_in(market, user)
    if account is None:
        account = open_account(owner=user, market=market, cash=CASH, now=now, name="Demo")
    keys_file = file.with_name(KEYS_FILE)
    keys = _known(keys_file, file)
    account_id = str(account.pk)
    if not _opens(keys.get(account_id), user, account):
        keys[account_id] = _new_key(user, account, keys)
    _write(keys_file, keys)  # first: a secret that is only in the other file would be lost with it
    content = {
        "email": user.email,
        "account_id": account_id,
        **keys[account_id],
        "base_url": base_url,
        "symbol": _traded_in(market),
    }
    _write(file, content)
    return content


def plan_demo(*, market: Market, file: Path, base_url: str) -> dict[str, Any]:
    """Return what `ensure_demo` would find, and what of user, account and key it would make; change nothing."""
    user = _demo_user()
    account = None if user is None else _open_account_in(market, user)
    known = {} if account is None else _known(file.with_name(KEYS_FILE), file)
    key = None if account is None else known.get(str(account.pk))
    there = {
        "user": user is not None,
        "account": account is not None,
        "key": user is not None and account is not None and _opens(key, user, account),
    }
    return {
        "email": EMAIL,
        "account_id": None if account is None else str(account.pk),
        "makes": [what for what, is_there in there.items() if not is_there],
        "base_url": base_url,
        "symbol": _traded_in(market),
    }


def _demo_user() -> User | None:
    return User.objects.filter(email=EMAIL).first()


def _open_account_in(market: Market, user: User) -> TradingAccount | None:
    mine = TradingAccount.objects.owned_by(user).exclude(status__in=_ENDED)
    return mine.filter(market=market).order_by("created_at").first()


def _traded_in(market: Market) -> str:
    symbols = symbols_of(market)
    return FAVOURITE if FAVOURITE in symbols else symbols[0]


@transaction.atomic(durable=True)
def _new_user() -> User:
    user = User.objects.create_user(EMAIL, tier=Tier.PRO_PLUS)
    record_all([user_created(user.pk, email=user.email, tier=user.tier)])
    return user


def _known(keys_file: Path, file: Path) -> Keys:
    """Return every key that the two files tell; what cannot be read is not known."""
    told = {**_read(keys_file)}
    current = _read(file)
    told.setdefault(str(current.get("account_id")), current)
    return {
        account_id: {"key_id": str(key["key_id"]), "secret": str(key["secret"])}
        for account_id, key in told.items()
        if isinstance(key, dict) and key.keys() >= {"key_id", "secret"}
    }


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _opens(key: dict[str, str] | None, user: User, account: TradingAccount) -> bool:
    """Say whether this key still opens the account."""
    if key is None:
        return False
    mine = ApiKey.objects.owned_by(user, account.pk)
    row = mine.filter(pk=key["key_id"], revoked_at=None, expires_at=None).first()
    return row is not None and row.matches(key["secret"])


def _new_key(user: User, account: TradingAccount, known: Keys) -> dict[str, str]:
    """Make a key for the account, and revoke the demo's keys that nobody can know any more."""
    secret = new_secret()
    others = [key["key_id"] for account_id, key in known.items() if account_id != str(account.pk)]
    with transaction.atomic(durable=True):
        now = timezone.now()
        lost = ApiKey.objects.owned_by(user).filter(name=KEY_NAME, revoked_at=None).exclude(pk__in=others)
        told = [_key_entry(each, "revoked", revoked_at=now) for each in lost]
        lost.update(revoked_at=now)
        # The demo's key may also operate the tape: whoever starts `up` operates the installation.
        key = ApiKey.objects.create(
            user=user,
            account_id=account.pk,
            secret_hash=digest(secret),
            name=KEY_NAME,
            scopes=list(Scope.values),
        )
        record_all([*told, _key_entry(key, "created", scopes=key.scopes)])
    ring_credentials()
    return {"key_id": key.pk, "secret": secret}


def _key_entry(key: ApiKey, what: str, **after: Any) -> Entry:
    return Entry(
        action=f"api_key.{what}",
        user_id=key.user_id,
        account_id=key.account_id,
        after={"key_id": key.pk, **after},
    )


def _write(file: Path, content: dict[str, Any]) -> None:
    draft = file.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(descriptor, 0o600)  # the draft may be another run's, made otherwise
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=2)
        stream.write("\n")
    draft.replace(file)
