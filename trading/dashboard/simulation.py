"""`/paper/<number>/simulation`: by which rules the account's new orders are filled, each setting explained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accounts.dashboard.words import WORDS
from trading.dashboard.account_words import SIMULATION_WORDS
from trading.dashboard.page import PaperPage
from trading.dashboard.simulation_words import TITLES, Setting, model_words, settings_of, title_of
from trading.models import TradingAccount
from trading.services.profiles import profiles_offered

if TYPE_CHECKING:
    from django.http import HttpRequest

    from trading.models import SimulationProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A version of a profile as the page shows it."""

    name: str
    title: str
    version: int
    model: str
    description: str  # an operator's own words
    settings: list[Setting]
    is_chosen: bool  # by its name
    is_older: bool  # the account has this name's earlier version


class Simulation(PaperPage):
    """What is chosen, what there is to choose, and what each setting does."""

    template = "trading/simulation.html"
    section = "simulation"
    parts = ("profiles",)

    def whole(self, request: HttpRequest, **_: Any) -> dict[str, Any]:  # noqa: ARG002 - a page's signature
        """Return the words of its script."""
        return {"words": {**WORDS, **SIMULATION_WORDS}}

    def profiles(self, request: HttpRequest, **_: Any) -> dict[str, Any]:  # noqa: ARG002 - the same
        """Return what new orders get now, and every profile that may be chosen."""
        chosen = self.account.profile
        offered = profiles_offered()
        ended = (TradingAccount.Status.CLOSING, TradingAccount.Status.CLOSED)
        return {
            "now": _shown(chosen, chosen),
            "profiles": [_shown(profile, chosen) for profile in sorted(offered, key=_place)],
            "is_withdrawn": all(profile.name != chosen.name for profile in offered),
            "is_closed": self.account.status in ended,
        }


def _place(profile: SimulationProfile) -> tuple[int, str]:
    """Return where a profile stands: ours from the strict to the easy, then an operator's by name."""
    return list(TITLES).index(profile.name) if profile.name in TITLES else len(TITLES), profile.name


def _shown(profile: SimulationProfile, chosen: SimulationProfile) -> Shown:
    return Shown(
        name=profile.name,
        title=title_of(profile),
        version=profile.version,
        model=model_words(profile),
        description="" if profile.name in TITLES else profile.description,
        settings=settings_of(profile),
        is_chosen=profile.name == chosen.name,
        is_older=profile.name == chosen.name and profile.version > chosen.version,
    )
