"""`trading_submit_orders` on several sessions at once: nothing deadlocks, nothing is promised twice."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import Any

import pytest

from raxx import roles
from tests.factories.desk import submit, ticket
from tests.factories.rows import make_account, make_asset, make_market
from tests.factories.sessions import session
from trading.ledger_audit import audit_ledger
from trading.models import Asset, Order, TradingAccount

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asset(transactional_db: None) -> Asset:
    return make_asset("ACME")


@pytest.fixture
def account(asset: Asset) -> TradingAccount:
    return make_account(cash=10_000)


def race(*work: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
    """Submit each list of batches on a session of its own, all starting together; return all answers of each."""
    together = Barrier(len(work), timeout=20)
    answers: list[list[dict[str, Any]]] = [[] for _ in work]
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            with session(roles.APP) as opened:
                for batch in work[number]:
                    together.wait()
                    answers[number].extend(submit(opened, *batch))
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            together.abort()
            errors.append(error)

    threads = [Thread(target=run, args=[number]) for number in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return answers


def test_batches_over_the_same_accounts_in_opposite_order_never_deadlock(asset: Asset) -> None:
    market = make_market()
    accounts = [make_account(market=market, cash=10_000) for _ in range(8)]

    def batches(order: list[TradingAccount]) -> list[list[dict[str, Any]]]:
        return [[ticket(one, asset, quantity="1") for one in order] for _ in range(15)]

    answers = race(batches(accounts), batches(accounts[::-1]))

    assert {row["denial"] for rows in answers for row in rows} == {None}
    assert set(TradingAccount.objects.values_list("cash_held", "event_seq")) == {(3000, 30)}
    assert audit_ledger().balances


def test_two_sessions_never_reserve_more_than_there_is(account: TradingAccount, asset: Asset) -> None:
    dear = [
        [[ticket(account, asset, quantity="7")] for _ in range(10)] for _ in range(2)
    ]  # 700 of 10,000 each

    answers = race(*dear)

    denials = [row["denial"] for rows in answers for row in rows]
    assert (denials.count(None), denials.count("insufficient_buying_power")) == (14, 6)
    account.refresh_from_db()
    assert account.cash_held == 9800
    assert audit_ledger().balances


def test_two_sessions_with_one_client_order_id_make_one_order(account: TradingAccount, asset: Asset) -> None:
    same = [
        [[ticket(account, asset, quantity="1", client_order_id=f"once {n}")] for n in range(10)]
        for _ in range(2)
    ]

    first, second = race(*same)

    for one, other in zip(first, second, strict=True):
        assert {one["denial"], other["denial"]} == {None, "client_order_id_not_unique"}
    assert Order.objects.count() == 10
    assert audit_ledger().balances
