"""Group 8: what time does to orders. Each case has a day of its own, or part of one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.contract.conformance.expecting import refused, same
from tests.contract.conformance.registry import case

if TYPE_CHECKING:
    from tests.contract.conformance.desk import Desk

NIGHT_S = 86_400


@case(
    "8.01",
    "A day order waits for the open, and expires at the close.",
    begins="09:00",
    tape=("0 quote,10.00,300,10.02,200,,,", "1800 quote,10.00,300,10.03,200,,,"),
    lasts_s=7 * 3600,
)
def day_order(desk: Desk) -> None:
    desk.place(desk.limit("buy", 100, 9.50), "low")
    desk.place(desk.market("buy", 100), "market")
    same(desk.told(), ["low accepted", "market accepted"])
    desk.at(1800)
    same(sorted(desk.told()), ["low new", "market fill", "market new"])
    desk.at(7 * 3600)
    [expired] = desk.story()
    same((expired.event, expired.order.status.value), ("expired", "expired"))
    same(expired.order.expired_at, desk.starts_at.replace(hour=20))


@case(
    "8.02",
    "Orders for the open fill at its official print; a limit that it does not reach expires.",
    begins="09:20",
    tape=(
        "0 quote,10.00,300,10.02,200,,,",
        "601 auction,,,,,10.05,1000,opening",
        "602 quote,10.04,300,10.06,200,,,",
    ),
    lasts_s=610,
)
def opening_auction(desk: Desk) -> None:
    desk.place(desk.market("buy", 100, time_in_force="opg"), "market")
    desk.place(desk.limit("buy", 100, 10.04, time_in_force="opg"), "low")
    desk.told()
    desk.at(602)
    same(sorted(each for each in desk.told() if not each.endswith(" new")), ["low expired", "market fill"])
    same([(o.filled_avg_price, o.filled_qty) for o in desk.orders()], [(None, "0"), ("10.05", "100")])
    refused(403, 40310000, desk.client.submit_order, desk.market("buy", 1, time_in_force="opg"))


@case(
    "8.03",
    "Orders for the close fill at its official print, and cannot be canceled after the cut-off.",
    begins="15:40",
    tape=("0 quote,10.00,300,10.02,200,,,", "1201 auction,,,,,10.05,1000,closing"),
    lasts_s=1210,
)
def closing_auction(desk: Desk) -> None:
    order = desk.place(desk.market("buy", 100, time_in_force="cls"), "order")
    desk.at(900)
    desk.cancel(order)
    same(desk.told(), ["order new", "order pending_cancel", "order order_cancel_rejected"])
    refused(403, 40310000, desk.client.submit_order, desk.market("buy", 1, time_in_force="cls"))
    desk.at(1202)
    same((desk.told(), desk.order(order).filled_avg_price), (["order fill"], "10.05"))


@case(
    "8.04",
    "A limit order for extended hours fills before the open, another one waits.",
    begins="08:00",
    tape=("0 quote,10.00,300,10.02,200,,,",),
    lasts_s=60,
)
def extended_hours(desk: Desk) -> None:
    desk.place(desk.limit("buy", 100, 10.02), "regular")
    desk.place(desk.limit("buy", 100, 10.02, extended_hours=True), "extended")
    same(desk.told(), ["regular accepted", "extended new", "extended fill"])


@case(
    "8.05",
    "A gtc order lives through the night, and fills the next day.",
    begins="15:00",
    tape=("0 quote,10.00,300,10.02,200,,,", f"{NIGHT_S - 3600} quote,9.90,300,9.92,200,,,"),
    lasts_s=NIGHT_S - 3600,
)
def over_night(desk: Desk) -> None:
    order = desk.place(desk.limit("buy", 100, 9.95, time_in_force="gtc"), "order")
    desk.at(3601)
    same((desk.told(), desk.order(order).status.value), (["order new"], "new"))
    desk.at(NIGHT_S - 3600)
    same(desk.told(), ["order fill"])


@case(
    "8.06",
    "In a halt orders are taken and canceled, and nothing fills.",
    begins="10:00",
    tape=(
        "0 quote,10.00,300,10.02,200,,,",
        "1 halt,,,,,,,",
        "2 quote,10.00,300,10.01,200,,,",
        "3 resume,,,,,,,",
        "4 quote,10.00,300,10.03,200,,,",
    ),
    lasts_s=5,
)
def halt(desk: Desk) -> None:
    desk.at(1)
    desk.place(desk.market("buy", 100), "order")
    given_up = desk.place(desk.limit("buy", 100, 9.00), "given up")
    desk.cancel(given_up)
    desk.at(2)
    same(
        [each for each in desk.told() if not each.endswith((" new", " accepted"))],
        ["given up pending_cancel", "given up canceled"],
    )
    desk.at(4)
    same(desk.told()[-1], "order fill")


@case(
    "8.07",
    "On a day with an early close, day orders and cut-offs follow it.",
    begins="12:40",
    on="2013-11-29",
    tape=("0 quote,10.00,300,10.02,200,,,",),
    lasts_s=1300,
)
def early_close(desk: Desk) -> None:
    order = desk.place(desk.limit("buy", 100, 9.50), "order")
    same(order.expires_at, datetime(2013, 11, 29, 18, tzinfo=UTC))
    desk.at(700)
    refused(403, 40310000, desk.client.submit_order, desk.market("buy", 1, time_in_force="cls"))
    desk.at(1201)
    same(desk.told(), ["order new", "order expired"])
