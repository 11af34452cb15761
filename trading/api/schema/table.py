"""Every operation and every schema, and what the document says of the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trading.api.schema import (
    account,
    accounts,
    assets,
    failures,
    first_steps,
    keys,
    market_time,
    order_bodies,
    orders,
    other_data,
    passkeys,
    positions,
    privacy,
    sessions,
    simulation,
    stocks,
    streams,
    tape,
    tier,
    watchlists,
    webhooks,
)

if TYPE_CHECKING:
    from trading.api.schema.operation import Operation
    from trading.api.schema.parts import Schema

_RESOURCES = (
    orders,
    positions,
    account,
    assets,
    market_time,
    watchlists,
    stocks,
    other_data,
    simulation,
    webhooks,
    accounts,
    first_steps,
    tier,
    passkeys,
    sessions,
    privacy,
    keys,
    tape,
)

OPERATIONS: dict[tuple[str, str], Operation] = {
    key: operation for resource in _RESOURCES for key, operation in resource.OPERATIONS.items()
}
# What other processes serve, whose paths no view tells.
STREAMED: dict[tuple[str, str], Operation] = streams.OPERATIONS

SCHEMAS: dict[str, Schema] = {
    name: schema
    for part in (failures, order_bodies, *_RESOURCES, streams)
    for name, schema in part.SCHEMAS.items()
}

# A path as the URLs write it -> as the document does; None is left out.
PATHS: dict[str, str | None] = {
    "/v2/orders/{name}": None,  # what is no id, answered as an id that nobody has
    "/raxx/v1/orders/{name}/explanation": None,  # the same
    "/v2/positions/{name}": "/v2/positions/{symbol_or_asset_id}",
    "/v2/positions/{name}/exercise": "/v2/positions/{symbol_or_contract_id}/exercise",
    "/v2/positions/{name}/do-not-exercise": "/v2/positions/{symbol_or_contract_id}/do-not-exercise",
    "/v2/assets/{name}": "/v2/assets/{symbol_or_asset_id}",
    "/v2/watchlists/{name}": "/v2/watchlists/{watchlist_id}",
    "/v2/watchlists/{name}/{symbol}": "/v2/watchlists/{watchlist_id}/{symbol}",
    "/v2/corporate_actions/announcements/{name}": "/v2/corporate_actions/announcements/{id}",
    "/v2/options/contracts/{name}": "/v2/options/contracts/{symbol_or_id}",
    "/v2/stocks/meta/conditions/{kind}": "/v2/stocks/meta/conditions/{ticktype}",
    "/v1beta1/options/snapshots/{underlying}": "/v1beta1/options/snapshots/{underlying_symbol}",
}

SECURITY_SCHEMES: dict[str, Schema] = {
    "KeyId": {"type": "apiKey", "in": "header", "name": "APCA-API-KEY-ID"},
    "SecretKey": {"type": "apiKey", "in": "header", "name": "APCA-API-SECRET-KEY"},
    "Basic": {"type": "http", "scheme": "basic", "description": "Key id and secret as name and password."},
    "Bearer": {"type": "http", "scheme": "bearer", "description": "`<key id>.<secret>` in one word."},
    "Session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "raxx_session",
        "description": "The cookie of a signed-in browser (`__Host-raxx_session` over https), with `X-CSRFToken`.",
    },
}
# Of those three each key speaks; a session is named where it alone will do.
SECURITY: list[dict[str, list[str]]] = [{"KeyId": [], "SecretKey": []}, {"Basic": []}, {"Bearer": []}]

DESCRIPTION = f"""\
A paper-trading broker that speaks Alpaca's wire format: point an Alpaca client's base URL here, and nothing else
changes. Paths under `/raxx/v1` are our own.

Money and quantities are decimal strings; market data and portfolio history have JSON numbers. Instants are RFC 3339.
Every refusal is JSON with a `code`, a `message` and a `request_id`, and every answer has that as `X-Request-ID` too.
Send an `X-Request-ID` of your own (up to 64 letters, digits, `.`, `_` and `-`), or W3C's `traceparent`, and it is that
one. Expect further fields in answers.

A person has a budget of requests a minute, over all their keys and sessions. Every answer to them has
`X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset` (epoch seconds); a request too many is answered 429
with `Retry-After` (seconds).

A key speaks for one account. Asking for anything of another account answers as if it did not exist.

{streams.SOCKETS}"""

TAGS: list[Schema] = [
    *({"name": resource.TAG} for resource in _RESOURCES),
    {"name": streams.TAG, "description": "Order updates and market data, as they happen."},
    {"name": "Health"},
]


def add(*resources: Any) -> None:
    """Put the resources of an app above this one into the table; repeating it changes nothing."""
    for resource in resources:
        OPERATIONS.update(resource.OPERATIONS)
        SCHEMAS.update(resource.SCHEMAS)
        if {"name": resource.TAG} not in TAGS:
            TAGS.insert(-2, {"name": resource.TAG})  # before the streams' and the project's own
