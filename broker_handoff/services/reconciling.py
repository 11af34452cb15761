"""Compare a broker's account with what we know of it. An order of ours that moved there is an update.

All else is a difference: it gets a row while it is there, an ERROR in the log when it is first seen, and
nothing is ever repaired by us. A difference counts when two looks, one after the other, show the same: what
moved between two questions of one look is none.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from broker_handoff.models import BrokerConnection, BrokerDifference, LiveIntent, PositionBaseline
from broker_handoff.ports import BrokerRefused, BrokerUnavailable, OutcomeUnknown, TokenRefused
from broker_handoff.services.guarding import effective_terms
from broker_handoff.services.outcomes import intent_of, tell
from broker_handoff.services.reauth import mark_needs_reauth
from broker_handoff.services.tokens import opened
from broker_handoff.states import FINAL, IntentStatus
from broker_handoff.vault import KeyServiceAway, VaultRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from accounts.querysets import Owner
    from broker_handoff.ports import Broker, BrokerBuilder, BrokerOrder
    from broker_handoff.vault import KeyService

logger = logging.getLogger(__name__)

SHOWN = 100
EVERY = timedelta(seconds=30)  # from one comparison of an account to the next
_NOUGHT = Decimal(0)
_D = BrokerDifference.Kind
Key = tuple[str, str]  # kind and subject


@dataclass
class Look:
    """What one look has found: differences by kind and subject, as ours and theirs."""

    found: dict[Key, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)
    judges_positions: bool = True

    def add(self, kind: str, subject: str, *, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
        self.found[kind, subject] = (ours, theirs)


def connections_to_compare() -> list[UUID]:
    """Return the connections whose token may still work."""
    active = BrokerConnection.objects.across_owners().filter(status=BrokerConnection.Status.ACTIVE)
    return list(active.order_by("pk").values_list("pk", flat=True))


@transaction.atomic(durable=True)
def due(most: int) -> list[UUID]:
    """Return connections whose turn has come, longest waiting first, and give each its next turn: two who ask share them.

    Who dies with them has skipped one comparison of theirs.
    """
    now = timezone.now()
    waiting = BrokerConnection.objects.across_owners().filter(
        status=BrokerConnection.Status.ACTIVE, next_compare_at__lte=now
    )
    taken = list(
        waiting.order_by("next_compare_at", "pk")
        .select_for_update(of=("self",), no_key=True, skip_locked=True)
        .values_list("pk", flat=True)[:most]
    )
    BrokerConnection.objects.across_owners().filter(pk__in=taken).update(next_compare_at=now + EVERY)
    return taken


def differences(connection: BrokerConnection) -> list[BrokerDifference]:
    """Return what differs now, oldest first."""
    living = BrokerDifference.objects.across_owners().filter(connection=connection, ended_at=None)
    return list(living.order_by("first_seen_at", "pk"))


def differences_of(owner: Owner) -> list[BrokerDifference]:
    """Return a person's newest, those that are there now first."""
    mine = BrokerDifference.objects.owned_by(owner)
    return list(mine.order_by(F("ended_at").desc(nulls_first=True), "-first_seen_at", "-pk")[:SHOWN])


def reconcile(connection_id: UUID, *, keys: KeyService, build: BrokerBuilder) -> int | None:
    """Look at one account, and return how many differences there are; None where the broker did not answer."""
    everybodys = BrokerConnection.objects.across_owners()
    connection = everybodys.filter(pk=connection_id, status=BrokerConnection.Status.ACTIVE).first()
    if connection is None:
        return None
    try:
        with opened(connection, keys, purpose="reconcile") as token:
            broker = build(token.reveal())
            look = _look(connection, broker)
            again = _look(connection, broker) if look.found else look
    except TokenRefused as error:
        mark_needs_reauth(connection_id=connection_id, words=error.words)
        return None
    except (BrokerRefused, BrokerUnavailable, OutcomeUnknown, KeyServiceAway, VaultRefused) as error:
        logger.warning("connection %s is not compared: %s", connection_id, error)
        return None
    both = {key: again.found[key] for key in again.found if look.found.get(key) == again.found[key]}
    return _write(connection, both, judges_positions=look.judges_positions and again.judges_positions)


def _look(connection: BrokerConnection, broker: Broker) -> Look:
    look = Look()
    orders = list(broker.open_orders())
    for order in orders:
        tell(order, connection_id=connection.pk)
    open_ids = {order.client_order_id for order in orders}
    for row in _working(connection):
        if str(row.pk) not in open_ids:
            _ask_for(row, broker, look)
    for order in orders:
        _compare_order(connection, order, look)
    before = _fills(connection)
    held = {position.symbol: position.quantity for position in broker.positions()}
    for order in broker.open_orders():
        tell(order, connection_id=connection.pk)
    for row in _working(connection):
        if str(row.pk) not in open_ids and (found := broker.order_of(row.pk)) is not None:
            tell(found, connection_id=connection.pk)
    look.judges_positions = before == _fills(connection) and not _sending(connection)
    if look.judges_positions:
        _compare_positions(connection, held, before, look)
    return look


def _orders(connection: BrokerConnection) -> Any:
    return (
        LiveIntent.objects.across_owners().filter(connection=connection).exclude(kind=LiveIntent.Kind.CANCEL)
    )


def _working(connection: BrokerConnection) -> Sequence[LiveIntent]:
    return list(_orders(connection).filter(status=IntentStatus.WORKING).order_by("pk"))


def _sending(connection: BrokerConnection) -> bool:
    """Say whether there is an order of which nobody knows, and so of its fills neither."""
    return bool(_orders(connection).filter(status=IntentStatus.SENDING).exists())


