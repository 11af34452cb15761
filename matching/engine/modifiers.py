"""The modifiers of a simulation profile: slippage, latency, commission, and chance.

Invariants: no draw depends on anything but the profile's seed, the order's id and the sequence, so
that a restart, another cut or another order changes none; rounding goes against the order.

Source: matching/decisions/0012-profiles.md.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from matching.engine.types import MILLISECOND, SHARE, WHOLE

if TYPE_CHECKING:
    from matching.engine.types import OrderId, Profile


def slipped(profile: Profile, sign: int, touch: int, rank: int) -> int:
    """Return a taker's price: the touch made worse by the slippage, not beyond the limit.

    `rank` is that of its limit. Rounded up for buys, down for sells, to 1/10,000 dollar; at least that.
    """
    if not profile.slippage_bps:
        return touch
    worse = -(-sign * touch * (WHOLE + sign * profile.slippage_bps) // WHOLE)
    return max(1, sign * min(worse, rank))


def due_at(profile: Profile, accepted_at: int) -> int:
    """Return the market time from which an order may meet the market."""
    return accepted_at + profile.latency_ms * MILLISECOND


def commission(profile: Profile, quantity: int) -> int:
    """Return the commission of a fill, as money; exact."""
    return profile.commission * quantity


def is_rejected(profile: Profile, order_id: OrderId, seq: int) -> bool:
    """Draw whether an order is rejected on arrival."""
    return bool(profile.reject_rate) and _dice(profile, order_id, seq).randrange(WHOLE) < profile.reject_rate


def cut(profile: Profile, order_id: OrderId, seq: int, quantity: int) -> int:
    """Draw whether a fill is cut, and return what is left of it: whole shares if it is at least two."""
    if not profile.partial_rate or quantity < 2:
        return quantity
    dice = _dice(profile, order_id, seq)
    dice.randrange(WHOLE)  # the draw of the rejection: the two must not hang together
    if dice.randrange(WHOLE) >= profile.partial_rate:
        return quantity
    unit = SHARE if quantity >= 2 * SHARE else 1
    return unit * dice.randrange(1, -(-quantity // unit))


def _dice(profile: Profile, order_id: OrderId, seq: int) -> Random:
    return Random(f"{profile.seed}/{order_id}/{seq}")  # noqa: S311 - repeatable by design, not a secret
