"""Figures of an account and its positions, valued at the market's latest prints."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db.models import ExpressionWrapper, F, Subquery, Sum

from matching.engine.types import DOLLAR
from matching.market.latest import Latest, latest_many
from matching.market.times import new_york_date, to_datetime, to_ns
from matching.models import Market
from trading import margin, reference
from trading.margin import Holding
from trading.models import Fill, Position, TradingAccount
from trading.models.fields import MoneyField
from trading.opened_today import opened_today
from trading.seen import latest_seen
from trading.wire import EXACT, ratio

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from django.db.models import QuerySet

    from matching.market.calendar import Day
    from trading.models import Asset
    from trading.principal import Principal

_ZERO = Decimal(0)
_MONEY = ExpressionWrapper(F("quantity") * F("price"), output_field=MoneyField())
_LONGEST_CLOSED = timedelta(days=14)  # no market was ever closed for so long, but in a war


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionFigures:
    """What an account holds of one asset and what it is worth; dollars, shares, and fractions of one.

    Valued at the last eligible print, or at what the shares cost where none is known. Of a short,
    quantity, cost and value are negative. `unrealized_today` counts from the previous close, and for
    shares of which the position was opened today from their price.
    """

    asset: Asset
    quantity: Decimal
    available: Decimal
    cost: Decimal
    price: Decimal
    previous_close: Decimal | None
    opened_today: Decimal  # shares of it, without sign
    opened_money: Decimal  # for these, without sign

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
        """What today's change counts from: where all of it is today's, what it cost."""
        older = EXACT.subtract(abs(self.quantity), self.opened_today)
        if older <= 0:
            return self.cost
        before = self.previous_close if self.previous_close is not None else self.average_price
        basis = EXACT.add(self.opened_money, EXACT.multiply(before, older))
        return basis if self.quantity > 0 else -basis

    @property
    def unrealized_today(self) -> Decimal:
        return EXACT.subtract(self.market_value, self.basis_today)

    @property
    def unrealized_today_fraction(self) -> Decimal:
        return ratio(self.unrealized_today, abs(self.basis_today)) if self.basis_today else _ZERO

    @property
    def change_today(self) -> Decimal | None:
        if not self.previous_close:
            return None
        return ratio(self.price - self.previous_close, self.previous_close)


@dataclass(slots=True, kw_only=True)
class _Trades:
    """What an account bought and sold of one symbol: shares, and the dollars for them."""

    bought: Decimal = _ZERO
    paid: Decimal = _ZERO
    sold: Decimal = _ZERO
    received: Decimal = _ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFigures:
    """An account and its worth; dollars. Of shorts `short_market_value` is negative.

    `last_equity` and `last_maintenance_margin` are those of the end of `balance_date`.
    """

    account: TradingAccount
    holdings: tuple[Holding, ...]
    last_equity: Decimal
    last_maintenance_margin: Decimal
    balance_date: date | None  # the trading day before the market's present one

    @property
    def long_market_value(self) -> Decimal:
        return margin.total(one.value for one in self.holdings if one.quantity > 0)

    @property
    def short_market_value(self) -> Decimal:
        return margin.total(one.value for one in self.holdings if one.quantity < 0)

    @property
    def position_market_value(self) -> Decimal:
        """What is held, without sign."""
        return EXACT.subtract(self.long_market_value, self.short_market_value)

    @property
    def equity(self) -> Decimal:
        return margin.total((self.account.cash, self.long_market_value, self.short_market_value))

    @property
    def multiplier(self) -> int:
        """By how much equity counts: what the account is lent, its owner allows, and its equity carries."""
        lent = min(self.account.multiplier, self.account.max_margin_multiplier)
        return margin.multiplier_of(lent, self.equity)

    @property
    def may_short(self) -> bool:
        return self.multiplier > 1 and not self.account.no_shorting

    @property
    def initial_margin(self) -> Decimal:
        return margin.initial_margin(self.holdings)

    @property
    def maintenance_margin(self) -> Decimal:
        return margin.maintenance_margin(self.holdings, self.equity)

    @property
    def buying_power(self) -> Decimal:
        return self._power(self.multiplier)

    @property
    def overnight_power(self) -> Decimal:
        """What may be spent on what is kept beyond the day."""
        return self._power(min(self.multiplier, margin.OVERNIGHT))

    @property
    def own_power(self) -> Decimal:
        """What may be spent without being lent anything."""
        return self._power(1)

    def _power(self, multiplier: int) -> Decimal:
        return margin.power(multiplier, self.equity, self.position_market_value, self.account.cash_held)


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


def marks_of(principal: Principal, *, seen_by: Principal | None = None) -> dict[str, Decimal]:
    """Return the last price of each asset that the account holds, by the asset's id; unknown ones are left out.

    As it is, whatever the owner may see of it: an order is judged by it, and nobody is shown it. With a
    reader, as they may see it: for an estimate.
    """
    mine = Position.objects.owned_by(principal, principal.account_id).exclude(quantity=0)
    held = dict(mine.values_list("symbol", "asset_id"))
    names = sorted(held)
    latest = latest_many(principal.market_id, names) if seen_by is None else latest_seen(seen_by, names)
    prices = {str(held[symbol]): _price(known) for symbol, known in latest.items()}
    return {asset_id: price for asset_id, price in prices.items() if price is not None}


def account_figures(principal: Principal) -> AccountFigures:
    """Return the account's worth now. Raises TradingAccount.DoesNotExist."""
    account = TradingAccount.objects.owned_by(principal).get(pk=principal.account_id)
    mine = Position.objects.owned_by(principal, principal.account_id).exclude(quantity=0)
    held = list(mine.select_related("asset"))
    now = reference.market_now(principal.market_id)
    day = _day_begun(principal.market_id, now)
    trades = _trades_of(principal, day)
    latest = latest_seen(principal, sorted(trades.keys() | {row.symbol for row in held}))
    cash, before = _before_today(account.cash, held, trades, latest, has_begun=day is not None)
    last_equity = margin.total((cash, *(one.value for one in before)))
    return AccountFigures(
        account=account,
        holdings=tuple(
            Holding(
                quantity=row.quantity,
                price=_price(latest.get(row.symbol)) or ratio(row.cost, row.quantity),
                is_marginable=row.asset.marginable,
            )
            for row in held
        ),
        last_equity=last_equity,
        last_maintenance_margin=margin.maintenance_margin(before, last_equity),
        balance_date=_day_before(principal.market_id, now),
    )


