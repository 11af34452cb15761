"""What a played day left behind, and whether everybody tells the same story of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from alpaca.common.exceptions import APIError
from alpaca.trading.models import Position, TradeAccount

from tests.acceptance.bot import Bot, instant, ms_since_midnight
from tests.acceptance.expectation import Expectation, Fill, Told
from tests.acceptance.rawtape import SYMBOL
from tests.acceptance.script import Step, ms_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from alpaca.trading.models import Order, TradeUpdate

TERMINAL = {"filled", "canceled", "expired", "rejected", "replaced"}
STATUS_AFTER = {"fill": "filled", "partial_fill": "partially_filled"}  # of the others: the event's own name


@dataclass(frozen=True)
class Holdings:
    """Dollars and shares."""

    cash: Decimal
    shares: Decimal

    @classmethod
    def of(cls, bot: Bot) -> Holdings:
        account, position = account_of(bot), position_of(bot)
        return cls(Decimal(str(account.cash)), Decimal(0) if position is None else exact(position.qty))


@dataclass(frozen=True)
class Played:
    """One play of the script: the account before it, and what stream and REST told after it."""

    bot: Bot
    before: Holdings
    updates: list[TradeUpdate]
    orders: dict[str, Order]
    cash: Decimal
    multiplier: Decimal
    buying_power: Decimal
    position: Position | None

    @property
    def told(self) -> list[Told]:
        """The stream's events of this play's orders, in the form of the expectation."""
        return [
            Told(
                label=self.bot.label_of(update.order),
                event=word(update.event),
                ms=ms_since_midnight(update.timestamp),
                price=None if update.price is None else exact(update.price),
                quantity=None if update.qty is None else exact(update.qty),
            )
            for update in self.updates
        ]

    @property
    def fills(self) -> list[Fill]:
        """Every execution in the order of the stream, for the fingerprint."""
        return [
            Fill.of(told, str(update.order.symbol), word(update.order.side))
            for told, update in zip(self.told, self.updates, strict=True)
            if told.price is not None
        ]


def play(bot: Bot, expectation: Expectation, steps: list[Step]) -> Played:
    """Play a script as the expectation resolved it, and read everything that it left."""
    before = Holdings.of(bot)
    actions = iter(expectation.asked)
    for clock, names in steps:
        bot.advance(ms_of(clock))
        for _ in names:
            bot.act(next(actions))
    bot.until_told(len(expectation.told))
    account = account_of(bot)
    return Played(
        bot=bot,
        before=before,
        updates=bot.updates(),
        orders={bot.label_of(order): order for order in bot.all_orders()},
        cash=Decimal(str(account.cash)),
        multiplier=Decimal(str(account.multiplier)),
        buying_power=Decimal(str(account.buying_power)),
        position=position_of(bot),
    )


def require_agreement(played: Played, expectation: Expectation, verify_ledger: Callable[[], Any]) -> None:
    """Assert that the stream, REST, the account and the ledger agree with the expectation and each other."""
    require_events(played, expectation)
    require_orders(played, expectation)
    require_account(played)
    require_ledger(verify_ledger)


def require_events(played: Played, expectation: Expectation) -> None:
    """Assert that the whole stream is what the raw tape leads to, and that each order's story is whole."""
    assert played.told == expectation.told, difference(played.told, expectation.told)

    filled: dict[str, Decimal] = {}
    money: dict[str, Decimal] = {}
    ended: set[str] = set()
    executions = set()
    shares = played.before.shares
    for told, update in zip(played.told, played.updates, strict=True):
        order = update.order
        assert told.label not in ended, f"{told} comes after the end of its order"
        assert order.status.value == STATUS_AFTER.get(told.event, told.event)
        if order.status.value in TERMINAL:
            ended.add(told.label)
        if told.price is None or told.quantity is None:
            assert update.execution_id is None
        else:
            executions.add(update.execution_id)
            shares += told.quantity if word(order.side) == "buy" else -told.quantity
            assert exact(update.position_qty) == shares
            filled[told.label] = filled.get(told.label, Decimal(0)) + told.quantity
            money[told.label] = money.get(told.label, Decimal(0)) + told.quantity * told.price
        assert exact(order.filled_qty) == filled.get(told.label, 0)
        assert average_of(order) == average(money.get(told.label), filled.get(told.label))
    assert len(executions) == sum(told.price is not None for told in played.told)


