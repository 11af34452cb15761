"""Rows of an order's story as values, never stored: what is not named is plain."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from matching.engine.types import DOLLAR, MONEY, SHARE, Quote, Session, Trade
from matching.market.latest import Latest
from matching.market.times import SECOND, to_ns
from tests.factories.rows import NOON
from trading.explaining.story import Moment, Subject
from trading.models import Fill, Order, OrderEvent, SimulationProfile

ORDER_ID, FILL_ID = UUID(int=1), UUID(int=2)
NOW = to_ns(NOON)
TAKING = Decimal("-1e-9")  # `queue_ahead` of a limit order that still takes at the touch


def price(dollars: str) -> int:
    return int(Decimal(dollars) * DOLLAR)


def size(shares: int) -> int:
    return shares * SHARE


def money(dollars: str) -> int:
    return int(Decimal(dollars) * MONEY)


def order_of(**fields: Any) -> Order:
    """Return a working day order to buy 100 IBM at 187.20."""
    decimals = (
        "quantity",
        "limit_price",
        "stop_price",
        "trail_price",
        "trail_percent",
        "hwm",
        "reserve_price",
    )
    given: dict[str, Any] = {
        "id": ORDER_ID,
        "symbol": "IBM",
        "status": "new",
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "quantity": "100",
        "limit_price": None if fields.get("type", "limit") not in ("limit", "stop_limit") else "187.20",
        "command_no": 1,
        "is_triggered": False,
        "role": "",
        "submitted_at": NOON,
        "updated_at": NOON,
        **fields,
    }
    for name in decimals:
        if given.get(name) is not None:
            given[name] = Decimal(given[name])
    return Order(**given)


def profile_of(**fields: Any) -> SimulationProfile:
    return SimulationProfile(**{"name": "displayed", "version": 1, "model": "displayed", **fields})


def fill_of(
    rule: str, *, side: str = "buy", at: str = "187.20", quantity: str = "100", **evidence: Any
) -> Fill:
    """Return a fill by item 8123, at NOON: the quote 187.20 to 187.35, 500 by 300."""
    return Fill(
        id=FILL_ID,
        order_id=ORDER_ID,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(at),
        at=NOON,
        run=1,
        seq=8123,
        offer_seq=8120,
        rule=rule,
        model_version=1,
        evidence={
            "is_print": False,
            "offered": size(300),
            "bid": price("187.20"),
            "bid_size": size(500),
            "ask": price("187.35"),
            "ask_size": size(300),
            "queue_before": None,
            **evidence,
        },
    )


def event_of(kind: str, rule: str = "", **fields: Any) -> OrderEvent:
    return OrderEvent(
        **{
            "order_id": ORDER_ID,
            "seq": 1,
            "kind": kind,
            "rule": rule,
            "status": "new",
            "at": NOON,
            "feed_seq": 8123,
            "filled_quantity": Decimal(0),
            "filled_money": Decimal(0),
            **fields,
        }
    )


def subject_of(order: Order | None = None, **fields: Any) -> Subject:
    return Subject(**{"order": order or order_of(), "profile": profile_of(), **fields})


def moment_of(
    *, bid: str = "187.20", ask: str = "187.35", last: str = "187.30", age_s: int = 1, **fields: Any
) -> Moment:
    """Return NOON of a Tuesday, with a quote of 500 by 300 shares; "0" is an absent side or print."""
    at = NOW - age_s * SECOND
    quote = Quote(seq=7, at=at, bid=price(bid), bid_size=size(500), ask=price(ask), ask_size=size(300))
    trade = Trade(seq=8, at=at, price=price(last), size=size(200)) if last != "0" else None
    latest = Latest(quote=quote, trade=trade, is_halted=fields.pop("is_halted", False))
    return Moment(**{"at": NOW, "session": Session.REGULAR, "latest": latest, **fields})
