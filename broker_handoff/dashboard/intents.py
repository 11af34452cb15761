"""Live orders as their pages show them: what was wanted, how it stands, and each step in words."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from broker_handoff.dashboard.words import BAD, GOOD, REASONS, SHORT, STATUSES
from broker_handoff.models import LiveIntent
from broker_handoff.states import FINAL, IntentStatus
from trading.templatetags.figures import DASH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from accounts.querysets import Owner
    from broker_handoff.models import IntentEvent

Kind = LiveIntent.Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentShown:
    """An order or a replacement. `terms` are all that it has, those of what it replaces included."""

    row: LiveIntent
    terms: Mapping[str, Any]
    sentence: str
    status: str  # in a word or two
    status_words: str
    tone: str  # the class of its tag: "", "warn" or "bad"
    reason: str  # in words, empty where there is none

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.row.status in FINAL

    @property
    def digest(self) -> str:
        """What the passkey said yes to, in hexadecimal."""
        return bytes(self.row.digest).hex()

    @property
    def may_be_canceled(self) -> bool:
        """Whether to ask for a cancel makes sense."""
        return self.row.status in {IntentStatus.ACCEPTED, IntentStatus.SENDING, IntentStatus.WORKING}

    @property
    def may_be_replaced(self) -> bool:
        """Whether it works at the broker, and so can have other terms."""
        return self.row.status == IntentStatus.WORKING and "notional" not in self.terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened to an order, or to a cancel or a replacement of it."""

    at: datetime
    title: str
    facts: tuple[str, ...]
    request_id: str
    about: str  # "" for the order itself


def shown(owner: Owner, rows: Sequence[LiveIntent]) -> list[IntentShown]:
    """Return rows as they are shown. As many queries as replacements follow one another, however many rows."""
    known = {row.pk: row for row in rows}
    while missing := {row.target_id for row in known.values() if row.target_id} - set(known):
        found = LiveIntent.objects.owned_by(owner).in_bulk(list(missing))
        if not found:
            break
        known |= found
    return [_shown(row, _terms(row, known)) for row in rows]


def steps(events: Iterable[IntentEvent], *, about: str = "") -> list[Step]:
    """Return what happened, as it is told."""
    return [
        Step(
            at=event.at,
            title=str(STATUSES.get(event.status, event.status)),
            facts=tuple(_facts(event)),
            request_id=event.request_id,
            about=about,
        )
        for event in events
    ]


def sentence(terms: Mapping[str, Any]) -> str:
    """Return an order in a line of words; the exact terms stand beside it."""
    amount = f"${terms['notional']}" if "notional" in terms else terms.get("qty", "")
    side = _("Buy") if terms.get("side") == "buy" else _("Sell")
    return f"{side} {amount} {terms.get('symbol', '')} · {_type(terms)} · {terms.get('time_in_force', '')}"


def _type(terms: Mapping[str, Any]) -> str:
    limit, stop = terms.get("limit_price", ""), terms.get("stop_price", "")
    words = {
        "market": _("at the market"),
        "limit": _("limit %(limit)s"),
        "stop": _("stop %(stop)s"),
        "stop_limit": _("stop %(stop)s, limit %(limit)s"),
    }
    return words.get(str(terms.get("type")), "") % {"limit": limit, "stop": stop}


def _shown(row: LiveIntent, terms: Mapping[str, Any]) -> IntentShown:
    tone = "" if row.status in GOOD else "bad" if row.status in BAD else "warn"
    return IntentShown(
        row=row,
        terms=terms,
        sentence=sentence(terms),
        status=str(SHORT.get(row.status, row.status)),
        status_words=str(STATUSES.get(row.status, row.status)),
        tone=tone,
        reason=str(REASONS.get(row.reason, "")),
    )


def _terms(row: LiveIntent, known: Mapping[UUID, LiveIntent]) -> dict[str, Any]:
    chain, at = [row], row
    while at.kind == Kind.REPLACE and at.target_id is not None and at.target_id in known:
        at = known[at.target_id]
        chain.append(at)
    terms: dict[str, Any] = {}
    for one in reversed(chain):
        terms |= one.terms
    return terms


def _facts(event: IntentEvent) -> Iterable[str]:
    detail: Mapping[str, Any] = event.detail or {}
    if reason := REASONS.get(str(detail.get("reason"))):
        yield str(reason)
    if words := detail.get("words"):
        yield words
    if unknown := detail.get("unknown"):
        yield _("No answer that counts: %(words)s. The broker is asked before anything else.") % {
            "words": unknown
        }
    if status := detail.get("broker_status"):
        yield _("The broker calls it “%(status)s”.") % {"status": status}
    filled = Decimal(detail.get("filled_quantity") or 0)
    if filled:
        price = detail.get("filled_average_price")
        figures = {"quantity": f"{filled.normalize():f}", "price": price or DASH}
        yield _("Filled: %(quantity)s at %(price)s on average.") % figures
