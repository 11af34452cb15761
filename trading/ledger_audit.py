"""Prove the ledger: recompute every figure from first principles and name each difference.

Runs as `raxx_owner`, who sees everybody's rows, in one read-only snapshot, set by set; the one
thing that is streamed row by row is the replay of the positions. Nothing is ever written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from trading.ledger_checks import CHECKS, UNENFORCED_TABLES, owner_check
from trading.ledger_replay import FILLS_IN_ORDER, ReplayedFill, breaches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from uuid import UUID

    from trading.ledger_check import Check

REPLAY_CHUNK = 10_000  # rows a trip

_OF = re.compile(r"\{of (\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One figure that is not what the ledger's laws make it; `account` is a number, or an id without an account."""

    account: str
    rule: str
    subject: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"account {self.account}: {self.rule}: {self.subject}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What was looked at, and what was wrong with it."""

    accounts: int
    differences: tuple[Difference, ...]

    @property
    def balances(self) -> bool:
        return not self.differences


def audit_ledger(
    account_id: UUID | None = None, *, progress: Callable[[str, int, int], None] | None = None
) -> Audit:
    """Check every law for one account, or for all, in one snapshot; but for accounts that are being erased.

    `progress` is called as (rule, step, steps) before each step. Raises RuntimeError inside a
    transaction: a snapshot can only be asked for where one begins.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
        cursor.execute(UNENFORCED_TABLES)
        checks = [*CHECKS, *(owner_check(table) for (table,) in cursor.fetchall())]
        steps = len(checks) + 1

        found: list[tuple[UUID, str, str, str, str]] = []
        for step, check in enumerate(checks, start=1):
            if progress:
                progress(check.rule, step, steps)
            found.extend(_breaches_of(cursor, check, account_id))
        if progress:
            progress("position_follows_from_its_fills", steps, steps)
        found.extend(
            (breach.account_id, breach.rule, breach.subject, breach.expected, breach.found)
            for breach in breaches(replayed_fills(account_id))
        )

        going = _going(cursor)
        found = [row for row in found if row[0] not in going]
        numbers = _numbers(cursor, {row[0] for row in found})
        cursor.execute(
            "select count(*) from trading_tradingaccount a where " + _narrowed("{of a}"),
            {"account": account_id},
        )
        (accounts,) = cursor.fetchone()
    differences = (
        Difference(
            account=numbers.get(owner, str(owner)), rule=rule, subject=subject, expected=expected, found=is_
        )
        for owner, rule, subject, expected, is_ in found
    )
    return Audit(
        accounts=accounts,
        differences=tuple(sorted(differences, key=lambda d: (d.account, d.rule, d.subject))),
    )


def _narrowed(query: str) -> str:
    """Return the query with each `{of x}` as the condition that keeps alias x to one account, or to none."""
    return _OF.sub(r"(%(account)s::uuid is null or \1.account_id = %(account)s::uuid)", query)


def _breaches_of(
    cursor: Any, check: Check, account_id: UUID | None
) -> Iterator[tuple[UUID, str, str, str, str]]:
    cursor.execute(_narrowed(check.breaches), {"account": account_id})
    for owner, subject, expected, found in cursor.fetchall():
        yield owner, check.rule, subject, _text(expected), _text(found)


def _text(figure: str | None) -> str:
    return "nothing that can be computed" if figure is None else figure


def replayed_fills(account_id: UUID | None) -> Iterator[ReplayedFill]:
    """Return the fills of one account, or of all, position by position in the order of their events."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(_narrowed(FILLS_IN_ORDER), {"account": account_id})
        while rows := cursor.fetchmany(REPLAY_CHUNK):
            for row in rows:
                columns: list[Any] = [int(value) if isinstance(value, Decimal) else value for value in row]
                yield ReplayedFill(*columns)


def _going(cursor: Any) -> set[UUID]:
    """Return the accounts that are being deleted with their owners, some of whose books are gone already."""
    cursor.execute(
        "select a.account_id from trading_tradingaccount a join accounts_erasure e on e.user_id = a.user_id"
        " where e.begun_at is not null"
    )
    return {account_id for (account_id,) in cursor.fetchall()}


def _numbers(cursor: Any, account_ids: Iterable[UUID]) -> dict[UUID, str]:
    cursor.execute(
        "select account_id, number from trading_tradingaccount where account_id = any(%s)",
        [list(account_ids)],
    )
    return dict(cursor.fetchall())