def _ask_for(row: LiveIntent, broker: Broker, look: Look) -> None:
    """Learn what became of an order that is not open any more."""
    found = broker.order_of(row.pk)
    if found is not None:
        tell(found, connection_id=row.connection_id)
        if found.filled_quantity < row.filled_quantity:
            look.add(
                _D.FILLS_SHRANK,
                found.id,
                ours={"intent": str(row.pk), "filled": str(row.filled_quantity)},
                theirs={"filled": str(found.filled_quantity)},
            )
        return
    look.add(
        _D.ORDER_MISSING,
        row.broker_order_id or str(row.pk),
        ours={"intent": str(row.pk), "status": row.status},
        theirs={},
    )


def _compare_order(connection: BrokerConnection, order: BrokerOrder, look: Look) -> None:
    theirs = {
        "symbol": order.symbol,
        "side": order.side,
        "status": order.word,
        "filled": str(order.filled_quantity),
    }
    intent_id = intent_of(order.client_order_id)
    row = None if intent_id is None else _orders(connection).filter(pk=intent_id).first()
    if row is None:
        look.add(_D.ORDER_NOT_OURS, order.id, ours={}, theirs=theirs)
        return
    ours = {"intent": str(row.pk), "status": row.status, "filled": str(row.filled_quantity.normalize())}
    if row.status in FINAL:
        look.add(_D.ORDER_AFTER_END, order.id, ours=ours, theirs=theirs)
    if order.filled_quantity < row.filled_quantity:
        look.add(_D.FILLS_SHRANK, order.id, ours=ours, theirs=theirs)
    terms = effective_terms(row)
    said = {"symbol": terms["symbol"], "side": terms["side"]}
    has = {"symbol": order.symbol, "side": order.side}
    if "qty" in terms and order.quantity is not None:
        said["quantity"], has["quantity"] = (
            str(Decimal(terms["qty"]).normalize()),
            str(order.quantity.normalize()),
        )
    if said != has:
        look.add(_D.TERMS_DIFFER, order.id, ours={"intent": str(row.pk), **said}, theirs=has)


def _fills(connection: BrokerConnection) -> dict[str, Decimal]:
    """Return what our orders have moved, by symbol; sold is negative."""
    moved: dict[str, Decimal] = defaultdict(Decimal)
    for row in _orders(connection).filter(filled_quantity__gt=0).select_related("target"):
        terms = effective_terms(row)
        moved[terms["symbol"]] += row.filled_quantity if terms["side"] == "buy" else -row.filled_quantity
    return dict(moved)


def _compare_positions(
    connection: BrokerConnection, held: dict[str, Decimal], moved: dict[str, Decimal], look: Look
) -> None:
    first = _baselines(connection, held, moved)
    for symbol in sorted({*held, *moved, *first}):
        expected = first.get(symbol, _NOUGHT) + moved.get(symbol, _NOUGHT)
        there = held.get(symbol, _NOUGHT)
        if expected != there:
            look.add(
                _D.POSITION_DIFFERS,
                symbol,
                ours={"quantity": str(expected.normalize())},
                theirs={"quantity": str(there.normalize())},
            )


def _baselines(
    connection: BrokerConnection, held: dict[str, Decimal], moved: dict[str, Decimal]
) -> dict[str, Decimal]:
    """Return what was there beside our fills at the first look, which is now if there was none."""
    kept = PositionBaseline.objects.across_owners().filter(connection=connection)
    first = dict(kept.values_list("symbol", "quantity"))
    if first:
        return {symbol: quantity for symbol, quantity in first.items() if symbol}
    rows = [
        PositionBaseline(
            user_id=connection.user_id,
            connection=connection,
            symbol=symbol,
            quantity=held.get(symbol, _NOUGHT) - moved.get(symbol, _NOUGHT),
        )
        for symbol in sorted({*held, *moved})
    ]
    # An account without anything has been looked at too.
    looked = PositionBaseline(user_id=connection.user_id, connection=connection, symbol="", quantity=0)
    PositionBaseline.objects.bulk_create([looked, *rows], ignore_conflicts=True)
    return {row.symbol: row.quantity for row in rows}


@transaction.atomic(durable=True)
def _write(
    connection: BrokerConnection,
    found: dict[Key, tuple[dict[str, Any], dict[str, Any]]],
    *,
    judges_positions: bool,
) -> int:
    # One writer a connection: another look of the same account waits here.
    BrokerConnection.objects.across_owners().select_for_update(of=("self",), no_key=True).get(
        pk=connection.pk
    )
    now = timezone.now()
    living = {(row.kind, row.subject): row for row in differences(connection)}
    for (kind, subject), (ours, theirs) in found.items():
        row = living.pop((kind, subject), None)
        if row is None:
            BrokerDifference.objects.create(
                user_id=connection.user_id, connection=connection, kind=kind, subject=subject,
                ours=ours, theirs=theirs, first_seen_at=now, last_seen_at=now,
            )  # fmt: skip
            logger.error(
                "connection %s differs from the broker: %s of %s, ours %s, theirs %s",
                connection.pk, kind, subject, ours, theirs,
            )  # fmt: skip
            continue
        row.ours, row.theirs, row.last_seen_at = ours, theirs, now
        row.save(update_fields=["ours", "theirs", "last_seen_at"])
    for row in _ended(living, judges_positions=judges_positions):
        row.ended_at = now
        row.save(update_fields=["ended_at"])
        logger.warning(
            "connection %s does not differ any more: %s of %s", connection.pk, row.kind, row.subject
        )
    return len(found)


def _ended(living: dict[Key, BrokerDifference], *, judges_positions: bool) -> Iterator[BrokerDifference]:
    """Yield what was a difference and was looked for in vain now."""
    for row in living.values():
        if row.kind != _D.POSITION_DIFFERS or judges_positions:
            yield row
