"""Wishes of an account that has nearly all the orders there are: none of them reads the whole table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection

from tests.factories.desk import cancel, replace, submit, ticket
from tests.factories.rows import make_account, make_asset, make_order
from tests.factories.sessions import session
from trading.models import Order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.factories.sessions import Session
    from trading.models import Asset, TradingAccount

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 3_000


@pytest.fixture
def asset(transactional_db: None) -> Asset:
    return make_asset("ACME")


@pytest.fixture
def account(asset: Asset) -> TradingAccount:
    """Return an account with very many orders on one side, of which the planner knows."""
    account = make_account(cash=10_000)
    one = make_order(
        account, asset, status="new", side="buy", position_intent="buy_to_open", quantity=10, limit_price=9
    )
    columns = ", ".join(
        str(field.column)
        for field in Order._meta.concrete_fields
        if field.name not in ("id", "client_order_id")
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"insert into trading_order (id, client_order_id, {columns}) "
            f"select uuidv7(), 'many ' || number, {columns} from trading_order, generate_series(1, %s) number "
            "where id = %s",
            [MANY, one.pk],
        )
        cursor.execute("analyze trading_order")
    return account


@pytest.fixture
def counted() -> Iterator[Session]:
    """Return a session of web's in which one transaction is open: it counts what it reads."""
    with session("raxx_app", autocommit=False) as opened:
        yield opened


def scans_of_the_whole_table(app: Session) -> int:
    row = app.execute("select pg_stat_get_xact_numscans('trading_order'::regclass) as n").fetchone()
    assert row is not None
    return int(row["n"])


def test_a_scan_would_be_counted(account: TradingAccount, counted: Session) -> None:
    counted.execute("select count(*) from trading_order where quantity > 1")

    assert scans_of_the_whole_table(counted) == 1


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_new_order_is_judged_by_those_that_it_could_meet_alone(
    account: TradingAccount, asset: Asset, counted: Session, side: str
) -> None:
    (answer,) = submit(counted, ticket(account, asset, side=side, quantity="1", limit_price="10"))

    assert answer["denial"] == (None if side == "buy" else "opposite_entry")
    assert scans_of_the_whole_table(counted) == 0


def test_a_cancel_and_a_replacement_find_their_order_by_its_id(
    account: TradingAccount, counted: Session
) -> None:
    first, second = Order.objects.order_by("id")[:2]

    assert cancel(counted, account, first.pk)[0]["denial"] is None
    assert replace(counted, account, second.pk, limit_price="8")["denial"] is None
    assert scans_of_the_whole_table(counted) == 0


def test_the_cancel_of_all_takes_the_open_ones_by_their_index(
    account: TradingAccount, counted: Session
) -> None:
    assert len(cancel(counted, account)) == 500
    assert scans_of_the_whole_table(counted) == 0
