"""Send what the log has told, cancel what it took back, and ask what became of it: one pass over one link at a time.

No transaction is open while the shadow is asked. A row becomes `sending` before a byte goes out; of one that
is found so the shadow is asked first. To send it again is safe: Alpaca takes each `client_order_id` once.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from broker_handoff.models import ShadowLink, ShadowOrder
from broker_handoff.models.shadow import WORDS_MAX
from broker_handoff.ports import BrokerRefused, BrokerUnavailable, OutcomeUnknown, TokenRefused
from broker_handoff.shadow.links import (
    AnotherShadow,
    LeaseLost,
    claim,
    end_for_another,
    give_back,
    give_back_after,
    note_poll,
    require_lease,
)
from broker_handoff.shadow.log import take_page
from broker_handoff.states import FINAL, IntentStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from django.db.models import QuerySet

    from broker_handoff.ports import Broker, BrokerOrder

logger = logging.getLogger(__name__)

SLICE_S = 5.0  # of one pass: a shadow that hangs must not keep the worker from what matters
POLL_EVERY = timedelta(seconds=5)
LATE = timedelta(minutes=2)  # after its placing an order meets another market: nothing to compare
_S = IntentStatus
_REPLACING = ("qty", "limit_price", "stop_price", "time_in_force")


def mirror_due(build: Callable[[], Broker], *, slice_s: float = SLICE_S) -> int:
    """Make a pass over each link that is due until others should have their turn; return how many were made."""
    made, until = 0, time.monotonic() + slice_s
    while time.monotonic() < until and (link := claim()) is not None:
        mirror(link, build(), slice_s=slice_s)
        made += 1
    return made


def mirror(link: ShadowLink, broker: Broker, *, slice_s: float = SLICE_S) -> None:
    """Make one pass over a link that the caller has claimed. What the shadow does wrong is noted on the link."""
    try:
        _pass(link, broker, time.monotonic() + slice_s)
    except LeaseLost:
        return
    except AnotherShadow as error:
        logger.error("the mirror of account %s was switched off: %s", link.account_id, error)  # noqa: TRY400 - no bug
        with suppress(LeaseLost):
            end_for_another(link, str(error))
        return
    except (BrokerRefused, BrokerUnavailable, OutcomeUnknown) as error:
        logger.warning("the shadow of account %s: %s", link.account_id, error)
        give_back_after(link, str(error), getattr(error, "retry_after_s", None))
        return
    give_back(link)


def _pass(link: ShadowLink, broker: Broker, until: float) -> None:
    while time.monotonic() < until and take_page(link):
        continue
    to_send = _ids(link, _S.ACCEPTED, _S.SENDING)
    cancels = _rows(link, _S.WORKING).filter(cancel_wanted_at__isnull=False, cancel_asked_at=None)
    is_to_poll = link.polled_at is None or timezone.now() >= link.polled_at + POLL_EVERY
    if to_send or cancels.exists() or (is_to_poll and _rows(link, _S.WORKING).exists()):
        _require_same_shadow(link, broker)
    for row_id in to_send:
        if time.monotonic() >= until:
            return
        _send(link, row_id, broker)
    for row in cancels.order_by("seq"):
        if time.monotonic() >= until:
            return
        _cancel(link, row, broker)
    if is_to_poll:
        _poll(link, broker, until)


def _require_same_shadow(link: ShadowLink, broker: Broker) -> None:
    """Ask whose account the key opens before anything is sent there or compared. Raises AnotherShadow."""
    number = broker.account().number
    if number != link.shadow_account:
        raise AnotherShadow(f"the key opened account {link.shadow_account}, and opens {number} now")


def _rows(link: ShadowLink, *statuses: IntentStatus) -> QuerySet[ShadowOrder]:
    return ShadowOrder.objects.across_owners().filter(account_id=link.account_id, status__in=statuses)


def _ids(link: ShadowLink, *statuses: IntentStatus) -> list[UUID]:
    return list(_rows(link, *statuses).order_by("seq").values_list("pk", flat=True))


def _send(link: ShadowLink, row_id: UUID, broker: Broker) -> None:
    begun = _begin(link, row_id, timezone.now())
    if begun is None:
        return
    row, target, is_in_doubt = begun
    if is_in_doubt:
        found = broker.order_of(row.pk)
        if found is not None:
            take(link, row.pk, found)
            return
        if _is_late(row, timezone.now()):
            _end(link, row.pk, _S.LAPSED, "late")
            return
    try:
        if target is None:
            order = broker.submit(row.pk, row.terms)
        else:
            order = broker.replace(target.shadow_order_id, row.pk, _changes(row, target))
    except TokenRefused:
        raise
    except BrokerRefused as error:
        # A network that sends twice is told "taken" for its own first copy.
        found = broker.order_of(row.pk)
        if found is None:
            _end(link, row.pk, _S.REFUSED, "broker", error.words)
            return
        order = found
    take(link, row.pk, order)


@transaction.atomic(durable=True)
def _begin(
    link: ShadowLink, row_id: UUID, now: datetime
) -> tuple[ShadowOrder, ShadowOrder | None, bool] | None:
    """Make a row `sending`, or end it; return it, the one it replaces, and whether it may be there already."""
    require_lease(link)
    row = _locked(row_id)
    target = (
        None if row.replaces is None else ShadowOrder.objects.across_owners().filter(pk=row.replaces).first()
    )
    if row.status == _S.SENDING:
        return row, target, True
    if (why := _why_not(row, target, now)) is not None:
        row.status, row.reason = why
        row.save()
        return None
    if target is not None and target.status in {_S.ACCEPTED, _S.SENDING}:
        return None
    row.status, row.sent_at = _S.SENDING, now
    row.save()
    return row, target, False


def _why_not(row: ShadowOrder, target: ShadowOrder | None, now: datetime) -> tuple[IntentStatus, str] | None:
    """Return how a row ends that is not sent, and why; None for one that may be."""
    if row.cancel_wanted_at is not None:
        return _S.CANCELED, "not_sent"
    if _is_late(row, now):
        return _S.LAPSED, "late"
    if row.replaces is not None and target is None:
        return _S.BLOCKED, "not_mirrored"  # what it replaces was placed before there was a mirror
    if target is not None and target.status not in {_S.ACCEPTED, _S.SENDING, _S.WORKING}:
        return _S.BLOCKED, "not_open"
    return None


def _is_late(row: ShadowOrder, now: datetime) -> bool:
    return now > row.placed_at + LATE


def _changes(row: ShadowOrder, target: ShadowOrder) -> dict[str, object]:
    """Return what a replacement changes; what it has in common with the other is not said."""
    changed: dict[str, object] = {
        name: row.terms[name]
        for name in _REPLACING
        if name in row.terms and row.terms[name] != target.terms.get(name)
    }
    if row.terms.get("trail_price") or row.terms.get("trail_percent"):
        changed["trail"] = row.terms.get("trail_price") or row.terms["trail_percent"]
    return changed or {"time_in_force": row.terms["time_in_force"]}


def _cancel(link: ShadowLink, row: ShadowOrder, broker: Broker) -> None:
    words = ""
    try:
        broker.cancel(row.shadow_order_id)
    except TokenRefused:
        raise
    except BrokerRefused as error:  # it is over there: the next poll says how
        words = error.words
    with transaction.atomic(durable=True):
        require_lease(link)
        locked = _locked(row.pk)
        locked.cancel_asked_at, locked.words = timezone.now(), words[:WORDS_MAX]
        locked.save()


def _poll(link: ShadowLink, broker: Broker, until: float) -> None:
    """Ask how those stand that work at the shadow: once for all that are open, then for each that is not any more."""
    working = _ids(link, _S.WORKING)
    if working:
        is_open = {order.client_order_id: order for order in broker.open_orders()}
        for row_id in working:
            order = is_open.get(str(row_id))
            if order is None:
                if time.monotonic() >= until:
                    return
                order = broker.order_of(row_id)
            if order is None:  # its account was begun anew
                _end(link, row_id, _S.UNRESOLVED, "not_there")
            else:
                take(link, row_id, order)
    note_poll(link)


@transaction.atomic(durable=True)
def take(link: ShadowLink, row_id: UUID, order: BrokerOrder) -> None:
    """Take over what the shadow says of an order; figures never go back. Raises LeaseLost."""
    require_lease(link)
    row = _locked(row_id)
    if row.status in FINAL or order.filled_quantity < row.shadow_filled_quantity:
        return
    row.status, row.shadow_order_id, row.shadow_status = order.status, order.id, order.word[:32]
    if order.filled_quantity > row.shadow_filled_quantity:
        row.shadow_filled_at = order.filled_at or order.at
    row.shadow_filled_quantity, row.shadow_filled_average_price = (
        order.filled_quantity,
        order.filled_average_price,
    )
    row.shadow_submitted_at = order.submitted_at or row.sent_at
    row.save()


@transaction.atomic(durable=True)
def _end(link: ShadowLink, row_id: UUID, status: IntentStatus, reason: str, words: str = "") -> None:
    require_lease(link)
    row = _locked(row_id)
    row.status, row.reason, row.words = status, reason, words[:WORDS_MAX]
    row.save()


def _locked(row_id: UUID) -> ShadowOrder:
    return ShadowOrder.objects.across_owners().select_for_update(of=("self",), no_key=True).get(pk=row_id)
