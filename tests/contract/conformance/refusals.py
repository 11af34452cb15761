"""Group 4: orders that are refused, with the documented status, code and figures, and leave nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

from tests.contract.conformance.expecting import holds, refused, same
from tests.contract.conformance.listener import PATIENCE_S
from tests.contract.conformance.registry import case

if TYPE_CHECKING:
    from tests.contract.conformance.desk import Desk

QUIET = ("0 quote,10.00,300,10.02,200,,,", "0 trade,,,,,10.01,100,")
SUB_DOLLAR = ("0 quote,0.5000,300,0.5002,200,,,", "0 trade,,,,,0.5001,100,")


def raw(desk: Desk, **changes: Any) -> dict[str, Any]:
    """Return the body of a good order as a client without checks sends it, with changes; None takes a field out."""
    body = {"symbol": desk.symbol, "qty": "1", "side": "buy", "type": "limit", "limit_price": "9.50"}
    body |= {"time_in_force": "day", **changes}
    return {name: value for name, value in body.items() if value is not None}


@case("4.01", "More than the account can pay for: 403 with buying_power and cost_basis.", tape=QUIET)
def buying_power(desk: Desk) -> None:
    body = refused(403, 40310000, desk.client.submit_order, desk.limit("buy", 50_000, 9.00))
    same((body["buying_power"], body["cost_basis"]), ("400000", "450000"))
    same(desk.orders(), [])


@case(
    "4.02",
    "More shares than are free: 403 with what there is and what is held, and by which orders.",
    tape=QUIET,
)
def shares(desk: Desk) -> None:
    desk.hold(100)
    first = desk.place(desk.limit("sell", 60, 11.00), "first")
    body = refused(403, 40310000, desk.client.submit_order, desk.limit("sell", 50, 11.00))
    figures = {name: body[name] for name in ("available", "existing_qty", "held_for_orders", "symbol")}
    same(figures, {"available": "40", "existing_qty": "100", "held_for_orders": "60", "symbol": desk.symbol})
    same(body["related_orders"], [str(first.id)])


@case("4.03", "A client_order_id is used once, even after its order was canceled.", tape=QUIET)
def client_order_id_is_unique(desk: Desk) -> None:
    terms = desk.limit("buy", 1, 9.50, client_order_id="once")
    order = desk.place(terms, "order")
    first = refused(422, 40010001, desk.client.submit_order, terms)
    desk.cancel(order)
    then = refused(422, 40010001, desk.client.submit_order, terms)
    same((first["message"], then["message"]), ("client_order_id must be unique",) * 2)
    same(len(desk.orders()), 1)


@case(
    "4.04",
    "A price off its increment: a cent from a dollar on, a hundredth of one below.",
    tape=QUIET,
    other=SUB_DOLLAR,
)
def increments(desk: Desk) -> None:
    refused(422, 42210000, desk.client.submit_order, desk.limit("buy", 1, 9.505))
    refused(422, 42210000, desk.client.submit_order, desk.limit("buy", 1, 0.50005, symbol=desk.other))
    desk.place(desk.limit("buy", 1, 0.4999, symbol=desk.other), "order")
    same([order.limit_price for order in desk.orders()], ["0.4999"])


@case("4.05", "A symbol that nobody trades is refused with 422.")
def unknown_symbol(desk: Desk) -> None:
    refused(422, 42210000, desk.client.submit_order, desk.limit("buy", 1, 9.50, symbol="NOSUCH"))


@case("4.06", "Fields that are missing or cannot be right: 422 with 40010001.", tape=QUIET)
def shapes(desk: Desk) -> None:
    wrong: list[dict[str, Any]] = [
        {"qty": None},
        {"qty": "0"},
        {"qty": "-1"},
        {"qty": "1", "notional": "10"},
        {"qty": "1.0000000001"},
        {"side": "hold"},
        {"type": "guess"},
        {"time_in_force": "soon"},
        {"limit_price": None},
        {"limit_price": "0"},
        {"type": "market"},
        {"type": "stop", "limit_price": None},
        {"type": "trailing_stop", "limit_price": None},
        {"type": "trailing_stop", "limit_price": None, "trail_price": "1", "trail_percent": "1"},
        {"client_order_id": "x" * 129},
    ]
    for changes in wrong:
        try:
            refused(422, 40010001, desk.client.post, "/orders", raw(desk, **changes))
        except AssertionError as error:
            raise AssertionError(f"{changes}: {error}") from None
    same(desk.orders(), [])


@case("4.07", "A body that cannot be read: 400 with 40010000.", tape=QUIET)
def unreadable(desk: Desk) -> None:
    refused(400, 40010000, desk.client.post, "/orders", raw(desk, order_class="bracket", take_profit="11"))
    for content in (b"{", b"[]", b"\xff"):
        answer = requests.post(
            desk.broker.url("/v2/orders"),
            data=content,
            headers={**desk.broker.headers, "Content-Type": "application/json"},
            timeout=PATIENCE_S,
        )
        same((content, answer.status_code, answer.json()["code"]), (content, 400, 40010000))


@case("4.08", "An order that could trade with the account's own: 403, naming that order.", tape=QUIET)
def wash_trade(desk: Desk) -> None:
    desk.hold(100)
    sale = desk.place(desk.limit("sell", 10, 10.10), "sale")
    for terms in (desk.limit("buy", 10, 10.10), desk.market("buy", 10)):
        body = refused(403, 40310000, desk.client.submit_order, terms)
        same(body["existing_order_id"], str(sale.id))
        holds(body["reject_reason"], "a refusal without a reason")
    desk.place(desk.limit("buy", 10, 9.90), "apart")


@case("4.09", "A stop that the market has passed already: 422 with both prices.", tape=QUIET)
def stop_on_the_wrong_side(desk: Desk) -> None:
    body = refused(422, 42210000, desk.client.submit_order, desk.stop("buy", 1, 9.90))
    same((body["market_price"], body["stop_price"]), ("10.01", "9.9"))


@case("4.10", "Types, times in force and sizes that do not go together: 422.", tape=QUIET)
def pairs(desk: Desk) -> None:
    for terms in (
        desk.market("buy", 0.5, time_in_force="gtc"),
        desk.stop("buy", 1, 11.00, time_in_force="ioc"),
        desk.market("buy", 1, extended_hours=True),
        desk.limit("buy", 1, 9.50, time_in_force="ioc", extended_hours=True),
        desk.trailing("sell", 0.5, trail_price=1),
    ):
        refused(422, 42210000, desk.client.submit_order, terms)
    same(desk.orders(), [])


@case("4.11", "A bracket whose exit is not on its side: 422 with the base price.", tape=QUIET)
def exits_on_the_wrong_side(desk: Desk) -> None:
    sides: list[dict[str, Any]] = [
        {"take_profit": {"limit_price": 9.90}, "stop_loss": {"stop_price": 9.00}},
        {"take_profit": {"limit_price": 11.00}, "stop_loss": {"stop_price": 10.50}},
    ]
    for exits in sides:
        terms = desk.limit("buy", 10, 10.00, order_class="bracket", **exits)
        same(refused(422, 42210000, desk.client.submit_order, terms)["base_price"], "10")
    same(desk.orders(), [])


@case("4.12", "A position intent that contradicts the position: 422 with both.", tape=QUIET)
def intent(desk: Desk) -> None:
    terms = desk.market("buy", 1, position_intent="buy_to_close")
    message = refused(422, 42210000, desk.client.submit_order, terms)["message"]
    same(message, "position intent mismatch, inferred: buy_to_open, specified: buy_to_close")


@case("4.13", "A multi-leg order is refused in words, since options are not traded.", tape=QUIET)
def multi_leg(desk: Desk) -> None:
    body = {
        "order_class": "mleg",
        "qty": "1",
        "type": "market",
        "time_in_force": "day",
        "legs": [
            {"symbol": "IBM131019C00180000", "ratio_qty": "1", "side": "buy"},
            {"symbol": "IBM131019C00185000", "ratio_qty": "1", "side": "sell"},
        ],
    }
    refused(422, 42210000, desk.client.post, "/orders", body)
    same(desk.orders(), [])


@case("4.14", "An order for the opening auction in the middle of the day: 403.", tape=QUIET)
def outside_the_window(desk: Desk) -> None:
    refused(403, 40310000, desk.client.submit_order, desk.market("buy", 1, time_in_force="opg"))
