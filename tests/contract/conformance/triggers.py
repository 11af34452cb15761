"""Group 5: stops and trailing stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.contract.conformance.expecting import holds, same
from tests.contract.conformance.registry import case

if TYPE_CHECKING:
    from alpaca.trading.models import Order

    from tests.contract.conformance.desk import Desk

QUIET = ("0 quote,10.00,300,10.02,200,,,", "0 trade,,,,,10.01,100,")


def paid(desk: Desk, order: Order) -> float:
    """Return the average price of an order's fills."""
    return float(desk.order(order).filled_avg_price or 0)


@case(
    "5.01",
    "A sell stop triggers on a print at its price, and then takes the bid.",
    tape=(*QUIET, "1 trade,,,,,9.91,100,", "2 trade,,,,,9.90,100,"),
    lasts_s=3,
)
def sell_stop(desk: Desk) -> None:
    desk.hold()
    order = desk.place(desk.stop("sell", 100, 9.90), "stop")
    desk.at(1)
    same(desk.told(), ["stop new"])
    desk.at(2)
    same(desk.told(), ["stop fill"])
    same(desk.order(order).filled_avg_price, "10")


@case(
    "5.02",
    "A triggered buy stop pays no more than its collar.",
    tape=(
        *QUIET,
        "1 quote,10.59,300,10.61,500,,,",
        "1 trade,,,,,10.60,100,",
        "2 quote,10.30,300,10.40,500,,,",
    ),
    lasts_s=3,
)
def buy_stop(desk: Desk) -> None:
    order = desk.place(desk.stop("buy", 100, 10.10), "stop")
    desk.at(1)
    same(desk.told(), ["stop new"])
    desk.at(2)
    same(desk.told(), ["stop fill"])
    holds(paid(desk, order) <= 10.10 * 1.04, "more than the collar was paid")


@case(
    "5.03",
    "A triggered stop-limit works at its limit, and not below.",
    tape=(*QUIET, "1 quote,9.80,300,9.82,200,,,", "1 trade,,,,,9.81,100,", "2 quote,9.86,300,9.88,200,,,"),
    lasts_s=3,
)
def stop_limit(desk: Desk) -> None:
    desk.hold()
    order = desk.place(desk.stop_limit("sell", 100, 9.90, 9.85), "stop")
    desk.at(1)
    same((desk.told(), desk.order(order).status.value), (["stop new"], "new"))
    desk.at(2)
    same(desk.told(), ["stop fill"])
    holds(paid(desk, order) >= 9.85, "less than the limit was paid")


@case(
    "5.04",
    "A trailing stop follows the best print, shows hwm and stop_price, and triggers on the way back.",
    tape=(*QUIET, "1 trade,,,,,10.08,100,", "2 trade,,,,,10.10,100,", "3 trade,,,,,10.05,100,"),
    lasts_s=4,
)
def trailing_by_dollars(desk: Desk) -> None:
    desk.hold()
    placed = desk.place(desk.trailing("sell", 100, trail_price=0.05), "trail")
    seen = []
    for second in (1, 2):
        desk.at(second)
        now = desk.order(placed)
        seen.append((now.hwm, now.stop_price, now.status.value))
    same(seen, [("10.08", "10.03", "new"), ("10.1", "10.05", "new")])
    desk.at(3)
    same(desk.told(), ["trail new", "trail fill"])


@case(
    "5.05",
    "A trailing stop is given another trail, and keeps its watermark.",
    tape=(*QUIET, "1 trade,,,,,9.90,100,"),
    lasts_s=2,
)
def trailing_by_percent(desk: Desk) -> None:
    trail = desk.place(desk.trailing("buy", 100, trail_percent=5), "trail")
    desk.at(1)
    wider = desk.replace(trail, "wider", trail=10)
    same(desk.told(), ["trail new", "trail pending_replace", "trail replaced", "wider new"])
    now = desk.order(wider)
    same((now.hwm, now.trail_percent, now.stop_price), ("9.9", "10", "10.89"))


@case(
    "5.06",
    "A print far from the market, or an odd lot, triggers nothing.",
    tape=(*QUIET, "1 trade,,,,,9.00,100,", "2 trade,,,,,9.95,100,odd_lot"),
    lasts_s=3,
)
def bad_prints(desk: Desk) -> None:
    desk.hold()
    desk.place(desk.stop("sell", 100, 9.97), "stop")
    desk.at(2)
    same(desk.told(), ["stop new"])