def _before_today(
    cash: Decimal,
    held: Iterable[Position],
    trades: dict[str, _Trades],
    latest: dict[str, Latest],
    *,
    has_begun: bool,
) -> tuple[Decimal, list[Holding]]:
    """Return an account's cash and holdings before today's `trades`: those undone, the rest valued.

    At the close before a day that has begun, else at the last print; at what the shares cost, or
    were sold for, where none is known. Deposits count as if they had been there.
    """
    positions = {row.symbol: row for row in held}
    holdings = []
    for symbol in sorted(trades.keys() | positions.keys()):
        done, position, known = trades.get(symbol, _Trades()), positions.get(symbol), latest.get(symbol)
        price = _dollars((known or Latest()).previous_close) if has_begun else _price(known)
        if price is None:
            cost, shares = (
                (position.cost, position.quantity) if position is not None else (done.received, done.sold)
            )
            price = ratio(cost, shares) if shares else _ZERO
        quantity = (position.quantity if position is not None else _ZERO) - done.bought + done.sold
        is_marginable = position is None or position.asset.marginable
        holdings.append(Holding(quantity=quantity, price=price, is_marginable=is_marginable))
        cash = margin.total((cash, done.paid, -done.received))
    return cash, holdings


def _figures(principal: Principal, held: Iterable[Position]) -> list[PositionFigures]:
    rows = list(held)
    if not rows:
        return []
    latest = latest_seen(principal, [row.symbol for row in rows])
    calendar = reference.calendar_of(principal.market_id)
    day = calendar.day_at(to_ns(reference.market_now(principal.market_id)))
    opened = _opened_today(principal, day, {row.symbol: row.quantity for row in rows})
    return [_figure(row, latest.get(row.symbol), *opened.get(row.symbol, (_ZERO, _ZERO))) for row in rows]


