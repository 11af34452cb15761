"""Simulation profiles as the engine's values, read once: a profile's version never changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from matching.engine.types import PLAIN, Model, Profile

if TYPE_CHECKING:
    import psycopg

PROFILES = """select id, model, participation, slippage_bps, latency_ms, commission, reject_rate, partial_rate
  from trading_simulationprofile"""

# Of an order `o`: its account's seed, where the profile draws lots, else null.
SEED = """case when o.profile_id in (select p.id from trading_simulationprofile p
                                  where p.reject_rate > 0 or p.partial_rate > 0)
    then (select a.seed from trading_tradingaccount a where a.account_id = o.account_id) end as seed"""


class Profiles:
    """The known profiles by id: one object each, shared by all their orders but those that draw lots."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Model, Profile]] = {}

    def of(self, profile_id: int, seed: int | None = None) -> tuple[Model, Profile]:
        """Return model and parameters, with the account's seed. Raises KeyError for one not loaded."""
        model, profile = self._known[profile_id]
        return (model, profile) if not seed else (model, replace(profile, seed=seed))

    def load(self, connection: psycopg.Connection[Any]) -> None:
        """Read all profiles there are, over a connection that reads `engine_numbers`."""
        for row in connection.execute(PROFILES):
            profile = Profile(
                participation=row.participation,
                slippage_bps=row.slippage_bps,
                latency_ms=row.latency_ms,
                commission=row.commission,
                reject_rate=row.reject_rate,
                partial_rate=row.partial_rate,
            )
            self._known[row.id] = (Model(row.model), PLAIN if profile == PLAIN else profile)

    def knows(self, profile_ids: set[int]) -> bool:
        """Return whether all of these are loaded."""
        return profile_ids <= self._known.keys()
