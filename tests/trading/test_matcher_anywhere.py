"""Random orders of every type and class, decided by one matcher and by a new one for each round: the same books."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.trading.stage import Stage, make_stage, quote, trade
from trading.ledger_audit import audit_ledger
from trading.models import Order, OrderEvent, Position

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from tests.trading.stage import Line
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db(transaction=True)

CENTS = range(985, 1016, 5)
STEPS = 16
FIGURES = (
    "status", "type", "quantity", "filled_quantity", "filled_money", "cash_held", "quantity_held", "reserve_price",
    "is_triggered", "working_seq", "accepted_ns", "stamp_seq", "hwm", "queue_ahead", "reason", "role",
)  # fmt: skip
TOLD = (
    "kind", "status", "rule", "feed_seq", "filled_quantity", "order_quantity", "quantity", "price", "position_quantity",
    "evidence",
)  # fmt: skip


def dollars(cents: int) -> str:
    return f"{cents / 100:.2f}"


def random_tape(dice: random.Random) -> list[Line]:
    lines = []
    for step in range(1, 4 * STEPS):
        middle = dice.choice(CENTS)
        if dice.random() < 0.5:
            sizes = dice.choice((1, 3, 9)), dice.choice((1, 3, 9))
            lines.append(quote(step / 4, dollars(middle), sizes[0], dollars(middle + 5), sizes[1]))
        else:
            lines.append(trade(step / 4, dollars(middle), dice.choice((1, 4, 20))))
    return lines


def random_terms(dice: random.Random) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return an order's terms and, of a class, its legs'."""
    side, order_class = dice.choice(("buy", "sell")), dice.choice(("", "", "", "", "bracket", "oto", "oco"))
    kind = dice.choice(("market", "limit", "limit", "stop", "stop_limit", "trailing_stop"))
    sign, near = (1 if side == "buy" else -1), dice.choice(CENTS)
    terms: dict[str, Any] = {"side": side, "quantity": str(dice.randint(1, 9)), "reserve_price": "11"}
    terms["time_in_force"] = dice.choice(("day", "gtc"))
    target: dict[str, Any] = {"type": "limit", "role": "take_profit"}
    stop: dict[str, Any] = {"type": dice.choice(("stop", "stop_limit")), "role": "stop_loss"}
    away = -sign if order_class == "oco" else sign  # where the class's entry side is
    target["limit_price"] = dollars(1000 + away * dice.choice((5, 10)))
    stop["stop_price"] = dollars(1000 - away * dice.choice((5, 10)))
    stop["limit_price"] = dollars(1000 - away * 15) if stop["type"] == "stop_limit" else None
    closing = side if order_class == "oco" else ("sell" if side == "buy" else "buy")
    legs = [{**leg, "side": closing} for leg in (target, stop)]
    if order_class == "oco":
        return terms | legs[0] | {"order_class": "oco"}, legs[1:]
    if order_class:
        kind = dice.choice(("market", "limit", "limit"))
        terms |= {"order_class": order_class, "role": "entry"}
        legs = legs if order_class == "bracket" else [dice.choice(legs)]
    terms |= {"type": kind, "limit_price": dollars(near) if kind in {"limit", "stop_limit"} else None}
    if kind in {"stop", "stop_limit"}:
        terms["stop_price"] = dollars(1000 + sign * dice.choice((5, 10)))
    if kind == "trailing_stop":
        terms |= dice.choice(({"trail_price": "0.05"}, {"trail_price": "0.10"}, {"trail_percent": "0.7"}))
    return terms, legs if order_class else []


def play(stage: Stage, account: TradingAccount, dice: random.Random) -> None:
    """Let somebody ask for many things while the tape goes on; what the edge refuses is refused."""
    ids: list[UUID] = []
    for step in range(STEPS):
        stage.go(step + 0.1)
        for _ in range(dice.randint(0, 3)):
            terms, legs = random_terms(dice)
            denial, asked = stage.ask(account, *legs, **terms)
            if denial is None:
                ids += asked
        if ids and dice.random() < 0.5:
            chosen = Order.objects.get(pk=dice.choice(ids))
            field = {"limit": "limit_price", "trailing_stop": "trail"}.get(chosen.type)
            if field and chosen.status in {"new", "partially_filled", "held"}:
                price = "0.07" if field == "trail" else dollars(dice.choice(CENTS))
                denial, successor = stage.ask_to_replace(account, chosen.pk, **{field: price})
                if denial is None:
                    ids.append(successor)
        if ids and dice.random() < 0.3:
            stage.ask_to_cancel(account, dice.choice(ids))
    stage.go(STEPS)


def outcome(account: TradingAccount) -> tuple[Any, ...]:
    """Return all that was decided about an account's orders, with their numbers instead of their ids."""
    orders = list(Order.objects.filter(account=account).order_by("created_at", "id"))
    numbers = {order.pk: number for number, order in enumerate(orders)}
    told = OrderEvent.objects.filter(account=account).order_by("seq")
    return (
        [[getattr(order, name) for name in FIGURES] for order in orders],
        [[numbers[event.order_id], *(getattr(event, name) for name in TOLD)] for event in told],
        list(Position.objects.filter(account=account).values_list("quantity", "cost", "quantity_held")),
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_matcher_that_is_cut_off_before_each_round_decides_the_same(tmp_path: Path, seed: int) -> None:
    outcomes = []
    for name in ("one", "many"):
        stage = make_stage(tmp_path / name, random_tape(random.Random(seed)))
        stage.is_cut = name == "many"
        account = stage.account(multiplier=4)
        try:
            play(stage, account, random.Random(seed + 1000))
        finally:
            stage.close()
        outcomes.append(outcome(account))

    assert outcomes[0] == outcomes[1]
    assert audit_ledger().differences == ()
