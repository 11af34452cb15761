"""What an open order waits for: one thing, the first that stands in its way, with the figures of now."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from matching.engine.states import TERMINAL, Status
from matching.engine.types import Session
from matching.market.latest import Latest
from matching.market.times import HOUR, SECOND, to_ns
from tests.factories.rows import NOON
from tests.trading.explaining.given import NOW, TAKING, moment_of, order_of, profile_of, subject_of
from trading.explaining.waiting import waiting_for

OTHER = UUID(int=9)
CLOSED = {"session": Session.CLOSED, "opens_at": NOW + 21 * HOUR, "session_at": NOW + 15 * HOUR}
PRE = {"session": Session.PRE, "opens_at": NOW + 2 * HOUR, "session_at": NOW + 2 * HOUR}
DAY: dict[str, Any] = {"opens_at": NOW + 21 * HOUR, "closes_at": NOW + 4 * HOUR, "session_at": NOW + 4 * HOUR}
SELL_STOP = {"side": "sell", "type": "stop", "stop_price": "185"}
TRAIL = {"side": "sell", "type": "trailing_stop", "trail_price": "1.5", "working_seq": 1}
MARKET = {"type": "market", "quantity": "100", "reserve_price": "187.35"}
ENTRY = order_of(id=OTHER, role="entry", filled_quantity=Decimal(40))
TARGET = order_of(id=OTHER, role="take_profit", side="sell")

WAITS = {
    "the matcher": ({"status": "pending_new"}, {}, "matcher", "It waits for the matcher to take it."),
    "the matcher, to replace": (
        {"status": "pending_new", "replaces": OTHER},
        {},
        "matcher",
        f"It waits for the matcher to put it in the stead of order {OTHER}.",
    ),
    "its cancel": (
        {"status": "pending_cancel", "cancel_requested_at": NOON},
        {},
        "cancel",
        "Its cancel is asked for and not yet decided; until then it may still fill.",
    ),
    "its replacement": (
        {"status": "pending_replace"},
        {},
        "replacement",
        "Its replacement is asked for and not yet decided; until then it may still fill.",
    ),
    "a market that is not running": (
        {},
        {"is_running": False},
        "market_stopped",
        "The market of this account is not running, so nobody decides its orders.",
    ),
    "the open": (
        {"status": "accepted"},
        CLOSED,
        "session",
        "It waits for the regular session, which begins at 09:00 New York, 2013-10-09; the market is closed now.",
    ),
    "the next extended session": (
        {"status": "accepted", "extended_hours": True},
        CLOSED,
        "session",
        (
            "It waits for the market's next session, which begins at 03:00 New York, 2013-10-09; "
            "the market is closed now."
        ),
    ),
    "the open, before it": (
        {"status": "accepted"},
        PRE,
        "session",
        (
            "It waits for the regular session, which begins at 14:00 New York, 2013-10-08; "
            "the pre-market session is on now."
        ),
    ),
    "a stop outside the regular session": (
        SELL_STOP,
        PRE,
        "session",
        (
            "It waits for the regular session, which begins at 14:00 New York, 2013-10-08; "
            "the pre-market session is on now."
        ),
    ),
    "a session beyond the calendar": (
        {},
        {"session": None},
        "session",
        "It waits for the regular session; the market is closed now.",
    ),
    "its latency": (
        {"status": "accepted", "accepted_ns": NOW},
        DAY,
        "latency",
        (
            "It is under way to the market for 50 ms, and comes there with the first quote or print of IBM from "
            "12:00:00.05 New York, 2013-10-08 on."
        ),
    ),
    "a halt": (
        {},
        {"is_halted": True},
        "halt",
        "Trading in IBM is halted: nothing fills and no stop triggers until that ends.",
    ),
    "the opening auction": (
        {"status": "accepted", "time_in_force": "opg"},
        CLOSED,
        "auction",
        (
            "It waits for the official price of the opening auction at 09:00 New York, 2013-10-09, if that is not "
            "worse than its limit 187.20."
        ),
    ),
    "an opening auction that is late": (
        {"time_in_force": "opg", **MARKET},
        DAY,
        "auction",
        "It waits for the official price of the opening auction, which has not been printed yet.",
    ),
    "a closing auction that is late": (
        {"time_in_force": "cls", "cut_off_at": NOON - timedelta(hours=1), **MARKET},
        {**DAY, "session": Session.POST},
        "auction",
        "It waits for the official price of the closing auction, which has not been printed yet.",
    ),
    "the closing auction of the next day": (
        {"status": "accepted", "time_in_force": "cls", "cut_off_at": NOON + timedelta(days=1), **MARKET},
        {**DAY, "session": Session.POST},
        "auction",
        "It waits for the official price of the closing auction at 16:00 New York, 2013-10-08.",
    ),
    "the closing auction of a halted stock": (
        {"time_in_force": "cls", **MARKET},
        {**DAY, "is_halted": True},
        "auction",
        (
            "It waits for the official price of the closing auction at 16:00 New York, 2013-10-08; IBM is halted, "
            "and there is no auction before that ends."
        ),
    ),
    "its stop": (
        SELL_STOP,
        DAY,
        "stop",
        "It waits for a print at or below 185.00; the last one was at 187.30 (T1).",
    ),
    "its stop, before any print": (
        SELL_STOP,
        {"last": "0"},
        "stop",
        "It waits for a print at or below 185.00 (T1).",
    ),
    "a buy's stop": (
        {"type": "stop", "stop_price": "190"},
        DAY,
        "stop",
        "It waits for a print at or above 190.00; the last one was at 187.30 (T1).",
    ),
    "its trail": (
        TRAIL,
        {"watermark": Decimal("188.40")},
        "trail",
        (
            "It waits for a print at or below 186.90, which trails the high of 188.40 by 1.50; "
            "the last one was at 187.30 (T3)."
        ),
    ),
    "a trail of a percentage": (
        {**TRAIL, "trail_price": None, "trail_percent": "2.5", "side": "buy"},
        {"watermark": Decimal(180)},
        "trail",
        (
            "It waits for a print at or above 184.50, which trails the low of 180.00 by 2.5 %; "
            "the last one was at 187.30 (T3)."
        ),
    ),
    "something to trail": (
        TRAIL,
        DAY,
        "trail",
        "It waits for the first print of IBM that it can trail by 1.50 (T3).",
    ),
    "a new quote, the one it has being stale": (
        {"queue_ahead": TAKING},
        {"age_s": 90},
        "stale_quote",
        "The quote is 90 seconds old, and one of more than 60 fills nobody: it waits for a new quote.",
    ),
    "a new quote, the one it has being crossed": (
        MARKET,
        {"bid": "187.40"},
        "crossed_quote",
        "The quote is crossed, bid 187.40 above ask 187.35, and fills nobody: it waits for a new quote.",
    ),
    "a new quote or a print": (
        {"queue_ahead": Decimal(0)},
        {"bid": "187.40"},
        "crossed_quote",
        (
            "The quote is crossed, bid 187.40 above ask 187.35, and fills nobody: it waits for a new quote, "
            "or for a print at or below its limit 187.20."
        ),
    ),
    "somebody to take from": (
        MARKET,
        {"ask": "0"},
        "no_offer",
        "There is no ask to take from: it waits for a new quote.",
    ),
    "its collar": (
        MARKET,
        {"ask": "195"},
        "collar",
        (
            "The ask 195.00 is above its collar 192.03, the most that a market order pays which reserved 187.35 a "
            "share: it waits for the ask to come back."
        ),
    ),
    "the next offer": (
        {**MARKET, "status": "partially_filled"},
        DAY,
        "offer",
        (
            "It reaches the ask 187.35, where the account has had what it can have of the 300 shown: it waits for a "
            "new price or size there (L1)."
        ),
    ),
    "the next offer at its limit": (
        {"limit_price": "187.35", "queue_ahead": TAKING},
        DAY,
        "offer",
        (
            "It reaches the ask 187.35, where the account has had what it can have of the 300 shown: it waits for a "
            "new price or size there (L1)."
        ),
    ),
    "its place in the queue": (
        {"queue_ahead": Decimal(1200)},
        DAY,
        "queue",
        "It is behind 1,200 in the queue at 187.20; its limit 187.20 is 0.15 below the ask 187.35 (R3).",
    ),
    "the next print at its price": (
        {"queue_ahead": Decimal(0), "limit_price": "187.25"},
        DAY,
        "queue",
        (
            "It is first in the queue at 187.25, and waits for a print there; its limit 187.25 is 0.10 below the "
            "ask 187.35 (R3)."
        ),
    ),
    "the market, from behind the touch": (
        {"limit_price": "187"},
        DAY,
        "limit",
        (
            "It waits for the market to come to its limit: its limit 187.00 is 0.35 below the ask 187.35, and the "
            "bid 187.20 stands 0.20 before it (R2)."
        ),
    ),
    "the market, to sell": (
        {"side": "sell", "limit_price": "188"},
        DAY,
        "limit",
        (
            "It waits for the market to come to its limit: its limit 188.00 is 0.80 above the bid 187.20, and the "
            "ask 187.35 stands 0.65 before it (R2)."
        ),
    ),
    "a stop that has become a limit order": (
        {"type": "stop", "stop_price": "180", "is_triggered": True, "queue_ahead": Decimal(7)},
        DAY,
        "queue",
        "It is behind 7 in the queue at 184.50; its limit 184.50 is 2.85 below the ask 187.35 (R3).",
    ),
    "a stop that has become a market order": (
        {**SELL_STOP, "is_triggered": True},
        {"bid": "0"},
        "no_offer",
        "There is no bid to take from: it waits for a new quote.",
    ),
}


@pytest.mark.parametrize(("terms", "market", "reason", "sentence"), WAITS.values(), ids=WAITS)
def test_an_open_order_says_what_it_waits_for(terms, market, reason, sentence):
    subject = subject_of(order_of(**terms), profile=profile_of(latency_ms=50))

    waiting = waiting_for(subject, moment_of(**market))

    assert waiting is not None
    assert (waiting.reason, waiting.sentence) == (reason, sentence)


def test_an_exit_waits_for_its_entry_and_says_how_far_that_is():
    exit_ = order_of(status="held", role="take_profit", side="sell")

    waiting = waiting_for(subject_of(exit_, members=[ENTRY]), moment_of())

    assert waiting is not None
    assert (waiting.reason, waiting.rule) == ("entry", "C3")
    assert waiting.sentence == "It is held until its entry is filled: 40 of 100 so far."
    assert waiting.evidence == {
        "entry_order_id": str(OTHER),
        "entry_status": "new",
        "entry_quantity": "100",
        "entry_filled_quantity": "40",
    }


def test_a_stop_loss_beside_its_take_profit_waits_for_its_stop():
    stop = order_of(status="held", role="stop_loss", **SELL_STOP)
    ended = order_of(id=UUID(int=8), role="entry", status="filled")

    waiting = waiting_for(subject_of(stop, members=[ended, TARGET]), moment_of())

    assert waiting is not None
    assert waiting.sentence == (
        "It waits for a print at or below 185.00, held beside its take-profit; the last one was at 187.30 (T1)."
    )


def test_an_exit_of_a_bracket_names_the_bracket_s_rule():
    stop = order_of(status="held", role="stop_loss", **SELL_STOP)

    waiting = waiting_for(subject_of(stop, members=[ENTRY, TARGET]), moment_of())

    assert waiting is not None
    assert waiting.rule == "C1"


def test_an_order_of_the_model_bars_waits_for_a_print():
    subject = subject_of(order_of(), profile=profile_of(model="bars"))

    waiting = waiting_for(subject, moment_of(age_s=600))

    assert waiting is not None
    assert waiting.sentence == (
        "It waits for the next print at or below 187.20, which is all that fills the model bars; "
        "the last one was at 187.30 (B1)."
    )


def test_an_order_whose_market_nobody_knows_waits_for_a_quote():
    waiting = waiting_for(subject_of(), moment_of(latest=Latest()))

    assert waiting is not None
    assert waiting.reason == "no_quote"
    assert waiting.sentence.startswith("No quote of IBM is known: it waits for a new quote")
    assert waiting.evidence["quote_at"] is None


def test_a_quote_ages_in_the_regular_session_alone():
    subject = subject_of(order_of(extended_hours=True, queue_ahead=TAKING))
    opened = to_ns(NOON)

    reasons = [
        waiting_for(subject, moment_of(age_s=61, session=session, opens_at=opened + SECOND)).reason
        for session in (Session.PRE, Session.REGULAR, Session.POST)
    ]

    assert reasons == ["limit", "stale_quote", "limit"]


def test_a_locked_quote_is_a_good_one():
    waiting = waiting_for(subject_of(order_of(**MARKET)), moment_of(bid="187.35"))

    assert waiting is not None
    assert waiting.reason == "offer"


@pytest.mark.parametrize(("ask", "reason"), [("192.03", "offer"), ("192.04", "collar")])
def test_an_ask_at_the_collar_is_not_beyond_it(ask, reason):
    waiting = waiting_for(subject_of(order_of(**MARKET)), moment_of(ask=ask))

    assert waiting is not None
    assert waiting.reason == reason


def test_the_figures_of_a_wait_are_decimal_strings():
    waiting = waiting_for(subject_of(order_of(queue_ahead=Decimal(1200))), moment_of())

    assert waiting is not None
    assert waiting.evidence == {
        "limit_price": "187.2",
        "distance": "0.15",
        "queue_ahead": "1200",
        "quantity_left": "100",
        "market_time": "2013-10-08T16:00:00Z",
        "quote_sequence": 7,
        "quote_at": "2013-10-08T15:59:59Z",
        "bid": "187.2",
        "bid_size": "500",
        "ask": "187.35",
        "ask_size": "300",
        "last_price": "187.3",
        "last_size": "200",
        "last_at": "2013-10-08T15:59:59Z",
        "last_sequence": 8,
    }


@pytest.mark.parametrize("status", Status)
def test_every_open_status_waits_for_something_and_no_other_does(status):
    waiting = waiting_for(subject_of(order_of(status=status.value)), moment_of(**DAY))

    assert (waiting is None) is (status in TERMINAL)
