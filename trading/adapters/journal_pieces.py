"""A large batch as pieces that can be booked one after the other, while the one before is written.

All pieces are of one transaction, so nothing of what a batch promises changes. A piece holds whole
accounts, since everything that books know of each other is of one account, and the accounts are
in the order in which every writer locks them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

    from matching.engine.types import Decision, OrderId
    from matching.ports import Batch

PIECE = 1_500  # decisions; an ordinary commit of a matcher is smaller, and one piece


@dataclass(slots=True)
class Stored:
    """The rows with which the books of a batch begin: its orders, each beside its position, by account."""

    rows: dict[UUID, list[Any]] = field(default_factory=dict)
    account_of: dict[OrderId, UUID] = field(default_factory=dict)

    def add(self, rows: Iterable[Any]) -> None:
        """Add rows of orders; one that is there already is left alone."""
        for row in rows:
            if row.id not in self.account_of:
                self.account_of[row.id] = row.account_id
                self.rows.setdefault(row.account_id, []).append(row)

    def of(self, accounts: Iterable[UUID]) -> Stored:
        """Return what is stored of these accounts."""
        return Stored(rows={account: self.rows[account] for account in accounts}, account_of=self.account_of)


def pieces_of(batch: Batch, stored: Stored) -> Iterator[tuple[Batch, Stored]]:
    """Cut a batch whose orders are all stored into pieces of whole accounts, PIECE decisions each or a little more.

    The last one, when all accounts are locked, brings what belongs to none: queues and watermarks.
    """
    decisions: dict[UUID, list[Decision]] = {}
    stamps: dict[UUID, dict[OrderId, int]] = {}
    for decision in batch.decisions:
        decisions.setdefault(stored.account_of[decision.order_id], []).append(decision)
    for order_id, seq in batch.stamps.items():
        stamps.setdefault(stored.account_of[order_id], {})[order_id] = seq
    accounts = sorted(decisions.keys() | stamps.keys(), key=_by_value)
    begin, count = 0, 0
    for end, account in enumerate(accounts, start=1):
        count += len(decisions.get(account, ()))
        is_last = end == len(accounts)
        if count < PIECE and not is_last:
            continue
        members = accounts[begin:end]
        part = replace(
            batch,
            decisions=[decision for member in members for decision in decisions.get(member, ())],
            stamps={order: seq for member in members for order, seq in stamps.get(member, {}).items()},
            queues=batch.queues if is_last else {},
            watermarks=batch.watermarks if is_last else (),
        )
        yield part, stored.of(members)
        begin, count = end, 0


def _by_value(key: UUID) -> int:
    return key.int
