"""What the way to a live broker keeps of people, and how it lets go of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection, transaction

from accounts.privacy.keepers import ROWS_AT_ONCE, Holding, Keeper

if TYPE_CHECKING:
    from uuid import UUID

HOLDINGS = (
    Holding(
        table="broker_handoff_brokerconnection",
        words="Your connections to a live broker, and the limits that you set.",
    ),
    Holding(
        table="broker_handoff_sealedtoken",
        words="That we keep a token of the broker's for you; the token itself is sealed.",
        left_out=frozenset({"ciphertext", "wrapped_key", "key_id"}),
    ),
    Holding(
        table="broker_handoff_liveintent",
        words="What you wanted done at the broker, and what became of it.",
        left_out=frozenset({"digest", "lease"}),
    ),
    Holding(table="broker_handoff_intentevent", words="The same, step by step."),
)

_ERASE = "select broker_handoff_erase_rows(%s, %s)"


def erase_some(user_id: UUID) -> bool:
    """Delete some of what is kept here of a person; say whether there is more."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_ERASE, [user_id, ROWS_AT_ONCE])
        deleted: int = cursor.fetchone()[0]
    return deleted > 0


KEEPER = Keeper(app="broker_handoff", holdings=HOLDINGS, erase_some=erase_some)
