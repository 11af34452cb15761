"""Books in every state, and how to break them behind the back of everything that would refuse it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection

from tests.factories.desk import Desk, cancel, replace, submit, ticket
from tests.factories.rows import make_account, make_asset, make_market, make_user

if TYPE_CHECKING:
    from tests.factories.sessions import Session
    from trading.models import Asset, TradingAccount

APPEND_ONLY = ("trading_fill", "trading_journal", "trading_posting", "trading_orderevent")


@dataclass(frozen=True)
class World:
    """Two people's books with every state that an order may be in."""

    alice: TradingAccount
    bob: TradingAccount
    asset: Asset
    orders: dict[str, Any]  # what the order is an example of -> its id


def build_world(app: Session, desk: Desk) -> World:
    """Bring about every state that an order may be in, the way it happens in life."""
    market, asset, other = make_market(), make_asset("ACME"), make_asset("OTHER")
    alice = make_account(market=market, cash=100_000)
    bob = make_account(make_user(), market=market, cash="5000.25")
    orders: dict[str, Any] = {}

    def place(
        name: str, account: TradingAccount, *decisions: tuple[str, ...], of: Asset = asset, **terms: Any
    ) -> Any:
        order = ticket(account, of, **terms)
        assert [row["denial"] for row in submit(app, order)] == [None]
        orders[name] = order["id"]
        if decisions:
            desk.decide(*[(order["id"], *decision) for decision in decisions])
        return order["id"]

    place("bought", alice, ("new",), ("partial_fill", "3", "99.9999"), ("fill", "7", "99.5"))
    place("bought in thirds", alice, ("new",), ("fill", "0.000000007", "1.0001"), quantity="0.000000007")
    place(
        "sold in part", alice, ("new",), ("partial_fill", "0.333333333", "101.01"), side="sell", quantity="4"
    )
    place("sold", alice, ("new",), ("fill", "1.5", "250.0001"), side="sell", quantity="1.5")
    place("bought by money", alice, ("new",), ("partial_fill", "1.234567891", "33.3333"), ("fill", "0.1", "33"),
          of=other, notional="44.5", limit_price=None)  # fmt: skip
    place("working by money", alice, ("new",), ("partial_fill", "0.5", "33"), of=other, notional="50")
    place("waiting", alice, of=other)
    place("canceled", alice, ("new",), of=other)
    cancel(app, alice, orders["canceled"])
    desk.decide((orders["canceled"], "canceled"))
    place("wanted gone", alice, ("new",), of=other, quantity="2")
    cancel(app, alice, orders["wanted gone"])
    desk.decide((orders["wanted gone"], "partial_fill", "1", "90"))
    place("to be replaced", alice, ("new",), ("partial_fill", "1", "90"), of=other)
    orders["successor"] = replace(app, alice, orders["to be replaced"], quantity="20")["id"]
    place("replaced", alice, ("new",), of=other, quantity="2")
    orders["replacement"] = replace(app, alice, orders["replaced"], limit_price="95")["id"]
    desk.decide((orders["replaced"], "partial_fill", "1", "95"))
    desk.decide((orders["replaced"], "replaced"), (orders["replacement"], "new"))
    place("of bob", bob, ("accepted",), ("new",), ("fill", "10", "50"), limit_price="60")
    place("too late", bob, ("new",))
    cancel(app, bob, orders["too late"])
    desk.decide((orders["too late"], "fill", "10", "99"))
    place("for sale", bob, ("new",), side="sell", quantity="20", limit_price="200")
    orders["for sale at more"] = replace(app, bob, orders["for sale"], limit_price="300")["id"]
    return World(alice, bob, asset, orders)


def tamper(*statements: str, **names: Any) -> None:
    """Change rows behind the back of everything that would refuse it, as only the tables' owner can."""
    with connection.cursor() as cursor:
        for table in APPEND_ONLY:
            cursor.execute(f"alter table {table} disable trigger user")
        for statement in statements:
            cursor.execute(statement, names)
            assert cursor.rowcount > 0, statement
        for table in APPEND_ONLY:
            cursor.execute(f"alter table {table} enable trigger user")
