"""What happened to an order: a sentence and the evidence for each event of its log.

An execution is told from its fill. Every pair of event and rule that the matcher can decide has its
own words; anything else falls back to the plain meaning of event and rule.
"""

from __future__ import annotations

from copy import copy
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from matching.engine.triggers import collar
from matching.engine.types import DOLLAR, Event, OrderType, Role, Rule, Side, TimeInForce
from trading.explaining.fills import fill_evidence, fill_sentence
from trading.explaining.rules import plainly
from trading.explaining.story import Step
from trading.explaining.words import clock, dollars, percent, price_of, quantity_of, shares
from trading.models.profile import PARTS
from trading.wire import instant, plain, ratio

if TYPE_CHECKING:
    from collections.abc import Callable

    from trading.explaining.story import Subject
    from trading.models import Order, OrderEvent

GTC_DAYS = 90
_REASONED = frozenset({Event.REJECTED.value, Event.EXPIRED.value})
_AUCTIONS = {TimeInForce.OPG.value: "opening", TimeInForce.CLS.value: "closing"}


def step_of(subject: Subject, event: OrderEvent) -> Step:
    """Return one event as a step of the order's story."""
    fill = None if event.fill_id is None else subject.fills.get(event.fill_id)
    if fill is not None:
        stop_won = subject.order.role == Role.STOP_LOSS and fill.seq in subject.stop_won_at
        return Step(
            event=event.kind,
            at=instant(event.at),
            rule=fill.rule,
            sentence=fill_sentence(subject.order, subject.profile, fill, stop_won=stop_won),
            evidence={**fill_evidence(fill), "filled_quantity": plain(event.filled_quantity)},
        )
    event = _with_rule(subject.order, event)
    say = _SENTENCES.get((event.kind, event.rule))
    return Step(
        event=event.kind,
        at=instant(event.at),
        rule=event.rule or None,
        sentence=say(subject, event) if say else plainly(event.kind, event.rule),
        evidence=_evidence(event),
    )


def _with_rule(order: Order, event: OrderEvent) -> OrderEvent:
    """Return an event of a log older than the rules in it with the rule that its order kept, if any."""
    if event.rule or event.kind not in _REASONED or order.reason not in set(Rule):
        return event
    told = copy(event)
    told.rule = order.reason
    return told


def become(order: Order) -> str:
    """Return what a stop order turns into when it triggers (T1), in words."""
    if order.type == OrderType.STOP_LIMIT and order.limit_price is not None:
        return f"a limit order at {dollars(order.limit_price)}"
    if order.type == OrderType.STOP and order.side == Side.BUY and order.stop_price is not None:
        limit = price_of(collar(int(order.stop_price * DOLLAR)))
        return f"a limit order at {dollars(limit)}, the collar above its stop"
    return "a market order"


_PRICES = ("price", "bid", "ask", "stop_price", "watermark")
_SIZES = ("bid_size", "ask_size")


def _evidence(event: OrderEvent) -> dict[str, Any]:
    """Return an event's figures as decimal strings; what it keeps beyond the known ones, as it is."""
    kept: dict[str, Any] = dict(event.evidence or {})
    said: dict[str, Any] = {}
    if event.feed_seq is not None:
        said["decided_at_sequence"] = event.feed_seq
    if event.order_quantity is not None:
        said["order_quantity"] = plain(event.order_quantity)
    if "is_print" in kept:
        said["item"] = "print" if kept.pop("is_print") else "quote"
    if "offer_seq" in kept:
        said["sequence"] = kept.pop("offer_seq")
    for names, unit in ((_PRICES, price_of), (_SIZES, quantity_of)):
        said |= {name: _text(unit, kept.pop(name)) for name in names if name in kept}
    return said | kept


def _text(unit: Callable[[int], Decimal], units: int | None) -> str | None:
    return plain(unit(units)) if units else None


def _figure(event: OrderEvent, name: str) -> Decimal | None:
    units = (event.evidence or {}).get(name)
    return price_of(units) if units else None


# One function for each pair that needs more than fixed words.


def _triggered(subject: Subject, event: OrderEvent) -> str:
    order = subject.order
    price, stop, watermark = (_figure(event, name) for name in ("price", "stop_price", "watermark"))
    side = "ask" if order.side == Side.BUY else "bid"
    is_print = (event.evidence or {}).get("is_print", True)
    item = "a print" if is_print else f"the {side}"
    at = "" if price is None else f" at {dollars(price)}"
    reached = "" if stop is None else f" {dollars(stop)}"
    trail = ""
    if watermark is not None:
        extreme = "low" if order.side == Side.BUY else "high"
        trail = f", which trails the {extreme} of {dollars(watermark)}"
    return (
        f"Triggered: {item}{at} reached its stop{reached}{trail}; it is now {become(order)} ({event.rule})."
    )


