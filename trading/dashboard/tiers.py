"""The table of tiers in words: each line of `accounts.tiers` and of the entitlement to data, for all tiers beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _, ngettext

from accounts.models import Tier
from accounts.tiers import ALLOWANCES, allowance
from matching.market.times import SECOND
from trading.marketdata import entitlement

if TYPE_CHECKING:
    from accounts.tiers import Allowance
    from trading.services.standing import InUse

_YEAR_DAYS = 365
_MINUTE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one tier has of a line; `is_own` is the reader's."""

    text: str
    is_own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that tiers differ in. `used` of `most` are what the reader has; None where nothing is counted."""

    name: str
    help: str
    cells: tuple[Cell, ...]
    used: int | None = None
    most: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether the reader has more than the tier allows, since it was a higher one."""
        return self.used is not None and self.most is not None and self.used > self.most


def names() -> dict[str, str]:
    """Return what each tier is called."""
    return {Tier.FREE: _("Free"), Tier.PRO: _("Pro"), Tier.PRO_PLUS: _("Pro+")}


def lines(tier: str, use: InUse) -> list[Line]:
    """Return the table for who is of this tier and uses this much."""
    may = allowance(tier)
    return [
        _line(tier, _("Requests of the API"), _("A minute, over all keys and sessions."), _requests()),
        _line(
            tier,
            _("Paper accounts"),
            _("Open at once."),
            [f"{each.accounts:,}" for each in ALLOWANCES.values()],
            used=use.accounts,
            most=may.accounts,
        ),
        _line(
            tier,
            _("Webhooks"),
            _("Enabled, of one account."),
            [f"{each.webhooks:,}" for each in ALLOWANCES.values()],
            used=use.webhooks,
            most=may.webhooks,
        ),
        _line(
            tier,
            _("Streams"),
            _("Connections for the order events of one account, open at once."),
            [f"{each.streams:,}" for each in ALLOWANCES.values()],
        ),
        _line(tier, _("History"), _("Of orders, fills and events."), _histories()),
        _line(tier, _("Market data"), _("How late the latest prices are."), _delays()),
        _line(tier, _("Data archive"), _("Prices older than 30 days."), _archives()),
        _line(
            tier,
            _("Replay of one's own"),
            _("Accounts in a recorded market beside the installation's."),
            [_yes(is_so=each.replay_markets) for each in ALLOWANCES.values()],
        ),
        _line(
            tier,
            _("Live trading"),
            _("A broker of one's own, once the gate is open."),
            [_yes(is_so=each.live) for each in ALLOWANCES.values()],
        ),
    ]


def _line(
    tier: str, name: str, words: str, cells: list[str], *, used: int | None = None, most: int | None = None
) -> Line:
    own = list(ALLOWANCES).index(Tier(tier))
    made = tuple(Cell(text=text, is_own=place == own) for place, text in enumerate(cells))
    return Line(name=name, help=words, cells=made, used=used, most=most)


def _requests() -> list[str]:
    return [f"{each.requests:,}" for each in ALLOWANCES.values()]


def _histories() -> list[str]:
    return [_kept(each) for each in ALLOWANCES.values()]


def _kept(may: Allowance) -> str:
    if may.history_days is None:
        return _("without end")
    years, rest = divmod(may.history_days, _YEAR_DAYS)
    if years and not rest:
        return ngettext("%(n)d year", "%(n)d years", years) % {"n": years}
    return ngettext("%(n)d day", "%(n)d days", may.history_days) % {"n": may.history_days}


def _delays() -> list[str]:
    minutes = [entitlement.of_tier(tier).delay // SECOND // _MINUTE_S for tier in ALLOWANCES]
    return [
        ngettext("%(n)d minute", "%(n)d minutes", n) % {"n": n} if n else _("in real time") for n in minutes
    ]


def _archives() -> list[str]:
    return [_yes(is_so=entitlement.of_tier(tier).has_archive) for tier in ALLOWANCES]


def _yes(*, is_so: bool) -> str:
    return _("yes") if is_so else _("no")
