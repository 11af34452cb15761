"""Random trading through the real matcher, its history cut at random places: no figure moves, and it goes on."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.trading.past import figures, history_seq, kept, make_old, purge
from tests.trading.stage import Line, Stage, make_stage, quote, trade, use_profile
from trading.ledger_audit import audit_ledger
from trading.models import Journal, Order, OrderEvent, TradingAccount
from trading.models.order import OPEN_STATUSES
from trading.services.own_accounts import reset_account

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 40


def tape(chance: random.Random) -> list[Line]:
    """Return a market that wanders about ten dollars, so that orders fill, in part and whole, and stops trigger."""
    lines, middle = [], 1000
    for second in range(SECONDS):
        middle = max(900, min(1100, middle + chance.randint(-15, 15)))
        bid, ask = f"{(middle - 1) / 100:.2f}", f"{(middle + 1) / 100:.2f}"
        lines.append(quote(second, bid, chance.randint(20, 200), ask, chance.randint(20, 200)))
        if chance.random() < 0.4:
            lines.append(trade(second + 0.2, bid if chance.random() < 0.5 else ask, chance.randint(1, 50)))
    return lines


class Trader:
    """Does something with an account, again and again; what is refused is nothing done."""

    def __init__(self, stage: Stage, account: TradingAccount, chance: random.Random) -> None:
        self._stage, self._account, self._chance = stage, account, chance

    def act(self) -> None:
        chance = self._chance
        act = chance.choices([self.order, self.bracket, self.replace, self.cancel], [6, 2, 2, 1])[0]
        act()

    def order(self) -> None:
        side = self._chance.choice(["buy", "sell"])
        price = f"{self._chance.randint(960, 1040) / 100:.2f}"
        self._stage.ask(
            self._account,
            side=side,
            limit_price=price,
            reserve_price=price,
            quantity=str(self._chance.randint(1, 60)),
            time_in_force=self._chance.choice(["day", "gtc"]),
        )

    def bracket(self) -> None:
        target = {"side": "sell", "type": "limit", "limit_price": "10.30", "role": "take_profit"}
        stop = {"side": "sell", "type": "stop", "stop_price": "9.80", "role": "stop_loss"}
        self._stage.ask(
            self._account,
            target,
            stop,
            order_class="bracket",
            role="entry",
            quantity="50",
            limit_price="10.04",
        )

    def replace(self) -> None:
        if order := self._an_open_one(type="limit"):
            step = self._chance.choice(["-0.03", "0.02"])
            self._stage.ask_to_replace(
                self._account, order.pk, limit_price=str((order.limit_price or Decimal(10)) + Decimal(step))
            )

    def cancel(self) -> None:
        if order := self._an_open_one():
            self._stage.ask_to_cancel(self._account, order.pk)

    def _an_open_one(self, **terms: Any) -> Order | None:
        mine = Order.objects.filter(account=self._account, status__in=OPEN_STATUSES, **terms)
        found = list(mine.order_by("command_no"))
        return self._chance.choice(found) if found else None


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_books_that_are_cut_anywhere_keep_their_figures_and_go_on(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    stage = make_stage(tmp_path / "tape", tape(chance))
    accounts = [stage.account(multiplier=multiplier) for multiplier in (1, 4)]
    for account, commission in zip(accounts, ("0.0050", "0"), strict=True):
        use_profile(account, commission=Decimal(commission))
    traders = [Trader(stage, account, chance) for account in accounts]
    cuts = gone = 0
    try:
        for second in range(SECONDS):
            stage.go(second + 0.5)
            for trader in traders:
                for _ in range(chance.randint(0, 2)):
                    trader.act()
            if chance.random() < 0.1:
                stage.is_cut = not stage.is_cut  # a matcher that begins anew finds what it needs
            if chance.random() < 0.05:
                reset_account(owner=accounts[0].user, account_id=accounts[0].pk, within_s=0)
            if second % 4 == 3:
                account = chance.choice(accounts)
                before, there = figures(account), kept(account)
                make_old(account, chance.randint(history_seq(account.pk), before["money"][2]))
                purge(account, at_once=chance.choice([3, 20, 1_000]))
                assert figures(account) == before
                assert [str(each) for each in audit_ledger(account.pk).differences] == []
                cuts, gone = cuts + 1, gone + len(there["fills"] - kept(account)["fills"])
    finally:
        stage.close()

    assert [str(each) for each in audit_ledger().differences] == []
    assert cuts == SECONDS // 4
    assert gone > 10
    assert Journal.objects.filter(kind="opening").exists()
    assert OrderEvent.objects.filter(kind="fill").exists()
