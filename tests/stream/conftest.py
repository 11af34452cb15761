"""An account with a key, and the two roles that write its log: the web's and the matcher's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from accounts.models import Tier
from raxx import roles
from tests.factories import desk, rows
from tests.factories.sessions import session
from tests.lasting import lasting
from tests.stream.server import granian
from trading.doorbells import ring_account

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    import redis

    from accounts.models import ApiKey
    from tests.factories.sessions import Session
    from tests.stream.server import Server
    from trading.models import Asset, TradingAccount


@dataclass
class Trader:
    """One account, its key, and what happens to its orders."""

    account: TradingAccount
    key: ApiKey
    asset: Asset
    web: Session
    desk: desk.Desk

    def place(self, **terms: Any) -> UUID:
        """Place an order; the log has its `pending_new`."""
        (answer,) = desk.submit(self.web, ticket := desk.ticket(self.account, self.asset, **terms))
        assert answer["denial"] is None
        order_id: UUID = ticket["id"]
        return order_id

    def place_working(self, **terms: Any) -> UUID:
        """Place an order that the matcher takes at once: one update, `new`."""
        order_id = self.place(**terms)
        self.desk.decide((order_id, "new"))
        return order_id

    def ring(self) -> None:
        """Ring the account's bell, as web and matcher do after a commit."""
        ring_account([self.account.pk])


@pytest.fixture
def owner(transactional_db: None) -> Iterator[Session]:
    """Return a session that may write everything."""
    with session(roles.OWNER) as opened:
        yield opened


@pytest.fixture
def make_trader(transactional_db: None, valkey: redis.Redis) -> Iterator[Any]:
    """Return a function that makes an account, with cash and a key, and its writers."""
    with session(roles.APP) as web, session(roles.WORKER) as worker:
        the_desk = desk.Desk(worker)

        def make(**fields: Any) -> Trader:
            tier = fields.pop("tier", Tier.PRO)  # Free sees the market late
            user = fields.pop("user", None) or rows.make_user(tier=tier)
            account = rows.make_account(user, cash=1_000_000, **fields)
            return Trader(account, rows.make_api_key(account), rows.make_asset(), web, the_desk)

        yield make


@pytest.fixture(scope="module")
def stream_server(
    request: pytest.FixtureRequest,
    django_db_setup: None,
    valkey_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Server:
    """Return the stream process, as production runs it, over the test's database; for whoever leaves it running."""
    return lasting(request, lambda: granian(tmp_path_factory.mktemp("stream") / "stream.log"))


@pytest.fixture
def trader(make_trader: Any) -> Trader:
    """Return an account that trades."""
    made: Trader = make_trader()
    return made
