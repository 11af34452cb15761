"""/v2/orders."""

from __future__ import annotations

from matching.engine.states import Status
from trading.api.schema.failures import FORBIDDEN, INVALID, NOT_FOUND
from trading.api.schema.operation import Operation
from trading.api.schema.order_bodies import ORDER_EXAMPLE, ORDER_REQUESTS
from trading.api.schema.parts import (
    BOOLEAN,
    INSTANT,
    INTEGER,
    MULTI_STATUS,
    NO_CONTENT,
    OK,
    STRING,
    UUID,
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

TAG = "Orders"
ORDER_ID = at_path("order_id", UUID, "The order's id.")
NESTED = query("nested", BOOLEAN, "Show the legs of an order class inside of their parent.")

_OPEN = ", ".join(
    f"`{status.value}`" for status in Status if status is Status.HELD or status is Status.DONE_FOR_DAY
)

SCHEMAS = {
    "CancelResult": record(
        "What became of the request to cancel one order.",
        {
            "id": UUID,
            "status": described(INTEGER, "200: the cancel is on its way."),
            "body": nullable(ref("Error")),
        },
        example={"id": ORDER_EXAMPLE["id"], "status": 200, "body": None},
    ),
}

_ONE = Answer(description="The order.", schema=ref("Order"))
_LINKS = {
    "read": {"operationId": "getOrder", "parameters": {"order_id": "$response.body#/id"}},
    "replace": {"operationId": "replaceOrder", "parameters": {"order_id": "$response.body#/id"}},
    "cancel": {"operationId": "cancelOrder", "parameters": {"order_id": "$response.body#/id"}},
    "explain": {"operationId": "explainOrder", "parameters": {"order_id": "$response.body#/id"}},
    "readByClientId": {
        "operationId": "getOrderByClientId",
        "parameters": {"client_order_id": "$response.body#/client_order_id"},
    },
}

OPERATIONS = {
    ("POST", "/v2/orders"): Operation(
        name="placeOrder",
        tag=TAG,
        summary="Place an order",
        description=(
            "Answered when the order is committed: it is never lost afterwards. A `client_order_id` is good for one order "
            "of the account, for ever; a second order of the same name is refused with 422, so a request that was "
            "not answered may be repeated safely."
        ),
        body="OrderRequest",
        body_examples=ORDER_REQUESTS,
        answers={OK: Answer(description="The order, with its legs.", schema=ref("Order"), links=_LINKS)},
        refusals=(FORBIDDEN, INVALID),
        scopes=("trade",),
    ),
    ("GET", "/v2/orders"): Operation(
        name="listOrders",
        tag=TAG,
        summary="List orders",
        description=(
            "Newest first unless `direction` says otherwise. Read on with `before_order_id`, the id of the last order "
            "of a page (or `after_order_id` in ascending direction)."
        ),
        parameters=(
            query(
                "status",
                one_of("open", "closed", "all"),
                f"`open` (the default) leaves out what has ended, and {_OPEN}, which are listed as closed.",
            ),
            query("limit", {**INTEGER, "minimum": 1, "maximum": 500, "default": 50}, "How many."),
            query("after", INSTANT, "Only orders that were submitted after this instant."),
            query("until", INSTANT, "Only orders that were submitted before this instant."),
            query("direction", one_of("asc", "desc"), "By submission; `desc` is the default."),
            NESTED,
            listed("symbols", STRING, "Only these symbols.", example=["IBM", "MSFT"]),
            query("side", one_of("buy", "sell"), "Only this side."),
            listed("asset_class", one_of("us_equity", "us_option", "crypto"), "Only these classes."),
            query(
                "before_order_id", UUID, "Only orders before this one; not together with `after` or `until`."
            ),
            query(
                "after_order_id", UUID, "Only orders after this one; not together with `after` or `until`."
            ),
        ),
        answers={OK: Answer(description="The orders.", schema=array(ref("Order")))},
        refusals=(INVALID,),
    ),
    ("DELETE", "/v2/orders"): Operation(
        name="cancelOrders",
        tag=TAG,
        summary="Cancel every open order",
        answers={
            MULTI_STATUS: Answer(
                description="One item for each order that was open.", schema=array(ref("CancelResult"))
            )
        },
        refusals=(INVALID,),
        scopes=("trade",),
    ),
    ("GET", "/v2/orders/{order_id}"): Operation(
        name="getOrder",
        tag=TAG,
        summary="Read an order",
        parameters=(ORDER_ID, NESTED),
        answers={OK: _ONE},
        refusals=(NOT_FOUND, INVALID),
    ),
    ("PATCH", "/v2/orders/{order_id}"): Operation(
        name="replaceOrder",
        tag=TAG,
        summary="Replace an order",
        description=(
            "The answer is the successor, which has an id of its own. It is a request: when the order fills first, the "
            "successor is rejected. A quantity is the total, of which the successor takes what is not yet filled."
        ),
        parameters=(ORDER_ID,),
        body="ReplaceRequest",
        body_examples={
            "price": {"limit_price": "99.5"},
            "quantity": {"qty": "12", "client_order_id": "exit-2"},
        },
        answers={OK: Answer(description="The successor.", schema=ref("Order"), links=_LINKS)},
        refusals=(NOT_FOUND, INVALID),
        scopes=("trade",),
    ),
    ("DELETE", "/v2/orders/{order_id}"): Operation(
        name="cancelOrder",
        tag=TAG,
        summary="Cancel an order",
        description="It is a request: a fill that comes first wins.",
        parameters=(ORDER_ID,),
        answers={NO_CONTENT: Answer(description="The cancel is on its way.")},
        refusals=(NOT_FOUND, INVALID),
        scopes=("trade",),
    ),
    ("GET", "/v2/orders:by_client_order_id"): Operation(
        name="getOrderByClientId",
        tag=TAG,
        summary="Read an order by your name for it",
        parameters=(
            query("client_order_id", STRING, "Your name for the order.", required=True, example="exit-1"),
            NESTED,
        ),
        answers={OK: _ONE},
        refusals=(NOT_FOUND, INVALID),
    ),
}
