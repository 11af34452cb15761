"""The staff's pages of accounts, grants, acts, assets and profiles; each module registers its own."""

from trading.admin import acts, granted, grants, shared

__all__ = ["acts", "granted", "grants", "shared"]
