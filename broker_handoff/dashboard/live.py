"""`/live` and below: how far the way to a live broker is, what goes over it, and how to cut it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings

from accounts.dashboard.words import WORDS
from accounts.errors import NotFound
from accounts.tiers import allowance
from broker_handoff.dashboard.intents import shown, steps
from broker_handoff.dashboard.record import months_of, open_since, verdicts_shown
from broker_handoff.dashboard.words import DIFFERENCES, LIVE_WORDS
from broker_handoff.models import BrokerConnection, LiveIntent
from broker_handoff.services import gate, intents, switches
from broker_handoff.services.connections import last_use, latest_connection
from broker_handoff.services.gate import is_gate_open
from broker_handoff.services.guarding import ceilings, limits_of, refusal_to_connect
from broker_handoff.services.reconciling import differences_of
from broker_handoff.terms import TIMES_IN_FORCE
from trading.dashboard.page import PersonPage
from trading.dashboard.ticket import TIMES_IN_FORCE as CHOICES
from trading.models import TradingAccount
from trading.services.own_accounts import accounts_of
from trading.templatetags.figures import DASH

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest

    from accounts.sessions import LivingSession

VERDICTS = 24
PAGE = 25


class LivePage(PersonPage):
    """A page of the way to a live broker: all show the kill switch, and none looks like paper.

    `?part=` of one of its parts is that part alone, as with the pages of paper accounts.
    """

    section: ClassVar[str]
    parts: ClassVar[tuple[str, ...]] = ("switch",)

    def content(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        """Return what the page shows, or the part that is asked for. Raises NotFound."""
        wanted = request.GET.get("part")
        if wanted is not None:
            if wanted not in self.parts:
                raise NotFound(f"part not found for {wanted}")
            self.template = f"broker_handoff/parts/{wanted}.html"
            return {**self._shared(), **getattr(self, wanted)(request, **kwargs)}
        content = {**self._shared(), **self.whole(request, **kwargs)}
        for part in self.parts:
            content |= getattr(self, part)(request, **kwargs)
        return content

    def whole(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:  # noqa: ARG002 - a page has its own
        """Return what the page shows beside its parts."""
        return {}

    def switch(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:  # noqa: ARG002 - a part's signature
        """Return what stops the person's orders now; the staff's closings first."""
        closings = list(switches.living(user_id=self.known.user_id))
        return {"closings": closings, "own_is_open": not any(one.is_own for one in closings)}

    @property
    def known(self) -> LivingSession:
        """The person's session: others are sent to the log-in."""
        assert self.session is not None
        return self.session

    def living(self) -> BrokerConnection | None:
        """Return the connection that is not over, None for who has none."""
        try:
            row = latest_connection(self.known).row
        except NotFound:
            return None
        return row if row.status in BrokerConnection.LIVING else None

    def _shared(self) -> dict[str, Any]:
        return {"is_on": settings.LIVE_IS_ON, "section": self.section, "words": {**WORDS, **LIVE_WORDS}}


