"""Accounts, then orders, then positions: whoever locks in another order would deadlock some day."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from raxx import roles
from tests.factories.desk import Desk, cancel, commit, submit, ticket
from tests.factories.rows import make_account, make_asset, make_market
from tests.factories.sessions import session, wait_until_blocked
from trading.ledger_audit import audit_ledger
from trading.models import Order

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.sessions import Session
    from trading.models import Asset, TradingAccount

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account(transactional_db: None) -> TradingAccount:
    return make_account(cash=10_000)


def working(app: Session, desk: Desk, account: TradingAccount) -> UUID:
    order = ticket(account, make_asset(), quantity="1")
    submit(app, order)
    desk.decide((order["id"], "new"))
    order_id: UUID = order["id"]
    return order_id


def is_locked(observer: Session, table: str, column: str, key: Any) -> bool:
    try:
        observer.execute(f"select from {table} where {column} = %s for no key update nowait", [key])
    except psycopg.errors.LockNotAvailable:
        return True
    return False


def test_a_commit_that_waits_for_an_order_holds_its_account_already(
    app: Session, worker: Session, desk: Desk, account: TradingAccount
) -> None:
    order_id = working(app, desk, account)
    batch = desk.batch((order_id, "partial_fill", "0.5", "90"))
    queues = [{"id": order_id, "queue_ahead": "5"}]
    with session(roles.OWNER) as observer, session(roles.OWNER, autocommit=False) as blocker:
        blocker.execute("select from trading_order where id = %s for update", [order_id])
        committing = Thread(target=commit, args=[worker], kwargs={**batch, "queues": queues})
        committing.start()
        wait_until_blocked(observer, worker.info.backend_pid)

        account_is_locked = is_locked(observer, "trading_tradingaccount", "account_id", account.pk)

        blocker.rollback()
        committing.join()

    assert account_is_locked
    assert (Order.objects.get().filled_quantity, Order.objects.get().queue_ahead) == (0.5, 5)


def test_queues_are_locked_in_the_order_in_which_a_cancel_of_all_locks_its_orders(
    app: Session, worker: Session, desk: Desk, account: TradingAccount
) -> None:
    first, second = working(app, desk, account), working(app, desk, account)
    # Told in the opposite order, and stored so: the first order's row was rewritten last.
    queues = [{"id": second, "queue_ahead": "1"}, {"id": first, "queue_ahead": "1"}]
    with session(roles.OWNER) as observer, session(roles.OWNER, autocommit=False) as blocker:
        observer.execute("update trading_order set queue_ahead = 9 where id = %s", [first])
        blocker.execute("select from trading_order where id = %s for update", [first])
        committing = Thread(target=commit, args=[worker, account.market_id], kwargs={"queues": queues})
        committing.start()
        wait_until_blocked(observer, worker.info.backend_pid)

        second_is_locked = is_locked(observer, "trading_order", "id", second)

        blocker.rollback()
        committing.join()

    assert not second_is_locked
    assert set(Order.objects.values_list("queue_ahead", flat=True)) == {1}


def test_a_cancel_that_waits_for_its_account_has_locked_no_order(
    app: Session, desk: Desk, account: TradingAccount
) -> None:
    order_id = working(app, desk, account)
    with session(roles.OWNER) as observer, session(roles.OWNER, autocommit=False) as blocker:
        blocker.execute("select from trading_tradingaccount where account_id = %s for update", [account.pk])
        canceling = Thread(target=cancel, args=[app, account])
        canceling.start()
        wait_until_blocked(observer, app.info.backend_pid)

        order_is_locked = is_locked(observer, "trading_order", "id", order_id)

        blocker.rollback()
        canceling.join()

    assert not order_is_locked
    assert Order.objects.get().status == "pending_cancel"


ROUNDS = 15


def work_as_web(accounts: list[TradingAccount], asset: Asset) -> None:
    """Submit to all of the accounts, back and forth, and cancel everything of one after each batch."""
    with session(roles.APP) as app:
        for number in range(ROUNDS):
            submit(app, *[ticket(one, asset, quantity="1") for one in accounts[:: (-1) ** number]])
            cancel(app, accounts[number % len(accounts)])


def work_as_matcher() -> None:
    """Decide whatever lies in the inbox or works, newest first, in batches over all accounts."""
    next_decision = {"pending_new": ("new",), "new": ("fill", "1", "90"), "pending_cancel": ("canceled",)}
    with session(roles.WORKER) as worker:
        desk = Desk(worker)
        for _ in range(ROUNDS * 2):
            rows = worker.execute(
                "select id, status from trading_order where status = any(%s) order by command_no desc limit 20",
                [list(next_decision)],
            ).fetchall()
            if rows:
                batch = desk.batch(*[(row["id"], *next_decision[row["status"]]) for row in rows])
                commit(worker, **batch, queues=[{"id": row["id"], "queue_ahead": "1"} for row in rows])


def test_web_and_matcher_on_the_same_accounts_never_deadlock_and_the_books_balance() -> None:
    market, asset = make_market(), make_asset()
    accounts = [make_account(market=market, cash=100_000) for _ in range(3)]

    with ThreadPoolExecutor(3) as threads:
        web = [threads.submit(work_as_web, accounts, asset) for _ in range(2)]
        matcher = threads.submit(work_as_matcher)
        for work in (*web, matcher):
            work.result()

    assert Order.objects.count() == 2 * ROUNDS * len(accounts)
    assert audit_ledger().balances
