"""An account in a market of today, a matcher that decides what it is told, and a shadow that works in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from broker_handoff.models import ShadowLink, ShadowOrder
from broker_handoff.shadow.links import claim, turn_on
from broker_handoff.shadow.mirroring import mirror
from broker_handoff.shadow.report import parity
from tests.broker_handoff.fake import FakeBroker
from tests.factories.desk import Desk, cancel, commit, replace, submit, ticket
from tests.factories.rows import make_account, make_asset, make_market

if TYPE_CHECKING:
    from uuid import UUID

    from broker_handoff.ports import Broker
    from broker_handoff.shadow.report import OrderParity
    from tests.factories.sessions import Session
    from trading.models import Asset, TradingAccount


@dataclass
class Stage:
    """`look` is one pass of a worker, whatever the link waits for."""

    app: Session
    worker: Session
    symbol: str = "AAPL"
    shadow: FakeBroker = field(default_factory=FakeBroker)
    account: TradingAccount = field(init=False)
    asset: Asset = field(init=False)
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        market = make_market(feed="synthetic", paused=False, calendar="ALWAYS")
        self.account, self.asset = make_account(market=market, cash=100_000), make_asset(self.symbol)
        self.desk = Desk(self.worker)

    @property
    def broker(self) -> Broker:
        return self.shadow.build("a token")

    def turn_on(self) -> ShadowLink:
        return turn_on(account=self.account, broker=self.broker)

    def place(self, **terms: Any) -> UUID:
        """Have ten bought at 100 dollars, unless told."""
        order = ticket(self.account, self.asset, **terms)
        assert submit(self.app, order)[0]["denial"] is None
        order_id: UUID = order["id"]
        return order_id

    def cancel(self, order_id: UUID) -> None:
        cancel(self.app, self.account, order_id)

    def replace(self, order_id: UUID, **changes: str) -> UUID:
        made: UUID = replace(self.app, self.account, order_id, **changes)["id"]
        return made

    def decide(self, *decisions: Any) -> None:
        """Commit what the matcher decides, now."""
        batch = self.desk.batch(*decisions)
        for table in ("orders", "fills", "positions", "events"):
            for row in batch[table]:
                row["at"] = timezone.now()
        commit(self.worker, **batch)

    def look(self, broker: Broker | None = None) -> ShadowLink:
        ShadowLink.objects.update(next_look_at=timezone.now(), polled_at=None)
        link = claim()
        assert link is not None
        mirror(link, broker or self.broker)
        return self.link

    @property
    def link(self) -> ShadowLink:
        return ShadowLink.objects.get(pk=self.account.pk)

    def row(self, order_id: UUID) -> ShadowOrder:
        return ShadowOrder.objects.get(pk=order_id)

    def parity_of(self, order_id: UUID) -> OrderParity:
        (found,) = [each for each in parity(self.account).orders if each.order_id == order_id]
        return found
