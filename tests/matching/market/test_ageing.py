"""A gtc order lives through its ninetieth day, whatever the hour at which it was entered."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from matching.engine.engine import Engine
from matching.engine.types import Chunk, Order, OrderType, Session, SessionChange, Side, TimeInForce
from matching.market.ageing import aged_at
from matching.market.times import new_york, rfc3339

if TYPE_CHECKING:
    from matching.market.calendar import Calendar

DAY = 24 * 3600 * 10**9


def test_age_ends_an_order_at_a_quarter_past_four_in_new_york() -> None:
    assert rfc3339(aged_at(new_york(date(2013, 7, 10), 11))) == "2013-10-08T20:15:00Z"
    assert rfc3339(aged_at(new_york(date(2013, 10, 8), 11))) == "2014-01-06T21:15:00Z"  # winter


def test_the_day_is_new_yorks() -> None:
    midnight = new_york(date(2013, 7, 11))
    assert aged_at(midnight) - aged_at(midnight - 1) == 24 * 3600 * 10**9


@pytest.mark.parametrize(
    ("submitted_on", "ends_at"),
    [
        pytest.param(date(2013, 7, 10), new_york(date(2013, 10, 8), 20), id="at its close"),
        pytest.param(date(2013, 8, 31), new_york(date(2013, 11, 29), 17), id="at an early close"),
        pytest.param(date(2013, 7, 7), new_york(date(2013, 10, 7), 4), id="a Saturday's before Monday"),
        pytest.param(
            date(2013, 8, 30), new_york(date(2013, 11, 29), 4), id="a holiday's before the next day"
        ),
    ],
)
@pytest.mark.parametrize("hour", [0, 3, 9, 10, 15, 17, 23])
@pytest.mark.parametrize("extended", [True, False])
def test_a_gtc_order_is_canceled_after_its_ninetieth_day_and_not_before(
    submitted_on: date, ends_at: int, hour: int, extended: bool, xnys: Calendar
) -> None:
    submitted_at = new_york(submitted_on, hour)
    order = Order(
        order_id="o",
        account="ann",
        symbol="IBM",
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        limit_price=1,
        time_in_force=TimeInForce.GTC,
        priority=(0, 1),
        quantity=1,
        extended_hours=extended,
        expires_at=aged_at(submitted_at),
    )
    engine = Engine()
    engine.place(order)

    ends = []
    for seq, change in enumerate(xnys.changes(submitted_at, submitted_at + 100 * DAY), 1):
        session = SessionChange(seq=seq, at=change.at, session=Session(change.session))
        for decision in engine.advance(Chunk(seq=seq, at=change.at, session=session)):
            ends += [(str(decision.event), str(decision.rule), decision.at)] * (decision.event != "new")

    assert ends == [("canceled", "S1", ends_at)]
