"""Who a socket speaks for, and whether it still may."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accounts import tracing
from accounts.addresses import is_allowed
from accounts.models.api_key import Scope, digest
from trading.stream import database

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from psycopg.rows import DictRow

KEY_ID = re.compile(r"[A-Za-z0-9]{1,32}")

ONE = "select %s::text as key_id, p.* from trading_principal(%s) p"
USED = "select trading_key_used(%s)"
MANY = (
    "select k.key_id, p.* from unnest(%s::text[]) k(key_id) cross join lateral trading_principal(k.key_id) p"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """One API key's user and account, and the market that the account trades in."""

    key_id: str
    user_id: UUID
    account_id: UUID
    market_id: int


async def authenticate(pool: database.Pool, key_id: str, secret: str, address: str) -> Principal | None:
    """Return whom a key pair speaks for when it is used from `address`.

    None for a wrong, revoked or expired one, one that may not be used from there, or may not read.
    Raises database.UNREACHABLE when the database cannot be asked.
    """
    row = await proved(pool, key_id, secret, address)
    return None if row is None else _reader(row)


async def proved(pool: database.Pool, key_id: str, secret: str, address: str) -> DictRow | None:
    """Return what the database knows of a key, None unless it lives, the secret is its, and it may be used here.

    Raises database.UNREACHABLE when the database cannot be asked.
    """
    if not KEY_ID.fullmatch(key_id) or not secret.isascii():
        return None
    rows = await database.fetch(pool, ONE, [key_id, key_id])
    # The hash is computed and compared for an unknown key too, so that both answers take as long.
    kept = bytes(rows[0]["secret_hash"]) if rows else bytes(32)
    if not hmac.compare_digest(kept, digest(secret)) or not rows:
        return None
    if not is_allowed(address, rows[0]["addresses"]):
        return None
    row = rows[0]
    tracing.told(user_id=row["user_id"], account_id=row["account_id"], actor_kind="key", actor_id=key_id)
    if row["is_use_old"]:
        await database.fetch(pool, USED, [key_id])
    return row


async def still_good(pool: database.Pool, key_ids: Iterable[str]) -> set[Principal]:
    """Return the principals of those keys that may still read. Raises database.UNREACHABLE."""
    rows = await database.fetch(pool, MANY, [sorted(key_ids)])
    return {principal for row in rows if (principal := _reader(row)) is not None}


def _reader(row: DictRow) -> Principal | None:
    if Scope.READ.value not in row["scopes"]:
        return None
    return Principal(
        key_id=row["key_id"], user_id=row["user_id"], account_id=row["account_id"], market_id=row["market_id"]
    )
