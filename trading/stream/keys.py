"""Every Valkey channel of the stream, in one place. All may be lost: the event log is the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

CREDENTIALS = "raxx:credentials"
"""Channel: rung, without content, after a key was revoked or a user deactivated."""

ACCOUNT_PREFIX = "raxx:a:"


def account_bell(account_id: UUID | str) -> str:
    """Channel: rung, without content, after events were appended to this account's log."""
    return f"{ACCOUNT_PREFIX}{account_id}"
