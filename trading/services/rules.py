"""The rules that an order's terms must keep whatever the market does, alone and against the asset.

Spec of the wire: 3.1 to 3.5, and the order of checks at the end of 3.7.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from matching.engine.sessions import AUCTIONS
from matching.engine.ticks import OffTick, price_from_dollars
from trading.errors import RuleBroken, ValueInvalid
from trading.models import Asset
from trading.services.ticket import Ticket, is_fraction
from trading.wire import EXACT, plain

if TYPE_CHECKING:
    from trading.reference import MarketTerms

FRACTIONS_IN_EXTENDED_HOURS = "fractional_eh_enabled"  # an asset's attribute
PARTNERSHIP = "ptp_no_exception"  # another
TRAIL_PERCENT_MIN = Decimal("0.1")

_PERCENT_STEP = Decimal("0.0001")
_SHORTEST = Decimal("1e-20")  # of prices that are told without an exponent
_LASTING = frozenset({"day", "gtc"})
_ANY = _LASTING | AUCTIONS | {"ioc", "fok"}
_STOPS = frozenset({"stop", "stop_limit", "trailing_stop"})

# asset class -> type -> the times in force that it may have
_PAIRS: dict[str, dict[str, frozenset[str]]] = {
    Asset.AssetClass.US_EQUITY: {"market": _ANY, "limit": _ANY, **dict.fromkeys(_STOPS, _LASTING)},
    Asset.AssetClass.US_OPTION: dict.fromkeys(("market", "limit"), frozenset({"day"})),
    Asset.AssetClass.CRYPTO: dict.fromkeys(("market", "limit", "stop_limit"), frozenset({"gtc", "ioc"})),
}


def require_tradable(asset: Asset | None, name: str, market: MarketTerms) -> Asset:
    """Return the asset when it can be traded. Raises ValueInvalid, RuleBroken."""
    if asset is None:
        raise RuleBroken(f"asset {name} not found")
    if asset.status != Asset.Status.ACTIVE:
        raise ValueInvalid(f"asset {asset.symbol} is not active")
    if asset.suspended_at is not None:
        raise RuleBroken(
            f"asset {asset.symbol} is suspended: new orders in it are refused until it is resumed"
        )
    if not asset.tradable or asset.symbol not in market.symbols:
        raise RuleBroken(f"asset {asset.symbol} is not tradable")
    return asset


def require_rules(ticket: Ticket, asset: Asset) -> None:
    """Raise RuleBroken when the terms do not go together, or not with this asset; ValueInvalid for a trail."""
    require_pair(ticket.type, ticket.time_in_force, asset)
    if ticket.order_class:
        _require_class_terms(ticket)
    if ticket.is_fractional:
        _require_fraction(ticket, asset)
    if ticket.extended_hours:
        require_extended(ticket.type, ticket.time_in_force)
    if ticket.trail_percent is not None:
        require_trail_percent(ticket.trail_percent)
    for name, price in _prices(ticket):
        if price is not None:
            require_tick(price, name)


def require_pair(order_type: str, time_in_force: str, asset: Asset) -> None:
    """Raise RuleBroken when an order of this type may not have this time in force. Spec of the wire: 3.1."""
    allowed = _PAIRS[asset.asset_class].get(order_type, frozenset())
    if not allowed:
        raise RuleBroken(f"{order_type} orders are not supported for {asset.asset_class}")
    if time_in_force not in allowed:
        words = ", ".join(sorted(allowed))
        raise RuleBroken(f"{order_type} orders of {asset.asset_class} must have a time_in_force of {words}")


def require_extended(order_type: str, time_in_force: str) -> None:
    """Raise RuleBroken when an order may not trade outside the regular session."""
    if order_type in _STOPS:
        raise RuleBroken("stop orders are not eligible for extended hours trading")
    if order_type != "limit" or time_in_force not in _LASTING:
        raise RuleBroken("extended hours order must be DAY or GTC limit orders")


def require_tick(price: Decimal, name: str) -> None:
    """Raise RuleBroken when an order may not name this price (rule N1)."""
    try:
        price_from_dollars(price)
    except OffTick:
        step = "0.01" if price >= 1 else "0.0001"
        written = str(price) if price < _SHORTEST else plain(price)  # and not with 400 zeros
        raise RuleBroken(
            f"invalid {name} {written}: a sub-penny price does not fulfill the minimum pricing criteria; "
            f"it must be a multiple of {step}"
        ) from None


def require_trail_percent(percent: Decimal) -> None:
    """Raise ValueInvalid when a stop may not trail by so little, by all that there is, or with five decimals."""
    if percent < TRAIL_PERCENT_MIN:
        raise ValueInvalid(f"trail_percent must be >= {TRAIL_PERCENT_MIN}")
    if percent >= 100:  # noqa: PLR2004 - the whole
        raise ValueInvalid("trail_percent must be < 100")
    if percent != percent.quantize(_PERCENT_STEP, context=EXACT):
        raise ValueInvalid("trail_percent has more than 4 decimals")


def require_time_in_force(
    asset: Asset, order_type: str, time_in_force: str, *, quantity: Decimal, extended_hours: bool
) -> None:
    """Raise RuleBroken when an order that is there may not be given this time in force."""
    require_pair(order_type, time_in_force, asset)
    if is_fraction(quantity):
        _require_day(time_in_force, asset)
    if extended_hours:
        require_extended(order_type, time_in_force)


def _prices(ticket: Ticket) -> tuple[tuple[str, Decimal | None], ...]:
    exits, stop_loss = ticket.take_profit, ticket.stop_loss
    return (
        ("limit_price", ticket.limit_price),
        ("stop_price", ticket.stop_price),
        ("trail_price", ticket.trail_price),
        ("take_profit.limit_price", None if exits is None else exits.limit_price),
        ("stop_loss.stop_price", None if stop_loss is None else stop_loss.stop_price),
        ("stop_loss.limit_price", None if stop_loss is None else stop_loss.limit_price),
    )


def _require_class_terms(ticket: Ticket) -> None:
    """Spec of the wire: 3.5. Which exits a class has is a matter of the body's shape."""
    name = ticket.order_class
    if ticket.type == "trailing_stop":
        raise RuleBroken("trailing stop orders must be simple orders")
    if name == "oco" and ticket.type != "limit":
        raise RuleBroken("oco orders must be limit orders")
    if ticket.notional is not None or ticket.is_fractional:
        raise RuleBroken("fractional orders must be simple orders")
    if ticket.time_in_force not in _LASTING:
        raise RuleBroken(f"{name} orders must be DAY or GTC orders")
    if ticket.extended_hours:
        raise RuleBroken(f"{name} orders are not eligible for extended hours trading")


def _require_fraction(ticket: Ticket, asset: Asset) -> None:
    if not asset.fractionable:
        raise RuleBroken(f"asset {asset.symbol} is not fractionable")
    _require_day(ticket.time_in_force, asset)
    if ticket.notional is not None and ticket.type != "market":
        raise RuleBroken("notional orders must be market orders")
    if ticket.type == "trailing_stop":
        raise RuleBroken("trailing stop orders must be for whole shares")
    if ticket.extended_hours and FRACTIONS_IN_EXTENDED_HOURS not in asset.attributes:
        raise RuleBroken(f"asset {asset.symbol} does not trade in fractions in extended hours")


def _require_day(time_in_force: str, asset: Asset) -> None:
    if asset.asset_class != Asset.AssetClass.CRYPTO and time_in_force != "day":
        raise RuleBroken("fractional orders must be DAY orders")
