"""What must be put into a request so that its owner is served: the one table that a new route may need.

A path's parameters are filled by their names; queries and bodies are the examples of our own document. A route
whose parameter has no recipe, and a body without an example, is an error by name (`NoRecipe`): so no route
can come in without a row.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.utils import timezone

from accounts.models import Erasure, Export
from accounts.privacy.folder import new_file
from broker_handoff.models import BrokerConnection, LiveIntent
from raxx import roles
from tests.accounts.authenticator import Authenticator
from tests.broker_handoff.people import make_connection
from tests.factories.desk import submit, ticket
from tests.factories.people import make_passkey
from tests.factories.rows import (
    NOON,
    make_account,
    make_api_key,
    make_order,
    make_position,
    make_watchlist,
    make_webhook,
)
from tests.factories.sessions import session
from trading.models import Position

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.isolation.cast import Cast
    from tests.isolation.routes import Route

    Ask = Callable[[str, str], Any]  # a method and a path -> the answer

GOOD_FOR = timedelta(hours=24)
LINK = "a link of a test"
_PARAMETER = re.compile(r"\{(\w+)\}")


FRESH = "a name that nobody has used"  # in a body: another one for each request


class NoRecipe(LookupError):
    """A route that nobody has said how to call."""


@dataclass(frozen=True)
class Target:
    """One request of a method of a route, without its caller.

    `unknown` is the same request for what nobody has; None where nothing of the owner's is named.
    """

    path: str
    query: dict[str, Any] = field(default_factory=dict)
    body: Any = None
    unknown: Target | None = None
    is_there: bool = True
    is_guarded: bool = False
    names: tuple[str, ...] = ()  # what the request itself says of the owner's, and an answer may repeat


@dataclass(frozen=True)
class Thing:
    """Something that a request names: the owner's if `unknown` is what to say for one that nobody has."""

    value: str
    unknown: str = ""


def _shared(value: str) -> Callable[[Cast], Thing]:
    return lambda _cast: Thing(value)


def _order(cast: Cast) -> Thing:
    """Place an order as its owner does, and accept it as the matcher does: the row alone has no books behind it."""
    order = ticket(cast.account, cast.ibm, limit_price="90")
    with session(roles.APP) as app, app.transaction():
        app.execute("select set_config('raxx.user_id', %s, true)", [str(cast.owner.pk)])
        submit(app, order)
    cast.desk.decide((order["id"], "new"))
    return Thing(str(order["id"]), str(uuid4()))


def _position(cast: Cast) -> Thing:
    """Return what a position is asked for by: a symbol, which is not the owner's own; that they hold it is."""
    if not Position.objects.filter(account=cast.account, asset=cast.ibm).exists():
        make_position(cast.account, cast.ibm, quantity=100, cost=10_000)
    return Thing(cast.ibm.symbol, "MSFT")


def _export(cast: Cast) -> Thing:
    """Make an archive that waits to be fetched, with the link that LINK is."""
    with new_file() as (name, file):
        file.write(b"all that is kept")
    now = timezone.now()
    made = Export.objects.create(
        user=cast.owner,
        status=Export.Status.READY,
        ready_at=now,
        expires_at=now + GOOD_FOR,
        size_bytes=16,
        file=name,
        token_hash=hashlib.sha256(LINK.encode()).digest(),
    )
    return Thing(str(made.pk), str(uuid4()))


def _erasure(cast: Cast) -> None:
    now = timezone.now()
    if not Erasure.objects.filter(user=cast.owner, canceled_at=None).exists():
        Erasure.objects.create(user=cast.owner, asked_at=now, due_at=now + GOOD_FOR)


def _connection(cast: Cast) -> BrokerConnection:
    """Return the owner's connection to a broker: a person has one."""
    found = BrokerConnection.objects.filter(user=cast.owner, status__in=BrokerConnection.LIVING).first()
    return found or make_connection(cast.owner)


def _intent(cast: Cast) -> LiveIntent:
    """Make a live order that works at the broker."""
    return LiveIntent.objects.create(
        user=cast.owner,
        connection=_connection(cast),
        kind=LiveIntent.Kind.SUBMIT,
        terms={"symbol": "IBM", "side": "buy", "type": "limit", "qty": "1", "limit_price": "90"},
        digest=b"d" * 32,
        notional=90,
        status="working",
        session_id=cast.spare_session().pk,
        deadline_at=timezone.now() + GOOD_FOR,
    )


def _spare_account(cast: Cast) -> Thing:
    return Thing(str(make_account(cast.owner, market=cast.market, cash=1000).pk), str(uuid4()))


