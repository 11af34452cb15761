"""The limits that a person sets for themselves: as narrow as they like, never wider than the installation's."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.db import transaction

from accounts.errors import NotFound, RuleBroken, ValueInvalid
from accounts.services.audit import record
from broker_handoff.models import BrokerConnection
from broker_handoff.services.guarding import ceilings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from accounts.querysets import Owner

NAMES = ("notional_max", "day_notional_max", "open_orders_max", "price_distance_max_bps")
NOT_CONNECTED = "no broker is connected"


def connection_of(owner: Owner) -> BrokerConnection:
    """Return a person's living connection. Raises NotFound."""
    found = BrokerConnection.objects.owned_by(owner).filter(status__in=BrokerConnection.LIVING).first()
    if found is None:
        raise NotFound(NOT_CONNECTED)
    return found


@transaction.atomic(durable=True)
def set_limits(*, owner: Owner, limits: Mapping[str, Decimal | int]) -> BrokerConnection:
    """Change some of a person's limits, from their next order on, and for those that still wait to be sent.

    Raises NotFound without a connection, ValueInvalid for nought or less, RuleBroken beyond the installation's.
    """
    most: dict[str, Any] = asdict(ceilings())
    for name, value in limits.items():
        if value <= 0:
            raise ValueInvalid(f"{name} must be > 0")
        if value > most[name]:
            raise RuleBroken(f"{name} {value} is more than the {most[name]} that this installation allows")
    connections = BrokerConnection.objects.owned_by(owner).filter(status__in=BrokerConnection.LIVING)
    connection = connections.select_for_update(no_key=True, of=("self",)).first()
    if connection is None:
        raise NotFound(NOT_CONNECTED)
    before = {name: getattr(connection, name) for name in limits}
    for name, value in limits.items():
        setattr(connection, name, value)
    connection.save(update_fields=list(limits))
    record(
        action="live.limits_set",
        user_id=connection.user_id,
        before={"connection": connection.pk, **before},
        after=dict(limits),
    )
    return connection
