"""/v2/stocks: market data of stocks. Spec of the wire: 6.2."""

from __future__ import annotations

from trading.api.schema.failures import NOT_FOUND
from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
    DATE,
    INSTANT,
    INTEGER,
    NUMBER,
    OK,
    STRING,
    Answer,
    Schema,
    array,
    at_path,
    described,
    listed,
    mapping,
    nullable,
    one_of,
    query,
    record,
    ref,
)
from trading.marketdata.entitlement import FEEDS

TAG = "Market data"
SCOPES = ("data", "read")

SYMBOL = at_path("symbol", STRING, "A symbol.", example="IBM")
SYMBOLS = listed("symbols", STRING, "Symbols, at most 1,000.", required=True, example=["IBM", "MSFT"])
CURRENCY = query("currency", one_of("USD"), "Dollars.")
FEED = query(
    "feed",
    one_of(*FEEDS),
    "Any feed shows the same market; `delayed_sip` with 15 minutes of delay. Only `sip` may be refused (403).",
)
START = query(
    "start", STRING, "An instant, or a date of New York's; today when absent.", example="2013-10-08T13:30:00Z"
)
END = query("end", STRING, "An instant, or a date of New York's, which is included; now when absent.")
SORT = query("sort", one_of("asc", "desc"), "By time; `asc` is the default.")
PAGE_TOKEN = query("page_token", STRING, "`next_page_token` of the page before.")
LIMIT = query(
    "limit",
    {**INTEGER, "minimum": 1, "maximum": 10_000, "default": 1_000},
    "How many, of all symbols together.",
)

_EXCHANGE = described(STRING, "The letter of an exchange.")
_TAPE = described(STRING, "The tape that the listing exchange reports on: A, B, C or O.")
_CONDITIONS = described(array(STRING), "Letters of conditions.")
_SIZE = described(NUMBER, "Shares.")

_TRADE = {"t": "2013-10-08T14:30:00.125Z", "x": "N", "p": 181.79, "s": 100, "c": ["@"], "i": 4711, "z": "A"}
_QUOTE = {
    "t": "2013-10-08T14:30:00.1Z",
    "ax": "N",
    "ap": 181.8,
    "as": 300,
    "bx": "N",
    "bp": 181.78,
    "bs": 200,
    "c": ["R"],
    "z": "A",
}
_BAR = {
    "t": "2013-10-08T14:30:00Z",
    "o": 181.7,
    "h": 181.85,
    "l": 181.69,
    "c": 181.79,
    "v": 12400,
    "n": 96,
    "vw": 181.771402,
}

SCHEMAS: dict[str, Schema] = {
    "Trade": record(
        "A print.",
        {
            "t": INSTANT,
            "x": _EXCHANGE,
            "p": described(NUMBER, "Dollars."),
            "s": _SIZE,
            "c": _CONDITIONS,
            "i": described(INTEGER, "Its id, unique in its day."),
            "z": _TAPE,
        },
        example=_TRADE,
    ),
    "Quote": record(
        "The best bid and offer; a price of 0 says that nobody quotes that side.",
        {
            "t": INSTANT,
            "ax": _EXCHANGE,
            "ap": described(NUMBER, "The ask, in dollars."),
            "as": _SIZE,
            "bx": _EXCHANGE,
            "bp": described(NUMBER, "The bid, in dollars."),
            "bs": _SIZE,
            "c": _CONDITIONS,
            "z": _TAPE,
        },
        example=_QUOTE,
    ),
    "Bar": record(
        "What was traded in a stretch of time.",
        {
            "t": described(INSTANT, "Its beginning."),
            "o": NUMBER,
            "h": NUMBER,
            "l": NUMBER,
            "c": NUMBER,
            "v": _SIZE,
            "n": described(INTEGER, "Prints."),
            "vw": described(NUMBER, "The average price, weighted by size."),
        },
        example=_BAR,
    ),
    "Auction": record(
        "An official print.", {"t": INSTANT, "x": _EXCHANGE, "p": NUMBER, "s": _SIZE, "c": STRING}
    ),
    "AuctionDay": record(
        "A day's official prints.",
        {
            "d": DATE,
            "o": described(array(ref("Auction")), "Of the opening."),
            "c": described(array(ref("Auction")), "Of the closing."),
        },
    ),
    "Letters": mapping(STRING, "What each letter means."),
}
_SNAPSHOT: dict[str, Schema] = {
    "latestTrade": ref("Trade"),
    "latestQuote": ref("Quote"),
    "minuteBar": ref("Bar"),
    "dailyBar": ref("Bar"),
    "prevDailyBar": ref("Bar"),
}
SCHEMAS["Snapshot"] = record(
    "All that is newest; what is not known is left out.", _SNAPSHOT, optional=tuple(_SNAPSHOT)
)
SCHEMAS["SymbolSnapshot"] = record(
    "A snapshot beside its symbol.", {"symbol": STRING, **_SNAPSHOT}, optional=tuple(_SNAPSHOT)
)

_TIMEFRAME = query(
    "timeframe",
    {**STRING, "pattern": r"^\d{1,2}(T|Min|H|Hour|D|Day|W|Week|M|Month)$"},
    "1 to 59 minutes, 1 to 23 hours, a day, a week, or 1, 2, 3, 4, 6 or 12 months.",
    required=True,
    example="5Min",
)
_ADJUSTMENT = query(
    "adjustment", STRING, "`raw` (the default), or any of `split`, `dividend` and `all`, separated by commas."
)

