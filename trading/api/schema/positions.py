"""/v2/positions. Spec of the wire: 1.4, 3.12."""

from __future__ import annotations

from trading.api.schema.failures import FORBIDDEN, INVALID, NOT_FOUND
from trading.api.schema.operation import Operation
from trading.api.schema.order_bodies import ASSET_CLASS
from trading.api.schema.parts import (
    BOOLEAN,
    DECIMAL,
    INTEGER,
    MULTI_STATUS,
    NUMERIC,
    OK,
    STRING,
    UUID,
    Answer,
    array,
    at_path,
    described,
    nullable,
    one_of,
    query,
    record,
    ref,
)

TAG = "Positions"
_NAME = at_path("symbol_or_asset_id", STRING, "A symbol or an asset's id.", example="IBM")
_CONTRACT = at_path(
    "symbol_or_contract_id", STRING, "A contract's symbol or id.", example="IBM131019C00185000"
)

SCHEMAS = {
    "Position": record(
        "What the account holds of one asset. Fractions such as `unrealized_plpc` are of one: 0.05 is 5 %.",
        {
            "asset_id": UUID,
            "symbol": STRING,
            "exchange": STRING,
            "asset_class": ASSET_CLASS,
            "asset_marginable": BOOLEAN,
            "qty": described(DECIMAL, "Negative of a short position."),
            "qty_available": described(DECIMAL, "What no open order holds."),
            "side": one_of("long", "short"),
            "avg_entry_price": DECIMAL,
            "cost_basis": DECIMAL,
            "market_value": DECIMAL,
            "current_price": DECIMAL,
            "lastday_price": nullable(DECIMAL),
            "change_today": nullable(DECIMAL),
            "unrealized_pl": DECIMAL,
            "unrealized_plpc": DECIMAL,
            "unrealized_intraday_pl": DECIMAL,
            "unrealized_intraday_plpc": DECIMAL,
        },
        example={
            "asset_id": "01a206b7-0000-7000-8000-000000000001",
            "symbol": "IBM",
            "exchange": "NYSE",
            "asset_class": "us_equity",
            "asset_marginable": True,
            "qty": "10",
            "qty_available": "10",
            "side": "long",
            "avg_entry_price": "181.79",
            "cost_basis": "1817.9",
            "market_value": "1819.2",
            "current_price": "181.92",
            "lastday_price": "182.01",
            "change_today": "-0.000494478",
            "unrealized_pl": "1.3",
            "unrealized_plpc": "0.000715111",
            "unrealized_intraday_pl": "1.3",
            "unrealized_intraday_plpc": "0.000715111",
        },
    ),
    "ClosedPosition": record(
        "What became of closing one position.",
        {
            "symbol": STRING,
            "status": described(INTEGER, "200, or the status that closing it alone would be answered with."),
            "order_id": UUID,
            "body": {"oneOf": [ref("Order"), ref("Error")]},
        },
        optional=("order_id",),
    ),
}

OPERATIONS = {
    ("GET", "/v2/positions"): Operation(
        name="listPositions",
        tag=TAG,
        summary="List positions",
        answers={OK: Answer(description="What the account holds, by symbol.", schema=array(ref("Position")))},
    ),
    ("DELETE", "/v2/positions"): Operation(
        name="closePositions",
        tag=TAG,
        summary="Close every position",
        parameters=(query("cancel_orders", BOOLEAN, "Cancel every open order first."),),
        answers={
            MULTI_STATUS: Answer(
                description="One item for each position.", schema=array(ref("ClosedPosition"))
            )
        },
        refusals=(INVALID,),
        scopes=("trade",),
    ),
    ("GET", "/v2/positions/{symbol_or_asset_id}"): Operation(
        name="getPosition",
        tag=TAG,
        summary="Read a position",
        parameters=(_NAME,),
        answers={OK: Answer(description="The position.", schema=ref("Position"))},
        refusals=(NOT_FOUND,),
    ),
    ("DELETE", "/v2/positions/{symbol_or_asset_id}"): Operation(
        name="closePosition",
        tag=TAG,
        summary="Close a position",
        description="By an opposite market order for the day, which is the answer.",
        parameters=(
            _NAME,
            query("qty", NUMERIC, "Shares; not together with `percentage`."),
            query("percentage", NUMERIC, "More than 0, at most 100."),
        ),
        answers={OK: Answer(description="The order.", schema=ref("Order"))},
        refusals=(FORBIDDEN, NOT_FOUND, INVALID),
        scopes=("trade",),
    ),
    **{
        ("POST", f"/v2/positions/{{symbol_or_contract_id}}/{verb}"): Operation(
            name=name,
            tag=TAG,
            summary=summary,
            description="Always refused with 403: options cannot be traded yet.",
            parameters=(_CONTRACT,),
            answers={},
            refusals=(FORBIDDEN,),
            scopes=("trade",),
        )
        for verb, name, summary in (
            ("exercise", "exerciseOption", "Exercise an option"),
            ("do-not-exercise", "doNotExerciseOption", "Do not exercise an option"),
        )
    },
}