def _figure(row: Position, known: Latest | None, opened: Decimal, money: Decimal) -> PositionFigures:
    is_long = row.quantity > 0
    return PositionFigures(
        asset=row.asset,
        quantity=row.quantity,
        available=row.quantity - row.quantity_held if is_long else row.quantity + row.quantity_held,
        cost=row.cost,
        price=_price(known) or ratio(row.cost, row.quantity),
        previous_close=_dollars((known or Latest()).previous_close),
        opened_today=opened,
        opened_money=money,
    )


def _opened_today(
    principal: Principal, day: Day | None, held: dict[str, Decimal]
) -> dict[str, tuple[Decimal, Decimal]]:
    """Return of each position the shares that today opened and the dollars for them.

    The sums tell it, but where shares were both bought and sold: there the order of the trades does.
    """
    found: dict[str, tuple[Decimal, Decimal]] = {}
    both: dict[str, list[tuple[str, Decimal, Decimal]]] = {}
    for symbol, done in _trades_of(principal, day).items():
        quantity = held.get(symbol, _ZERO)
        if done.bought and done.sold and quantity:
            both[symbol] = []
        elif done.bought and quantity > 0:
            found[symbol] = done.bought, done.paid
        elif done.sold and quantity < 0:
            found[symbol] = done.sold, done.received
    if day is not None and both:
        rows = _fills_since(principal, day).filter(symbol__in=both).order_by("at", "pk")
        for symbol, side, shares, price in rows.values_list("symbol", "side", "quantity", "price"):
            both[symbol].append((side, shares, price))
    for symbol, trades in both.items():
        change = margin.total(quantity if side == "buy" else -quantity for side, quantity, _ in trades)
        found[symbol] = opened_today(EXACT.subtract(held[symbol], change), trades)
    return found


def _fills_since(principal: Principal, day: Day) -> QuerySet[Fill]:
    """Return what was traded since this day began, in the market's present run.

    An earlier run of a tape had the same day, which for this one has not happened; neither has what was
    traded before a reset.
    """
    run = Market.objects.filter(pk=principal.market_id).values("run")
    return (
        Fill.objects.owned_by(principal, principal.account_id)
        .filter(at__gte=to_datetime(day.session_open), run=Subquery(run))
        .filter(order__generation=F("account__generation"))
    )


def _trades_of(principal: Principal, day: Day | None) -> dict[str, _Trades]:
    """Return what was traded since this day began, by symbol."""
    if day is None:
        return {}
    totals = (
        _fills_since(principal, day)
        .values_list("symbol", "side")
        .annotate(shares=Sum("quantity"), money=Sum(_MONEY))
    )
    trades: dict[str, _Trades] = {}
    for symbol, side, shares, money in totals:
        done = trades.setdefault(symbol, _Trades())
        if side == "buy":
            done.bought, done.paid = shares, money
        else:
            done.sold, done.received = shares, money
    return trades


def _day_begun(market_id: int, now: datetime) -> Day | None:
    """Return today's trading day, also after its last session; None before its first, and on a day off."""
    at, calendar = to_ns(now), reference.calendar_of(market_id)
    day = calendar.day_at(at) or calendar.day(new_york_date(at))
    return day if day is not None and day.session_open <= at else None


def _day_before(market_id: int, now: datetime) -> date | None:
    today = new_york_date(to_ns(now))
    days = reference.calendar_of(market_id).days(today - _LONGEST_CLOSED, today - timedelta(days=1))
    return days[-1].date if days else None


def _price(latest: Latest | None) -> Decimal | None:
    return None if latest is None or latest.trade is None else _dollars(latest.trade.price)


def _dollars(price: int) -> Decimal | None:
    return EXACT.divide(Decimal(price), Decimal(DOLLAR)) if price else None
