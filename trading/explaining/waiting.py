"""What an open order waits for now: the first thing that stands in its way, in the engine's own order.

The engine tests in this order: is the order in the market (its entry, its latency, its session), is
the market open to it (halt, auction), has its stop been reached, and does the quote or the next print
reach its limit. Figures are as of `Moment`: what the caller may see of the market.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from matching.engine.states import TERMINAL
from matching.engine.types import MILLISECOND, Role, Rule, Session, TimeInForce
from matching.market.times import SECOND, rfc3339, to_ns
from trading.explaining.market import evidence_of
from trading.explaining.offers import for_offer
from trading.explaining.story import Waiting
from trading.explaining.triggers import for_trigger, is_stop
from trading.explaining.words import clock_ns, dollars, shares
from trading.wire import instant, instant_or_none, plain, plain_or_none

if TYPE_CHECKING:
    from trading.explaining.story import Moment, Subject
    from trading.models import Order

_EXTENDED = (Session.PRE, Session.REGULAR, Session.POST)
_AUCTIONS = {TimeInForce.OPG.value: "opening", TimeInForce.CLS.value: "closing"}
_SESSIONS = {Session.PRE: "pre-market", Session.POST: "post-market", Session.CLOSED: "closed"}


def waiting_for(subject: Subject, moment: Moment) -> Waiting | None:
    """Return what an order waits for at a moment; None when nothing can happen to it any more."""
    order = subject.order
    if order.status in TERMINAL:
        return None
    if not moment.is_running:
        return Waiting(
            reason="market_stopped",
            rule=None,
            sentence="The market of this account is not running, so nobody decides its orders.",
            evidence={},
        )
    return (
        _for_decision(order)
        or _for_entry(subject)
        or _for_auction(order, moment)
        or _for_session(order, moment)
        or _for_latency(subject, moment)
        or _for_market(subject, moment)
    )


def _for_market(subject: Subject, moment: Moment) -> Waiting:
    """Return what the market lacks, and that this is no news to whoever sees it later than others."""
    order = subject.order
    waiting = _for_halt(order, moment) or (
        for_trigger(order, moment) if is_stop(order) else for_offer(subject, moment)
    )
    if not moment.delay:
        return waiting
    words = waiting.sentence
    return replace(
        waiting, sentence=f"As of {moment.delay // (60 * SECOND)} minutes ago, {words[0].lower()}{words[1:]}"
    )


def _for_decision(order: Order) -> Waiting | None:
    """Return the wish that the matcher has not decided yet."""
    if order.status == "pending_new":
        what = "take it" if order.replaces is None else f"put it in the stead of order {order.replaces}"
        return Waiting(
            reason="matcher",
            rule=None,
            sentence=f"It waits for the matcher to {what}.",
            evidence={"submitted_at": instant(order.submitted_at)},
        )
    if order.status == "pending_cancel":
        return Waiting(
            reason="cancel",
            rule=Rule.COMMAND.value,
            sentence="Its cancel is asked for and not yet decided; until then it may still fill.",
            evidence={"cancel_requested_at": instant_or_none(order.cancel_requested_at)},
        )
    if order.status == "pending_replace":
        return Waiting(
            reason="replacement",
            rule=Rule.COMMAND.value,
            sentence="Its replacement is asked for and not yet decided; until then it may still fill.",
            evidence={"requested_at": instant(order.updated_at)},
        )
    return None


def _for_entry(subject: Subject) -> Waiting | None:
    """Return the entry that an exit waits for (C1, C3)."""
    order, entry = subject.order, subject.entry
    if not order.role or entry is None:
        return None
    is_pair = any(member.role not in ("", Role.ENTRY) for member in subject.members)
    whole = "" if entry.quantity is None else f" of {shares(entry.quantity)}"
    return Waiting(
        reason="entry",
        rule=(Rule.BRACKET if is_pair else Rule.ONE_EXIT).value,
        sentence=f"It is held until its entry is filled: {shares(entry.filled_quantity)}{whole} so far.",
        evidence={
            "entry_order_id": str(entry.pk),
            "entry_status": entry.status,
            "entry_quantity": plain_or_none(entry.quantity),
            "entry_filled_quantity": plain(entry.filled_quantity),
        },
    )


def _for_auction(order: Order, moment: Moment) -> Waiting | None:
    """Return the auction that an order is for (S3)."""
    which = _AUCTIONS.get(order.time_in_force)
    if which is None:
        return None
    at = moment.closes_at if which == "closing" else moment.opens_at
    has_begun = moment.session is Session.REGULAR if which == "opening" else moment.session is Session.POST
    is_cut_off = order.cut_off_at is None or to_ns(order.cut_off_at) <= moment.at
    if has_begun and is_cut_off:  # an auction of another day is still to come
        when, at = ", which has not been printed yet", None
    else:
        when = "" if at is None else f" at {clock_ns(at)}"
    halted = (
        f"; {order.symbol} is halted, and there is no auction before that ends" if _is_halted(moment) else ""
    )
    limit = (
        ""
        if order.limit_price is None
        else f", if that is not worse than its limit {dollars(order.limit_price)}"
    )
    return Waiting(
        reason="auction",
        rule=Rule.AUCTION.value,
        sentence=f"It waits for the official price of the {which} auction{when}{limit}{halted}.",
        evidence={
            "auction": which,
            "auction_at": _instant_ns(at),
            "cut_off_at": instant_or_none(order.cut_off_at),
            "limit_price": plain_or_none(order.limit_price),
            "is_halted": _is_halted(moment),
        },
    )


def _for_session(order: Order, moment: Moment) -> Waiting | None:
    """Return the session that an order may trade in, while another one is on (S2, T4)."""
    if moment.session is Session.REGULAR or (order.extended_hours and moment.session in _EXTENDED):
        return None
    at = moment.session_at if order.extended_hours else moment.opens_at
    wanted = "market's next session" if order.extended_hours else "regular session"
    begins = "" if at is None else f", which begins at {clock_ns(at)}"
    now = "closed" if moment.session is None else _SESSIONS[moment.session]
    is_now = "the market is closed now" if now == "closed" else f"the {now} session is on now"
    return Waiting(
        reason="session",
        rule=Rule.SESSION.value,
        sentence=f"It waits for the {wanted}{begins}; {is_now}.",
        evidence={
            "market_time": _instant_ns(moment.at),
            "session": now,
            "session_begins_at": _instant_ns(at),
            "extended_hours": order.extended_hours,
        },
    )


def _for_latency(subject: Subject, moment: Moment) -> Waiting | None:
    """Return the way to the market of an order that has been accepted in its session (M1)."""
    order, profile = subject.order, subject.profile
    if order.status != "accepted":
        return None
    due = None if order.accepted_ns is None else order.accepted_ns + profile.latency_ms * MILLISECOND
    if profile.latency_ms and due is not None:
        sentence = (
            f"It is under way to the market for {profile.latency_ms} ms, and comes there with the first "
            f"quote or print of {order.symbol} from {clock_ns(due)} on."
        )
    else:
        sentence = "Its session has begun: it waits for the matcher to bring it to the market."
    return Waiting(
        reason="latency" if profile.latency_ms else "matcher",
        rule=(Rule.LATENCY if profile.latency_ms else Rule.SESSION).value,
        sentence=sentence,
        evidence={
            "latency_ms": profile.latency_ms,
            "due_at": _instant_ns(due),
            "market_time": _instant_ns(moment.at),
        },
    )


def _for_halt(order: Order, moment: Moment) -> Waiting | None:
    """Return the halt that stops fills and triggers (S4)."""
    if not _is_halted(moment):
        return None
    return Waiting(
        reason="halt",
        rule="S4",
        sentence=f"Trading in {order.symbol} is halted: nothing fills and no stop triggers until that ends.",
        evidence=evidence_of(moment),
    )


def _is_halted(moment: Moment) -> bool:
    return moment.latest.is_halted


def _instant_ns(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)