def _number(cast: Cast) -> Thing:
    """Return what the pages name an account by."""
    return Thing(cast.account.number, "PANOBODYS1")


def _named_list(cast: Cast) -> Thing:
    return Thing(make_watchlist(cast.account, asset_ids=[cast.ibm.pk]).name, "nobody's list")


def _own(make: Callable[[Cast], Any], unknown: Callable[[], Any] = uuid4) -> Callable[[Cast], Thing]:
    return lambda cast: Thing(str(make(cast).pk), str(unknown()))


# By the name that the document gives to a parameter of a path.
PARAMETERS: dict[str, Callable[[Cast], Thing]] = {
    "order_id": _order,
    "watchlist_id": _own(lambda cast: make_watchlist(cast.account, asset_ids=[cast.ibm.pk])),
    "endpoint_id": _own(lambda cast: make_webhook(cast.account)),
    "key_id": _own(lambda cast: make_api_key(cast.account), lambda: "PKNOBODYSKEYNOBODYSK"),
    "session_id": _own(lambda cast: cast.spare_session()),
    "passkey_id": _own(lambda cast: make_passkey(cast.owner), lambda: 2**40),
    "account_id": _spare_account,
    "number": _number,
    "export_id": _export,
    "intent_id": _own(_intent),
    "symbol": _shared("IBM"),
    "month": _shared(f"{NOON:%Y-%m}"),
    "symbol_or_asset_id": _shared("IBM"),
    "symbol_or_contract_id": _shared("IBM131019C00185000"),
    "symbol_or_id": _shared("IBM131019C00185000"),
    "underlying_symbol": _shared("IBM"),
    "activity_type": _shared("FILL"),
    "market": _shared("NYSE"),
    "market_type": _shared("stocks"),
    "ticktype": _shared("trade"),
    "name": _shared("displayed"),
    "id": _shared("01a206b7-bd3b-75cc-90b2-57bc5c83bf58"),
    "token": _shared("a-link-that-nobody-sent"),
}
# Where a path says more than its parameters' names.
OF_PATH: dict[tuple[str, str], Callable[[Cast], Thing]] = {
    ("/v2/positions/{symbol_or_asset_id}", "symbol_or_asset_id"): _position,
}
# Parameters of a query that name something of the owner's.
QUERIES: dict[str, dict[str, Callable[[Cast], Thing]]] = {
    "/v2/orders:by_client_order_id": {
        "client_order_id": lambda cast: Thing(make_order(cast.account).client_order_id, "nobody's order")
    },
    "/v2/watchlists:by_name": {"name": _named_list},
    "/v2/watchlists:by_name/{symbol}": {"name": _named_list},
}
MORE_QUERY: dict[tuple[str, str], dict[str, str]] = {
    ("DELETE", "/v2/positions/{symbol_or_asset_id}"): {"qty": "1"},
    ("GET", "/raxx/v1/privacy/exports/{export_id}/download"): {"token": LINK},
}
# Bodies of which the document's example will not do here. The second is for what nobody has.
BODIES: dict[tuple[str, str], Callable[[Cast], tuple[Any, Any]]] = {
    ("POST", "/raxx/v1/keys"): lambda cast: (
        {"account_id": str(cast.account.pk)},
        {"account_id": str(uuid4())},
    ),
    ("PATCH", "/raxx/v1/account/profile"): lambda _: ({"name": "instant"}, None),
    **dict.fromkeys(
        (
            ("POST", "/v2/watchlists"),
            ("PUT", "/v2/watchlists:by_name"),
            ("PUT", "/v2/watchlists/{watchlist_id}"),
        ),
        lambda _: ({"name": FRESH, "symbols": ["IBM"]}, None),
    ),
    ("POST", "/raxx/v1/market/tape/advance"): lambda _: ({"to": "2013-10-08T18:00:00Z"}, None),
    ("POST", "/raxx/v1/passkeys/complete"): lambda _: ({"credential": {}, "name": "a device"}, None),
}


def _made_by_a_device(ask: Ask) -> dict[str, Any]:
    return {"credential": Authenticator().create(ask("POST", "/raxx/v1/passkeys/begin").json())}


