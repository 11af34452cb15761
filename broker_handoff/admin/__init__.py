"""The staff's pages of the way to a live broker; each module registers its own."""

from broker_handoff.admin import live, overrides, switches

__all__ = ["live", "overrides", "switches"]
