"""Random terms of orders, alone and in classes, and how their successors differ."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from matching.engine.types import Model, OrderType, Profile, Role, Side, TimeInForce

SECOND = 10**9
PRICES = (7, 8, 9, 10, 11)
LOW, HIGH = (7, 8), (10, 11)
DAY, GTC = TimeInForce.DAY, TimeInForce.GTC
AUCTIONS = (TimeInForce.OPG, TimeInForce.CLS)

prices = st.sampled_from(PRICES)
symbols = st.sampled_from(("A", "A", "A", "B"))
accounts = st.sampled_from(("ann", "ann", "bob"))
ages = st.sampled_from((None, 10 * SECOND))
models = st.sampled_from((*[Model.DISPLAYED] * 6, Model.INSTANT, Model.BARS, Model.BARS))
order_types = st.sampled_from(
    (
        *[OrderType.LIMIT] * 6,
        OrderType.MARKET,
        OrderType.STOP,
        OrderType.STOP_LIMIT,
        OrderType.TRAILING_STOP,
    )
)
plain = Profile(participation=5_000)
profiles = st.sampled_from(
    (
        *[plain] * 6,
        Profile(participation=10_000, slippage_bps=2_000, commission=3),
        Profile(participation=3_333, latency_ms=500),
        Profile(latency_ms=20_000, slippage_bps=1),
        Profile(participation=5_000, partial_rate=5_000, reject_rate=2_000, seed=7),
    )
)

_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT)
_LIMITS = (OrderType.LIMIT, OrderType.STOP_LIMIT)


@st.composite
def terms(draw: st.DrawFn, *, is_for_auction: bool = False) -> dict[str, Any]:
    """Return the terms of an order, without its identity."""
    order_type = draw(st.sampled_from((OrderType.LIMIT, OrderType.MARKET)) if is_for_auction else order_types)
    may_be_brief = order_type in (OrderType.LIMIT, OrderType.MARKET)
    brief = (TimeInForce.IOC, TimeInForce.FOK, *AUCTIONS) if may_be_brief else ()
    tif = draw(st.sampled_from(AUCTIONS if is_for_auction else (*[DAY] * 4, *[GTC] * 4, *brief)))
    side = draw(st.sampled_from(tuple(Side)))
    passive = (7, 8, 8, 9) if side is Side.BUY else (9, 10, 10, 11)
    away = (9, 10, 10, 11) if side is Side.BUY else (7, 8, 8, 9)
    may_extend = order_type is OrderType.LIMIT and tif in (DAY, GTC)
    is_notional = draw(st.sampled_from((False, False, False, True)))
    is_trailing = order_type is OrderType.TRAILING_STOP
    by_percent = draw(st.booleans())
    is_auction = tif in AUCTIONS
    return {
        "account": draw(accounts),
        "symbol": draw(symbols),
        "side": side,
        "order_type": order_type,
        "time_in_force": tif,
        "quantity": None if is_notional else draw(st.integers(1, 9)),
        "notional": draw(st.integers(1, 80)) if is_notional else None,
        "limit_price": draw(st.sampled_from((*passive, *PRICES))) if order_type in _LIMITS else None,
        "stop_price": draw(st.sampled_from((*away, *PRICES))) if order_type in _STOPS else None,
        "trail_price": draw(st.integers(1, 3)) if is_trailing and not by_percent else None,
        "trail_percent": draw(st.sampled_from((1_000, 150_000, 250_000)))
        if is_trailing and by_percent
        else None,
        "collar": draw(st.sampled_from((None, *PRICES)))
        if order_type is OrderType.MARKET and not is_auction
        else None,
        "quantity_max": draw(st.sampled_from((None, 1, 3, 5))) if is_notional else None,
        "extended_hours": may_extend and draw(st.booleans()),
        "age": draw(ages),
        "cut_off": draw(st.sampled_from((1, 40 * SECOND, 80 * SECOND, 80 * SECOND))) if is_auction else None,
        "model": draw(models),
        "profile": draw(profiles),
    }


@st.composite
def classes(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return the terms of a bracket's, oto's or oco's orders, the first one first."""
    exit_side = draw(st.sampled_from(tuple(Side)))
    entry_side = Side.SELL if exit_side is Side.BUY else Side.BUY
    shared = {
        "account": draw(accounts),
        "symbol": draw(symbols),
        "time_in_force": draw(st.sampled_from((DAY, GTC))),
        "quantity": draw(st.integers(1, 9)),
        "age": draw(ages),
        "model": draw(models),
        "profile": draw(profiles),
    }
    target, stop = (LOW, HIGH) if exit_side is Side.BUY else (HIGH, LOW)
    entry_type = draw(st.sampled_from((OrderType.LIMIT, OrderType.LIMIT, OrderType.MARKET, *_STOPS)))
    stop_type = draw(st.sampled_from(_STOPS))
    entry = {
        "role": Role.ENTRY,
        "side": entry_side,
        "order_type": entry_type,
        "limit_price": draw(prices) if entry_type in _LIMITS else None,
        "stop_price": draw(prices) if entry_type in _STOPS else None,
    }
    take_profit = {
        "role": Role.TAKE_PROFIT,
        "side": exit_side,
        "order_type": OrderType.LIMIT,
        "limit_price": draw(st.sampled_from(target)),
    }
    stop_loss = {
        "role": Role.STOP_LOSS,
        "side": exit_side,
        "order_type": stop_type,
        "limit_price": draw(prices) if stop_type is OrderType.STOP_LIMIT else None,
        "stop_price": draw(st.sampled_from(stop)),
    }
    shape = draw(
        st.sampled_from(
            (
                (entry, take_profit, stop_loss),
                (entry, take_profit, stop_loss),
                (entry, take_profit),
                (entry, stop_loss),
                (take_profit, stop_loss),
            )
        )
    )
    return [shared | member for member in shape]


# How a successor differs: the same terms with another quantity or price, most of the time.
changes = st.one_of(
    st.fixed_dictionaries({"quantity": st.integers(1, 9)}),
    st.fixed_dictionaries({"limit_price": prices}),
    st.fixed_dictionaries({"stop_price": prices, "trail_price": st.integers(1, 3)}),
    st.fixed_dictionaries({"quantity": st.just(1), "time_in_force": st.just(TimeInForce.IOC)}),
)


def changed(terms: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return a successor's terms: only what the order has can change, and an exit stays beyond the other."""
    new = terms | {name: value for name, value in change.items() if terms.get(name) is not None}
    if new["role"] is not None:
        new["time_in_force"] = terms["time_in_force"]
    new |= _within(terms, new)
    if new["time_in_force"] is TimeInForce.IOC:
        is_stop = new["order_type"] not in (OrderType.MARKET, OrderType.LIMIT)
        new["time_in_force"] = terms["time_in_force"] if is_stop else TimeInForce.IOC
        new["extended_hours"] = False if not is_stop else new["extended_hours"]
    is_auction = new["time_in_force"] in AUCTIONS
    return new | {"cut_off_at": terms["cut_off_at"] if is_auction else None}


def _within(terms: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    is_buy = terms["side"] is Side.BUY
    if terms["role"] is Role.TAKE_PROFIT:
        return {"limit_price": (LOW if is_buy else HIGH)[new["limit_price"] % 2]}
    if terms["role"] is Role.STOP_LOSS:
        return {"stop_price": (HIGH if is_buy else LOW)[new["stop_price"] % 2]}
    return {}