# Bodies that the one who is served has to ask for first.
ASKED_FOR: dict[tuple[str, str], Callable[[Ask], dict[str, Any]]] = {
    ("POST", "/raxx/v1/passkeys/complete"): _made_by_a_device,
}
# Of what a person has at most one, and names it by nothing: it is made first, and others have none.
NAMELESS: dict[str, Callable[[Cast], object]] = {
    "GET /raxx/v1/privacy/erase": _erasure,
    "POST /raxx/v1/privacy/erase/cancel": _erasure,
    **dict.fromkeys(
        (
            "GET /raxx/v1/live/connection",
            "DELETE /raxx/v1/live/connection",
            "GET /raxx/v1/live/limits",
            "PUT /raxx/v1/live/limits",
        ),
        _connection,
    ),
    "GET /raxx/v1/live/connection": _connection,
    "DELETE /raxx/v1/live/connection": _connection,
    "GET /raxx/v1/live/limits": _connection,
    "PUT /raxx/v1/live/limits": _connection,
}
# What leads out to a broker: a fresh session is not enough, and here nobody has shown a passkey for the very thing.
GUARDED = frozenset(
    {
        "POST /raxx/v1/live/orders",
        "PATCH /raxx/v1/live/orders/{intent_id}",
        "DELETE /raxx/v1/live/orders/{intent_id}",
    }
)
# What a tape without corporate actions has none of, and a way back from a broker to whom nobody was sent.
NOBODY_HAS = frozenset({"/v2/corporate_actions/announcements/{id}", "/live/callback"})


def target_of(route: Route, method: str, cast: Cast) -> Target:
    """Return a request that the owner is served, for something that was made for it. Raises NoRecipe."""
    things = {name: _filling(route, name)(cast) for name in _PARAMETER.findall(route.template)}
    query, of_query = _query(route, method, cast)
    body, unknown_body = _body(route, method, cast)
    path = _filled(route, {name: thing.value for name, thing in things.items()})
    named = [thing for thing in (*things.values(), *of_query.values()) if thing.unknown]
    if unknown_body is not None:
        named += [Thing(str(body[name]), str(unknown_body[name])) for name in body]
    nameless = NAMELESS.get(f"{method} {route.template}")
    if nameless is not None:
        nameless(cast)
    names = tuple(thing.value for thing in named)
    unknown = None
    if named or nameless is not None:
        unknown = Target(
            _filled(route, {name: thing.unknown or thing.value for name, thing in things.items()}),
            {**query, **{name: thing.unknown for name, thing in of_query.items()}},
            unknown_body or body,
            names=tuple(thing.unknown for thing in named),
        )
    is_there = route.template not in NOBODY_HAS and _has_success(route, method)
    is_guarded = f"{method} {route.template}" in GUARDED
    return Target(path, query, body, unknown, is_there, is_guarded, names)


def _filling(route: Route, name: str) -> Callable[[Cast], Thing]:
    found = OF_PATH.get((route.template, name)) or PARAMETERS.get(name)
    if found is None:
        raise NoRecipe(f"{route.template}: nothing says what {name} shall be")
    return found


def _query(route: Route, method: str, cast: Cast) -> tuple[dict[str, Any], dict[str, Thing]]:
    operation = route.operation(method)
    made = {name: make(cast) for name, make in QUERIES.get(route.template, {}).items()}
    query: dict[str, Any] = dict(MORE_QUERY.get((method, route.template), {}))
    for parameter in operation.parameters if operation is not None else ():
        if (
            parameter["in"] != "query"
            or not parameter.get("required")
            or parameter["name"] in {*made, *query}
        ):
            continue
        if "example" not in parameter:
            raise NoRecipe(f"{method} {route.template}: nothing says what ?{parameter['name']}= shall be")
        example = parameter["example"]
        query[parameter["name"]] = ",".join(example) if isinstance(example, list) else example
    return {**query, **{name: thing.value for name, thing in made.items()}}, made


def _body(route: Route, method: str, cast: Cast) -> tuple[Any, Any]:
    """Return a body, and the one for what nobody has: None where it names nothing of the owner's."""
    if make := BODIES.get((method, route.template)):
        return make(cast)
    operation = route.operation(method)
    if operation is None or not operation.body or not operation.is_body_needed:
        return None, None
    if not operation.body_examples:
        raise NoRecipe(f"{method} {route.template}: the document has no example of a body")
    example = next(iter(operation.body_examples.values()))
    return example, None


def _filled(route: Route, values: dict[str, str]) -> str:
    return _PARAMETER.sub(lambda match: values[match.group(1)], route.template)


def _has_success(route: Route, method: str) -> bool:
    """Say whether a method ever succeeds, as the document has it; a page is not in it, and does."""
    if route.kind not in {"api", "session"}:
        return True
    operation = route.operation(method)
    return operation is not None and any(200 <= status < 300 for status in operation.answers)
