"""Each rule, status and kind of event in plain words: what is said where nothing more is known."""

from __future__ import annotations

from matching.engine.states import Status
from matching.engine.types import Event, Rule

RULES: dict[Rule, str] = {
    Rule.TAKE: "an order that is marketable takes at the touch, at most what is shown",
    Rule.THROUGH: "the market came to its limit, or a print went through it",
    Rule.QUEUE: "a print at its limit reached it after the queue ahead was used up",
    Rule.TRIGGER: "a print, or the touch on a tape without prints, reached the stop",
    Rule.TRAIL: "a print, or the touch on a tape without prints, reached the stop that trails the market",
    Rule.TIME_IN_FORCE: "its time in force was over",
    Rule.SESSION: "an order works in the sessions that it may trade in",
    Rule.AUCTION: "an order for an auction fills there at the official price or not at all",
    Rule.BRACKET: "the exits of a bracket follow its entry",
    Rule.PAIR: "what one exit of a pair trades or ends, the other loses",
    Rule.ONE_EXIT: "the exit follows its entry",
    Rule.STOP_WINS: "where one item could fill both exits, the stop-loss wins",
    Rule.BAR: "a bar's volume is shared",
    Rule.COMMAND: "its owner asked",
    Rule.IMMEDIATE: "what cannot trade at once is canceled",
    Rule.QUARANTINE: "what was decided about it could not be booked, so it was taken out and all others went on",
    Rule.NOTIONAL: "what was left of its money bought less than 0.000000001 share",
    Rule.LATENCY: "an order is under way to the market for the latency of its profile",
    Rule.CHANCE: "the profile rejects some orders by chance",
}

STATUSES: dict[Status, str] = {
    Status.PENDING_NEW: "Received, and not yet taken by the matcher",
    Status.ACCEPTED: "Accepted, and not yet in the market",
    Status.NEW: "Working in the market",
    Status.PARTIALLY_FILLED: "Filled in part, and working",
    Status.FILLED: "Filled",
    Status.CANCELED: "Canceled",
    Status.EXPIRED: "Expired",
    Status.REJECTED: "Rejected",
    Status.REPLACED: "Replaced by another order",
    Status.PENDING_CANCEL: "Its cancel is asked for, and not yet decided",
    Status.PENDING_REPLACE: "Its replacement is asked for, and not yet decided",
    Status.HELD: "Held back by another order of its class",
    Status.DONE_FOR_DAY: "Done for the day",
}

KINDS: dict[str, str] = {
    "pending_new": "Received, and stored for the matcher",
    Event.ACCEPTED: "Accepted",
    Event.NEW: "New in the market",
    Event.HELD: "Held back",
    Event.TRIGGERED: "Triggered",
    Event.PARTIAL_FILL: "Filled in part",
    Event.FILL: "Filled",
    Event.RESTATED: "Changed in quantity",
    Event.CANCELED: "Canceled",
    Event.EXPIRED: "Expired",
    Event.REJECTED: "Rejected",
    Event.REPLACED: "Replaced",
    Event.REPLACE_REJECTED: "Its replacement was refused",
    Event.CANCEL_REJECTED: "Its cancel was refused",
    Event.PENDING_CANCEL: "A cancel was asked for",
    Event.PENDING_REPLACE: "A replacement was asked for",
    Event.DONE_FOR_DAY: "Done for the day",
}


def plainly(kind: str, rule: str) -> str:
    """Return a sentence for an event that nobody has better words for; `rule` may be empty or unknown."""
    said = KINDS.get(kind, kind.replace("_", " ").capitalize())
    if not rule:
        return f"{said}."
    meaning = RULES[Rule(rule)] if rule in set(Rule) else "a rule of another version"
    return f"{said}: {meaning} ({rule})."
