"""An account with a past, made by the real matcher on a tape of one morning: trades won and lost, a class, a change."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from matching.models import Market
from tests.factories.people import Browser, signed_in
from tests.factories.rows import make_reset, make_user
from tests.trading.stage import Stage, make_stage, quote, trade
from trading.models import Posting, TradingAccount
from trading.services.accounts import open_account

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID


TAPE = [
    quote(0, "10.00", 900, "10.02", 900),
    trade(1, "10.01", 100),
    quote(600, "10.10", 900, "10.12", 900),
    quote(1200, "10.20", 900, "10.22", 900),
    quote(1800, "10.30", 900, "10.32", 900),
    quote(2400, "10.00", 900, "10.02", 50),
    quote(3000, "10.00", 900, "10.02", 900),
    trade(3001, "10.01", 100),
]


@dataclass
class Past:
    """The account, its person's browser, and its orders by name."""

    stage: Stage
    account: TradingAccount
    browser: Browser
    orders: dict[str, UUID] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"/paper/{self.account.number}"

    def get(self, page: str, **query: Any) -> Any:
        return self.browser.get(f"{self.path}{page}", **query)

    def text(self, page: str, **query: Any) -> str:
        """Return a page's HTML, which is there."""
        answer = self.get(page, **query)
        assert answer.status_code == 200, answer.content[:2000]
        return str(answer.content.decode())

    def realized(self) -> Decimal:
        """Return what the ledger says was won by trading, without fees."""
        lines = Posting.objects.across_owners().filter(account=self.account, ledger="realized")
        return -sum((line.amount for line in lines), Decimal(0))

    def begins_anew(self) -> None:
        """Let all that there is be of an ended generation: as after a reset, but the books."""
        TradingAccount.objects.filter(pk=self.account.pk).update(generation=2)
        make_reset(
            self.account,
            generation=2,
            at=self.account.created_at,
            recorded_at=self.account.created_at,
            event_seq=TradingAccount.objects.get(pk=self.account.pk).event_seq,
        )

    def market(self, side: str, quantity: int, **terms: Any) -> UUID:
        """Have a market order filled at once."""
        terms = {"type": "market", "limit_price": None, "reserve_price": "10.5", **terms}
        (order_id,) = self.stage.submit(self.account, side=side, quantity=str(quantity), **terms)
        self.stage.round()
        return order_id


def make_past(folder: Path) -> Past:
    """Return an account that made 14 dollars long in two sales, then lost 6 short, and has orders of all sorts."""
    stage = make_stage(folder / "tape", TAPE)
    person = make_user()
    opened_at = Market.objects.get(pk=stage.market.pk).starts_at
    assert opened_at is not None
    account = open_account(owner=person, market=stage.market, cash=Decimal(10_000), now=opened_at)
    TradingAccount.objects.filter(pk=account.pk).update(multiplier=2, name="Morning")
    past = Past(stage, account, signed_in(person))
    stage.go(2)
    past.orders["entry"] = past.market("buy", 100)  # at 10.02
    stage.go(601)
    past.orders["first sale"] = past.market("sell", 40)  # at 10.10
    stage.go(1201)
    past.orders["second sale"] = past.market("sell", 60)  # at 10.20
    past.orders["short"] = past.market("sell", 50, position_intent="sell_to_open")  # at 10.20
    stage.go(1801)
    past.orders["cover"] = past.market("buy", 50)  # at 10.32: 6 dollars lost
    (waits,) = stage.submit(account, quantity="10", limit_price="9.50", time_in_force="gtc")
    stage.round()
    past.orders["waits"] = waits
    past.orders["changed"] = stage.replace(account, waits, limit_price="9.60")
    stage.round()
    stage.go(2401)
    (past.orders["partly"],) = stage.submit(account, quantity="80", limit_price="10.02")
    stage.round()
    entry, profit, loss = stage.submit(
        account,
        {"side": "sell", "type": "limit", "limit_price": "10.60", "role": "take_profit"},
        {"side": "sell", "type": "stop", "stop_price": "9.40", "role": "stop_loss"},
        order_class="bracket",
        role="entry",
        quantity="20",
        limit_price="9.90",
    )
    past.orders |= {"bracket": entry, "profit": profit, "loss": loss}
    stage.round()
    (canceled,) = stage.submit(account, quantity="5", limit_price="9.00")
    stage.round()
    stage.cancel(account, canceled)
    stage.round()
    past.orders["canceled"] = canceled
    return past
