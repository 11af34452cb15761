"""The generations of an account: each reset ends one and begins the next, and what the ended ones did stays theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from trading.models import AccountReset, TradingAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One of them: instants of market time, and the events after `since_seq` up to `until_seq`.

    Of the present one `ended_at` and `until_seq` are None. One that is not kept has lost all its events to the
    end of the kept history.
    """

    number: int
    began_at: datetime
    ended_at: datetime | None
    since_seq: int
    until_seq: int | None
    is_kept: bool


def generations_of(account: TradingAccount, resets: Sequence[AccountReset]) -> list[Generation]:
    """Return the account's generations, oldest first; `resets` are its own, of which one may still wait."""
    begins = [
        (1, account.created_at, 0),
        *((each.generation, each.at, each.event_seq or 0) for each in resets if each.at is not None),
    ]
    ends: list[tuple[datetime, int] | None] = [(at, seq) for _, at, seq in begins[1:]]
    kept = account.history_seq
    return [
        Generation(
            number=number,
            began_at=at,
            ended_at=None if end is None else end[0],
            since_seq=max(seq, kept if end is None else min(kept, end[1])),
            until_seq=None if end is None else end[1],
            is_kept=end is None or kept < end[1],
        )
        for (number, at, seq), end in zip(begins, [*ends, None], strict=True)
    ]
