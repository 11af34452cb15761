"""Place and cancel orders. Each returns when what it did is committed, or raises and did nothing.

The write itself is one SQL function, in which reserve, order and event cannot be told apart
(trading/sql); here is what must be known before, and what its refusals mean. `replacing` replaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from django.db import connection
from django.db.models import F

from accounts.models.user import new_id
from matching.engine.sessions import AUCTIONS
from matching.market.times import to_ns
from trading import reference
from trading.doorbells import ring_account, ring_market
from trading.errors import ClientOrderIdTaken, OrderDenied, RuleBroken, TradingError
from trading.models import Order
from trading.services import submission
from trading.services.auctions import cut_off_of
from trading.services.denials import (
    COST,
    NAME_TAKEN,
    NEEDS_MARKS,
    NOT_RUNNING,
    VALUED_BY_MARKS,
    denied,
    order_not_found,
)
from trading.services.order_classes import legs_of, role_of
from trading.services.rules import PARTNERSHIP, require_rules, require_tradable
from trading.services.valuation import marked, reserved
from trading.wire import ORDER_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from trading.models import Asset
    from trading.principal import Principal
    from trading.services.ticket import Ticket

CANCELS_AT_ONCE = 500  # of one transaction, which keeps the account from its orders and its matcher
_UNSET = dict.fromkeys(ORDER_COLUMNS)  # of a new order, before its own terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An order before it is accepted: what is stored of it, its legs, and what `trading_submit_orders` is given."""

    asset: Asset
    terms: dict[str, Any]
    legs: list[dict[str, Any]] | None
    document: dict[str, Any]


def place_order(*, principal: Principal, ticket: Ticket, request_id: str) -> Mapping[str, Any]:
    """Accept an order and reserve what it may cost; return its row, as `wire.order_body` reads it.

    Of an order class that is the row of its first order, with those of the others as `legs`, which
    is None for an order that is alone.

    Raises ValueInvalid, ClientOrderIdTaken, RuleBroken, OrderDenied, NotAuthorized for a key that
    has died meanwhile, Unavailable, OutcomeUnknown.
    """
    prepared = prepare(principal, ticket, request_id=request_id)
    asset, terms, legs, document = prepared.asset, prepared.terms, prepared.legs, prepared.document
    outcome = submission.submit(document)
    marks: dict[str, Any] = {}
    if outcome.denial == NEEDS_MARKS:
        marks = marked(principal, ticket, asset)
        outcome = submission.submit({**document, **marks})
    if outcome.denial is not None:
        refusal = denied(outcome.denial, outcome.detail or {}, asset.symbol)
        refusal.of_market = _valued_by_market(ticket) | (
            VALUED_BY_MARKS if marks.get("marks") else frozenset()
        )
        raise refusal
    row = {
        **_UNSET,
        **terms,
        **dict.fromkeys(("created_at", "updated_at", "submitted_at"), outcome.at),
        "filled_quantity": Decimal(0),
        "filled_money": Decimal(0),
        "asset_class": asset.asset_class,
        "status": outcome.status,
        "position_intent": outcome.position_intent,
    }
    return {**row, "legs": None if legs is None else [_leg_row(row, leg) for leg in legs]}


def prepare(
    principal: Principal, ticket: Ticket, *, request_id: str, seen_by: Principal | None = None
) -> Prepared:
    """Return an order as the database is asked to accept it, judged by all that needs no lock.

    With `seen_by`, what it holds is valued by what that reader may see of the market. Raises ValueInvalid,
    ClientOrderIdTaken, RuleBroken, OrderDenied.
    """
    try:
        asset = _tradable(principal, ticket)
        terms = _terms(principal, ticket, asset)
        held = reserved(principal, ticket, asset, seen_by=seen_by)
    except TradingError as error:
        _require_new_client_order_id(principal, ticket)
        error.of_market = _valued_by_market(ticket)
        raise
    legs = legs_of(ticket)
    given = {
        **terms,
        **held,
        "user_id": principal.user_id,
        "account_id": principal.account_id,
        "key_id": principal.key_id,
        "key_address": principal.address or None,
        "market_id": principal.market_id,
        "role": role_of(ticket),
        "may_be_short": asset.shortable and asset.easy_to_borrow,
        "is_partnership": PARTNERSHIP in asset.attributes,
        "legs": legs,
        "request_id": request_id,
    }
    document = {name: value for name, value in given.items() if value is not None}  # as few as say it all
    return Prepared(asset=asset, terms=terms, legs=legs, document=document)


