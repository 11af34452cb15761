"""`/accounts`: all paper accounts of a person, also those that are closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accounts.dashboard.words import WORDS
from accounts.tiers import allowance
from trading.dashboard.account_words import ACCOUNT_WORDS
from trading.dashboard.page import PersonPage
from trading.dashboard.simulation_words import title_of
from trading.dashboard.starters import choices_for
from trading.dashboard.tiers import names
from trading.errors import NotFound
from trading.models import TradingAccount
from trading.models.configuration import MULTIPLIERS
from trading.services.accounts import CASH_DEFAULT, PAPER_MULTIPLIER
from trading.services.own_accounts import UNSETTLED, accounts_of
from trading.services.profiles import profiles_offered

if TYPE_CHECKING:
    from django.http import HttpRequest

Status = TradingAccount.Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One account as the list shows it."""

    account: TradingAccount
    simulation: str
    is_open: bool
    is_unsettled: bool  # it is being reset or closed, and waits for its orders to end


class Accounts(PersonPage):
    """The list, and what may be done with each. `?part=list` is the list alone."""

    template = "trading/accounts.html"

    def content(self, request: HttpRequest, **_: Any) -> dict[str, Any]:
        """Return the accounts, oldest first and closed ones last, and what the tier leaves room for."""
        assert self.session is not None  # others are sent to the log-in
        lines = [_line(account) for account in accounts_of(self.session)]
        open_ones = [line.account for line in lines if line.account.status != Status.CLOSED]
        most = allowance(self.session.tier).accounts
        shown = {
            "accounts": open_ones,
            "lines": sorted(lines, key=lambda line: line.account.status == Status.CLOSED),
            "most": most,
            "room": max(0, most - len(open_ones)),
            "tier": names()[self.session.tier],
            "is_waiting": any(line.is_unsettled for line in lines),
        }
        wanted = request.GET.get("part")
        if wanted == "list":
            self.template = "trading/parts/accounts_list.html"
            return shown
        if wanted is not None:
            raise NotFound(f"part not found for {wanted}")
        return {
            **shown,
            "simulations": [{"name": one.name, "title": title_of(one)} for one in profiles_offered()],
            "multipliers": MULTIPLIERS,
            "multiplier": PAPER_MULTIPLIER,
            "cash": CASH_DEFAULT,
            "markets": choices_for(self.session.tier),
            "words": {**WORDS, **ACCOUNT_WORDS},
        }


def _line(account: TradingAccount) -> Line:
    return Line(
        account=account,
        simulation=title_of(account.profile),
        is_open=account.status == Status.ACTIVE,
        is_unsettled=account.status in UNSETTLED,
    )
