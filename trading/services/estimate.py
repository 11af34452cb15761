"""What an order would cost, hold and leave, without placing it.

The database is asked to accept the very order, by the function that accepts orders, and what it did is
rolled back: an estimate is judged as the order is, by construction and not by a second set of rules. The
account is locked meanwhile, as it is for an order that is refused; whoever holds it for longer than
`LOCKED_FOR` is not waited for.

An estimate costs nothing, so that one could ask all day long: it is valued by what its reader may see of
the market, not by the market as it is. For who sees it late, the order itself may be judged otherwise.

Why: trading/decisions/0016-estimates.md.
"""

from __future__ import annotations

import json
from copy import copy
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from django.db import connection, transaction

from accounts import tracing
from trading import reference
from trading.errors import OrderDenied, RuleBroken, ValueInvalid
from trading.marketdata import entitlement
from trading.models import TradingAccount
from trading.selectors import account_figures
from trading.services.denials import NEEDS_MARKS, denied
from trading.services.orders import prepare
from trading.services.submission import SUBMIT
from trading.services.valuation import marked, prices_of
from trading.wire import EXACT

if TYPE_CHECKING:
    from uuid import UUID

    from trading.errors import TradingError
    from trading.principal import Principal
    from trading.services.orders import Prepared
    from trading.services.ticket import Ticket

LOCKED_FOR = "set local lock_timeout = '500ms'"
_HELD = "select position_intent, cash_held, quantity_held from trading_order where id = %s"
_SHARE_STEP = Decimal("1e-9")
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What an order would do. Dollars and shares; None is not known.

    `price` is what a share is counted at, `value` what is paid or fetched at it before the commission.
    `cash_held` and `quantity_held` are what the order sets aside until it is over. `refusal` says why the
    order would not be accepted: then it holds nothing. `is_late` tells that its reader sees the market late.
    """

    price: Decimal | None
    quantity: Decimal | None
    value: Decimal | None
    commission: Decimal | None
    position_intent: str
    cash_held: Decimal
    quantity_held: Decimal
    power_before: Decimal
    power_after: Decimal
    refusal: TradingError | None
    is_late: bool


def estimate_order(*, principal: Principal, ticket: Ticket) -> Estimate:
    """Return what an order would do if it were placed now. Nothing of it is stored, or seen by anybody.

    Raises TradingAccount.DoesNotExist; OperationalError when the account is locked for too long.
    """
    figures = account_figures(principal)
    intent, cash_held, quantity_held = "", _ZERO, _ZERO
    refusal: TradingError | None = None
    try:
        prepared = prepare(
            principal, ticket, request_id=tracing.current().request_id or "", seen_by=principal
        )
        intent, cash_held, quantity_held = _tried(principal, ticket, prepared)
    except (ValueInvalid, RuleBroken, OrderDenied) as error:
        refusal = error
    after = copy(figures.account)
    after.cash_held = EXACT.add(after.cash_held, cash_held)
    price = _price(principal, ticket)
    quantity = _quantity(ticket, price)
    value = ticket.notional if ticket.notional is not None else _product(price, quantity)
    return Estimate(
        price=price,
        quantity=quantity,
        value=value,
        commission=_product(_commission(principal), quantity),
        position_intent=intent,
        cash_held=cash_held,
        quantity_held=quantity_held,
        power_before=max(figures.buying_power, _ZERO),
        power_after=max(replace(figures, account=after).buying_power, _ZERO),
        refusal=refusal,
        is_late=bool(entitlement.of_tier(principal.tier).delay),
    )


def _tried(principal: Principal, ticket: Ticket, prepared: Prepared) -> tuple[str, Decimal, Decimal]:
    """Have an order accepted and rolled back: its intent, and what it held. Raises what it is refused for."""
    denial, detail, held = _submit(prepared.document)
    if denial == NEEDS_MARKS:
        # Between the two nothing is locked: others' orders wait in one batch with this account's.
        marks = marked(principal, ticket, prepared.asset, seen_by=principal)
        denial, detail, held = _submit({**prepared.document, **marks})
    if denial is not None:
        raise denied(denial, detail, prepared.asset.symbol)
    assert held is not None
    return held


def _submit(
    document: dict[str, Any],
) -> tuple[str | None, dict[str, Any], tuple[str, Decimal, Decimal] | None]:
    """Return the denial with its details, or what the order holds; it is rolled back at once."""
    order_id: UUID = document["id"]
    held = None
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(LOCKED_FOR)
            cursor.execute(SUBMIT, [msgspec.json.encode([{"n": 0, **document}]).decode()])
            ((_, denial, detail, *_),) = cursor.fetchall()
            if denial is None:
                cursor.execute(_HELD, [order_id])
                held = cursor.fetchone()
        transaction.set_rollback(True)
    return denial, json.loads(detail) if isinstance(detail, str) else detail or {}, held


def _price(principal: Principal, ticket: Ticket) -> Decimal | None:
    """Return what a share is counted at: the ticket's own price, else the side of the market that it meets."""
    own = ticket.own_limit or ticket.stop_price
    if own is not None:
        return own
    asset = reference.asset_named(ticket.symbol)
    if asset is None:
        return None
    prices = prices_of(principal.market_id, asset.symbol, seen_by=principal)
    try:
        return prices.ask if ticket.side == "buy" else prices.bid
    except RuleBroken:
        return None


def _quantity(ticket: Ticket, price: Decimal | None) -> Decimal | None:
    if ticket.quantity is not None or ticket.notional is None or not price:
        return ticket.quantity
    shares = EXACT.divide(ticket.notional, price)
    return shares.quantize(_SHARE_STEP, rounding=ROUND_DOWN, context=EXACT)


def _commission(principal: Principal) -> Decimal:
    """Return the dollars a share that the account's present profile takes."""
    mine = TradingAccount.objects.owned_by(principal).filter(pk=principal.account_id)
    return mine.values_list("profile__commission", flat=True).get()


def _product(price: Decimal | None, quantity: Decimal | None) -> Decimal | None:
    return None if price is None or quantity is None else EXACT.multiply(price, quantity)