def _late_for_auction(subject: Subject, event: OrderEvent) -> str:
    return f"Rejected: it came after {_cut_off(subject)} ({event.rule})."


def _cut_off(subject: Subject) -> str:
    order = subject.order
    auction = _AUCTIONS.get(order.time_in_force, "its")
    at = "" if order.cut_off_at is None else f", {clock(order.cut_off_at)}"
    return f"the cut-off for the {auction} auction{at}"


def _by_chance(subject: Subject, event: OrderEvent) -> str:
    rate = percent(ratio(Decimal(subject.profile.reject_rate), Decimal(PARTS)))
    return f"Rejected by chance: the profile rejects {rate} of all orders ({event.rule})."


def _unworkable(subject: Subject, event: OrderEvent) -> str:
    if subject.order.replaces is not None:
        return f"Rejected: the order that it was to replace had ended, or could not become this one ({event.rule})."
    return f"Rejected: the engine has no rule for its terms ({event.rule})."


def _canceled(subject: Subject, event: OrderEvent) -> str:
    if subject.order.cancel_requested_at is None:
        return f"Canceled: the market that it was placed in was started anew ({event.rule})."
    return f"Canceled, as its owner asked ({event.rule})."


def _immediate(subject: Subject, event: OrderEvent) -> str:
    if subject.order.time_in_force == TimeInForce.FOK:
        return f"Canceled: what stood there could not fill it whole at once (fok, {event.rule})."
    if event.filled_quantity:
        return f"Canceled: the rest could not trade at once (ioc, {event.rule})."
    return f"Canceled: nothing of it could trade at once (ioc, {event.rule})."


def _followed_entry(subject: Subject, event: OrderEvent) -> str:
    if subject.order.role == Role.ENTRY:
        return f"Canceled: one of its exits was canceled, and that ends the group ({event.rule})."
    return f"Canceled: its entry ended without a fill, so there is nothing to exit ({event.rule})."


def _other_exit(subject: Subject) -> str:
    return "take-profit" if subject.order.role == Role.STOP_LOSS else "stop-loss"


def _lost_to_pair(subject: Subject, event: OrderEvent) -> str:
    return f"Canceled: its {_other_exit(subject)} has filled or ended, and one exit is enough ({event.rule})."


def _lost_to_stop(_subject: Subject, event: OrderEvent) -> str:
    return (
        "Canceled: the stop-loss filled on an item that could have filled this take-profit too, "
        f"and then the stop wins ({event.rule})."
    )


def _session_over(subject: Subject, event: OrderEvent) -> str:
    day = "the day's last session" if subject.order.extended_hours else "the regular session"
    return f"Expired: {day} ended, and it was for the day ({event.rule})."


def _auction_over(subject: Subject, event: OrderEvent) -> str:
    order = subject.order
    auction = _AUCTIONS.get(order.time_in_force, "")
    if order.limit_price is None:
        why = "had no more for it, or did not take place"
    else:
        why = (
            f"did not reach its limit {dollars(order.limit_price)}, had no more for it, or did not take place"
        )
    return f"Expired: the {auction} auction {why} ({event.rule})."


def _restated(subject: Subject, event: OrderEvent) -> str:
    to = "" if event.order_quantity is None else f" to {shares(event.order_quantity)}"
    if event.rule in {Rule.PAIR, Rule.STOP_WINS}:
        why = f"its {_other_exit(subject)} traded the difference"
        if event.rule == Rule.STOP_WINS:
            why += ", on an item that could have filled this take-profit too, and then the stop wins"
    else:
        why = "its entry ended without filling more"
    return f"Reduced{to}: {why} ({event.rule})."


def _under_way(subject: Subject, event: OrderEvent) -> str:
    return f"Accepted: under way to the market for {subject.profile.latency_ms} ms ({event.rule})."


def _held(subject: Subject, event: OrderEvent) -> str:
    if subject.entry is None and subject.order.role == Role.STOP_LOSS:
        return f"Held beside its take-profit until its stop is reached ({event.rule})."
    return f"Held until its entry is filled ({event.rule})."


def _first_held(_subject: Subject, _event: OrderEvent) -> str:
    return "Held: another order of its class comes first."


