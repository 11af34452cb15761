"""Everybody's connections, cut at once: by a command, or by the admin's action.

First all are over here, each in a transaction of its own; only then is the broker asked for one after the
other: a slow broker keeps nobody connected. Killed anywhere, the next run with the same reason goes on. People are
mailed last, since a mail server may be slow too, or by a worker: each once, whether or not the run is there to see it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connections

from accounts.models import User
from broker_handoff.models import BrokerConnection
from broker_handoff.services.disconnecting import Revoked, disconnect, revoke_one
from broker_handoff.services.telling import tell, untold

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from broker_handoff.ports import Consent
    from broker_handoff.vault import KeyService


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """What came of it so far, over all runs with its reason: `disconnected`, and of these by what the broker did."""

    counts: dict[str, int]

    @property
    def is_whole(self) -> bool:
        """Whether the broker has taken every token back."""
        return self.counts["done"] == self.counts["disconnected"]


def living_connections() -> list[tuple[UUID, UUID]]:
    """Return everybody's connections that are not over, as (connection, user)."""
    living = BrokerConnection.objects.across_owners().filter(status__in=BrokerConnection.LIVING)
    return list(living.order_by("pk").values_list("pk", "user_id"))


def living_count(*, using: str) -> int:
    """Return how many a cut would end, for who oversees and sees none of them; 0 for anybody else."""
    with connections[using].cursor() as cursor:
        cursor.execute("select broker_handoff_living_connections()")
        return cursor.fetchone()[0] or 0


def _say_nothing(_done: int, _of: int, _what: str) -> None:
    """Show nobody how far it has come."""


def disconnect_everybody(
    *, reason: str, now: datetime, progress: Callable[[int, int, str], None] = _say_nothing
) -> list[BrokerConnection]:
    """End every connection, and leave the broker's part, and the mails, to the workers; return what was ended.

    What somebody has connected meanwhile is found as well: it is looked again until there is none.
    """
    ended: list[BrokerConnection] = []
    while living := living_connections():
        known = len(ended) + len(living)
        for connection_id, user_id in living:
            progress(len(ended) + 1, known, "disconnected here")
            ended.append(
                disconnect(
                    owner=User(pk=user_id),
                    connection_id=connection_id,
                    reason=reason,
                    now=now,
                    is_told_at_once=False,
                )
            )
    return ended


def cut_everybody(
    *,
    reason: str,
    consent: Consent,
    keys: KeyService,
    clock: Callable[[], datetime],
    is_again: bool = False,
    progress: Callable[[int, int, str], None] = _say_nothing,
) -> Revocation:
    """Disconnect everybody, ask the broker once for each that waits, and say what came of it.

    `is_again` asks also where the time of the next attempt has not come. `progress` is told how many of how many.
    """
    disconnect_everybody(reason=reason, now=clock(), progress=progress)
    waiting = BrokerConnection.objects.across_owners().filter(revoked_at_broker=Revoked.WAITING)
    if is_again:
        waiting.update(next_revoke_at=clock())
    asked = list(waiting.order_by("pk").values_list("pk", flat=True))
    for number, connection_id in enumerate(asked, start=1):
        progress(number, len(asked), "asked for at the broker")
        revoke_one(connection_id=connection_id, consent=consent, keys=keys, now=clock())
    mailed = untold(now=clock())
    for number, connection_id in enumerate(mailed, start=1):
        progress(number, len(mailed), "mailed")
        tell(connection_id=connection_id, now=clock())
    return Revocation(counts=counts_of(reason))


def counts_of(reason: str) -> dict[str, int]:
    """Return how the connections stand that were ended for a reason."""
    rows = BrokerConnection.objects.across_owners().filter(disconnect_reason=reason)
    found = list(rows.values_list("revoked_at_broker", flat=True))
    return {"disconnected": len(found), **{word.value: found.count(word) for word in Revoked}}
