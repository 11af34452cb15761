"""A simulation profile as we show it.

Rates are fractions of one and commission is dollars a share, both as decimal strings; slippage is
whole basis points, latency milliseconds of market time.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from trading.models.profile import PARTS
from trading.wire import EXACT, instant, plain

if TYPE_CHECKING:
    from trading.models import SimulationProfile


def profile_body(profile: SimulationProfile) -> dict[str, Any]:
    """Return one version of a profile."""
    return {
        "name": profile.name,
        "version": profile.version,
        "model": profile.model,
        "parameters": parameters_body(profile),
        "description": profile.description,
        "is_offered": profile.is_offered,
        "created_at": instant(profile.created_at),
    }


def parameters_body(profile: SimulationProfile) -> dict[str, Any]:
    """Return what makes a version fill as it does, beside its model."""
    return {
        "participation": _fraction(profile.participation),
        "slippage_bps": profile.slippage_bps,
        "latency_ms": profile.latency_ms,
        "commission": plain(profile.commission),
        "reject_rate": _fraction(profile.reject_rate),
        "partial_rate": _fraction(profile.partial_rate),
    }


def _fraction(parts: int) -> str:
    return plain(EXACT.divide(Decimal(parts), Decimal(PARTS)))
