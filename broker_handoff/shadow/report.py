"""How Raxx's fills compare with the shadow's: each order, each rule of the fill model, and the sums.

Differences are the shadow's less ours. Of prices they are signed for the trader: above nought the shadow's
price was worse than Raxx's, so that Raxx promised too much. Basis points are of Raxx's price. Times are each
from the order's submission on that side to its last fill there, because the two clocks are not the same one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from broker_handoff.models import ShadowOrder
from broker_handoff.states import IntentStatus
from trading.models.order import TERMINAL_STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from trading.models import TradingAccount

_NOUGHT = Decimal(0)
_WHOLE_BPS = Decimal(10_000)
_BPS_STEP, _PRICE_STEP, _CENT = Decimal("0.01"), Decimal("0.000001"), Decimal("0.01")
_MILLISECOND = timedelta(milliseconds=1)
_S = IntentStatus
_WAITS = (_S.ACCEPTED, _S.SENDING)
BOTH, ONLY_HERE, ONLY_THERE, NEITHER = "both", "only_here", "only_there", "neither"
REFUSED, NOT_SENT, WAITING = "refused", "not_sent", "waiting"
OUTCOMES = (BOTH, ONLY_HERE, ONLY_THERE, NEITHER, REFUSED, NOT_SENT, WAITING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """How an order went on one side; shares, dollars, milliseconds from submission to the last fill."""

    status: str
    filled_quantity: Decimal
    average_price: Decimal | None
    filled_after_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleShare:
    """What one rule filled of an order here, beside the shadow's price for the whole of it."""

    rule: str
    quantity: Decimal
    average_price: Decimal
    price_difference_bps: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderParity:
    """One order on both sides. `outcome` is one of OUTCOMES; while `is_open` it may yet change."""

    order_id: UUID
    symbol: str
    side: str
    type: str
    placed_at: datetime
    outcome: str
    is_open: bool
    reason: str
    words: str
    lag_ms: int | None  # from its placing here until it was sent
    here: Side
    there: Side
    quantity_difference: Decimal
    price_difference_bps: Decimal | None
    time_difference_ms: int | None
    rules: tuple[RuleShare, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleParity:
    """What a rule filled in all orders, and how the shadow filled the same orders. Prices are weighted by shares."""

    rule: str
    orders: int
    filled_there: int
    quantity: Decimal
    price_difference_bps: Decimal | None
    time_difference_ms: int | None  # the mean of those orders


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """All orders together. `dollars` are what the shadow's prices would have cost more, for the shares filled on both sides."""

    orders: int
    outcomes: dict[str, int]
    quantity_here: Decimal
    quantity_there: Decimal
    price_difference_bps: Decimal | None
    dollars: Decimal
    time_difference_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A parity report of an account."""

    orders: tuple[OrderParity, ...]
    rules: tuple[RuleParity, ...]
    sums: Sums


def parity(account: TradingAccount) -> Report:
    """Return the report of all that was mirrored of an account, oldest order first."""
    rows = ShadowOrder.objects.owned_by(account.user, account.pk).order_by("seq")
    return report_of([order_parity(row) for row in rows.iterator()])


def order_parity(row: ShadowOrder) -> OrderParity:
    """Return how one order went on both sides."""
    here = Side(
        status=row.paper_status,
        filled_quantity=row.paper_filled_quantity,
        average_price=_price(row.paper_filled_money, row.paper_filled_quantity),
        filled_after_ms=_ms(row.paper_submitted_at, row.paper_filled_at),
    )
    there = Side(
        status=row.shadow_status or row.status,
        filled_quantity=row.shadow_filled_quantity,
        average_price=row.shadow_filled_average_price if row.shadow_filled_quantity else None,
        filled_after_ms=_ms(row.shadow_submitted_at, row.shadow_filled_at),
    )
    side = row.terms["side"]
    return OrderParity(
        order_id=row.pk,
        symbol=row.terms["symbol"],
        side=side,
        type=row.terms["type"],
        placed_at=row.placed_at,
        outcome=_outcome(row),
        is_open=row.status in {*_WAITS, _S.WORKING} or row.paper_status not in TERMINAL_STATUSES,
        reason=row.reason,
        words=row.words,
        lag_ms=_ms(row.placed_at, row.sent_at),
        here=here,
        there=there,
        quantity_difference=there.filled_quantity - here.filled_quantity,
        price_difference_bps=_bps(side, here.average_price, there.average_price),
        time_difference_ms=_less(there.filled_after_ms, here.filled_after_ms),
        rules=tuple(_shares(row, side, there.average_price)),
    )


def report_of(orders: Sequence[OrderParity]) -> Report:
    """Return the report of these orders."""
    names = sorted({share.rule for order in orders for share in order.rules})
    return Report(
        orders=tuple(orders), rules=tuple(_rule(name, orders) for name in names), sums=_sums(orders)
    )


def _outcome(row: ShadowOrder) -> str:
    if row.status == _S.REFUSED:
        return REFUSED
    if row.status in {_S.BLOCKED, _S.LAPSED} or row.reason == "not_sent":
        return NOT_SENT
    if row.status in _WAITS:
        return WAITING
    filled = bool(row.paper_filled_quantity), bool(row.shadow_filled_quantity)
    return {(True, True): BOTH, (True, False): ONLY_HERE, (False, True): ONLY_THERE}.get(filled, NEITHER)


def _shares(row: ShadowOrder, side: str, there: Decimal | None) -> Iterable[RuleShare]:
    for rule, (quantity, money) in sorted(row.paper_rules.items()):
        price = _price(Decimal(money), Decimal(quantity))
        assert price is not None
        yield RuleShare(
            rule=rule,
            quantity=Decimal(quantity),
            average_price=price,
            price_difference_bps=_bps(side, price, there),
        )


def _rule(name: str, orders: Sequence[OrderParity]) -> RuleParity:
    shares = [(order, share) for order in orders for share in order.rules if share.rule == name]
    there = [
        (share.price_difference_bps, share.quantity * share.average_price)
        for _, share in shares
        if share.price_difference_bps is not None
    ]
    return RuleParity(
        rule=name,
        orders=len(shares),
        filled_there=len(there),
        quantity=sum((share.quantity for _, share in shares), _NOUGHT),
        price_difference_bps=_weighted(there),
        time_difference_ms=_mean(order.time_difference_ms for order, _ in shares),
    )


def _sums(orders: Sequence[OrderParity]) -> Sums:
    both = [
        (order.price_difference_bps, _common(order) * order.here.average_price)
        for order in orders
        if order.price_difference_bps is not None and order.here.average_price is not None
    ]
    cost = sum((bps * worth for bps, worth in both), _NOUGHT) / _WHOLE_BPS
    return Sums(
        orders=len(orders),
        outcomes={name: sum(order.outcome == name for order in orders) for name in OUTCOMES},
        quantity_here=sum((order.here.filled_quantity for order in orders), _NOUGHT),
        quantity_there=sum((order.there.filled_quantity for order in orders), _NOUGHT),
        price_difference_bps=_weighted(both),
        dollars=cost.quantize(_CENT, ROUND_HALF_EVEN),
        time_difference_ms=_mean(order.time_difference_ms for order in orders),
    )


def _common(order: OrderParity) -> Decimal:
    return min(order.here.filled_quantity, order.there.filled_quantity)


def _weighted(parts: Sequence[tuple[Decimal, Decimal]]) -> Decimal | None:
    whole = sum((weight for _, weight in parts), _NOUGHT)
    if not whole:
        return None
    return (sum((bps * weight for bps, weight in parts), _NOUGHT) / whole).quantize(
        _BPS_STEP, ROUND_HALF_EVEN
    )


def _mean(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return round(Decimal(sum(known)) / len(known)) if known else None


def _price(money: Decimal, quantity: Decimal) -> Decimal | None:
    return (money / quantity).quantize(_PRICE_STEP, ROUND_HALF_EVEN) if quantity else None


def _bps(side: str, here: Decimal | None, there: Decimal | None) -> Decimal | None:
    if here is None or there is None or not here:
        return None
    worse = there - here if side == "buy" else here - there
    return (worse / here * _WHOLE_BPS).quantize(_BPS_STEP, ROUND_HALF_EVEN)


def _ms(begin: datetime | None, end: datetime | None) -> int | None:
    return None if begin is None or end is None else (end - begin) // _MILLISECOND


def _less(there: int | None, here: int | None) -> int | None:
    return None if there is None or here is None else there - here
