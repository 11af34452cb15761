"""A person's connection as they see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from accounts.errors import NotFound
from accounts.models import AuditEntry
from broker_handoff.models import BrokerConnection, SealedToken

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.querysets import Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A connection, and what the vault has of it: `refused` is a token that it did not open."""

    row: BrokerConnection
    token: Literal["sealed", "refused", "shredded"]


def latest_connection(owner: Owner) -> Shown:
    """Return the owner's living connection, or the last one that is over. Raises NotFound for who never had one."""
    # The id tells the time; a living one is always later than one that is over.
    row = BrokerConnection.objects.owned_by(owner).order_by("-pk").first()
    if row is None:
        raise NotFound("you have connected no broker")
    if not SealedToken.objects.owned_by(owner).filter(connection_id=row.pk).exists():
        return Shown(row=row, token="shredded")  # noqa: S106 - a word
    return Shown(row=row, token="sealed" if row.token_refused_at is None else "refused")


def last_use(owner: Owner, since: datetime) -> datetime | None:
    """Return when a token of the owner's was last opened to ask the broker something, not before `since`."""
    uses = AuditEntry.objects.about(owner).filter(action="live.token_used", at__gte=since)
    at: datetime | None = uses.order_by("-at").values_list("at", flat=True).first()
    return at
