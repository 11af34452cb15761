"""Closed trades from the event log, against a slow and obvious walk over the same fills."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.db import transaction

from tests.factories.rows import (
    NOON,
    make_account,
    make_asset,
    make_event,
    make_fill,
    make_opening_lot,
    make_order,
)
from trading.models import Journal, LedgerAccount, Posting
from trading.principal import Principal
from trading.review.trades import Wanted, closed_trades, totals_of

if TYPE_CHECKING:
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db(transaction=True)

D = Decimal


class Walk:
    """An account whose fills wander around flat, in two symbols; `closed` is what a person would note down."""

    def __init__(self, seed: int, fills: int = 70) -> None:
        self.chance = random.Random(seed)  # the same fills each time
        self.account = make_account(cash=100_000)
        self.assets = [make_asset(), make_asset()]
        self.seq = 0
        self.held: dict[Any, Decimal] = defaultdict(Decimal)
        self.open: dict[Any, list[Any]] = defaultdict(list)
        self.closed: list[tuple[Any, ...]] = []
        for _ in range(fills):
            self.step()

    def step(self) -> None:
        asset = self.chance.choice(self.assets)
        held = self.held[asset.pk]
        side = self.chance.choice(["buy", "sell"])
        sign = 1 if side == "buy" else -1
        most = abs(held) if held * sign < 0 else 5  # no fill crosses zero
        self.fill(asset, side, D(self.chance.choice([most, self.chance.randint(1, int(most))])))

    def fill(self, asset: Any, side: str, quantity: Decimal) -> None:
        self.seq += 1
        sign = 1 if side == "buy" else -1
        price, fee = D(self.chance.randint(900, 1100)) / 100, D(self.chance.choice([0, 0, 1])) / 4
        at = NOON + timedelta(minutes=self.seq // 2)  # two at one instant: their order is the log's alone
        order = make_order(self.account, asset, side=side, status="filled")
        fill = make_fill(self.account, order, side=side, quantity=quantity, price=price, at=at)
        self.held[asset.pk] += sign * quantity
        make_event(
            self.account,
            order,
            seq=self.seq,
            kind="fill",
            status="filled",
            at=at,
            fill_id=fill.pk,
            quantity=quantity,
            price=price,
            position_quantity=self.held[asset.pk],
        )
        if fee:
            pay(self.account, fill, fee)
        trade = self.open[asset.pk]
        trade.append((side, quantity, price, fee, at))
        if not self.held[asset.pk]:
            self.closed.append(noted(self.seq, asset.symbol, trade))
            self.open[asset.pk] = []


def pay(account: TradingAccount, fill: Any, fee: Decimal) -> None:
    owner = {"user_id": account.user_id, "account_id": account.pk}
    with transaction.atomic():
        journal = Journal.objects.create(
            id=fill.pk, kind="deposit", at=fill.at, **owner
        )  # one of a fill is written with its lines
        Posting.objects.bulk_create(
            [
                Posting(journal=journal, ledger=LedgerAccount.FEES, amount=fee, **owner),
                Posting(journal=journal, ledger=LedgerAccount.CASH, amount=-fee, **owner),
            ]
        )


def noted(seq: int, symbol: str, trade: list[Any]) -> tuple[Any, ...]:
    """Return what a person notes: which, which way, how much, from when to when, and what it brought."""
    entry = trade[0][0]
    money = sum(
        (quantity * price * (1 if side == "sell" else -1) for side, quantity, price, _, _ in trade), D(0)
    )
    fees = sum((fee for *_, fee, _ in trade), D(0))
    shares = sum((quantity for side, quantity, *_ in trade if side == entry), D(0))
    direction = "long" if entry == "buy" else "short"
    return (seq, symbol, direction, shares, trade[0][4], trade[-1][4], fees, money - fees, len(trade))


def principal_of(account: TradingAccount) -> Principal:
    return Principal(
        user_id=account.user_id,
        account_id=account.pk,
        market_id=account.market_id,
        scopes=frozenset({"read"}),
        tier="pro",
        key_id=None,
    )


def told(trade: Any) -> tuple[Any, ...]:
    return (
        trade.seq, trade.symbol, trade.direction, trade.shares, trade.opened_at, trade.closed_at, trade.fees,
        trade.net, trade.fills,
    )  # fmt: skip


def test_trades_are_what_a_person_would_note_down() -> None:
    for seed in (1, 2, 3):
        walk = Walk(seed)
        principal = principal_of(walk.account)
        found = closed_trades(principal, Wanted(is_ascending=True), 1000)

        assert len(walk.closed) > 5
        assert [told(trade) for trade in found] == walk.closed
        assert closed_trades(principal, Wanted(), 1000) == found[::-1]
        paged = closed_trades(principal, Wanted(is_ascending=True), 3)
        while len(more := closed_trades(principal, Wanted(is_ascending=True, after=paged[-1].seq), 3)):
            paged += more
        assert paged == found

        totals = totals_of(principal, Wanted())
        nets = [note[7] for note in walk.closed]
        wins, losses = [net for net in nets if net > 0], [net for net in nets if net < 0]
        assert (totals.count, totals.won, totals.lost) == (len(nets), len(wins), len(losses))
        assert (totals.gains, totals.losses, totals.net) == (sum(wins), sum(losses), sum(nets))
        assert (totals.best, totals.worst) == (max(nets), min(nets))


def test_what_began_before_the_kept_history_begins_with_what_was_left_there() -> None:
    walk = Walk(4, fills=0)
    (asset, _) = walk.assets
    make_opening_lot(walk.account, asset, quantity=3, cost=30, realized=D(-99), fees=7)
    walk.held[asset.pk] = D(3)
    walk.fill(asset, "sell", D(3))

    (trade,) = closed_trades(principal_of(walk.account), Wanted(), 10)
    assert (trade.direction, trade.shares, trade.entry_money, trade.fills) == ("long", 3, 30, 1)
    assert trade.net == trade.exit_money - 30 - trade.fees
    assert not trade.is_whole
    assert trade.held_for is None
