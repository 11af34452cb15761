"""`trading_submit_orders`: what is accepted is reserved and told, each order under its own owner."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg
import pytest

from accounts.models.user import new_id
from tests.factories.desk import Desk, submit, ticket
from tests.factories.rows import NOON, make_account, make_asset
from tests.factories.sessions import every_owned_row
from trading.ledger_audit import audit_ledger
from trading.models import Order, OrderEvent, Position, TradingAccount

if TYPE_CHECKING:
    from tests.factories.sessions import Session
    from trading.models import Asset

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asset(transactional_db: None) -> Asset:
    return make_asset("ACME")


@pytest.fixture
def account(asset: Asset) -> TradingAccount:
    return make_account(cash=10_000)


def test_an_accepted_buy_reserves_its_cost_and_waits_in_the_inbox(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    order = ticket(
        account, asset, quantity="2.5", limit_price="99.99", client_order_id="mine", request_id="req-7"
    )

    (answer,) = submit(app, order)

    assert answer == {
        "n": 0,
        "denial": None,
        "detail": None,
        "at": NOON,
        "status": "pending_new",
        "position_intent": "buy_to_open",
    }
    account.refresh_from_db()
    assert (account.cash, account.cash_held, account.event_seq) == (10_000, Decimal("249.975"), 1)
    row = Order.objects.get()
    assert (row.pk, row.user_id, row.account_id, row.status, row.client_order_id, row.profile_id, row.request_id) == (
        order["id"], account.user_id, account.pk, "pending_new", "mine", 1, "req-7",
    )  # fmt: skip
    assert (row.quantity, row.limit_price, row.reserve_price, row.cash_held, row.filled_quantity) == (
        Decimal("2.5"), Decimal("99.99"), Decimal("99.99"), Decimal("249.975"), 0,
    )  # fmt: skip
    assert (row.created_at, row.submitted_at, row.updated_at, row.stamp_seq) == (NOON, NOON, NOON, None)
    event = OrderEvent.objects.get()
    assert (event.seq, event.order_id, event.kind, event.status, event.at, event.request_id) == (
        1, row.pk, "pending_new", "pending_new", NOON, "req-7",
    )  # fmt: skip


def test_an_accepted_sell_reserves_its_shares_and_no_cash(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    desk.give_shares(app, account, asset)

    assert submit(app, ticket(account, asset, side="sell", quantity="4"))[0]["denial"] is None

    account.refresh_from_db()
    assert (Position.objects.get().quantity_held, account.cash_held) == (4, 0)


def test_a_buy_by_money_reserves_the_money(app: Session, account: TradingAccount, asset: Asset) -> None:
    assert submit(app, ticket(account, asset, notional="10000", limit_price=None))[0]["denial"] is None

    account.refresh_from_db()
    assert account.cash == account.cash_held


def test_all_of_the_buying_power_can_be_used_and_not_a_step_more(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    one_step_more = ticket(account, asset, quantity="10000.000000001", limit_price="1")
    all_of_it = ticket(account, asset, quantity="10000", limit_price="1")

    assert [row["denial"] for row in submit(app, one_step_more, all_of_it)] == [
        "insufficient_buying_power",
        None,
    ]


def test_commands_are_numbered_in_the_order_of_their_service(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    tickets = [ticket(account, asset, quantity="1") for _ in range(3)]
    submit(app, *tickets)

    by_number = Order.objects.order_by("command_no").values_list("pk", flat=True)
    by_event = OrderEvent.objects.order_by("seq").values_list("order_id", flat=True)
    assert list(by_number) == list(by_event) == [one["id"] for one in tickets]


# --- Batches ---------------------------------------------------------------------------------------


def test_a_batch_serves_each_order_under_its_own_owner(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    others = [make_account(market=account.market, cash=1000) for _ in range(2)]
    tickets = [
        ticket(others[0], asset, quantity="1"),
        ticket(account, asset, user_id=others[0].user_id, quantity="1"),  # a stranger's account
        ticket(others[1], asset, quantity="11"),  # too dear
        ticket(account, asset, quantity="1"),
        ticket(others[1], asset, quantity="1"),
        ticket(others[0], asset, quantity="1"),
    ]

    denials = [row["denial"] for row in submit(app, *tickets)]

    assert denials == [None, "account_not_found", "insufficient_buying_power", None, None, None]
    owners = {order.pk: (order.user_id, order.account_id) for order in Order.objects.all()}
    assert owners == {
        one["id"]: (one["user_id"], one["account_id"])
        for one, denial in zip(tickets, denials, strict=True) if denial is None
    }  # fmt: skip
    assert audit_ledger().balances


def test_a_batch_ends_with_the_binding_with_which_it_began(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    bound = "select nullif(current_setting('raxx.user_id', true), '') as id"
    with app.transaction():
        submit(app, ticket(account, asset, quantity="1"))
        assert app.execute(bound).fetchone() == {"id": None}
        stranger = str(new_id())
        app.execute("select set_config('raxx.user_id', %s, true)", [stranger])
        submit(app, ticket(account, asset, quantity="1"))
        assert app.execute(bound).fetchone() == {"id": stranger}


def test_a_batch_that_breaks_a_constraint_fails_whole(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    before = every_owned_row()

    with pytest.raises(psycopg.errors.CheckViolation, match="order_has_quantity_or_notional"):
        submit(
            app,
            ticket(account, asset, quantity="1"),
            ticket(account, asset, quantity="1") | {"notional": "1"},
        )

    assert every_owned_row() == before


def test_an_empty_batch_is_answered_with_nothing(app: Session) -> None:
    assert submit(app) == []