def _replaced(subject: Subject, event: OrderEvent) -> str:
    by = subject.order.replaced_by
    return f"Replaced{'' if by is None else f' by order {by}'}, as its owner asked ({event.rule})."


def _received(subject: Subject, _event: OrderEvent) -> str:
    order = subject.order
    return "Received." if order.replaces is None else f"Received, to replace order {order.replaces}."


def _refused_for_auction(what: str) -> Callable[[Subject, OrderEvent], str]:
    return lambda subject, event: f"{what} was refused: it came after {_cut_off(subject)} ({event.rule})."


def _fixed(sentence: str) -> Callable[[Subject, OrderEvent], str]:
    return lambda _subject, event: f"{sentence} ({event.rule})." if event.rule else f"{sentence}."


_SENTENCES: dict[tuple[str, str], Callable[[Subject, OrderEvent], str]] = {
    ("pending_new", ""): _received,
    ("held", ""): _first_held,
    (Event.PENDING_CANCEL, ""): _fixed("Its owner asked for a cancel"),
    (Event.PENDING_REPLACE, ""): _fixed("Its owner asked for a replacement"),
    (Event.CANCEL_REJECTED, ""): _fixed("The cancel came too late: it had already ended"),
    (Event.ACCEPTED, Rule.SESSION): _fixed("Accepted: it waits for a session that it may trade in"),
    (Event.ACCEPTED, Rule.LATENCY): _under_way,
    (Event.NEW, Rule.COMMAND): _fixed("Came to the market as soon as it was accepted"),
    (Event.NEW, Rule.SESSION): _fixed("Came to the market when its session began"),
    (Event.NEW, Rule.LATENCY): _fixed("Came to the market when its latency was over"),
    (Event.NEW, Rule.BRACKET): _fixed("Came to the market because its entry is filled"),
    (Event.NEW, Rule.ONE_EXIT): _fixed("Came to the market because its entry is filled"),
    (Event.NEW, Rule.TRIGGER): _fixed("Came to the market as what its stop turned it into"),
    (Event.NEW, Rule.TRAIL): _fixed("Came to the market as what its stop turned it into"),
    (Event.HELD, Rule.COMMAND): _held,
    (Event.TRIGGERED, Rule.TRIGGER): _triggered,
    (Event.TRIGGERED, Rule.TRAIL): _triggered,
    (Event.RESTATED, Rule.BRACKET): _restated,
    (Event.RESTATED, Rule.ONE_EXIT): _restated,
    (Event.RESTATED, Rule.PAIR): _restated,
    (Event.RESTATED, Rule.STOP_WINS): _restated,
    (Event.CANCELED, Rule.COMMAND): _canceled,
    (Event.CANCELED, Rule.IMMEDIATE): _immediate,
    (Event.CANCELED, Rule.NOTIONAL): _fixed(
        "Canceled: what is left of its money buys less than 0.000000001 share"
    ),
    (Event.CANCELED, Rule.TIME_IN_FORCE): _fixed(
        f"Canceled: it was good until canceled, for {GTC_DAYS} days"
    ),
    (Event.CANCELED, Rule.BRACKET): _followed_entry,
    (Event.CANCELED, Rule.ONE_EXIT): _followed_entry,
    (Event.CANCELED, Rule.PAIR): _lost_to_pair,
    (Event.CANCELED, Rule.STOP_WINS): _lost_to_stop,
    (Event.CANCELED, Rule.QUARANTINE): _fixed(
        "Canceled: what was decided about it could not be booked, so it was taken out and all others went on"
    ),
    (Event.EXPIRED, Rule.TIME_IN_FORCE): _session_over,
    (Event.EXPIRED, Rule.AUCTION): _auction_over,
    (Event.REJECTED, Rule.COMMAND): _unworkable,
    (Event.REJECTED, Rule.AUCTION): _late_for_auction,
    (Event.REJECTED, Rule.CHANCE): _by_chance,
    (Event.REPLACED, Rule.COMMAND): _replaced,
    (Event.REPLACE_REJECTED, Rule.COMMAND): _fixed(
        "The replacement was refused: the order had ended, or could not become what was asked for"
    ),
    (Event.REPLACE_REJECTED, Rule.AUCTION): _refused_for_auction("The replacement"),
    (Event.CANCEL_REJECTED, Rule.COMMAND): _fixed("The cancel came too late: it had already ended"),
    (Event.CANCEL_REJECTED, Rule.AUCTION): _refused_for_auction("The cancel"),
}
