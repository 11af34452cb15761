"""Tell people that their connection is over: the row says who has not been told, so that nobody is forgotten.

Whoever ended it mails at once; a worker mails those that were left, say by a command that was killed. A mail cannot be
taken back, and a mail server has no transactions: who is killed between its yes and our note of it mails twice.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from smtplib import SMTPException
from typing import TYPE_CHECKING

from accounts import mail
from broker_handoff.models import BrokerConnection

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=1)  # longer than one mail may take; then somebody else may try
GIVE_UP_AFTER = timedelta(days=1)  # since it was over: an address that no server takes


def untold(*, now: datetime) -> list[UUID]:
    """Return the connections whose person is to be told now, the oldest first."""
    due = BrokerConnection.objects.across_owners().filter(next_tell_at__lte=now)
    return list(due.order_by("next_tell_at", "pk").values_list("pk", flat=True))


def tell(*, connection_id: UUID, now: datetime) -> bool:
    """Mail one person that their connection is over; False where they know, somebody is at it, or no server takes it.

    Then it is tried again, after a minute at first, for a day.
    """
    everybodys = BrokerConnection.objects.across_owners()
    if not everybodys.filter(pk=connection_id, next_tell_at__lte=now).update(next_tell_at=now + LEASE):
        return False
    connection = everybodys.select_related("user").get(pk=connection_id)
    try:
        mail.tell(
            connection.user.email,
            subject="your live broker is disconnected",
            happened=[
                f"Raxx sends nothing to your account at the broker any more ({connection.disconnect_reason}).",
                "Orders that are open there stay open: look after them at the broker.",
            ],
        )
    except (OSError, SMTPException) as error:
        _postpone(connection, now, error)
        return False
    everybodys.filter(pk=connection_id).update(next_tell_at=None)
    return True


def _postpone(connection: BrokerConnection, now: datetime, error: Exception) -> None:
    """Wait as long again as it has waited so far, or give up."""
    waited = now - (connection.disconnected_at or now)
    again = None if waited >= GIVE_UP_AFTER else now + max(waited, LEASE)
    BrokerConnection.objects.across_owners().filter(pk=connection.pk).update(next_tell_at=again)
    say = logger.error if again is None else logger.warning
    say("the end of connection %s is not mailed%s: %s", connection.pk, "" if again else ", given up", error)
