"""`/start`: some questions, with what an account then begins, and the account itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.dashboard.words import WORDS
from accounts.tiers import allowance
from trading.dashboard.page import PersonPage
from trading.dashboard.simulation_words import title_of
from trading.dashboard.start_words import PROFILE_WORDS, QUESTION_WORDS, START_WORDS
from trading.dashboard.starters import choices_for
from trading.first_steps import INVESTOR_PROFILES, QUESTIONS
from trading.models import TradingAccount
from trading.models.configuration import MULTIPLIERS
from trading.services.first_steps import first_steps_of
from trading.services.own_accounts import accounts_of
from trading.services.profiles import profiles_offered

if TYPE_CHECKING:
    from django.http import HttpRequest

    from trading.models import FirstSteps, SimulationProfile


class Start(PersonPage):
    """The first steps of somebody who is new, or who wants to see the questions again."""

    template = "trading/start.html"

    def content(self, request: HttpRequest, **_: Any) -> dict[str, Any]:  # noqa: ARG002 - a page's signature
        """Return the questions, the profiles, and whether there is room for an account."""
        assert self.session is not None  # others are sent to the log-in
        mine = list(accounts_of(self.session).exclude(status=TradingAccount.Status.CLOSED))
        most = allowance(self.session.tier).accounts
        offered = {profile.name: profile for profile in profiles_offered()}
        markets = choices_for(self.session.tier)
        kept = first_steps_of(self.session)
        return {
            "accounts": mine,
            "most": most,
            "has_room": len(mine) < most,
            "questions": _questions(kept),
            "profiles": _profiles(offered),
            "simulations": [{"name": name, "title": title_of(one)} for name, one in offered.items()],
            "multipliers": MULTIPLIERS,
            "markets": markets,
            "words": {**WORDS, **START_WORDS},
        }


def _questions(kept: FirstSteps) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "number": number,
            "asks": QUESTION_WORDS[name]["asks"],
            "help": QUESTION_WORDS[name]["help"],
            "answers": [
                {
                    "value": answer,
                    "words": QUESTION_WORDS[name]["answers"][answer],
                    "is_chosen": kept.answers.get(name) == answer,
                }
                for answer in answers
            ],
        }
        for number, (name, answers) in enumerate(QUESTIONS.items(), start=1)
    ]


def _profiles(offered: dict[str, SimulationProfile]) -> list[dict[str, Any]]:
    """Return the investor profiles; one whose simulation was withdrawn begins with the one that all begin with."""
    found = []
    for profile in INVESTOR_PROFILES:
        simulation = offered.get(profile.simulation) or offered.get("displayed")
        found.append(
            {
                "name": profile.name,
                "cash": profile.cash,
                "multiplier": profile.multiplier,
                "simulation": simulation.name if simulation else "",
                **PROFILE_WORDS[profile.name],
            }
        )
    return found
