"""`trading_cancel_orders`: a wish that the matcher decides; refused where nothing can be canceled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from accounts.models.user import new_id
from matching.models import Market
from tests.factories.desk import Desk, cancel, replace, submit, ticket
from tests.factories.rows import NOON, make_account, make_asset, make_order
from tests.factories.sessions import every_owned_row
from trading.ledger_audit import audit_ledger
from trading.models import Order, OrderEvent, TradingAccount
from trading.models.order import OPEN_STATUSES, TERMINAL_STATUSES

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.sessions import Session

pytestmark = pytest.mark.django_db(transaction=True)

CANCELABLE = ("pending_new", "accepted", "new", "partially_filled", "held", "done_for_day")
NOT_CANCELABLE = ("pending_cancel", "pending_replace", *TERMINAL_STATUSES)


@pytest.fixture
def account(transactional_db: None) -> TradingAccount:
    return make_account(cash=10_000)


def placed(app: Session, account: TradingAccount, **terms: Any) -> UUID:
    order = ticket(account, make_asset(), quantity="1", **terms)
    assert submit(app, order)[0]["denial"] is None
    order_id: UUID = order["id"]
    return order_id


def test_every_status_of_an_order_is_in_one_of_the_two_tables() -> None:
    assert sorted(CANCELABLE + NOT_CANCELABLE) == sorted(OPEN_STATUSES + TERMINAL_STATUSES)


@pytest.mark.parametrize("status", CANCELABLE)
def test_an_open_order_becomes_pending_cancel_and_comes_to_the_inbox(
    app: Session, account: TradingAccount, status: str
) -> None:
    order = make_order(account, status=status, command_no=0)  # which the sequence never gives

    assert cancel(app, account, order.pk) == [{"id": order.pk, "denial": None, "status": "pending_cancel"}]

    order.refresh_from_db()
    assert (order.status, order.cancel_requested_at, order.updated_at) == ("pending_cancel", NOON, NOON)
    assert order.command_no > 0
    event = OrderEvent.objects.get()
    assert (event.seq, event.order_id, event.kind, event.status, event.at, event.request_id) == (
        1, order.pk, "pending_cancel", "pending_cancel", NOON, "req",
    )  # fmt: skip
    account.refresh_from_db()
    assert account.event_seq == 1


@pytest.mark.parametrize("status", NOT_CANCELABLE)
def test_an_order_that_is_over_or_already_wished_away_is_not_cancelable(
    app: Session, account: TradingAccount, status: str
) -> None:
    order = make_order(account, status=status)
    before = every_owned_row()

    assert cancel(app, account, order.pk) == [
        {"id": order.pk, "denial": "order_not_cancelable", "status": status}
    ]

    assert every_owned_row() == before


def test_a_cancel_releases_nothing_before_the_matcher_has_decided(
    app: Session, desk: Desk, account: TradingAccount
) -> None:
    order_id = placed(app, account)
    desk.decide((order_id, "new"))

    cancel(app, account, order_id)

    account.refresh_from_db()
    assert account.cash_held == 100
    desk.decide((order_id, "canceled"))
    account.refresh_from_db()
    assert account.cash_held == 0
    assert list(OrderEvent.objects.order_by("seq").values_list("kind", flat=True)) == [
        "pending_new", "new", "pending_cancel", "canceled",
    ]  # fmt: skip
    assert audit_ledger().balances


def test_a_cancel_keeps_what_is_filled(app: Session, desk: Desk, account: TradingAccount) -> None:
    order_id = placed(app, account)
    desk.decide((order_id, "new"), (order_id, "partial_fill", "0.25", "90"))

    cancel(app, account, order_id)

    event = OrderEvent.objects.get(kind="pending_cancel")
    assert (event.filled_quantity, event.filled_money, event.fill_id) == (
        Order.objects.get().filled_quantity,
        22.5,
        None,
    )
    assert audit_ledger().balances


def test_a_repeated_cancel_is_refused_and_changes_nothing(app: Session, account: TradingAccount) -> None:
    order_id = placed(app, account)
    cancel(app, account, order_id)
    before = every_owned_row()

    (answer,) = cancel(app, account, order_id)

    assert (answer["denial"], answer["status"]) == ("order_not_cancelable", "pending_cancel")
    assert every_owned_row() == before


@pytest.mark.parametrize("whose", ["nobody's", "another person's", "my other account's"])
def test_an_order_that_is_not_of_this_account_does_not_exist(
    app: Session, account: TradingAccount, whose: str
) -> None:
    if whose == "nobody's":
        order_id = new_id()
    else:
        user = account.user if whose == "my other account's" else None
        order_id = make_order(make_account(user, market=account.market)).pk
    before = every_owned_row()

    assert cancel(app, account, order_id) == [{"id": order_id, "denial": "order_not_found", "status": None}]

    assert every_owned_row() == before


@pytest.mark.parametrize("everything", [False, True], ids=["one order", "all orders"])
def test_another_person_s_account_does_not_exist(
    app: Session, account: TradingAccount, everything: bool
) -> None:
    order = make_order(account)
    stranger = make_account(market=account.market)
    before = every_owned_row()
    as_stranger = TradingAccount(id=account.pk, user_id=stranger.user_id)

    (answer,) = cancel(app, as_stranger, None if everything else order.pk)

    assert answer["denial"] == "order_not_found"
    assert every_owned_row() == before


def test_cancel_all_asks_for_every_open_order_of_the_account_alone(
    app: Session, desk: Desk, account: TradingAccount
) -> None:
    first, second, filled = (placed(app, account) for _ in range(3))
    desk.decide((second, "new"), (filled, "new"), (filled, "fill", "1", "90"))
    wished = placed(app, account)
    cancel(app, account, wished)
    neighbour = make_account(account.user, market=account.market, cash=1000)
    untouched = placed(app, neighbour)

    answers = cancel(app, account)

    assert {row["id"]: (row["denial"], row["status"]) for row in answers} == {
        first: (None, "pending_cancel"), second: (None, "pending_cancel"),
    }  # fmt: skip
    assert dict(Order.objects.values_list("pk", "status")) == {
        first: "pending_cancel", second: "pending_cancel", filled: "filled", wished: "pending_cancel",
        untouched: "pending_new",
    }  # fmt: skip
    assert audit_ledger().balances


def test_cancel_all_of_an_account_without_open_orders_changes_nothing(
    app: Session, account: TradingAccount
) -> None:
    make_order(account, status="filled", filled_quantity=10)
    before = every_owned_row()

    assert cancel(app, account) == []

    assert every_owned_row() == before


@pytest.mark.parametrize("everything", [False, True], ids=["one order", "all orders"])
def test_in_a_market_that_nobody_runs_a_cancel_is_refused_and_changes_nothing(
    app: Session, account: TradingAccount, everything: bool
) -> None:
    order = make_order(account, status="new")
    Market.objects.update(is_active=False)
    before = every_owned_row()

    answers = cancel(app, account, None if everything else order.pk)

    assert answers == [{"id": order.pk, "denial": "market_not_running", "status": "new"}]
    assert every_owned_row() == before


def test_cancel_all_leaves_an_order_alone_that_waits_to_be_replaced(
    app: Session, desk: Desk, account: TradingAccount
) -> None:
    order_id = placed(app, account)
    desk.decide((order_id, "new"))
    successor = replace(app, account, order_id, limit_price="90")["id"]

    answers = cancel(app, account)

    assert [row["id"] for row in answers] == [successor]
    assert Order.objects.get(pk=order_id).status == "pending_replace"
    assert audit_ledger().balances
