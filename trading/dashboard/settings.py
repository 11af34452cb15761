"""The settings of a person: what there is, webhooks, and what their tier allows against what they use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.budgets import standing
from accounts.dashboard.words import WORDS
from accounts.services.tiers import pending_change
from trading.dashboard import tiers
from trading.dashboard.page import PersonPage
from trading.dashboard.webhook_words import WEBHOOK_WORDS
from trading.errors import NotFound
from trading.models import TradingAccount
from trading.services.fitting import losses
from trading.services.own_accounts import accounts_of
from trading.services.standing import access_of, in_use

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.budgets import Budget
    from accounts.sessions import LivingSession


class Settings(PersonPage):
    """What can be set, and how it stands."""

    template = "trading/settings_index.html"

    def content(self, request: HttpRequest, **_: Any) -> dict[str, Any]:  # noqa: ARG002 - a page's signature
        """Return how many there are of each."""
        session = _known(self.session)
        return {"access": access_of(session), "tier": tiers.names()[session.tier]}


class Tier(PersonPage):
    """What the tier allows, what of it is used, and how the budget of requests stands.

    `?part=budget` is the budget alone; to look takes nothing from it.
    """

    template = "trading/tier.html"

    def content(self, request: HttpRequest, **_: Any) -> dict[str, Any]:
        """Return the table, and the budget. Raises NotFound for a part that there is none of."""
        session = _known(self.session)
        budget = {"budget": _meter(standing(session.user_id, session.tier))}
        part = request.GET.get("part")
        if part is not None:
            if part != "budget":
                raise NotFound(f"part not found for {part}")
            self.template = "trading/parts/budget.html"
            return budget
        pending = pending_change(session.user_id)
        return {
            **budget,
            "tier": tiers.names()[session.tier],
            "tiers": [{"name": name, "is_own": tier == session.tier} for tier, name in tiers.names().items()],
            "lines": tiers.lines(session.tier, in_use(session)),
            "pending": pending,
            "pending_tier": None if pending is None else tiers.names()[pending.to_tier],
            "loses": None
            if pending is None
            else losses(owner=session, tier=pending.to_tier, at=pending.applies_at),
        }


class Webhooks(PersonPage):
    """The webhooks of one account, `?account=` its number; the lists come from the API."""

    template = "trading/webhooks.html"

    def content(self, request: HttpRequest, **_: Any) -> dict[str, Any]:
        """Return which account is meant: the oldest open one unless told. Raises NotFound."""
        accounts = list(accounts_of(_known(self.session)).exclude(status=TradingAccount.Status.CLOSED))
        wanted = request.GET.get("account")
        chosen = next((one for one in accounts if wanted in {None, one.number}), None)
        if wanted is not None and chosen is None:
            raise NotFound(f"account not found for {wanted}")
        return {"accounts": accounts, "account": chosen, "words": {**WORDS, **WEBHOOK_WORDS}}


def _known(session: LivingSession | None) -> LivingSession:
    assert session is not None  # others are sent to the log-in
    return session


def _meter(budget: Budget | None) -> dict[str, Any] | None:
    if budget is None:
        return None
    used = budget.limit - budget.remaining
    return {"limit": budget.limit, "used": used, "remaining": budget.remaining, "resets_at": budget.resets_at}
