"""Who a data socket speaks for, what their tier is, and whether the key still lives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accounts.models.api_key import Scope
from trading.stream import database
from trading.stream.principals import MANY, proved

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg.rows import DictRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """One API key, the market that its account trades in, and its user's tier."""

    key_id: str
    market_id: int
    tier: str
    may_read: bool


async def authenticate(pool: database.Pool, key_id: str, secret: str, address: str) -> Principal | None:
    """Return whom a key pair speaks for when it is used from `address`, None where it opens nothing.

    Raises database.UNREACHABLE when the database cannot be asked.
    """
    row = await proved(pool, key_id, secret, address)
    return None if row is None else _of(row)


async def living(pool: database.Pool, key_ids: Iterable[str]) -> dict[str, Principal]:
    """Return the principals of those keys that still live. Raises database.UNREACHABLE."""
    rows = await database.fetch(pool, MANY, [sorted(key_ids)])
    return {row["key_id"]: _of(row) for row in rows}


def _of(row: DictRow) -> Principal:
    may_read = bool({Scope.DATA.value, Scope.READ.value} & set(row["scopes"]))
    return Principal(key_id=row["key_id"], market_id=row["market_id"], tier=row["tier"], may_read=may_read)
