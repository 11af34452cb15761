"""The list of first steps on the account's page, until all is done or it is dismissed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _

from trading.services.first_steps import first_steps_of, progress_of

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.sessions import LivingSession
    from trading.models import TradingAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step, and where it is done."""

    title: str
    text: str
    url: str
    is_done: bool


class FirstStepsPart:
    """A part of a page about an account: put it before PaperPage, and `first_steps` into the page's `parts`."""

    session: LivingSession | None
    account: TradingAccount

    def first_steps(self, _request: HttpRequest, **_kwargs: Any) -> dict[str, Any]:
        """Return the steps; None where there is nothing to show."""
        if self.session is None or first_steps_of(self.session).is_dismissed:
            return {"first_steps": None}
        steps = steps_of(self.session, self.account.number)
        is_done = all(step.is_done for step in steps)
        return {
            "first_steps": None if is_done else steps,
            "first_steps_done": sum(step.is_done for step in steps),
        }


def steps_of(session: LivingSession, number: str) -> list[Step]:
    """Return the steps after a first account, each with where it is done."""
    done = progress_of(session)
    return [
        Step(
            title=_("A watchlist"),
            text=_("Symbols whose prices you want to see side by side."),
            url=reverse("paper-symbols", args=[number]),
            is_done=done.watchlist,
        ),
        Step(
            title=_("A first order"),
            text=_("On the page of a symbol; a guide goes along."),
            url=reverse("paper-symbols", args=[number]),
            is_done=done.order,
        ),
        Step(
            title=_("A second way in"),
            text=_("Another passkey, or recovery codes: a lost device then locks nobody out."),
            url=reverse("security"),
            is_done=done.way_back,
        ),
        Step(
            title=_("An API key"),
            text=_("For a bot: with it, the official SDK trades this account."),
            url=reverse("security") + "#keys",
            is_done=done.key,
        ),
    ]
