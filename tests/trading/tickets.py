"""Tickets of order classes, of sales that open, and the rows that they are judged against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.models.user import new_id
from tests.factories.desk import ticket
from tests.factories.rows import make_order, make_position

if TYPE_CHECKING:
    from trading.models import Asset, Order, Position, TradingAccount

OPPOSITE = {"buy": "sell", "sell": "buy"}


def leg(side: str, role: str, **prices: str) -> dict[str, Any]:
    """Return one leg of a class; a stop unless it has a limit alone."""
    kind = "limit" if "stop_price" not in prices else "stop_limit" if "limit_price" in prices else "stop"
    empty = {"limit_price": None, "stop_price": None}
    return {
        "id": new_id(), "client_order_id": str(new_id()), "side": side, "type": kind, "role": role, **empty, **prices,
    }  # fmt: skip


def bracket(account: TradingAccount, asset: Asset, *, side: str = "buy", **terms: Any) -> dict[str, Any]:
    """Return an entry at 100 dollars with exits at 110 and 90, or the other way round for a sale."""
    target, stop = ("110", "90") if side == "buy" else ("90", "110")
    legs = [
        leg(OPPOSITE[side], "take_profit", limit_price=target),
        leg(OPPOSITE[side], "stop_loss", stop_price=stop),
    ]
    return ticket(account, asset, side=side, order_class="bracket", role="entry", legs=legs, **terms)


def oco(account: TradingAccount, asset: Asset, *, side: str = "sell", **terms: Any) -> dict[str, Any]:
    """Return a take-profit at 110 dollars for ten shares with a stop-loss at 90, or the other way round."""
    target, stop = ("110", "90") if side == "sell" else ("90", "110")
    legs = [leg(side, "stop_loss", stop_price=stop)]
    return ticket(
        account,
        asset,
        side=side,
        order_class="oco",
        role="take_profit",
        legs=legs,
        limit_price=target,
        **terms,
    )


def short_sale(account: TradingAccount, asset: Asset, **terms: Any) -> dict[str, Any]:
    """Return a sale of ten at 100 dollars that holds 103 a share if it opens, with the marks that it needs."""
    return ticket(
        account, asset, **{"side": "sell", "may_be_short": True, "reserve_price": "103", "marks": {}, **terms}
    )


def short_of(account: TradingAccount, asset: Asset, quantity: int = 10, **fields: Any) -> Position:
    """Let the account be short of shares that it sold at 100 dollars; the proceeds are not in its cash."""
    return make_position(account, asset, **{"quantity": -quantity, "cost": -100 * quantity, **fields})


def open_order(account: TradingAccount, asset: Asset, intent: str, **fields: Any) -> Order:
    """Let the account have a working order, whatever it holds."""
    side = intent.partition("_")[0]
    return make_order(account, asset, status="new", side=side, position_intent=intent, **fields)
