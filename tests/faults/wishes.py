"""What a bot asks for: orders of every type and class, near where the synthetic market stands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from matching.engine.types import DOLLAR
from matching.market.synthetic import INTERVAL, SyntheticMarket

if TYPE_CHECKING:
    import random

SYMBOLS = ("AAPL", "BAC", "IBM", "SPY")
MARKET_SEED = 1  # of the market that `up` makes by itself
KINDS = {
    "market": 3, "limit": 8, "ioc": 1, "fok": 1, "fraction": 1, "notional": 1, "stop": 2, "stop_limit": 2,
    "trailing_stop": 3, "bracket": 4, "oto": 2, "oco": 2,
}  # fmt: skip
NEAR, FAR = 4, 60  # in ten thousandths of the price
CAUTION = 20

Body = dict[str, Any]


class Prices:
    """Where each symbol stands: the synthetic market is a function of its seed and the wall's time."""

    def __init__(self) -> None:
        self._market = SyntheticMarket(MARKET_SEED, SYMBOLS, halt_odds=0)

    def touch(self, symbol: str) -> tuple[int, int]:
        """Return bid and ask, in 1/10,000 dollar."""
        step = self._market.step(symbol, time.time_ns() // INTERVAL)
        return step.bid, step.ask


def _dollars(price: int) -> str:
    return f"{price // 100 * 100 / DOLLAR:.2f}"


def random_order(chance: random.Random, prices: Prices, symbol: str, side: str) -> Body:
    """Return the body of an order to buy or sell, without a name."""
    kind = chance.choices(list(KINDS), list(KINDS.values()))[0]
    body: Body = {"symbol": symbol, "side": side, "qty": str(chance.randint(1, 30))}
    body |= {"type": kind, "time_in_force": chance.choice(("day", "gtc"))}
    bid, ask = prices.touch(symbol)
    sign, touch = (1, ask) if side == "buy" else (-1, bid)

    def beyond(parts: int) -> str:
        """So far in the direction of the trade: a buy's worse price, a sale's worse price."""
        return _dollars(touch + sign * touch * parts // 10_000)

    def within(least: int, most: int) -> int:
        return chance.randint(least, most)

    match kind:
        case "limit":
            body["limit_price"] = beyond(within(-NEAR, NEAR) if chance.random() < 0.7 else -FAR)
        case "ioc" | "fok":
            body |= {"type": "limit", "time_in_force": kind, "limit_price": beyond(within(-1, NEAR))}
        case "fraction":
            body |= {"type": "market", "time_in_force": "day", "qty": f"{chance.randint(1, 900) / 100:.2f}"}
        case "notional":
            del body["qty"]
            body |= {"type": "market", "time_in_force": "day", "notional": str(chance.randint(5, 900))}
        case "stop":
            body["stop_price"] = beyond(within(1, NEAR))
        case "stop_limit":
            stop = within(1, NEAR)
            body |= {"stop_price": beyond(stop), "limit_price": beyond(stop + within(0, NEAR))}
        case "trailing_stop":
            body |= chance.choice(({"trail_price": "0.05"}, {"trail_percent": "0.1"}))
        case "bracket" | "oto" | "oco":
            body |= _class_of(kind, chance, beyond)
    return body


def _class_of(kind: str, chance: random.Random, beyond: Any) -> Body:
    """Return what makes an order the first of a class. The exits of an oco trade the way that it does."""
    away = 1 if kind == "oco" else -1
    entry_type = chance.choice(("market", "limit", "limit"))
    profit, loss = chance.randint(2, CAUTION), chance.randint(2, CAUTION)
    target = {"limit_price": beyond(-away * profit)}
    stop = {"stop_price": beyond(away * loss)}
    if chance.random() < 0.4:
        stop["limit_price"] = beyond(away * (loss + CAUTION))
    body: Body = {"order_class": kind, "type": "limit" if kind == "oco" else entry_type}
    if body["type"] == "limit" and kind != "oco":
        body["limit_price"] = beyond(chance.randint(-1, 1))
    if kind == "oto":
        return body | chance.choice(({"take_profit": target}, {"stop_loss": stop}))
    return body | {"take_profit": target, "stop_loss": stop}


def random_change(chance: random.Random, prices: Prices, order: Body) -> Body | None:
    """Return the body of a replacement; None for an order whose terms leave nothing to change."""
    bid, ask = prices.touch(order["symbol"])
    sign, touch = (1, ask) if order["side"] == "buy" else (-1, bid)
    near = _dollars(touch + sign * touch * chance.randint(-NEAR, NEAR) // 10_000)
    match order["type"]:
        case "limit":
            return {"limit_price": near}
        case "stop":
            return {"stop_price": _dollars(touch + sign * touch * chance.randint(2, CAUTION) // 10_000)}
        case "trailing_stop":
            return {"trail": "0.07" if order.get("trail_price") else "0.15"}
        case "stop_limit":
            return {"limit_price": near}
    return None
