"""Who a socket speaks for, and whether it still may: an API key, or the session of a signed-in browser."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from accounts import tracing
from accounts.addresses import is_allowed
from accounts.models.api_key import Scope, digest
from accounts.sessions import hash_of
from trading.errors import NotFound
from trading.stream import database

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg.rows import DictRow

    from trading.stream.pages import Page

KEY_ID = re.compile(r"[A-Za-z0-9]{1,32}")

ONE = "select %s::text as key_id, p.* from trading_principal(%s) p"
USED = "select trading_key_used(%s)"
MANY = (
    "select k.key_id, p.* from unnest(%s::text[]) k(key_id) cross join lateral trading_principal(k.key_id) p"
)
SESSION = (
    "select id, user_id, tier from accounts_session_of_key(%s) where not is_enrol_only and not is_leaving"
)
ACCOUNT = (
    "select account_id, market_id from trading_tradingaccount where user_id = %s"
    " and case when %s::uuid is null then status <> 'ACCOUNT_CLOSED' else account_id = %s::uuid end"
    " order by created_at, account_id limit 1"
)
SESSIONS = "select * from trading_living_sessions(%s::uuid[])"
SEEN = "select trading_sessions_seen(%s::uuid[])"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A user and an account of theirs, and the market that it trades in."""

    user_id: UUID
    account_id: UUID
    market_id: int
    tier: str = field(compare=False)  # as it was at the log-in
    key_id: str | None = None  # of the credentials these two: one is there
    session_id: UUID | None = None

    @property
    def farewell(self) -> str:
        """What its client is told when the credential is good no more."""
        return "the key was revoked or has expired" if self.session_id is None else "the session has ended"


async def authenticate(pool: database.Pool, key_id: str, secret: str, address: str) -> Principal | None:
    """Return whom a key pair speaks for when it is used from `address`.

    None for a wrong, revoked or expired one, one that may not be used from there, or may not read.
    Raises database.UNREACHABLE when the database cannot be asked.
    """
    row = await proved(pool, key_id, secret, address)
    return None if row is None else _reader(row)


async def authenticate_page(pool: database.Pool, page: Page) -> Principal | None:
    """Return whom the session of a page speaks for, None for one that lives no more, may only enrol, or is of who asked to be erased.

    Raises NotFound for an account that is not theirs, as if there were none; database.UNREACHABLE.
    """
    row = await signed_in(pool, page)
    return None if row is None else Principal(**row)


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


async def signed_in(pool: database.Pool, page: Page) -> dict[str, Any] | None:
    """Return session_id, user_id, tier, account_id and market_id of a page whose session lives, else None.

    Raises NotFound for an account that is not theirs; database.UNREACHABLE.
    """
    sessions = await database.fetch(pool, SESSION, [hash_of(page.session_key)])
    if not sessions:
        return None
    session_id, user_id, tier = sessions[0]["id"], sessions[0]["user_id"], sessions[0]["tier"]
    try:
        named = UUID(page.account) if page.account else None
    except ValueError:
        raise _no_account(page) from None
    accounts = await database.fetch(pool, ACCOUNT, [user_id, named, named], bound_to=user_id)
    if not accounts:
        raise _no_account(page)
    tracing.told(
        user_id=user_id, account_id=accounts[0]["account_id"], actor_kind="user", actor_id=str(user_id)
    )
    return {"session_id": session_id, "user_id": user_id, "tier": tier, **accounts[0]}


async def still_good(pool: database.Pool, held: Iterable[Principal]) -> set[Principal]:
    """Return those that may still read, each with its person's tier as it is now. Raises database.UNREACHABLE."""
    known = set(held)
    keys = await living_keys(pool, (principal.key_id for principal in known))
    sessions = await living_sessions(pool, (principal.session_id for principal in known))
    good = {reader for row in keys.values() if (reader := _reader(row)) in known and reader is not None}
    for one in known:
        if one.session_id in sessions:
            good.add(replace(one, tier=sessions[one.session_id]["tier"]))
    return good


async def living_keys(pool: database.Pool, key_ids: Iterable[str | None]) -> dict[str, DictRow]:
    """Return what the database knows of those keys that still live. Raises database.UNREACHABLE."""
    asked = sorted({key_id for key_id in key_ids if key_id is not None})
    rows = await database.fetch(pool, MANY, [asked]) if asked else []
    return {row["key_id"]: row for row in rows}


async def living_sessions(pool: database.Pool, session_ids: Iterable[UUID | None]) -> dict[UUID, DictRow]:
    """Return what the database knows of those sessions that still live, and note now and then that they are here.

    Raises database.UNREACHABLE.
    """
    asked = sorted({session_id for session_id in session_ids if session_id is not None})
    rows = await database.fetch(pool, SESSIONS, [asked]) if asked else []
    if due := [row["session_id"] for row in rows if row["is_seen_old"]]:
        await database.fetch(pool, SEEN, [due])
    return {row["session_id"]: row for row in rows}


def _reader(row: DictRow) -> Principal | None:
    if Scope.READ.value not in row["scopes"]:
        return None
    names = ("key_id", "user_id", "account_id", "market_id", "tier")
    return Principal(**{name: row[name] for name in names})


def _no_account(page: Page) -> NotFound:
    return NotFound(f"account not found for {page.account}" if page.account else "there is no account yet")
