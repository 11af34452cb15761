"""Market data of what is not simulated, which is empty, and corporate actions. Spec of the wire: 6.3."""

from __future__ import annotations

from trading.api.schema.failures import NOT_FOUND
from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
    BOOLEAN,
    DATE,
    INSTANT,
    INTEGER,
    NUMBER,
    OK,
    STRING,
    UUID,
    Answer,
    Schema,
    array,
    at_path,
    listed,
    nullable,
    one_of,
    query,
    record,
    ref,
)
from trading.api.schema.stocks import END, PAGE_TOKEN, SCOPES, SORT, START

TAG = "Other market data"
_SYMBOLS = listed("symbols", STRING, "Symbols.", required=True, example=["BTC/USD"])
_LIMIT = query("limit", {**INTEGER, "minimum": 1, "maximum": 10_000}, "How many.")
_TOP = query("top", {**INTEGER, "minimum": 1, "maximum": 100, "default": 10}, "How many.")
_EMPTY: Schema = {"type": "object", "maxProperties": 0}

_ACTION: dict[str, Schema] = {"id": UUID, "symbol": STRING, "process_date": DATE, "ex_date": DATE}
_RATES: dict[str, Schema] = {"old_rate": NUMBER, "new_rate": NUMBER}

SCHEMAS: dict[str, Schema] = {
    "CashDividend": record(
        "Dollars a share.",
        {**_ACTION, "cusip": STRING, "rate": NUMBER, "special": BOOLEAN, "foreign": BOOLEAN},
    ),
    "ForwardSplit": record("More shares than before.", {**_ACTION, **_RATES, "cusip": STRING}),
    "ReverseSplit": record(
        "Fewer shares than before.", {**_ACTION, **_RATES, "old_cusip": STRING, "new_cusip": STRING}
    ),
    "CorporateActions": record(
        "Corporate actions by kind; a kind without any is left out.",
        {
            "corporate_actions": record(
                "By kind.",
                {
                    "cash_dividends": array(ref("CashDividend")),
                    "forward_splits": array(ref("ForwardSplit")),
                    "reverse_splits": array(ref("ReverseSplit")),
                },
                optional=("cash_dividends", "forward_splits", "reverse_splits"),
            ),
            "next_page_token": nullable(STRING),
        },
    ),
    "MostActives": record(
        "The stocks that are traded most: nobody counts them yet.",
        {"most_actives": array({"type": "object"}, maxItems=0), "last_updated": INSTANT},
    ),
    "Movers": record(
        "What rose and fell most: nobody counts it yet.",
        {
            "gainers": array({"type": "object"}, maxItems=0),
            "losers": array({"type": "object"}, maxItems=0),
            "market_type": one_of("stocks", "crypto"),
            "last_updated": INSTANT,
        },
    ),
}

# operation's name, path, key, whether there are pages, whether symbols are asked for
_NOTHING = (
    ("listOptionBars", "/v1beta1/options/bars", "bars", True),
    ("listOptionTrades", "/v1beta1/options/trades", "trades", True),
    ("listLatestOptionQuotes", "/v1beta1/options/quotes/latest", "quotes", False),
    ("listLatestOptionTrades", "/v1beta1/options/trades/latest", "trades", False),
    ("listOptionSnapshots", "/v1beta1/options/snapshots", "snapshots", True),
    *(
        (f"listLatestCrypto{name.capitalize()}", f"/v1beta3/crypto/us/latest/{name}", name, False)
        for name in ("bars", "quotes", "trades", "orderbooks")
    ),
    *(
        (f"listCrypto{name.capitalize()}", f"/v1beta3/crypto/us/{name}", name, True)
        for name in ("quotes", "trades", "bars")
    ),
    ("listCryptoSnapshots", "/v1beta3/crypto/us/snapshots", "snapshots", False),
)


def _nothing(
    name: str, key: str, *, has_pages: bool, parameters: tuple[Schema, ...], content: Schema
) -> Operation:
    schema = record(
        "Nothing.", {key: content, **({"next_page_token": {"type": "null"}} if has_pages else {})}
    )
    example: Schema = {
        key: [] if content["type"] == "array" else {},
        **({"next_page_token": None} if has_pages else {}),
    }
    return Operation(
        name=name,
        tag=TAG,
        summary=f"Read no {key}",
        description="Well-formed and empty: this is not simulated.",
        parameters=(*parameters, START, END, _LIMIT),
        answers={OK: Answer(description="Nothing.", schema=schema, examples={"nothing": example})},
        scopes=SCOPES,
    )


OPERATIONS = {
    **{
        ("GET", path): _nothing(name, key, has_pages=has_pages, parameters=(_SYMBOLS,), content=_EMPTY)
        for name, path, key, has_pages in _NOTHING
    },
    ("GET", "/v1beta1/options/snapshots/{underlying_symbol}"): _nothing(
        "getOptionChain",
        "snapshots",
        has_pages=True,
        parameters=(at_path("underlying_symbol", STRING, "The underlying symbol.", example="IBM"),),
        content=_EMPTY,
    ),
    ("GET", "/v1beta1/news"): _nothing(
        "listNews",
        "news",
        has_pages=True,
        parameters=(listed("symbols", STRING, "Symbols."),),
        content=array({"type": "object"}, maxItems=0),
    ),
    ("GET", "/v1beta1/options/meta/exchanges"): Operation(
        name="listOptionExchanges",
        tag=TAG,
        summary="List the letters of exchanges",
        answers={OK: Answer(description="By letter.", schema=ref("Letters"))},
        scopes=SCOPES,
    ),
    ("GET", "/v1beta1/screener/stocks/most-actives"): Operation(
        name="listMostActives",
        tag=TAG,
        summary="List the stocks that are traded most",
        parameters=(query("by", one_of("volume", "trades"), "What is counted."), _TOP),
        answers={OK: Answer(description="None.", schema=ref("MostActives"))},
        scopes=SCOPES,
    ),
    ("GET", "/v1beta1/screener/{market_type}/movers"): Operation(
        name="listMovers",
        tag=TAG,
        summary="List what rose and fell most",
        parameters=(at_path("market_type", one_of("stocks", "crypto"), "Of which market."), _TOP),
        answers={OK: Answer(description="None.", schema=ref("Movers"))},
        refusals=(NOT_FOUND,),
        scopes=SCOPES,
    ),
    ("GET", "/v1/corporate-actions"): Operation(
        name="listCorporateActions",
        tag=TAG,
        summary="List corporate actions",
        description="Those that the market knows by now, by process date, which is the ex-date.",
        parameters=(
            listed("symbols", STRING, "Only these symbols.", example=["IBM"]),
            listed("cusips", STRING, "Only these CUSIPs."),
            listed("types", STRING, "Only these kinds.", example=["cash_dividend"]),
            listed("ids", UUID, "These, whatever their date."),
            query("start", DATE, "The first day; today when absent.", example="2013-08-01"),
            query("end", DATE, "The last day, which is included; today when absent.", example="2013-10-08"),
            query("limit", {**INTEGER, "minimum": 1, "maximum": 1_000, "default": 100}, "How many."),
            SORT,
            PAGE_TOKEN,
        ),
        answers={OK: Answer(description="A page.", schema=ref("CorporateActions"))},
        scopes=SCOPES,
    ),
}
