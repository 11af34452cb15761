"""The engine's vocabulary in one place: what goes in (items, orders) and what comes out (decisions).

Units are those of `matching.engine.units`.
"""

from __future__ import annotations

from matching.engine.decisions import ENDS, MODEL_VERSION, STARTS, Decision, Event, Rule, WatermarkMove
from matching.engine.items import Auction, Bar, Chunk, Halt, Items, Kind, Quote, Session, SessionChange, Trade
from matching.engine.orders import PLAIN, TAKING, Model, Order, OrderType, Profile, Role, Side, TimeInForce
from matching.engine.units import (
    CENT,
    DOLLAR,
    MILLISECOND,
    MONEY,
    PERCENT_WHOLE,
    SHARE,
    WHOLE,
    Account,
    GroupId,
    OrderId,
)

__all__ = [
    "CENT",
    "DOLLAR",
    "ENDS",
    "MILLISECOND",
    "MODEL_VERSION",
    "MONEY",
    "PERCENT_WHOLE",
    "PLAIN",
    "SHARE",
    "STARTS",
    "TAKING",
    "WHOLE",
    "Account",
    "Auction",
    "Bar",
    "Chunk",
    "Decision",
    "Event",
    "GroupId",
    "Halt",
    "Items",
    "Kind",
    "Model",
    "Order",
    "OrderId",
    "OrderType",
    "Profile",
    "Quote",
    "Role",
    "Rule",
    "Session",
    "SessionChange",
    "Side",
    "TimeInForce",
    "Trade",
    "WatermarkMove",
]
