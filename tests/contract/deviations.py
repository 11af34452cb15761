"""Where our answers are knowingly not what Alpaca's documents say, with the reason of each.

Whatever is not listed here is a mistake. `operation` and `fault` are regular expressions, the first of the
whole "METHOD /template", the second of some words of the fault as `Document.faults` writes it. Two rules
of a more general kind stand where they are applied: `hook` leaves refusals that the documents do not
list to our own, and `documents` the bodies of refusals that are listed without one.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Deviation(NamedTuple):
    """One excuse."""

    operation: str
    fault: str
    reason: str


_ORDERS = r"\w+ /v2/orders.*|\w+ /v2/positions.*"

DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        _ORDERS,
        r"position_intent: null is not",
        "An order of a time before intents were kept has none; the SDK reads null.",
    ),
    Deviation(
        _ORDERS,
        r"expires_at: null is not",
        "An order that cannot wait, or whose end the calendar does not know; the SDK reads null as absent.",
    ),
    Deviation(
        r"DELETE /v2/positions",
        r'body: "(notional|type|time_in_force)" is a required property',
        "A position that could not be closed has an error as its body (changelog of 2026-11-03).",
    ),
    Deviation(
        r"GET /v2/positions.*",
        r"(lastday_price|change_today): null is not",
        "On a market's first day there is no close of the day before; the SDK reads null.",
    ),
    Deviation(
        r"\w+ /v2/(assets|watchlists).*",
        r'name: "" is shorter than 1 character',
        "A tape names symbols, not companies: an asset may have no name, and null would be no string.",
    ),
    Deviation(
        r"\w+ /v2/account/configurations",
        r"max_options_trading_level: null is not",
        "Nobody has limited it; the SDK's model has null there, and sends it.",
    ),
    Deviation(
        r"GET /v2/corporate_actions/announcements.*",
        r'ca_type: "(dividend|split)" is not one of',
        "The SDK knows the lower-case words alone (spec of the wire: 1.4).",
    ),
    Deviation(
        r"GET /v2/corporate_actions/announcements.*",
        r"(declaration|record|payable)_date: null is not",
        "A tape's factor files know the ex-date alone; the SDK reads null.",
    ),
    Deviation(
        r"GET /v2/account/activities/\{activity_type\}",
        r"is valid under more than one of the schemas listed in the 'oneOf' keyword",
        "Every field of both of Alpaca's schemas is optional, so that nothing is only one of them.",
    ),
)


def reason_of(operation: str, fault: str) -> Deviation | None:
    """Return the deviation that excuses a fault of an operation."""
    return next(
        (
            each
            for each in DEVIATIONS
            if re.fullmatch(each.operation, operation) and re.search(each.fault, fault)
        ),
        None,
    )
