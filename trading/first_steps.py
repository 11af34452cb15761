"""Which investor profile a person's answers come to: one small table, added up.

Each answer is worth 0, 1 or 2; the sum chooses. A profile is no judgement of anybody and no advice: it says
with how much paper money an account begins, and how strictly its orders are filled. All of it can be chosen
otherwise, before and after.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from trading.errors import ValueInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

# Question -> its answers, in the order in which they are shown: the place is what an answer is worth.
QUESTIONS: dict[str, tuple[str, str, str]] = {
    "horizon": ("under_a_year", "some_years", "many_years"),
    "fall": ("sell", "wait", "hold"),  # what one would do after a fall of 20 %
    "aim": ("orders", "income", "spread"),  # what one wants to learn
    "experience": ("none", "some", "much"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InvestorProfile:
    """How an account begins. `score_min` is the least sum of answers that comes to it; `cash` is dollars.

    `simulation` names a simulation profile, `multiplier` is how many times its equity the account may hold.
    """

    name: str
    score_min: int
    cash: Decimal
    simulation: str
    multiplier: int


INVESTOR_PROFILES = (  # by what they come to, the least first
    InvestorProfile(name="trial", score_min=0, cash=Decimal(10_000), simulation="conservative", multiplier=1),
    InvestorProfile(name="income_builder", score_min=3, cash=Decimal(50_000), simulation="mid", multiplier=2),
    InvestorProfile(
        name="diversifier", score_min=6, cash=Decimal(100_000), simulation="aggressive", multiplier=4
    ),
)
BY_NAME = {profile.name: profile for profile in INVESTOR_PROFILES}


def checked(answers: Mapping[str, str]) -> dict[str, str]:
    """Return one answer to each question, in their order. Raises ValueInvalid."""
    if unknown := sorted(set(answers) - QUESTIONS.keys()):
        raise ValueInvalid(f"there is no question {unknown[0][:64]!r}")
    for question, known in QUESTIONS.items():
        if question not in answers:
            raise ValueInvalid(f"the answer to {question!r} is missing")
        if answers[question] not in known:
            raise ValueInvalid(f"the answer to {question!r} is not one of {', '.join(known)}")
    return {question: answers[question] for question in QUESTIONS}


def score(answers: Mapping[str, str]) -> int:
    """Return the sum of what the answers are worth. Raises ValueInvalid."""
    return sum(QUESTIONS[question].index(answer) for question, answer in checked(answers).items())


def profile_for(answers: Mapping[str, str]) -> InvestorProfile:
    """Return the profile that the answers come to. Raises ValueInvalid."""
    total = score(answers)
    return max(
        (profile for profile in INVESTOR_PROFILES if profile.score_min <= total), key=lambda p: p.score_min
    )


def profile_called(name: str) -> InvestorProfile:
    """Return a profile by its name. Raises ValueInvalid."""
    found = BY_NAME.get(name)
    if found is None:
        raise ValueInvalid(f"investor profile {name[:64]!r} is not one of {', '.join(BY_NAME)}")
    return found
