"""What a law of the ledger looks like, and the words that its queries share."""

from __future__ import annotations

from dataclasses import dataclass

from trading.models.order import OPEN_STATUSES, TERMINAL_STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One law: `rule` is a stable name, `breaches` the query for what breaks it.

    A row of it is (account_id, subject, expected, found), all but the first as text. `{of x}` in
    the query becomes the condition that narrows alias `x` to one account.
    """

    rule: str
    breaches: str


def _words(statuses: tuple[str, ...]) -> str:
    return ", ".join(f"'{status}'" for status in statuses)


OPEN, TERMINAL = _words(OPEN_STATUSES), _words(TERMINAL_STATUSES)

# An order `o` that the matcher has not taken yet, although it is to replace another.
IS_WAITING_SUCCESSOR = "o.replaces is not null and o.stamp_seq is null"
