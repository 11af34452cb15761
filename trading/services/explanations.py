"""Load what is known of an order, and let it be explained: a number of queries that no story changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from django.db.models import OuterRef, Q, Subquery

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
    return explain_orders(principal=principal, orders=[order])[0]


def explain_orders(*, principal: Principal, orders: Sequence[Order]) -> list[Explanation]:
    """Explain some of the account's orders, in their order, by as many queries as one; come with their profiles."""
    subjects = _subjects(principal, orders)
    moments = _moments(principal, [order for order in orders if order.status not in TERMINAL])
    return [_explained(subject, moments.get(subject.order.pk)) for subject in subjects]


def _explained(subject: Subject, moment: Moment | None) -> Explanation:
    """Tell an order's story; `moment` is None for one that is over."""
    order = subject.order
    steps = [step_of(subject, event) for event in subject.events]
    waiting = None if moment is None else waiting_for(subject, moment)
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


def _subjects(principal: Principal, orders: Sequence[Order]) -> list[Subject]:
    mine = Order.objects.owned_by(principal, principal.account_id)
    groups = {order.group_id for order in orders if order.group_id is not None}
    known = list(mine.filter(group_id__in=groups).order_by("command_no")) if groups else []
    members = {order.pk: [one for one in known if _is_member(one, order)] for order in orders}
    own_ids = [order.pk for order in orders]
    others = {one.pk for of_one in members.values() for one in of_one}
    events = list(
        OrderEvent.objects.owned_by(principal, principal.account_id)
        .filter(Q(order_id__in=own_ids) | Q(order_id__in=others, rule=Rule.STOP_WINS.value))
        .order_by("seq")
    )
    fill_ids = [event.fill_id for event in events if event.fill_id is not None]
    fills = Fill.objects.owned_by(principal, principal.account_id).filter(
        pk__in=fill_ids, order_id__in=own_ids
    )
    fills_of: dict[UUID, dict[UUID, Fill]] = {order_id: {} for order_id in own_ids}
    for fill in fills:
        fills_of[fill.order_id][fill.pk] = fill
    return [
        Subject(
            order=order,
            profile=order.profile,
            events=[event for event in events if event.order_id == order.pk],
            fills=fills_of[order.pk],
            members=members[order.pk],
            stop_won_at=_stop_won_at(events, members[order.pk]),
        )
        for order in orders
    ]


def _is_member(one: Order, order: Order) -> bool:
    """Say whether one is of an order's class, replaced ones too: its parent, its legs, its parent's legs."""
    if one.group_id != order.group_id or one.pk == order.pk or order.group_id is None:
        return False
    return one.parent == order.pk or (order.parent is not None and order.parent in (one.pk, one.parent))


def _stop_won_at(events: Sequence[OrderEvent], members: Sequence[Order]) -> frozenset[int]:
    theirs = {member.pk for member in members}
    return frozenset(
        event.feed_seq
        for event in events
        if event.rule == Rule.STOP_WINS and event.feed_seq is not None and event.order_id in theirs
    )


def _moments(principal: Principal, orders: Sequence[Order]) -> dict[UUID, Moment]:
    """Return the market as the caller may see it now, for each of some open orders."""
    if not orders:
        return {}
    market_id = principal.market_id
    at = to_ns(reference.market_now(market_id))
    calendar = reference.calendar_of(market_id)
    latest = latest_seen(principal, sorted({order.symbol for order in orders}))
    watermarks = _watermarks(principal, orders)
    of_market = Moment(
        at=at,
        session=_within(lambda: calendar.session_at(at)),
        latest=Latest(),
        is_running=reference.market_terms(market_id).is_active,
        opens_at=_within(lambda: calendar.next_open(at)),
        closes_at=_within(lambda: calendar.next_close(at)),
        session_at=_within(lambda: calendar.change_in_force(at).ends_at),
        delay=of_tier(principal.tier).delay,
    )
    return {
        order.pk: replace(
            of_market,
            latest=latest.get(order.symbol, Latest()),
            watermark=watermarks.get(order.pk)
            if may_see_watermark(principal.tier, is_triggered=order.is_triggered)
            else None,
        )
        for order in orders
    }


def _within(ask: Callable[[], Known]) -> Known | None:
    """Return what the calendar knows, None beyond its end."""
    try:
        return ask()
    except CalendarExhausted:
        return None


def _watermarks(principal: Principal, orders: Sequence[Order]) -> dict[UUID, Decimal | None]:
    """Return how far the market came for trailing stops, in dollars (T3); None while it has seen no print."""
    known = {order.pk: order.hwm for order in orders}
    trailing = [
        order.pk
        for order in orders
        if order.type == OrderType.TRAILING_STOP and not order.is_triggered and order.working_seq is not None
    ]
    if not trailing:
        return known
    moves = Watermark.objects.filter(
        market_id=principal.market_id,
        symbol=OuterRef("symbol"),
        side=OuterRef("side"),
        seq__gt=OuterRef("working_seq"),
    )
    mine = Order.objects.owned_by(principal, principal.account_id).filter(pk__in=trailing)
    furthest = Subquery(moves.order_by("seq").values("price")[:1])
    for pk, side, units in mine.annotate(furthest=furthest).values_list("pk", "side", "furthest"):
        seen = [
            price for price in (known[pk], None if units is None else price_of(units)) if price is not None
        ]
        best = min if side == Side.BUY else max
        known[pk] = best(seen) if seen else None
    return known
