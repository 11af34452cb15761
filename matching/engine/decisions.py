"""What comes out of the engine: what happened to an order, by which rule, on which evidence.

Invariants: values are immutable; a decision tells everything that the order's row needs to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matching.engine.orders import Side
    from matching.engine.units import OrderId

MODEL_VERSION = 1  # of the rules in this package; every fill keeps the version that made it


class Rule(StrEnum):
    """Why a decision was made: the rule ids of the fill model."""

    TAKE = "L2"  # marketable on arrival, or a waiting taker met a new offer
    THROUGH = "R2"  # the market came to a resting limit, or a print went through it
    QUEUE = "R3"  # a print at the limit, after the queue ahead was used up
    TRIGGER = "T1"  # a print, or the touch on a tape without prints, reached the stop
    TRAIL = "T3"  # the same, of a stop that trails its watermark
    TIME_IN_FORCE = "S1"  # the session's close ended a day order, or age a gtc order
    SESSION = "S2"  # waits for, or becomes new at, the session it may trade in
    AUCTION = "S3"  # filled in, or expired after, its auction; refused after the cut-off
    BRACKET = "C1"  # an entry's end released, reduced or canceled its two exits
    PAIR = "C2"  # a fill or the end of one exit reduced or canceled the other
    ONE_EXIT = "C3"  # as C1, of an entry with one exit
    STOP_WINS = "C4"  # as C2, of a take-profit that the same item could have filled
    BAR = "B1"  # a bar's volume, shared
    COMMAND = "C0"  # the owner asked: place, cancel, replace
    IMMEDIATE = "L2-ioc"  # ioc or fok: what could not trade at once was canceled
    QUARANTINE = "Q0"  # its decisions could not be booked: taken out, so that all others go on
    NOTIONAL = "N2"  # what is left of a notional order buys less than 1e-9 share
    LATENCY = "M1"  # the profile's latency: accepted, and under way to the market
    CHANCE = "M2"  # the profile's reject_rate


class Event(StrEnum):
    """What a decision does to an order; the words of the wire's trade updates, but for `triggered`.

    The engine decides the first group. The second is what others do to an order's status: the
    edge asks (pending_*), a calendar ends the day. The wire tells nobody of a trigger as such.
    """

    ACCEPTED = "accepted"
    NEW = "new"
    HELD = "held"  # a successor of a held exit; the first exits are held from their entry on
    TRIGGERED = "triggered"
    PARTIAL_FILL = "partial_fill"
    FILL = "fill"
    RESTATED = "restated"  # the group changed its quantity (C1, C2)
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    REPLACED = "replaced"
    REPLACE_REJECTED = "order_replace_rejected"
    CANCEL_REJECTED = "order_cancel_rejected"

    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    DONE_FOR_DAY = "done_for_day"


STARTS = frozenset({Event.ACCEPTED, Event.NEW, Event.HELD})
ENDS = frozenset({Event.FILL, Event.CANCELED, Event.EXPIRED, Event.REJECTED, Event.REPLACED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One thing that happened to one order, in the order in which it happened.

    `seq` and `at` are those of the item that caused it, or, for a command, of the last item
    seen before it. The fill fields are set for PARTIAL_FILL and FILL alone: `offer_seq` is the
    sequence of the quote or print whose size was taken, `offer_price` its price, `is_print` says which
    of the two, `bid` .. `ask_size` the prevailing quote, and `queue_before` R3's queue ahead of it. An auction
    is a print. `commission` is money. `is_cut` says that the profile's `partial_rate` made it less.

    A TRIGGERED has the price that did it in `price`, whether that was a print, the quote that
    stood, and the stop in `stop_price`; `watermark` is T3's.

    `leaves_quantity` is what is unfilled after it, also where that remainder has just ended.
    """

    order_id: OrderId
    symbol: str
    event: Event
    rule: Rule
    seq: int
    at: int
    quantity: int = 0
    price: int = 0
    leaves_quantity: int | None = None  # None for a notional order
    offer_seq: int | None = None
    offer_price: int = 0
    is_print: bool = False
    offered: int | None = None  # size shown or printed
    bid: int = 0
    bid_size: int = 0
    ask: int = 0
    ask_size: int = 0
    queue_before: int | None = None
    commission: int = 0
    is_cut: bool = False
    stop_price: int | None = None
    # What a successor keeps of the order that it replaces, told when it starts.
    queue_priority: tuple[int, int] | None = None  # R4
    watermark: int | None = None  # T3; also how far it had come when the order ended
    is_triggered: bool = False  # T1, also on TRIGGERED


@dataclass(frozen=True, slots=True, kw_only=True)
class WatermarkMove:
    """At `seq` the market came to `price`, further than before (T3).

    It is the watermark of every trailing stop of this symbol and side that works then (so its
    stamp is before `seq`), has not triggered, and had none yet or a less favourable one.
    """

    symbol: str
    side: Side
    seq: int
    price: int
