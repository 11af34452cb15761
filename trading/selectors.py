"""Figures of an account and its positions, valued at the market's latest prints."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db.models import ExpressionWrapper, F, Sum

from matching.engine.types import DOLLAR
from matching.market.latest import Latest, latest_many
from matching.market.times import new_york_date, to_datetime, to_ns
from trading import reference
from trading.models import Fill, Position, TradingAccount
from trading.models.fields import MoneyField
from trading.wire import EXACT, ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime
    from uuid import UUID

    from trading.models import Asset
    from trading.principal import Principal

_ZERO = Decimal(0)
_MONEY = ExpressionWrapper(F("quantity") * F("price"), output_field=MoneyField())
_LONGEST_CLOSED = timedelta(days=14)  # no market was ever closed for so long, but in a war


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionFigures:
    """What an account holds of one asset and what it is worth; dollars, shares, and fractions of one.

    Valued at the last eligible print, or at what the shares cost where none is known.
    `unrealized_today` counts from the previous close, and from their price for shares bought today.
    """

    asset: Asset
    quantity: Decimal
    available: Decimal
    cost: Decimal
    price: Decimal
    previous_close: Decimal | None
    bought_today: Decimal
    paid_today: Decimal

    @property
    def average_price(self) -> Decimal:
        return ratio(self.cost, self.quantity)

    @property
    def market_value(self) -> Decimal:
        return EXACT.multiply(self.price, self.quantity)

    @property
    def unrealized(self) -> Decimal:
        return EXACT.subtract(self.market_value, self.cost)

    @property
    def unrealized_fraction(self) -> Decimal:
        return ratio(self.unrealized, abs(self.cost)) if self.cost else _ZERO

    @property
    def basis_today(self) -> Decimal:
        """What today's change counts from. Sales take the oldest shares, so today's are kept longest."""
        todays = min(self.bought_today, self.quantity)
        paid = EXACT.multiply(ratio(self.paid_today, self.bought_today), todays) if todays else _ZERO
        before = self.previous_close if self.previous_close is not None else self.average_price
        return EXACT.add(paid, EXACT.multiply(before, self.quantity - todays))

    @property
    def unrealized_today(self) -> Decimal:
        return EXACT.subtract(self.market_value, self.basis_today)

    @property
    def unrealized_today_fraction(self) -> Decimal:
        return ratio(self.unrealized_today, self.basis_today) if self.basis_today else _ZERO

    @property
    def change_today(self) -> Decimal | None:
        if not self.previous_close:
            return None
        return ratio(self.price - self.previous_close, self.previous_close)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFigures:
    """An account and its worth; dollars."""

    account: TradingAccount
    long_market_value: Decimal
    balance_date: date | None  # the trading day before the market's present one

    @property
    def equity(self) -> Decimal:
        return EXACT.add(self.account.cash, self.long_market_value)


def positions(principal: Principal) -> list[PositionFigures]:
    """Return what the account holds, by symbol."""
    held = Position.objects.owned_by(principal, principal.account_id).exclude(quantity=0)
    return _figures(principal, held.select_related("asset").order_by("symbol"))


def position_in(principal: Principal, name: str) -> PositionFigures | None:
    """Return what the account holds of an asset, by symbol or id; None when nothing."""
    asset = reference.asset_named(name)
    if asset is None:
        return None
    held = Position.objects.owned_by(principal, principal.account_id).exclude(quantity=0).filter(asset=asset)
    return next(iter(_figures(principal, held.select_related("asset"))), None)


def account_figures(principal: Principal) -> AccountFigures:
    """Return the account's worth now. Raises TradingAccount.DoesNotExist."""
    account = TradingAccount.objects.owned_by(principal).get(pk=principal.account_id)
    held = list(Position.objects.owned_by(principal, principal.account_id).exclude(quantity=0))
    latest = latest_many(principal.market_id, [position.symbol for position in held])
    values = (
        EXACT.multiply(
            _price(latest.get(position.symbol)) or ratio(position.cost, position.quantity), position.quantity
        )
        for position in held
    )
    return AccountFigures(
        account=account,
        long_market_value=sum(values, start=_ZERO),
        balance_date=_day_before(principal.market_id, reference.market_now(principal.market_id)),
    )


def _figures(principal: Principal, held: Iterable[Position]) -> list[PositionFigures]:
    rows = list(held)
    if not rows:
        return []
    latest = latest_many(principal.market_id, [row.symbol for row in rows])
    bought = _bought_today(principal, [row.asset_id for row in rows])
    return [
        PositionFigures(
            asset=row.asset,
            quantity=row.quantity,
            available=row.quantity - row.quantity_held,
            cost=row.cost,
            price=_price(latest.get(row.symbol)) or ratio(row.cost, row.quantity),
            previous_close=_dollars(latest.get(row.symbol, Latest()).previous_close),
            bought_today=bought.get(row.asset_id, (_ZERO, _ZERO))[0],
            paid_today=bought.get(row.asset_id, (_ZERO, _ZERO))[1],
        )
        for row in rows
    ]


def _bought_today(principal: Principal, asset_ids: Sequence[UUID]) -> dict[UUID, tuple[Decimal, Decimal]]:
    """Return shares bought and dollars paid since the present trading day began, by asset."""
    day = reference.calendar_of(principal.market_id).day_at(to_ns(reference.market_now(principal.market_id)))
    if day is None:
        return {}
    rows = (
        Fill.objects.owned_by(principal, principal.account_id)
        .filter(at__gte=to_datetime(day.session_open), side="buy", asset__in=asset_ids)
        .values_list("asset_id")
        .annotate(bought=Sum("quantity"), paid=Sum(_MONEY))
    )
    return {asset_id: (quantity, money) for asset_id, quantity, money in rows}


def _day_before(market_id: int, now: datetime) -> date | None:
    today = new_york_date(to_ns(now))
    days = reference.calendar_of(market_id).days(today - _LONGEST_CLOSED, today - timedelta(days=1))
    return days[-1].date if days else None


def _price(latest: Latest | None) -> Decimal | None:
    return None if latest is None or latest.trade is None else _dollars(latest.trade.price)


def _dollars(price: int) -> Decimal | None:
    return EXACT.divide(Decimal(price), Decimal(DOLLAR)) if price else None
