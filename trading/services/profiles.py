"""Simulation profiles: which there are, and which one a name means now."""

from __future__ import annotations

from trading.errors import ValueInvalid
from trading.models import SimulationProfile


def profile_named(name: str) -> SimulationProfile:
    """Return the newest version of a profile that accounts may choose. Raises ValueInvalid."""
    offered = SimulationProfile.objects.filter(is_offered=True)
    profile = offered.filter(name=name).order_by("-version").first()
    if profile is None:
        names = ", ".join(sorted(set(offered.values_list("name", flat=True))))
        raise ValueInvalid(f"simulation profile {name!r} is not one of {names}")
    return profile