# the path's word -> the row's schema, the operation's word, parameters of its own
_KINDS: dict[str, tuple[str, str, tuple[Schema, ...]]] = {
    "quotes": ("Quote", "Quotes", ()),
    "trades": ("Trade", "Trades", ()),
    "bars": ("Bar", "Bars", (_TIMEFRAME, _ADJUSTMENT)),
    "auctions": ("AuctionDay", "Auctions", ()),
}
_PAGING = (START, END, LIMIT, SORT, PAGE_TOKEN, FEED, CURRENCY)
_PAGES = (
    "Follow `next_page_token` until it is null; a page may be short, or even empty, and yet have a next one."
)


def page_of(key: str, rows: Schema, **beside: Schema) -> Schema:
    """Return the schema of a page."""
    return record("A page.", {**beside, key: rows, "next_page_token": nullable(STRING)})


for _word, (_schema, _name, _) in _KINDS.items():
    SCHEMAS[f"{_name}Page"] = page_of(_word, mapping(array(ref(_schema)), "By symbol."))
    SCHEMAS[f"Symbol{_name}Page"] = page_of(_word, array(ref(_schema)), symbol=STRING)
    if _word != "auctions":
        _one = _word.removesuffix("s")
        SCHEMAS[f"Latest{_name}"] = record(
            "The newest of each symbol of which one is known.", {_word: mapping(ref(_schema), "By symbol.")}
        )
        SCHEMAS[f"SymbolLatest{_schema}"] = record(
            "The newest beside its symbol.", {"symbol": STRING, _one: ref(_schema)}
        )


def _history(word: str) -> dict[tuple[str, str], Operation]:
    _, name, own = _KINDS[word]
    return {
        ("GET", f"/v2/stocks/{word}"): Operation(
            name=f"list{name}",
            tag=TAG,
            summary=f"List {word}",
            description=_PAGES,
            parameters=(SYMBOLS, *own, *_PAGING),
            answers={OK: Answer(description=f"A page of {word}, by symbol.", schema=ref(f"{name}Page"))},
            scopes=SCOPES,
        ),
        ("GET", f"/v2/stocks/{{symbol}}/{word}"): Operation(
            name=f"list{name}OfSymbol",
            tag=TAG,
            summary=f"List {word} of one symbol",
            description=_PAGES,
            parameters=(SYMBOL, *own, *_PAGING),
            answers={OK: Answer(description=f"A page of {word}.", schema=ref(f"Symbol{name}Page"))},
            scopes=SCOPES,
        ),
    }


def _newest(word: str) -> dict[tuple[str, str], Operation]:
    schema, name, _ = _KINDS[word]
    one = word.removesuffix("s")
    return {
        ("GET", f"/v2/stocks/{word}/latest"): Operation(
            name=f"listLatest{name}",
            tag=TAG,
            summary=f"Read the latest {word}",
            parameters=(SYMBOLS, FEED, CURRENCY),
            answers={OK: Answer(description="By symbol.", schema=ref(f"Latest{name}"))},
            scopes=SCOPES,
        ),
        ("GET", f"/v2/stocks/{{symbol}}/{word}/latest"): Operation(
            name=f"getLatest{schema}",
            tag=TAG,
            summary=f"Read the latest {one} of one symbol",
            parameters=(SYMBOL, FEED, CURRENCY),
            answers={OK: Answer(description=f"The {one}.", schema=ref(f"SymbolLatest{schema}"))},
            refusals=(NOT_FOUND,),
            scopes=SCOPES,
        ),
    }


OPERATIONS = {
    **{key: found for word in _KINDS for key, found in _history(word).items()},
    **{key: found for word in ("quotes", "trades", "bars") for key, found in _newest(word).items()},
    ("GET", "/v2/stocks/snapshots"): Operation(
        name="listSnapshots",
        tag=TAG,
        summary="Read snapshots",
        parameters=(SYMBOLS, FEED, CURRENCY),
        answers={OK: Answer(description="By symbol.", schema=mapping(ref("Snapshot")))},
        scopes=SCOPES,
    ),
    ("GET", "/v2/stocks/{symbol}/snapshot"): Operation(
        name="getSnapshot",
        tag=TAG,
        summary="Read the snapshot of one symbol",
        parameters=(SYMBOL, FEED, CURRENCY),
        answers={OK: Answer(description="The snapshot.", schema=ref("SymbolSnapshot"))},
        refusals=(NOT_FOUND,),
        scopes=SCOPES,
    ),
    ("GET", "/v2/stocks/meta/exchanges"): Operation(
        name="listExchanges",
        tag=TAG,
        summary="List the letters of exchanges",
        answers={OK: Answer(description="By letter.", schema=ref("Letters"))},
        scopes=SCOPES,
    ),
    ("GET", "/v2/stocks/meta/conditions/{ticktype}"): Operation(
        name="listConditions",
        tag=TAG,
        summary="List the letters of conditions",
        parameters=(
            at_path("ticktype", one_of("trade", "quote"), "Of trades or of quotes."),
            query("tape", one_of("A", "B", "C"), "They are the same on every tape."),
        ),
        answers={OK: Answer(description="By letter.", schema=ref("Letters"))},
        refusals=(NOT_FOUND,),
        scopes=SCOPES,
    ),
}
