"""Which prints may fill resting orders and trigger stops, and which are auctions, by each source's words.

A print is ineligible when its price was not made in the market of that moment: late, out of
sequence, derived or averaged, tied to another trade or another settlement, repeated as an
"official" value, the closing auction's (reported after the close), or an odd lot.
Source and evidence: matching/decisions/0002-tape.md, 0014-official-prices.md.
"""

from __future__ import annotations

from matching.engine.types import Kind

# LEAN's trade flags, one bit each, written in hexadecimal in the recorded files.
_CASH = 1 << 1
_NEXT_DAY = 1 << 2
_SELLER = 1 << 3
LEAN_OPENING = 1 << 6
LEAN_CLOSING = 1 << 7
_DERIVATIVELY_PRICED = 1 << 9
_SOLD_LATE = 1 << 11
_STOPPED = 1 << 12
_OUT_OF_SEQUENCE = 1 << 14
_STOCK_OPTION = 1 << 18
_AVERAGE_PRICE = 1 << 20
_PRICE_VARIATION = 1 << 22
LEAN_OFFICIAL_CLOSE = 1 << 24
_PRIOR_REFERENCE_PRICE = 1 << 25
LEAN_OFFICIAL_OPEN = 1 << 26
_CAP_ELECTION = 1 << 27
_ODD_LOT = 1 << 31

LEAN_INELIGIBLE_TRADE = (
    _CASH
    | _NEXT_DAY
    | _SELLER
    | LEAN_CLOSING
    | _DERIVATIVELY_PRICED
    | _SOLD_LATE
    | _STOPPED
    | _OUT_OF_SEQUENCE
    | _STOCK_OPTION
    | _AVERAGE_PRICE
    | _PRICE_VARIATION
    | LEAN_OFFICIAL_CLOSE
    | _PRIOR_REFERENCE_PRICE
    | LEAN_OFFICIAL_OPEN
    | _CAP_ELECTION
    | _ODD_LOT
)

# LEAN's quote flags: prices at which nobody stands ready to trade are no quotes.
_GAP = 1 << 2
_TRADING_RANGE = 1 << 6
_NON_FIRM = 1 << 10
_PRICE_BAND = 1 << 18
_PRICE_BAND_AGAIN = 1 << 19

LEAN_NOT_A_QUOTE = _GAP | _TRADING_RANGE | _NON_FIRM | _PRICE_BAND | _PRICE_BAND_AGAIN

# The words of our own plain CSV -> whether such a print is eligible.
PLAIN_WORDS = {
    "regular": True,
    "sweep": True,
    "extended_hours": True,
    "opening": True,
    "reopening": True,
    "closing": False,
    "odd_lot": False,
    "late": False,
    "out_of_sequence": False,
    "derivatively_priced": False,
    "average_price": False,
    "contingent": False,
    "prior_reference": False,
    "price_variation": False,
    "official_open": False,
    "official_close": False,
    "special_settlement": False,
}

# Of these two an auction of our own plain CSV has exactly one.
PLAIN_AUCTIONS = {"opening": Kind.OPENING_AUCTION, "closing": Kind.CLOSING_AUCTION}

# Codes of the consolidated tapes as Alpaca passes them on, the same on every tape.
_SIP_INELIGIBLE = frozenset("47CGHILMNPQRUVWZ69")
# "B" is an average price on tapes A and B, and a bunched (good) print on tape C.
_SIP_INELIGIBLE_ON_AB = _SIP_INELIGIBLE | {"B"}


def is_eligible_sip(codes: list[str] | tuple[str, ...], tape: str) -> bool:
    """Return whether a live print with these condition codes may fill and trigger."""
    refused = _SIP_INELIGIBLE if tape == "C" else _SIP_INELIGIBLE_ON_AB
    return refused.isdisjoint(codes)


# The auction's own trade, or the official value that the listing exchange makes of it.
_SIP_AUCTIONS = {
    "O": Kind.OPENING_AUCTION,
    "Q": Kind.OPENING_AUCTION,
    "6": Kind.CLOSING_AUCTION,
    "M": Kind.CLOSING_AUCTION,
}
# Who lists the symbols of a tape: NYSE; its sisters and Cboe's BZX; Nasdaq.
_SIP_PRIMARIES = {"A": "N", "B": "APZ", "C": "QT"}


def auction_of_sip(codes: list[str] | tuple[str, ...], tape: str, exchange: str) -> Kind | None:
    """Return which auction a live print of this exchange tells the official price of, None for none."""
    if not exchange or exchange not in _SIP_PRIMARIES.get(tape, ""):
        return None
    return next((_SIP_AUCTIONS[code] for code in codes if code in _SIP_AUCTIONS), None)


# Codes of trading statuses; those of tapes A and B are digits, those of tape C letters.
_SIP_STATUSES = {"2": Kind.HALT, "H": Kind.HALT, "P": Kind.HALT, "3": Kind.RESUME, "T": Kind.RESUME}


def status_of_sip(code: str) -> Kind | None:
    """Return whether a trading status halts a symbol or ends its halt, None for neither.

    When only quoting resumes ("Q"), the halt goes on.
    """
    return _SIP_STATUSES.get(code)
