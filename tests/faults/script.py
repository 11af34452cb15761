"""Random orders of every type and class on a tape, and all that is decided about them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.trading.stage import quote, trade
from trading.models import Fill, Order, OrderEvent, Position

if TYPE_CHECKING:
    import random
    from uuid import UUID

    from tests.faults.stage import Ground, HauntedStage
    from tests.trading.stage import Line
    from trading.models import TradingAccount

STEPS = 10
SPAN = 3  # steps of a price, to either side of the middle
FAR = 12  # a stop's limit

FIGURES = (
    "status", "type", "quantity", "filled_quantity", "filled_money", "cash_held", "quantity_held", "is_triggered",
    "working_seq", "accepted_ns", "stamp_seq", "hwm", "queue_ahead", "queue_seq", "queue_no", "reason", "role",
)  # fmt: skip
TOLD = (
    "seq", "kind", "status", "rule", "feed_seq", "filled_quantity", "order_quantity", "quantity", "price",
    "position_quantity", "evidence",
)  # fmt: skip
FILLED = ("quantity", "price", "at", "seq", "offer_seq", "rule", "evidence")

Terms = dict[str, Any]


def random_tape(chance: random.Random) -> list[Line]:
    """Return quotes and prints around 10 dollars, four a second."""
    lines = []
    for step in range(1, 4 * STEPS):
        cents = chance.randrange(985, 1016, 5)
        if chance.random() < 0.5:
            sizes = chance.choice((1, 3, 9)), chance.choice((1, 3, 9))
            lines.append(
                quote(step / 4, f"{cents / 100:.2f}", sizes[0], f"{cents / 100 + 0.05:.2f}", sizes[1])
            )
        else:
            lines.append(trade(step / 4, f"{cents / 100:.2f}", chance.choice((1, 4, 20))))
    return lines


def play(stage: HauntedStage, account: TradingAccount, chance: random.Random) -> None:
    """Let somebody ask for many things while the tape goes on; what the edge refuses is refused."""
    ground = stage.ground
    mine: list[UUID] = []
    for step in range(1, STEPS + 1):
        stage.go((step - 0.9) * ground.seconds)
        for _ in range(chance.randint(1, 2)):
            terms, legs = _random_terms(chance, ground)
            denial, ids = stage.ask(account, *legs, **terms)
            mine += ids if denial is None else []
        if mine and chance.random() < 0.6:
            mine += _replaced(stage, account, chance, chance.choice(mine))
        if mine and chance.random() < 0.3:
            stage.ask_to_cancel(account, chance.choice(mine))
    stage.go(STEPS * ground.seconds)


def outcome(account: TradingAccount) -> tuple[Any, ...]:
    """Return all that was decided about an account's orders, with their numbers instead of their ids."""
    orders = list(Order.objects.filter(account=account).order_by("command_no", "id"))
    numbers = {order.pk: number for number, order in enumerate(orders)}
    events = OrderEvent.objects.filter(account=account).order_by("seq")
    fills = Fill.objects.filter(account=account).order_by("seq", "offer_seq", "order__command_no", "id")
    return (
        [[getattr(order, name) for name in FIGURES] for order in orders],
        [[numbers[event.order_id], *(getattr(event, name) for name in TOLD)] for event in events],
        [[numbers[fill.order_id], *(getattr(fill, name) for name in FILLED)] for fill in fills],
        list(Position.objects.filter(account=account).values_list("quantity", "cost", "quantity_held")),
    )


def _replaced(
    stage: HauntedStage, account: TradingAccount, chance: random.Random, order_id: UUID
) -> list[UUID]:
    order, ground = Order.objects.get(pk=order_id), stage.ground
    field = {"limit": "limit_price", "trailing_stop": "trail"}.get(order.type)
    if field is None or order.status not in {"new", "partially_filled", "held"}:
        return []
    price = _price(ground, chance.randint(-SPAN, SPAN)) if field == "limit_price" else str(ground.step * 3)
    denial, successor = stage.ask_to_replace(account, order_id, **{field: price})
    return [successor] if denial is None else []


def _random_terms(chance: random.Random, ground: Ground) -> tuple[Terms, list[Terms]]:
    """Return an order's terms and, of a class, its legs'."""
    side, order_class = chance.choice(("buy", "sell")), chance.choice(("", "", "", "bracket", "oto", "oco"))
    kind = chance.choice(("market", "limit", "limit", "stop", "stop_limit", "trailing_stop"))
    sign = 1 if side == "buy" else -1
    terms: Terms = {
        "side": side,
        "quantity": str(chance.randint(1, 9)),
        "time_in_force": chance.choice(("day", "gtc")),
    }
    terms["reserve_price"] = str(ground.middle * Decimal("1.1"))
    if order_class:
        closing = side if order_class == "oco" else ("sell" if side == "buy" else "buy")
        legs = _exits(chance, ground, closing)
        if order_class == "oco":
            return terms | legs[0] | {"order_class": "oco"}, legs[1:]
        kind = chance.choice(("market", "limit", "limit"))
        terms |= {"order_class": order_class, "role": "entry"}
        legs = legs if order_class == "bracket" else [chance.choice(legs)]
    else:
        legs = []
    terms["type"] = kind
    terms["limit_price"] = (
        _price(ground, chance.randint(-SPAN, SPAN)) if kind in {"limit", "stop_limit"} else None
    )
    if kind in {"stop", "stop_limit"}:
        terms["stop_price"] = _price(ground, sign * chance.randint(1, SPAN - 1))
    if kind == "trailing_stop":
        terms |= chance.choice(({"trail_price": str(ground.step)}, {"trail_percent": "0.7"}))
    return terms, legs


def _exits(chance: random.Random, ground: Ground, side: str) -> list[Terms]:
    """Return the two exits that trade on `side`: a sale's target is above the middle, its stop below."""
    away = 1 if side == "sell" else -1
    target: Terms = {"type": "limit", "role": "take_profit", "side": side}
    stop: Terms = {"type": chance.choice(("stop", "stop_limit")), "role": "stop_loss", "side": side}
    target["limit_price"] = _price(ground, away * chance.randint(1, 2))
    stop["stop_price"] = _price(ground, -away * chance.randint(1, 2))
    stop["limit_price"] = _price(ground, -away * FAR) if stop["type"] == "stop_limit" else None
    return [target, stop]


def _price(ground: Ground, steps: int) -> str:
    return f"{ground.middle + steps * ground.step:.2f}"
