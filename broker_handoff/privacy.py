"""What the way to a live broker keeps of people, and how it lets go of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection, transaction

from accounts.privacy.keepers import ROWS_AT_ONCE, Holding, Keeper

if TYPE_CHECKING:
    from uuid import UUID

HOLDINGS = (
    Holding(
        table="broker_handoff_gatenomination",
        words="By which of your accounts you wanted to be judged, and since when.",
    ),
    Holding(
        table="broker_handoff_gatemonth",
        words="What your accounts did in each month that was judged: the figures that were reckoned with.",
    ),
    Holding(
        table="broker_handoff_gateverdict",
        words="Each verdict on whether you may trade live, and what it was computed from.",
        left_out=frozenset({"inputs_digest"}),
    ),
    Holding(
        table="broker_handoff_gateoverride",
        words="When we let you trade live without the record that it asks for.",
        left_out=frozenset({"asked_by", "approved_by", "ended_by"}),
    ),
    Holding(
        table="broker_handoff_brokerconnection",
        words="Your connections to a live broker, and the limits that you set.",
    ),
    Holding(
        table="broker_handoff_connectattempt",
        words="That you went to the broker's page to connect, and were not back yet.",
        left_out=frozenset({"state_hash"}),
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
    Holding(
        table="broker_handoff_brokerdifference",
        words="Where your account at the broker was not as we knew it.",
    ),
    Holding(
        table="broker_handoff_positionbaseline",
        words="What you held at the broker when we first looked.",
    ),
    Holding(
        table="broker_handoff_shadowlink",
        words="That your account's orders were sent to the operator's own paper account too, to compare the fills.",
        left_out=frozenset({"lease", "leased_until", "shadow_account"}),
    ),
    Holding(table="broker_handoff_shadoworder", words="Which orders those were, and how they went there."),
    Holding(
        table="broker_handoff_switchclosing",
        words="When your way to the broker was closed, by you or by us, and opened again.",
        left_out=frozenset({"closed_by", "asked_by", "opened_by"}),
    ),
)

_ERASE = "select broker_handoff_erase_rows(%s, %s)"


def erase_some(user_id: UUID) -> bool:
    """Delete some of what is kept here of a person; say whether there is more."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_ERASE, [user_id, ROWS_AT_ONCE])
        deleted: int = cursor.fetchone()[0]
    return deleted > 0


KEEPER = Keeper(app="broker_handoff", holdings=HOLDINGS, erase_some=erase_some)
