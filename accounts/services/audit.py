"""Append to the audit log, in the transaction of what is told: either both are there or neither.

Told is every change of money other than by fills, of permissions, credentials, sessions, tiers, grants
and settings, and every look of staff at an account. Who acted and in which request comes from
`accounts.tracing`. Orders and fills have their own log, the events, and leave nothing here.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
from django.db import connections

from accounts import tracing
from accounts.models.audit import SYSTEM_CHAIN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

SALT_BYTES = 32
ID_MAX = 64  # characters of an actor's id

_ROW = "(%s::uuid, %s::uuid, %s, %s, %s, %s, %s, %s::bytea)"
_APPEND = (
    "insert into accounts_auditentry"
    " (chain, subject, actor_kind, actor_id, request_id, action, body, details_digest) values "
)
_DETAIL_ROW = "(%s::bytea, %s::uuid, %s::uuid, %s::bytea, %s)"
_KEEP_DETAILS = "insert into accounts_auditdetail (digest, chain, subject, salt, details) values "


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What shall be told. `action` is `<thing>.<what happened>`, as in `api_key.created`.

    `user_id` is whom it is about, None for nobody; `account_id` is one of their accounts, whose chain it
    then is in. `before`, `after` and `reason` stay for as long as the chain and hold ids and facts;
    `details` holds what is personal (names, addresses, URLs), and can be erased.
    """

    action: str
    user_id: UUID | None
    account_id: UUID | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    reason: str = ""
    details: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.account_id is not None and self.user_id is None:
            raise ValueError("an entry about an account names its person as well")

    @property
    def chain(self) -> UUID:
        """The chain that it belongs to: the account's, else the person's, else the system's."""
        return self.account_id or self.user_id or SYSTEM_CHAIN

    @property
    def body(self) -> str:
        """What is hashed of the facts, as canonical JSON."""
        parts = {"before": self.before, "after": self.after, "reason": self.reason}
        return canonical({name: part for name, part in parts.items() if part not in (None, "")})


def canonical(value: Mapping[str, Any]) -> str:
    """Return JSON with sorted keys and no blanks; decimals and uuids are strings, instants RFC 3339.

    A decimal has no noughts at its end, however many its column has.
    Raises TypeError for what has no such form, and for a float: money is exact.
    """
    return msgspec.json.encode(_exact(value), order="sorted").decode()


def record(
    *,
    action: str,
    user_id: UUID | None,
    account_id: UUID | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
    using: str = "default",
) -> None:
    """Append one entry in the caller's transaction, by one statement; arguments as of `Entry`.

    Append late: from here to the commit, whoever else appends to the chain waits. For entries of several
    chains use `record_all`, or record in the order of the chains' ids: two transactions that take them
    in different orders wait for each other, and PostgreSQL ends one. (The system's chain comes before a
    person's, and that before the person's accounts, each of which was made later.)

    Raises django.db.ProgrammingError for a chain of somebody else's, as the bound user.
    """
    record_all(
        [
            Entry(
                action=action,
                user_id=user_id,
                account_id=account_id,
                before=before,
                after=after,
                reason=reason,
                details=details,
            )
        ],
        using=using,
    )


def record_all(entries: Iterable[Entry], *, using: str = "default") -> None:
    """Append entries of any chains by one statement: chains in the order of their ids, each as given."""
    in_order = sorted(entries, key=lambda entry: entry.chain)
    if not in_order:
        return
    trace = tracing.current()
    parameters: list[Any] = []
    kept: list[Any] = []
    for entry in in_order:
        digest = None
        if entry.details:
            salt, details = secrets.token_bytes(SALT_BYTES), canonical(entry.details)
            digest = sha256(salt + details.encode()).digest()
            kept += [digest, entry.chain, entry.user_id, salt, details]
        parameters += [
            entry.chain,
            entry.user_id,
            trace.actor_kind,
            trace.actor_id[:ID_MAX],
            trace.request_id,
            entry.action,
            entry.body,
            digest,
        ]
    statement = _APPEND + ", ".join([_ROW] * len(in_order))
    if kept:
        rows = ", ".join([_DETAIL_ROW] * (len(kept) // 5))
        statement = f"with details as ({_KEEP_DETAILS}{rows}) {statement}"
    with connections[using].cursor() as cursor:
        cursor.execute(statement, kept + parameters)


def _exact(value: Any) -> Any:
    if isinstance(value, float):
        raise TypeError(f"the audit log takes no float such as {value}: say it as a decimal or as text")
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, Mapping):
        return {str(name): _exact(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(each) for each in value]
    return value
