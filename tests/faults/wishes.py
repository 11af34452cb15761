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


def random_order(chance: random.Random, prices: Prices, symbol: str, side: str) -> Body:
    """Return the body of an order to buy or sell, without a name."""
    kind = chance.choices(list(KINDS), list(KINDS.values()))[0]
    body: Body = {"symbol": symbol, "side": side, "qty": str(chance.randint(1, 30))}
    body |= {"type": kind, "time_in_force": chance.choice(("day", "gtc"))}
    near = _Ladder(chance, prices, symbol, side)
    match kind:
        case "limit":
            body["limit_price"] = near.at(-NEAR, NEAR) if chance.random() < 0.7 else near.at(-FAR)
        case "ioc" | "fok":
            body |= {"type": "limit", "time_in_force": kind, "limit_price": near.at(-1, NEAR)}
        case "fraction":
            body |= {"type": "market", "time_in_force": "day", "qty": f"{chance.randint(1, 900) / 100:.2f}"}
        case "notional":
            del body["qty"]
            body |= {"type": "market", "time_in_force": "day", "notional": str(chance.randint(5, 900))}
        case "stop" | "stop_limit":
            body["stop_price"] = near.at(1, NEAR)
            if kind == "stop_limit":
                body["limit_price"] = near.at(NEAR, CAUTION)
        case "trailing_stop":
            body |= chance.choice(({"trail_price": "0.05"}, {"trail_percent": "0.1"}))
        case "bracket" | "oto" | "oco":
            body |= _class_of(kind, chance, near)
    return body


class _Ladder:
    """Prices near the touch that an order would take, in ten thousandths of it: above 0 is worse for the trader."""

    def __init__(self, chance: random.Random, prices: Prices, symbol: str, side: str) -> None:
        bid, ask = prices.touch(symbol)
        self._sign, self._touch = (1, ask) if side == "buy" else (-1, bid)
        self._chance = chance

    def at(self, least: int, most: int | None = None) -> str:
        """Return the price of a rung, one of those from `least` to `most`."""
        rung = least if most is None else self._chance.randint(least, most)
        price = self._touch + self._sign * self._touch * rung // 10_000
        return f"{price // 100 * 100 / DOLLAR:.2f}"


def _class_of(kind: str, chance: random.Random, near: _Ladder) -> Body:
    """Return what makes an order the first of a class. The exits of an oco trade the way that it does."""
    away = 1 if kind == "oco" else -1
    loss = chance.randint(2, CAUTION)
    target = {"limit_price": near.at(-away * chance.randint(2, CAUTION))}
    stop = {"stop_price": near.at(away * loss)}
    if chance.random() < 0.4:
        stop["limit_price"] = near.at(away * (loss + CAUTION))
    body: Body = {
        "order_class": kind,
        "type": "limit" if kind == "oco" else chance.choice(("market", "limit")),
    }
    if body["type"] == "limit" and kind != "oco":
        body["limit_price"] = near.at(-1, 1)
    if kind == "oto":
        return body | chance.choice(({"take_profit": target}, {"stop_loss": stop}))
    return body | {"take_profit": target, "stop_loss": stop}


def random_change(chance: random.Random, prices: Prices, order: Body) -> Body | None:
    """Return the body of a replacement; None for an order whose terms leave nothing to change."""
    near = _Ladder(chance, prices, order["symbol"], order["side"])
    match order["type"]:
        case "limit" | "stop_limit":
            return {"limit_price": near.at(-NEAR, NEAR)}
        case "stop":
            return {"stop_price": near.at(2, CAUTION)}
        case "trailing_stop":
            return {"trail": "0.07" if order.get("trail_price") else "0.15"}
    return None