class Live(LivePage):
    """The gate, the connection and its limits."""

    template = "broker_handoff/live.html"
    section = "overview"

    def whole(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:  # noqa: ARG002 - a page's signature
        """Return where the person stands."""
        session = self.known
        judgement, now = gate.judgement_of(session), gate.gate_of(session)
        verdicts = list(gate.verdicts_of(session)[:VERDICTS])
        accounts = accounts_of(session).exclude(
            status__in=(TradingAccount.Status.CLOSING, TradingAccount.Status.CLOSED)
        )
        return {
            "gate": now,
            "open_since": open_since(now, verdicts),
            "judgement": judgement,
            "months": [] if judgement is None else months_of(judgement),
            "verdicts": verdicts_shown(verdicts),
            "gate_feeds": settings.GATE_FEEDS,
            "judgeable": [one for one in accounts if one.market.feed in settings.GATE_FEEDS],
            "is_entitled": allowance(session.tier).live,
            **self._connection(),
        }

    def _connection(self) -> dict[str, Any]:
        session = self.known
        refusal = refusal_to_connect(session.user_id, is_gate_open=is_gate_open)
        try:
            found = latest_connection(session)
        except NotFound:
            return {"connection": None, "refusal": refusal}
        row, told = found.row, {"connection": found.row, "token": found.token, "refusal": refusal}
        if row.status not in BrokerConnection.LIVING:
            return told
        most, in_force = asdict(ceilings()), asdict(limits_of(row))
        return {
            **told,
            "last_use": last_use(session, row.connected_at),
            "limits": [
                {"name": name, "own": getattr(row, name), "most": most[name], "in_force": in_force[name]}
                for name in most
            ],
        }


class LiveOrders(LivePage):
    """A ticket for real orders, those there were, and where the broker differs."""

    template = "broker_handoff/orders.html"
    section = "orders"
    parts: ClassVar[tuple[str, ...]] = ("switch", "orders", "differences")

    def whole(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:  # noqa: ARG002 - a page's signature
        """Return what the ticket needs to know."""
        connection = self.living()
        return {
            "connection": connection,
            "in_force": None if connection is None else limits_of(connection),
            "times_in_force": [one for one in CHOICES if one.value in TIMES_IN_FORCE],
        }

    def orders(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:  # noqa: ARG002 - a part's signature
        """Return one page of the list, newest first."""
        page = _page(request)
        mine = intents.intents(session=self.known).exclude(kind=LiveIntent.Kind.CANCEL)
        rows = list(mine[(page - 1) * PAGE : page * PAGE + 1])
        listed = shown(self.known, rows[:PAGE])
        return {
            "orders": listed,
            "page": page,
            "older": page + 1 if len(rows) > PAGE else None,
            "newer": page - 1 if page > 1 else None,
            "is_settled": all(one.is_over for one in listed),
        }

    def differences(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:  # noqa: ARG002 - a part's signature
        """Return what a comparison with the broker has found."""
        rows = differences_of(self.known)
        found: list[dict[str, Any]] = [
            {
                "row": row,
                "words": DIFFERENCES.get(row.kind, row.kind),
                "ours": _said(row.ours),
                "theirs": _said(row.theirs),
            }
            for row in rows
        ]
        return {
            "differences": [each for each in found if each["row"].ended_at is None],
            "past_differences": [each for each in found if each["row"].ended_at is not None],
        }


class LiveOrder(LivePage):
    """One order: its life line, and what can still be done."""

    template = "broker_handoff/order.html"
    section = "orders"
    parts: ClassVar[tuple[str, ...]] = ("switch", "life")

    def life(self, request: HttpRequest, *, intent_id: UUID) -> dict[str, Any]:  # noqa: ARG002 - a part's signature
        """Return the order, what happened to it, and its cancels and replacements. Raises NotFound."""
        session = self.known
        row = intents.intent(session=session, intent_id=intent_id)
        followers = list(
            LiveIntent.objects.owned_by(session).filter(target=row).prefetch_related("events").order_by("pk")
        )
        told = steps(intents.events(session=session, intent_id=intent_id))
        for one in followers:
            if one.kind == LiveIntent.Kind.CANCEL:
                told += steps(
                    sorted(one.events.all(), key=lambda event: (event.at, event.pk)), about="cancel"
                )
        [order] = shown(session, [row])
        return {
            "order": order,
            "steps": sorted(told, key=lambda step: step.at),
            "replacements": [one for one in followers if one.kind == LiveIntent.Kind.REPLACE],
            "is_settled": order.is_over,
        }


def _said(figures: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in figures.items()) or DASH


def _page(request: HttpRequest) -> int:
    text = request.GET.get("page", "1")
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 4 and int(text) > 0):  # noqa: PLR2004 - a page's digits
        raise NotFound(f"page not found for {text}")
    return int(text)