def cancel_order(*, principal: Principal, order_id: UUID, request_id: str) -> None:
    """Ask for an order's cancel; the matcher decides, and a fill may come first.

    Raises NotFound, RuleBroken when the order is over or already waits for a change, or when
    nobody runs its market.
    """
    [(_, denial, status)] = _ask_for_cancel(principal, order_id, request_id)
    if denial == "order_not_found":
        raise order_not_found(order_id)
    if denial == "market_not_running":
        raise RuleBroken(NOT_RUNNING)
    if status == "pending_cancel" and denial is not None:
        raise RuleBroken("order pending cancel")
    if denial is not None:
        raise RuleBroken(f'order is already in "{status}" state')
    _ring(principal)


def cancel_all_orders(*, principal: Principal, request_id: str) -> list[UUID]:
    """Ask for the cancel of every open order and return their ids: oldest first, entries of classes last.

    In slices, each a transaction: what was asked for before a failure stays asked for. Raises
    RuleBroken when nobody runs the market.
    """
    asked: dict[UUID, None] = {}
    while slice_ := _ask_for_cancel(principal, None, request_id):
        denials = {denial for _, denial, _ in slice_}
        if "market_not_running" in denials:
            raise RuleBroken(NOT_RUNNING)
        fresh = [order_id for order_id, _, _ in slice_ if order_id not in asked]
        if denials != {None} or not fresh:
            break  # the account is gone; or the matcher has refused what is left, which is past its cut-off
        asked.update(dict.fromkeys(fresh))
        _ring(principal)
    return list(asked)


def _valued_by_market(ticket: Ticket) -> frozenset[str]:
    """Return the figures of a refusal that tell what a share costs now, of an order that does not say so itself."""
    is_own = ticket.side == "buy" and (ticket.own_limit or ticket.stop_price or ticket.notional) is not None
    return frozenset() if is_own else COST


def _tradable(principal: Principal, ticket: Ticket) -> Asset:
    market = reference.market_terms(principal.market_id)
    if not market.is_active:  # asked again where it is written; here so that no other refusal hides it
        raise OrderDenied(NOT_RUNNING)
    asset = require_tradable(reference.asset_named(ticket.symbol), ticket.symbol, market)
    require_rules(ticket, asset)
    return asset


def _terms(principal: Principal, ticket: Ticket, asset: Asset) -> dict[str, Any]:
    """Return what is stored of the ticket, under a new id. Raises OrderDenied outside an auction's window."""
    return {
        "id": new_id(),
        "asset_id": asset.pk,
        "symbol": asset.symbol,
        "client_order_id": ticket.client_order_id or str(uuid4()),
        "side": ticket.side,
        "type": ticket.type,
        "time_in_force": ticket.time_in_force,
        "order_class": ticket.order_class,
        "extended_hours": ticket.extended_hours,
        "quantity": ticket.quantity,
        "notional": ticket.notional,
        "limit_price": ticket.own_limit,
        "stop_price": ticket.stop_price,
        "trail_price": ticket.trail_price,
        "trail_percent": ticket.trail_percent,
        "cut_off_at": _cut_off_at(principal, ticket.time_in_force),
        "position_intent": ticket.position_intent,
    }


def _cut_off_at(principal: Principal, time_in_force: str) -> datetime | None:
    if time_in_force not in AUCTIONS:
        return None
    now = to_ns(reference.market_now(principal.market_id))
    return cut_off_of(time_in_force, reference.calendar_of(principal.market_id), now)


def _leg_row(first: Mapping[str, Any], leg: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a leg's row: what it has of its own, and else what it shares with the first of its class."""
    return {**first, **leg, "status": "held", "position_intent": f"{leg['side']}_to_close"}


def _require_new_client_order_id(principal: Principal, ticket: Ticket) -> None:
    """Raise ClientOrderIdTaken: a repeated name is told before anything that needs the market."""
    if ticket.client_order_id is None:
        return
    mine = Order.objects.owned_by(principal, principal.account_id).filter(generation=F("account__generation"))
    if mine.filter(client_order_id=ticket.client_order_id).exists():
        raise ClientOrderIdTaken(NAME_TAKEN)


def _ask_for_cancel(
    principal: Principal, order_id: UUID | None, request_id: str
) -> list[tuple[UUID, str | None, str | None]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select id, denial, status from trading_cancel_orders(%s, %s, %s, %s, %s)",
            [principal.user_id, principal.account_id, order_id, request_id, CANCELS_AT_ONCE],
        )
        return cursor.fetchall()


def _ring(principal: Principal) -> None:
    ring_market(principal.market_id)
    ring_account([principal.account_id])
