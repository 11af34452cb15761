"""What every page about a paper account shares: whose it is, which account, and how its market stands.

The account is named by its number in the address, so that two tabs can show two accounts and a link leads
back to the same. Another person's number answers as one that does not exist.

A page is made of parts. `GET …?part=positions` answers with that part alone: its template is
`trading/parts/positions.html`, and the method `positions` of the page returns what it shows. The
whole page has what all its parts have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import gettext as _

from accounts import tracing
from accounts.binding import bind
from accounts.dashboard.page import OwnPage, redirect_to
from accounts.errors import EnrolmentOnly
from accounts.throttling import attempt_page
from matching.engine.items import Session
from matching.market.times import to_datetime, to_ns
from matching.models import Market
from trading import reference
from trading.errors import NotFound
from trading.models import TradingAccount
from trading.principal import principal_of_session
from trading.services.own_accounts import accounts_of

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

    from accounts.throttling import Kind
    from trading.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketNow:
    """A market as each page shows it: its time, its session, and, of a tape, how it plays."""

    name: str
    at: datetime
    session: str
    is_open: bool
    next_open: datetime
    next_close: datetime
    is_tape: bool
    is_paused: bool
    speed: str  # market seconds a second; empty is as fast as it can


class PersonPage(OwnPage):
    """A page of a signed-in person that needs no account: `self.session` is theirs, and rows are read as theirs.

    `costs` is the budget from which it is taken.
    """

    costs: ClassVar[Kind] = "page"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Answer with the page, or with the way to it."""
        session = self.session
        if session is not None and not session.is_enrol_only and not session.is_leaving:
            attempt_page(session.user_id, self.costs)
            bind(session.user_id)
            tracing.told(user_id=session.user_id, actor_kind="user", actor_id=str(session.user_id))
        return super().get(request, **kwargs)

    def show(self, request: HttpRequest, **content: Any) -> HttpResponse:
        """Return the page, with the person's accounts to choose from."""
        if self.session is not None and not self.session.is_enrol_only and "accounts" not in content:
            content["accounts"] = list(accounts_of(self.session).exclude(status=TradingAccount.Status.CLOSED))
        return super().show(request, **content)


class PaperPage(PersonPage):
    """A page about one paper account: `self.principal` works in it, `self.account` is its row."""

    section: ClassVar[str]  # which entry of the navigation is at hand
    parts: ClassVar[tuple[str, ...]] = ()

    principal: Principal
    account: TradingAccount

    def content(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        """Return what the page shows, or the part that is asked for. Raises NotFound."""
        self._find(kwargs.pop("number"))
        wanted = request.GET.get("part")
        if wanted is not None:
            if wanted not in self.parts:
                raise NotFound(f"part not found for {wanted}")
            self.template = f"trading/parts/{wanted}.html"
            return {**self._shared(), **getattr(self, wanted)(request, **kwargs)}
        shown = {**self._shared(), **self.whole(request, **kwargs)}
        for part in self.parts:
            shown |= getattr(self, part)(request, **kwargs)
        return shown

    def whole(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:  # noqa: ARG002 - a page has its own
        """Return what the page shows beside its parts."""
        return {}

    def _find(self, number: str) -> None:
        if self.session is None:  # never: others are sent to the log-in
            raise EnrolmentOnly("log in first")
        account = accounts_of(self.session).filter(number=number).first()
        if account is None:
            raise NotFound(f"account not found for {number}")
        self.account = account
        self.principal = principal_of_session(self.session, account.pk)
        tracing.told(
            user_id=self.principal.user_id,
            account_id=self.principal.account_id,
            actor_kind="user",
            actor_id=str(self.principal.user_id),
        )

    def _shared(self) -> dict[str, Any]:
        return {
            "account": self.account,
            "section": self.section,
            "market": market_now(self.account.market),
        }


class Paper(PersonPage):
    """`/paper`: on to the oldest open account, or to the first steps for who has none."""

    template = "accounts/failure.html"  # it has no other page of its own

    def show(self, request: HttpRequest, **content: Any) -> HttpResponse:
        """Lead on; what went wrong is shown."""
        if self.session is None or "status" in content:
            return super().show(request, **content)
        number = (
            accounts_of(self.session)
            .exclude(status=TradingAccount.Status.CLOSED)
            .values_list("number", flat=True)
            .first()
        )
        return redirect_to("start") if number is None else redirect_to("paper-account", number)


def market_now(market: Market) -> MarketNow:
    """Return how a market stands."""
    now = reference.market_now(market.pk)
    calendar = reference.calendar_of(market.pk)
    at = to_ns(now)
    session = calendar.session_at(at)
    return MarketNow(
        name=market.title,
        at=now,
        session=_session_word(session),
        is_open=session is Session.REGULAR,
        next_open=to_datetime(calendar.next_open(at)),
        next_close=to_datetime(calendar.next_close(at)),
        is_tape=market.feed == Market.FeedKind.REPLAY,
        is_paused=market.paused,
        speed="" if market.speed is None else f"{market.speed.normalize():f}",
    )


def _session_word(session: Session) -> str:
    if session is Session.REGULAR:
        return _("Open")
    return _("Closed") if session is Session.CLOSED else _("Extended hours")
