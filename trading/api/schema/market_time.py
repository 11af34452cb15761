"""/v2/clock, /v2/calendar and their successors under /v3. Spec of the wire: 1.4, 4.5."""

from __future__ import annotations

from trading.api.schema.failures import INVALID
from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
    BOOLEAN,
    DATE,
    INSTANT,
    OK,
    STRING,
    Answer,
    array,
    at_path,
    described,
    listed,
    nullable,
    one_of,
    query,
    record,
    ref,
)

TAG = "Clock and calendar"
_SESSION_BOUNDS = ("pre_start", "pre_end", "core_start", "core_end", "post_start", "post_end")

SCHEMAS = {
    "Clock": record(
        "The market's time, which of a replay is the tape's. The instants carry New York's offset.",
        {"timestamp": INSTANT, "is_open": BOOLEAN, "next_open": INSTANT, "next_close": INSTANT},
        example={
            "timestamp": "2013-10-08T12:00:00-04:00",
            "is_open": True,
            "next_open": "2013-10-09T09:30:00-04:00",
            "next_close": "2013-10-08T16:00:00-04:00",
        },
    ),
    "CalendarDay": record(
        "A trading day; its hours are New York's.",
        {
            "date": DATE,
            "open": described(STRING, "HH:MM", pattern=r"^\d\d:\d\d$"),
            "close": described(STRING, "HH:MM", pattern=r"^\d\d:\d\d$"),
            "session_open": described(STRING, "HHMM", pattern=r"^\d{4}$"),
            "session_close": described(STRING, "HHMM", pattern=r"^\d{4}$"),
            "settlement_date": DATE,
        },
        example={
            "date": "2013-10-08",
            "open": "09:30",
            "close": "16:00",
            "session_open": "0400",
            "session_close": "2000",
            "settlement_date": "2013-10-11",
        },
    ),
    "Market": record(
        "An exchange.",
        {
            "mic": described(STRING, "Its ISO 10383 code."),
            "acronym": STRING,
            "name": STRING,
            "timezone": STRING,
        },
        example={
            "mic": "XNYS",
            "acronym": "NYSE",
            "name": "New York Stock Exchange",
            "timezone": "America/New_York",
        },
    ),
    "MarketClock": record(
        "The time of one exchange, and which part of its day that is.",
        {
            "market": ref("Market"),
            "timestamp": INSTANT,
            "is_market_day": BOOLEAN,
            "next_market_open": INSTANT,
            "next_market_close": INSTANT,
            "phase": one_of("closed", "pre", "core", "post"),
            "phase_until": nullable(INSTANT),
        },
    ),
    "MarketClocks": record("Clocks, in the order that was asked for.", {"clocks": array(ref("MarketClock"))}),
    "MarketDay": record(
        "A trading day with its sessions; one that has no length is left out.",
        {"date": DATE, **dict.fromkeys(_SESSION_BOUNDS, INSTANT), "settlement_date": DATE},
        optional=("pre_start", "pre_end", "post_start", "post_end"),
    ),
    "MarketCalendar": record(
        "The trading days of one exchange.", {"market": ref("Market"), "calendar": array(ref("MarketDay"))}
    ),
}

OPERATIONS = {
    ("GET", "/v2/clock"): Operation(
        name="getClock",
        tag=TAG,
        summary="Read the clock",
        answers={OK: Answer(description="The market's time.", schema=ref("Clock"))},
    ),
    ("GET", "/v2/calendar"): Operation(
        name="getCalendar",
        tag=TAG,
        summary="List trading days",
        parameters=(
            query("start", DATE, "The first day; the first that is known when absent.", example="2013-10-01"),
            query("end", DATE, "The last day, which is included.", example="2013-10-31"),
            query("date_type", one_of("TRADING", "SETTLEMENT"), "Which date counts."),
        ),
        answers={OK: Answer(description="The days.", schema=array(ref("CalendarDay")))},
        refusals=(INVALID,),
    ),
    ("GET", "/v3/clock"): Operation(
        name="getClocks",
        tag=TAG,
        summary="Read the clocks of markets",
        parameters=(
            listed("markets", STRING, "Acronyms or MICs, at most 20.", example=["NYSE", "XNAS"]),
            query("time", INSTANT, "At which instant; now when absent."),
        ),
        answers={OK: Answer(description="The clocks.", schema=ref("MarketClocks"))},
    ),
    ("GET", "/v3/calendar/{market}"): Operation(
        name="getMarketCalendar",
        tag=TAG,
        summary="List the trading days of a market",
        parameters=(
            at_path("market", STRING, "An acronym or a MIC.", example="NYSE"),
            query("start", DATE, "The first day; today when absent.", example="2013-10-07"),
            query("end", DATE, "The last day, which is included; a week after the first when absent."),
            query("timezone", one_of("UTC"), "Write instants in UTC, not in the market's time."),
        ),
        answers={OK: Answer(description="The days.", schema=ref("MarketCalendar"))},
    ),
}
