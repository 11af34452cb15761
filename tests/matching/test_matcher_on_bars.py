"""The matcher on a tape that has nothing finer than bars, and on one that has nothing but quotes."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, cast

import pytest

from matching.engine.types import SHARE, Decision, Model, Order, OrderType, Profile, Side, TimeInForce
from matching.market.calendar import Calendar
from matching.market.sessions import compute_sessions
from matching.market.tape import TapeFeed
from matching.matcher import Matcher
from matching.ports import Command, Progress, Reading

if TYPE_CHECKING:
    from pathlib import Path

    from matching.ports import Batch

DAY = date(2013, 10, 8)
CENT = 100
DEFAULTS: dict[str, Any] = {
    "time_in_force": TimeInForce.DAY,
    "model": Model.BARS,
    "profile": Profile(participation=1_000),
}
BARS = """time,open,high,low,close,volume
2013-10-08T13:31:00Z,10.00,10.01,9.99,10.00,4000
2013-10-08T13:32:00Z,10.02,10.30,9.70,9.90,4000
"""
QUOTES = """time,kind,bid,bid_size,ask,ask_size,price,size,conditions
2013-10-08T13:31:00Z,quote,9.99,500,10.01,500,,,
2013-10-08T13:32:00Z,quote,9.79,500,9.81,500,,,
"""


@dataclass
class Notes:
    """A journal that hands over its commands once and keeps every decision."""

    commands: list[Command]
    inbox_limit: int = 100
    decisions: list[Decision] = field(default_factory=list)

    def claim(self) -> Progress:
        return Progress(run=1, seq=0, at=0)

    def lease_kept(self) -> Any:
        return nullcontext()

    def open_orders(self) -> list[Order]:
        return []

    def taken(self, _: object) -> list[Any]:
        return []

    def inbox(self) -> list[Command]:
        commands, self.commands = self.commands, []
        return commands

    def commit(self, batch: Batch) -> None:
        self.decisions += batch.decisions


@dataclass
class Ended:
    """A clock that stands at the tape's end."""

    at: int

    def read(self) -> Reading:
        return Reading(run=1, until=self.at, is_moving=False)


def decided(folder: Path, text: str, *orders: Order) -> list[tuple[object, ...]]:
    """Return what the matcher decides about orders placed before the tape begins."""
    (folder / "IBM").mkdir()
    (folder / "IBM" / f"{DAY}.csv").write_text(text, encoding="utf-8")
    feed = TapeFeed.open(folder, [DAY], ["IBM"], Calendar(compute_sessions(DAY, date(2013, 10, 31))))
    journal = Notes(
        [
            Command(number=n, action="place", order_id=order.order_id, symbol="IBM", order=order)
            for n, order in enumerate(orders, 1)
        ]
    )
    matcher = Matcher(
        journal=cast("Any", journal),
        open_feed=lambda _: feed,
        clock=Ended(feed.ends_at),
        bell=cast("Any", None),
    )
    matcher.recover()
    matcher.round()
    return [
        (str(d.event), d.order_id, str(d.rule), d.quantity // SHARE, d.price / CENT)
        for d in journal.decisions
        if d.quantity or d.event in ("triggered", "expired")
    ]


def order(order_id: str, order_type: OrderType, side: Side, quantity: int, **terms: Any) -> Order:
    return Order(
        order_id=order_id,
        account="ann",
        symbol="IBM",
        side=side,
        order_type=order_type,
        priority=(0, 0),
        quantity=quantity * SHARE,
        **DEFAULTS | terms,
    )


def test_orders_of_the_model_bars_share_the_volume_of_the_tape(tmp_path: Path) -> None:
    assert decided(
        tmp_path,
        BARS,
        order("market", OrderType.MARKET, Side.BUY, 150),
        order("limit", OrderType.LIMIT, Side.SELL, 100, limit_price=1020 * CENT),
        order("stop", OrderType.STOP, Side.SELL, 40, stop_price=980 * CENT),
        order("open", OrderType.MARKET, Side.BUY, 7, time_in_force=TimeInForce.OPG, cut_off_at=2**62),
    ) == [
        ("partial_fill", "market", "B1", 100, 1000),
        ("fill", "market", "B1", 50, 1001),
        ("fill", "open", "S3", 7, 1000),
        ("fill", "limit", "B1", 100, 1020),
        ("triggered", "stop", "T1", 0, 970),
        ("fill", "stop", "B1", 40, 970),
    ]


@pytest.mark.parametrize("model", [Model.DISPLAYED, Model.INSTANT])
def test_without_quotes_the_other_models_fill_nothing(tmp_path: Path, model: Model) -> None:
    alone = order("o", OrderType.MARKET, Side.BUY, 5, model=model)
    assert decided(tmp_path, BARS, alone) == [("expired", "o", "S1", 0, 0)]


def test_on_a_tape_of_quotes_alone_a_stop_follows_the_touch(tmp_path: Path) -> None:
    stop = order("o", OrderType.STOP, Side.SELL, 5, stop_price=980 * CENT, model=Model.DISPLAYED)
    assert decided(tmp_path, QUOTES, stop) == [("triggered", "o", "T1", 0, 979), ("fill", "o", "L2", 5, 979)]
