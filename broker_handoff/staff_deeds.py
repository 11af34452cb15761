"""What the staff may have done on the way to live: one person disconnected, or everybody. Performed by a worker."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from accounts.binding import acting_for
from accounts.errors import RuleBroken
from broker_handoff import adapters
from broker_handoff.models import BrokerConnection
from broker_handoff.services.disconnecting import REASON_MAX, disconnect
from broker_handoff.services.mass_revoke import cut_everybody
from trading.services.deeds_before import done_before
from trading.services.staff_acts import Deed, Unfinished, performs


@performs("disconnect_live")
def _disconnect_live(deed: Deed) -> str:
    person = deed.subject.user
    with acting_for(person.pk):
        mine = BrokerConnection.objects.owned_by(person)
        connection_id = _ended_before(deed)
        if connection_id is None:
            connection = mine.filter(status__in=BrokerConnection.LIVING).first()
            if connection is None:
                raise RuleBroken("there is no live connection that is not over")
            connection_id = connection.pk
            disconnect(
                owner=person,
                connection_id=connection_id,
                reason=deed.reason[:REASON_MAX],
                now=timezone.now(),
            )
    return f"connection {connection_id} is over; a worker has the broker take its token back"


def _ended_before(deed: Deed) -> UUID | None:
    """Return the connection that this act has ended already, where a worker died before it could say so.

    A connection that the person has made since then stays.
    """
    ended = done_before(deed, "live.disconnected", chain=deed.subject.user_id)
    return UUID(ended[0]["before"]["connection"]) if ended else None


@performs("cut_everybody", is_global=True)
def _cut_everybody(deed: Deed) -> str:
    """Go on until the broker has answered for each: what is left waits for the next attempt of this act."""
    done = cut_everybody(
        reason=deed.reason[:REASON_MAX],
        consent=adapters.consent(),
        keys=adapters.key_service(),
        clock=timezone.now,
        is_again=deed.act.attempts > 1,
    )
    counts = done.counts
    words = (
        f"{counts['disconnected']} disconnected: {counts['done']} revoked at the broker, "
        f"{counts['refused']} failed there, {counts['not_asked']} not asked, {counts['waiting']} left"
    )
    if counts["waiting"]:
        raise Unfinished(words)
    return words
