"""The staff's pages of accounts, grants, acts, assets, profiles and scheduled runs; each module registers its own."""

from trading.admin import acts, granted, grants, runs, shared

__all__ = ["acts", "granted", "grants", "runs", "shared"]
