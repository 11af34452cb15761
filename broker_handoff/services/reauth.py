"""The broker no longer takes a token: the person must connect anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from accounts import mail
from accounts.models import User
from accounts.services.audit import record
from broker_handoff.models import BrokerConnection

if TYPE_CHECKING:
    from uuid import UUID

WORDS_MAX = 200  # characters of the broker's


@transaction.atomic
def mark_needs_reauth(*, connection_id: UUID, words: str) -> bool:
    """Note that the broker refused a connection's token; False where that was known, or the connection is over.

    The token stays until the person connects anew or disconnects: a broker's bad minute may pass, and nothing
    is sent meanwhile.
    """
    active = BrokerConnection.objects.across_owners().filter(
        pk=connection_id, status=BrokerConnection.Status.ACTIVE
    )
    connection = active.select_for_update(of=("self",)).first()
    if connection is None:
        return False
    connection.status = BrokerConnection.Status.NEEDS_REAUTH
    connection.save(update_fields=["status"])
    record(
        action="live.needs_reauth",
        user_id=connection.user_id,
        before={"connection": connection.pk, "status": BrokerConnection.Status.ACTIVE},
        after={"status": connection.status},
        reason=words[:WORDS_MAX],
    )
    mail.tell_after_commit(
        User.objects.get(pk=connection.user_id).email,
        subject="connect your broker anew",
        happened=["The broker no longer takes the consent that you gave Raxx, so no order goes there."],
        advice="Connect again on the page of your live account, if you still want to.",
    )
    return True
