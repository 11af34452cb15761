"""/v2/watchlists, by id and by name. Spec of the wire: 1.4, 4.5."""

from __future__ import annotations

from trading.api.schema.failures import INVALID, NOT_FOUND
from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
    INSTANT,
    NO_CONTENT,
    OK,
    STRING,
    UUID,
    Answer,
    Schema,
    array,
    at_path,
    nullable,
    query,
    record,
    ref,
    request,
)

TAG = "Watchlists"
_FIELDS: dict[str, Schema] = {
    "id": UUID,
    "account_id": UUID,
    "name": STRING,
    "created_at": INSTANT,
    "updated_at": INSTANT,
}
_NAME = {**STRING, "minLength": 1, "maxLength": 64}
_EXAMPLE = {"name": "Computers", "symbols": ["IBM", "MSFT"]}

SCHEMAS = {
    "WatchlistName": record("A list as it is listed, without its assets.", _FIELDS),
    "Watchlist": record("A list.", {**_FIELDS, "assets": array(ref("Asset"))}),
    "WatchlistRequest": request(
        "A list's name, its symbols, or both.",
        {"name": nullable(_NAME), "symbols": nullable(array(STRING))},
    ),
    "WatchlistSymbolRequest": request("One more symbol.", {"symbol": nullable(STRING)}),
}

_LIST = Answer(
    description="The list.",
    schema=ref("Watchlist"),
    links={
        name: {"operationId": operation, "parameters": {"watchlist_id": "$response.body#/id"}}
        for name, operation in (
            ("read", "getWatchlist"),
            ("change", "changeWatchlist"),
            ("append", "addToWatchlist"),
            ("delete", "deleteWatchlist"),
        )
    },
)
_GONE = Answer(description="It is deleted.")
_ID = at_path("watchlist_id", UUID, "The list's id.")
_BY_NAME = query("name", _NAME, "The list's name.", required=True, example="Computers")
_SYMBOL = at_path("symbol", STRING, "A symbol of the list.", example="IBM")


def _verbs(path: str, which: Schema, suffix: str) -> dict[tuple[str, str], Operation]:
    """Return the operations on one list, however it is named."""
    return {
        ("GET", path): Operation(
            name=f"getWatchlist{suffix}",
            tag=TAG,
            summary="Read a list",
            parameters=(which,),
            answers={OK: _LIST},
            refusals=(NOT_FOUND, INVALID),
        ),
        ("PUT", path): Operation(
            name=f"changeWatchlist{suffix}",
            tag=TAG,
            summary="Rename a list, or set its symbols",
            parameters=(which,),
            body="WatchlistRequest",
            body_examples={"both": _EXAMPLE},
            answers={OK: _LIST},
            refusals=(NOT_FOUND, INVALID),
            scopes=("trade",),
        ),
        ("POST", path): Operation(
            name=f"addToWatchlist{suffix}",
            tag=TAG,
            summary="Append a symbol to a list",
            parameters=(which,),
            body="WatchlistSymbolRequest",
            body_examples={"a symbol": {"symbol": "MSFT"}},
            answers={OK: _LIST},
            refusals=(NOT_FOUND, INVALID),
            scopes=("trade",),
        ),
        ("DELETE", path): Operation(
            name=f"deleteWatchlist{suffix}",
            tag=TAG,
            summary="Delete a list",
            parameters=(which,),
            answers={NO_CONTENT: _GONE},
            refusals=(NOT_FOUND, INVALID),
            scopes=("trade",),
        ),
        ("DELETE", f"{path}/{{symbol}}"): Operation(
            name=f"removeFromWatchlist{suffix}",
            tag=TAG,
            summary="Take a symbol out of a list",
            parameters=(which, _SYMBOL),
            answers={OK: _LIST},
            refusals=(NOT_FOUND, INVALID),
            scopes=("trade",),
        ),
    }


OPERATIONS = {
    ("GET", "/v2/watchlists"): Operation(
        name="listWatchlists",
        tag=TAG,
        summary="List your lists",
        answers={OK: Answer(description="The lists, oldest first.", schema=array(ref("WatchlistName")))},
    ),
    ("POST", "/v2/watchlists"): Operation(
        name="createWatchlist",
        tag=TAG,
        summary="Make a list",
        body="WatchlistRequest",
        body_examples={"two symbols": _EXAMPLE},
        answers={OK: _LIST},
        refusals=(NOT_FOUND, INVALID),
        scopes=("trade",),
    ),
    **_verbs("/v2/watchlists/{watchlist_id}", _ID, ""),
    **_verbs("/v2/watchlists:by_name", _BY_NAME, "ByName"),
}