def difference(told: list[Told], expected: list[Told]) -> str:
    """Return where two stories part, and what comes around it."""
    place = next((n for n, (a, b) in enumerate(zip(told, expected, strict=False)) if a != b), -1)
    around = slice(max(0, place - 2), place + 6)
    lines = ["the broker tells:", *map(str, told[around]), "the tape tells:", *map(str, expected[around])]
    return "\n".join([f"{len(told)} events, {len(expected)} expected; they part at {place}", *lines])


def require_orders(played: Played, expectation: Expectation) -> None:
    """Assert that REST tells of every order what its last event told, and what the fills add up to."""
    assert set(played.orders) == set(expectation.orders)
    last = {played.bot.label_of(update.order): update.order for update in played.updates}
    for label, one in expectation.orders.items():
        order = played.orders[label]
        assert order == last[label]
        assert order.status.value == one.status
        assert exact(order.filled_qty) == sum(fill.quantity or 0 for fill in one.fills)
        assert average_of(order) == average(one.money, one.filled)
        if one.place.quantity is not None:
            assert exact(order.qty) == one.place.quantity
        is_filled = one.status == "filled"
        assert order.filled_at == (instant(one.fills[-1].ms) if is_filled else None)
    for old, new in expectation.successors.items():
        assert played.orders[old].replaced_by == played.orders[new].id
        assert played.orders[new].replaces == played.orders[old].id


def require_account(played: Played) -> None:
    """Assert that cash and position are what was there before, and the fills: exactly."""
    cash, shares = played.before.cash, played.before.shares
    for fill in played.fills:
        sign = 1 if fill.side == "buy" else -1
        cash -= sign * Decimal(fill.price) * Decimal(fill.quantity)
        shares += sign * Decimal(fill.quantity)
    assert played.cash == cash
    assert played.position is not None
    value = Decimal(str(played.position.market_value))
    # Nothing is open, so no order holds anything.
    assert played.buying_power == played.multiplier * (cash + value) - abs(value)
    assert exact(played.position.qty) == shares
    assert exact(played.position.qty_available) == shares


def require_ledger(verify_ledger: Callable[[], Any]) -> None:
    """Assert that the books prove themselves: cash, holds, positions and gap-free event sequences."""
    proof = verify_ledger()
    assert proof.returncode == 0, proof.stdout + proof.stderr


def account_of(bot: Bot) -> TradeAccount:
    account = bot.again(bot.client.get_account)
    assert isinstance(account, TradeAccount)
    return account


def position_of(bot: Bot) -> Position | None:
    try:
        position = bot.again(lambda: bot.client.get_open_position(SYMBOL))
    except APIError as error:
        if error.status_code != 404:
            raise
        return None
    assert isinstance(position, Position)
    return position


def average(money: Decimal | None, quantity: Decimal | None) -> Decimal | None:
    """Return what one share cost, to 1e-9 dollar; None when there was none."""
    if not money or not quantity:
        return None
    return (money / quantity).quantize(Decimal("1e-9"), rounding=ROUND_HALF_UP).normalize()


def average_of(order: Order) -> Decimal | None:
    return None if order.filled_avg_price is None else exact(order.filled_avg_price).normalize()


def exact(number: float | str | None) -> Decimal:
    """Return the number that the SDK read as a float: its shortest text is what was sent."""
    assert number is not None
    return Decimal(str(number))


def word(value: Any) -> str:
    return str(getattr(value, "value", value))
