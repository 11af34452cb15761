"""Load what is known of an order, and let it be explained: a number of queries that no story changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from django.db.models import Q

from matching.engine.states import TERMINAL
from matching.engine.types import MODEL_VERSION, OrderType, Rule, Side
from matching.market.errors import CalendarExhausted
from matching.market.latest import Latest
from matching.market.times import to_ns
from matching.models import Watermark
from trading import reference
from trading.explaining.events import step_of
from trading.explaining.story import Moment, Subject
from trading.explaining.summary import summary
from trading.explaining.waiting import waiting_for
from trading.explaining.words import price_of
from trading.marketdata.entitlement import may_see_watermark, of_tier
from trading.models import Fill, Order, OrderEvent
from trading.seen import latest_seen
from trading.services.denials import order_not_found

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal
    from uuid import UUID

    from trading.explaining.story import Step, Waiting
    from trading.models import SimulationProfile
    from trading.principal import Principal

Known = TypeVar("Known")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An order's story: one sentence, what made each step happen, and what it waits for if it is open.

    `engine_version` is that of the rules which filled it last, or which would fill it now.
    """

    order_id: UUID
    status: str
    summary: str
    profile: SimulationProfile
    engine_version: int
    steps: Sequence[Step]
    waiting: Waiting | None


def explain_order(*, principal: Principal, order_id: UUID) -> Explanation:
    """Explain one of the account's orders. Raises NotFound."""
    mine = Order.objects.owned_by(principal, principal.account_id)
    order = mine.select_related("profile").filter(pk=order_id).first()
    if order is None:
        raise order_not_found(order_id)
    subject = _subject(principal, order)
    steps = [step_of(subject, event) for event in subject.events]
    waiting = None if order.status in TERMINAL else waiting_for(subject, _moment(principal, order))
    versions = [fill.model_version for fill in subject.fills.values()]
    return Explanation(
        order_id=order.pk,
        status=order.status,
        summary=summary(subject, steps, waiting),
        profile=order.profile,
        engine_version=max(versions) if versions else MODEL_VERSION,
        steps=steps,
        waiting=waiting,
    )


def _subject(principal: Principal, order: Order) -> Subject:
    members = _members(principal, order)
    events = list(
        OrderEvent.objects.owned_by(principal, principal.account_id)
        .filter(order_id__in=[order.pk, *(member.pk for member in members)])
        .filter(Q(order_id=order.pk) | Q(rule=Rule.STOP_WINS.value))
        .order_by("seq")
    )
    own = [event for event in events if event.order_id == order.pk]
    fill_ids = [event.fill_id for event in own if event.fill_id is not None]
    fills = Fill.objects.owned_by(principal, principal.account_id).filter(pk__in=fill_ids)
    return Subject(
        order=order,
        profile=order.profile,
        events=own,
        fills={fill.pk: fill for fill in fills},
        members=members,
        stop_won_at=frozenset(
            event.feed_seq
            for event in events
            if event.rule == Rule.STOP_WINS and event.feed_seq is not None and event.order_id != order.pk
        ),
    )


def _members(principal: Principal, order: Order) -> list[Order]:
    """Return the other orders of an order's class, replaced ones too: its parent, its legs, its parent's legs."""
    if order.group_id is None:
        return []
    family = Q(parent=order.pk)
    if order.parent is not None:
        family |= Q(pk=order.parent) | Q(parent=order.parent)
    mine = Order.objects.owned_by(principal, principal.account_id)
    return list(mine.filter(family, group_id=order.group_id).exclude(pk=order.pk).order_by("command_no"))


def _moment(principal: Principal, order: Order) -> Moment:
    """Return the market as the caller may see it now."""
    market_id = principal.market_id
    at = to_ns(reference.market_now(market_id))
    calendar = reference.calendar_of(market_id)
    latest = latest_seen(principal, [order.symbol]).get(order.symbol, Latest())
    is_shown = may_see_watermark(principal.tier, is_triggered=order.is_triggered)
    return Moment(
        at=at,
        session=_within(lambda: calendar.session_at(at)),
        latest=latest,
        is_running=reference.market_terms(market_id).is_active,
        opens_at=_within(lambda: calendar.next_open(at)),
        closes_at=_within(lambda: calendar.next_close(at)),
        session_at=_within(lambda: calendar.change_in_force(at).ends_at),
        watermark=_watermark(market_id, order) if is_shown else None,
        delay=of_tier(principal.tier).delay,
    )


def _within(ask: Callable[[], Known]) -> Known | None:
    """Return what the calendar knows, None beyond its end."""
    try:
        return ask()
    except CalendarExhausted:
        return None


def _watermark(market_id: int, order: Order) -> Decimal | None:
    """Return how far the market came for a trailing stop, in dollars (T3); None while it has seen no print."""
    if order.type != OrderType.TRAILING_STOP or order.is_triggered or order.working_seq is None:
        return order.hwm
    moves = Watermark.objects.filter(
        market_id=market_id, symbol=order.symbol, side=order.side, seq__gt=order.working_seq
    )
    units = moves.order_by("seq").values_list("price", flat=True).first()
    seen = [price for price in (order.hwm, None if units is None else price_of(units)) if price is not None]
    best = min if order.side == Side.BUY else max
    return best(seen) if seen else None
