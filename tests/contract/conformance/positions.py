"""Group 7: shorts, positions, and closing them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alpaca.trading.models import FailedClosePositionDetails, Order
from alpaca.trading.requests import ClosePositionRequest

from tests.contract.conformance.expecting import refused, same
from tests.contract.conformance.registry import case

if TYPE_CHECKING:
    from tests.contract.conformance.desk import Desk

QUIET = ("0 quote,10.00,300,10.02,200,,,", "0 trade,,,,,10.01,100,")


@case("7.01", "A short sale is a position below zero, and a purchase closes it.", tape=QUIET)
def short(desk: Desk) -> None:
    desk.place(desk.market("sell", 100), "sale")
    position = desk.position()
    same((position.qty, position.side.value, position.cost_basis), ("-100", "short", "-1000"))
    same((position.market_value, position.unrealized_pl), ("-1001", "-1"))
    desk.place(desk.market("buy", 100), "purchase")
    updates = desk.story()
    same(desk.named(updates), ["sale new", "sale fill", "purchase new", "purchase fill"])
    same([each.position_qty for each in updates], [None, -100, None, 0])
    same([text.value for text in _intents(updates)], ["sell_to_open"] * 2 + ["buy_to_close"] * 2)
    refused(404, 40410000, desk.client.get_open_position, desk.symbol)


def _intents(updates: Any) -> list[Any]:
    return [each.order.position_intent for each in updates]


@case("7.02", "An account that is configured not to sell short does not.", tape=QUIET)
def no_shorting(desk: Desk) -> None:
    read: Any = desk.client.get_account_configurations()
    read.no_shorting = True
    desk.client.set_account_configurations(read)
    try:
        refused(403, 40310000, desk.client.submit_order, desk.market("sell", 100))
    finally:
        read.no_shorting = False
        desk.client.set_account_configurations(read)
    desk.place(desk.market("sell", 100), "sale")


@case("7.03", "No order crosses zero, and no long and short entries are open at once.", tape=QUIET)
def no_flip(desk: Desk) -> None:
    desk.hold(100)
    refused(403, 40310000, desk.client.submit_order, desk.market("sell", 150))
    desk.place(desk.market("sell", 100), "sale")
    desk.place(desk.limit("buy", 10, 9.50), "entry")
    refused(403, 40310000, desk.client.submit_order, desk.limit("sell", 10, 10.50))


@case(
    "7.04",
    "A position is closed by quantity, by percentage, and whole.",
    tape=(*QUIET, "1 quote,10.00,301,10.02,200,,,"),
    lasts_s=2,
)
def close_one(desk: Desk) -> None:
    desk.hold(100)
    part: Any = desk.client.close_position(desk.symbol, ClosePositionRequest(qty="20"))
    same(
        (part.qty, part.side.value, part.type.value, part.time_in_force.value),
        ("20", "sell", "market", "day"),
    )
    desk.told()
    half: Any = desk.client.close_position(desk.symbol, ClosePositionRequest(percentage="50"))
    same(half.qty, "40")
    desk.told()
    rest: Any = desk.client.close_position(str(desk.position().asset_id))
    same(rest.qty, "40")
    desk.told()
    refused(404, 40410000, desk.client.close_position, desk.symbol)


@case(
    "7.05",
    "Close all answers 207 position by position, canceling orders first where that is asked.",
    tape=QUIET,
    other=QUIET,
)
def close_all(desk: Desk) -> None:
    desk.hold(100)
    desk.place(desk.market("buy", 50, symbol=desk.other), "second")
    held = desk.place(desk.limit("sell", 100, 11.00), "held")
    desk.told()
    first: Any = {each.symbol: each for each in desk.client.close_all_positions()}
    same({symbol: each.status for symbol, each in first.items()}, {desk.symbol: 403, desk.other: 200})
    same((type(first[desk.symbol].body), type(first[desk.other].body)), (FailedClosePositionDetails, Order))
    desk.told()
    [then] = desk.client.close_all_positions(cancel_orders=True)
    same((then.symbol, then.status), (desk.symbol, 200))
    desk.told()
    same((desk.order(held).status.value, desk.client.get_all_positions()), ("canceled", []))
    same(desk.client.close_all_positions(), [])


@case("7.06", "What an order would sell is not available to another.", tape=QUIET)
def held_shares(desk: Desk) -> None:
    desk.hold(100)
    desk.place(desk.limit("sell", 60, 11.00), "sale")
    position = desk.position()
    same((position.qty, position.qty_available), ("100", "40"))
    body = refused(403, 40310000, desk.client.close_position, desk.symbol)
    same((body["available"], body["held_for_orders"]), ("40", "60"))


@case(
    "7.07",
    "A position is worth the last print, and the account's equity follows.",
    tape=(*QUIET, "1 quote,10.50,300,10.52,200,,,", "1 trade,,,,,10.51,100,"),
    lasts_s=2,
)
def worth(desk: Desk) -> None:
    desk.hold(100)
    desk.at(1)
    position = desk.position()
    same((position.current_price, position.market_value, position.unrealized_pl), ("10.51", "1051", "49"))
    account: Any = desk.client.get_account()
    same((account.equity, account.portfolio_value), ("100049", "100049"))


@case("7.08", "Exercising what is no option is refused.")
def exercise(desk: Desk) -> None:
    refused(403, 40310000, desk.client.exercise_options_position, "IBM131019C00180000")
