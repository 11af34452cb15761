"""Who a data socket speaks for, what their tier is, and whether the key or the session still lives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accounts.models.api_key import Scope
from trading.stream.principals import living_keys, living_sessions, proved, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from psycopg.rows import DictRow

    from trading.stream import database
    from trading.stream.pages import Page

SOCKETS_A_SESSION = 10  # at one path: a person has several tabs, a bot has one client


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An API key or a session, the market that its account trades in, and its user's tier."""

    market_id: int
    tier: str
    may_read: bool
    key_id: str | None = None  # of the credentials these two: one is there
    session_id: UUID | None = None

    @property
    def credential(self) -> str:
        """A name for what it logged in by."""
        return f"session {self.session_id}" if self.key_id is None else self.key_id

    @property
    def sockets_max(self) -> int:
        """How many sockets at one path its credential may have at once."""
        return SOCKETS_A_SESSION if self.key_id is None else 1


async def authenticate(pool: database.Pool, key_id: str, secret: str, address: str) -> Principal | None:
    """Return whom a key pair speaks for when it is used from `address`, None where it opens nothing.

    Raises database.UNREACHABLE when the database cannot be asked.
    """
    row = await proved(pool, key_id, secret, address)
    return None if row is None else _of(row)


async def authenticate_page(pool: database.Pool, page: Page) -> Principal | None:
    """Return whom the session of a page speaks for, None for one that lives no more or may only enrol.

    Raises NotFound for an account that is not theirs; database.UNREACHABLE.
    """
    row = await signed_in(pool, page)
    if row is None:
        return None
    return Principal(
        session_id=row["session_id"], market_id=row["market_id"], tier=row["tier"], may_read=True
    )


async def living(pool: database.Pool, held: Iterable[Principal]) -> dict[Principal, Principal]:
    """Return those that still live, each with what it is now. Raises database.UNREACHABLE."""
    known = set(held)
    keys = await living_keys(pool, (principal.key_id for principal in known))
    sessions = await living_sessions(pool, (principal.session_id for principal in known))
    now: dict[Principal, Principal] = {}
    for one in known:
        if one.key_id in keys:
            now[one] = _of(keys[one.key_id])
        elif one.session_id in sessions:
            now[one] = replace(one, tier=sessions[one.session_id]["tier"])
    return now


def _of(row: DictRow) -> Principal:
    may_read = bool({Scope.DATA.value, Scope.READ.value} & set(row["scopes"]))
    return Principal(key_id=row["key_id"], market_id=row["market_id"], tier=row["tier"], may_read=may_read)
