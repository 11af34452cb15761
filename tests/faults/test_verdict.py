"""Each law of the verdict finds the breach that it is there for, and nothing in books that are right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection, transaction

from tests.faults.verdict import LAWS
from tests.trading.stage import make_stage, quote

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db(transaction=True)

TAPE = [quote(second, "9.95", 5, "10.00", 5) for second in range(1, 10)]
BREACHES = {
    "a fill worse than its order's limit": "update trading_fill set price = 10.01",
    "a fill at a price that its evidence does not show": "update trading_fill set price = 9.99",
    "more filled than ordered": "update trading_fill set quantity = quantity + 1",
    "more taken from an offer than it showed": "update trading_fill set quantity = 6",
    "an order filled twice by one item": """
        insert into trading_fill (id, user_id, account_id, order_id, asset_id, symbol, side, quantity, price, at, run,
                                  seq, offer_seq, rule, model_version, evidence)
        select gen_random_uuid(), user_id, account_id, order_id, asset_id, symbol, side, quantity, price, at, run,
               seq, offer_seq, rule, model_version, evidence from trading_fill limit 1""",
    "a gap in an account's events": "delete from trading_orderevent where seq = 2",
    "an event after the end of its order": """
        insert into trading_orderevent (account_id, seq, user_id, order_id, kind, status, at, recorded_at,
                                        filled_quantity, filled_money, request_id)
        select account_id, 99, user_id, order_id, 'canceled', 'canceled', at, recorded_at, 0, 0, ''
          from trading_orderevent where kind = 'fill' limit 1""",
    "an order whose status is not that of its last event": """
        update trading_order set status = 'expired' where status = 'filled'""",
    "two of a class beyond what its first order asked for": """
        update trading_fill f set quantity = 4 from trading_order o where o.id = f.order_id and o.role = 'take_profit'""",
    "a wish that is still undecided": "update trading_order set status = 'pending_cancel' where status = 'new'",
}  # fmt: skip


@pytest.fixture
def books(tmp_path: Path) -> None:
    """Have an order that was filled, one that rests, and a bracket whose target was filled."""
    stage = make_stage(tmp_path, [*TAPE, quote(10, "10.20", 5, "10.25", 5)])
    try:
        account = stage.account(multiplier=4)
        stage.go(1)
        stage.submit(account, quantity="2", limit_price="10.00")
        stage.submit(account, quantity="2", limit_price="9.00")
        legs = (
            {"type": "limit", "role": "take_profit", "side": "sell", "limit_price": "10.10"},
            {"type": "stop", "role": "stop_loss", "side": "sell", "stop_price": "8.00"},
        )
        stage.go(2)
        stage.submit(account, *legs, quantity="3", limit_price="10.00", order_class="bracket", role="entry")
        stage.go(10)
    finally:
        stage.close()


def broken() -> set[str]:
    """Return the laws that find something."""
    found = set()
    with connection.cursor() as cursor:
        for law, query in LAWS.items():
            cursor.execute(query)
            if cursor.fetchall():
                found.add(law)
    return found


def test_no_law_finds_anything_in_books_that_are_right(books: None) -> None:
    assert broken() == set()


@pytest.mark.parametrize("law", LAWS)
def test_a_law_finds_what_breaks_it(books: None, law: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for table in ("fill", "orderevent"):
            cursor.execute(f"alter table trading_{table} disable trigger user")  # which refuse every change
        cursor.execute(BREACHES[law])
        assert cursor.rowcount > 0
        found = broken()
        transaction.set_rollback(True)

    assert law in found
