"""The functions that move an account's money as a whole: for the bound user alone, one at a time."""

from __future__ import annotations

import json
from threading import Thread
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.db import IntegrityError

from accounts.binding import BIND
from accounts.models.user import new_id
from raxx import roles
from tests.factories.rows import NOON, make_account, make_api_key, make_order, make_reset
from tests.factories.sessions import every_owned_row, session, wait_until_blocked
from trading.ledger_audit import audit_ledger
from trading.models import AccountReset, TradingAccount

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.sessions import Session

pytestmark = pytest.mark.django_db(transaction=True)

RESET = "select trading_ask_for_reset(%s, 500, null, '') as answer"
CLOSING = "select trading_ask_for_closing(%s) as answer"
SETTLE = "select trading_settle_account(%s) as answer"
OPEN = "select trading_open_account(%s::jsonb, %s) as answer"


@pytest.fixture
def alice(transactional_db: None) -> TradingAccount:
    return make_account(cash=1000)


@pytest.fixture
def bob(transactional_db: None) -> TradingAccount:
    account = make_account(cash=1000)
    make_api_key(account)
    return account


def call(caller: Session, user_id: UUID | None, statement: str, *parameters: Any) -> Any:
    """Call a function in a transaction that is bound to a user."""
    with caller.transaction():
        caller.execute(BIND, [str(user_id or "")])
        row = caller.execute(statement, parameters).fetchone()
    assert row is not None
    return row["answer"]


def new_row(like: TradingAccount, **columns: Any) -> str:
    """Return the columns of a new account of the owner of `like`."""
    row = {field.column: getattr(like, field.attname) for field in TradingAccount._meta.concrete_fields}
    fresh = {"account_id": new_id(), "number": f"N{new_id().hex[:12]}", "cash": "250.5"}
    return json.dumps({**row, **fresh, **columns}, default=str)


@pytest.mark.parametrize("statement", [RESET, CLOSING])
def test_another_person_s_account_is_not_there(
    app: Session, alice: TradingAccount, bob: TradingAccount, statement: str
) -> None:
    before = every_owned_row()

    assert call(app, alice.user_id, statement, bob.pk) == "account_not_found"
    assert call(app, None, statement, bob.pk) == "account_not_found"
    assert every_owned_row() == before

    assert call(app, bob.user_id, statement, bob.pk) is None


def test_another_person_s_reset_is_not_finished(
    app: Session, alice: TradingAccount, bob: TradingAccount
) -> None:
    call(app, bob.user_id, RESET, bob.pk)
    before = every_owned_row()

    assert call(app, alice.user_id, SETTLE, bob.pk) is None
    assert call(app, None, SETTLE, bob.pk) is None
    assert every_owned_row() == before

    assert call(app, bob.user_id, SETTLE, bob.pk) == "ACTIVE"
    assert audit_ledger().balances


def test_an_account_is_opened_for_whoever_is_bound_and_as_new_whatever_the_row_says(
    app: Session, alice: TradingAccount, bob: TradingAccount
) -> None:
    claims = {
        "user_id": bob.user_id,
        "generation": 7,
        "event_seq": 9,
        "cash_held": -5,
        "status": "ACCOUNT_CLOSED",
    }

    assert call(app, alice.user_id, OPEN, new_row(alice, **claims), None) is None

    made = TradingAccount.objects.exclude(pk__in=(alice.pk, bob.pk)).get()
    assert (made.user_id, made.generation, made.event_seq, made.cash_held, made.status) == (
        alice.user_id, 1, 0, 0, "ACTIVE",
    )  # fmt: skip
    assert audit_ledger().balances


def test_nobody_bound_opens_nothing(app: Session, alice: TradingAccount) -> None:
    before = every_owned_row()

    assert call(app, None, OPEN, new_row(alice), None) == "user_not_found"
    assert every_owned_row() == before


def test_closed_accounts_do_not_count_to_the_most(app: Session, alice: TradingAccount) -> None:
    assert call(app, alice.user_id, OPEN, new_row(alice), 1) == "too_many_accounts"
    TradingAccount.objects.update(status="ACCOUNT_CLOSED")
    assert call(app, alice.user_id, OPEN, new_row(alice), 1) is None


def test_of_two_at_once_only_one_is_the_last_that_is_allowed(app: Session, alice: TradingAccount) -> None:
    answers: list[Any] = []
    with session(roles.APP, autocommit=False) as first, session(roles.OWNER) as observer:
        first.execute(BIND, [str(alice.user_id)])
        first.execute(OPEN, [new_row(alice), 2])
        second = Thread(target=lambda: answers.append(call(app, alice.user_id, OPEN, new_row(alice), 2)))
        second.start()
        wait_until_blocked(observer, app.info.backend_pid)
        first.commit()
        second.join()

    assert answers == ["too_many_accounts"]
    assert TradingAccount.objects.count() == 2


def test_of_two_resets_at_once_one_joins_the_other(app: Session, alice: TradingAccount) -> None:
    answers: list[Any] = []
    with session(roles.APP, autocommit=False) as first, session(roles.OWNER) as observer:
        first.execute(BIND, [str(alice.user_id)])
        first.execute(RESET, [alice.pk])
        second = Thread(target=lambda: answers.append(call(app, alice.user_id, RESET, alice.pk)))
        second.start()
        wait_until_blocked(observer, app.info.backend_pid)
        first.commit()
        second.join()

    assert answers == [None]
    assert AccountReset.objects.count() == 1


@pytest.mark.parametrize(
    "status", ["pending_new", "held", "pending_cancel", "pending_replace", "partially_filled"]
)
def test_nothing_is_settled_while_an_order_may_still_change(
    app: Session, alice: TradingAccount, status: str
) -> None:
    make_order(alice, status=status)
    call(app, alice.user_id, RESET, alice.pk)

    assert call(app, alice.user_id, SETTLE, alice.pk) == "ACCOUNT_UPDATED"
    assert AccountReset.objects.get().at is None


def test_a_settlement_waits_for_a_transaction_that_has_the_account(
    app: Session, worker: Session, alice: TradingAccount
) -> None:
    """An order may be on its way in: what it left is seen once the lock is had."""
    call(app, alice.user_id, RESET, alice.pk)
    order = make_order(alice, status="canceled")
    answers: list[Any] = []
    with session(roles.OWNER, autocommit=False) as other, session(roles.OWNER) as observer:
        other.execute(
            "select from trading_tradingaccount where account_id = %s for no key update", [alice.pk]
        )
        settling = Thread(target=lambda: answers.append(call(worker, alice.user_id, SETTLE, alice.pk)))
        settling.start()
        wait_until_blocked(observer, worker.info.backend_pid)
        other.execute("update trading_order set status = 'new' where id = %s", [order.pk])
        other.commit()
        settling.join()

    assert answers == ["ACCOUNT_UPDATED"]


def test_an_account_that_never_had_money_must_be_told_how_much(app: Session) -> None:
    account = make_account()
    statement = "select trading_ask_for_reset(%s, null, null, '') as answer"

    assert call(app, account.user_id, statement, account.pk) == "cash_not_known"
    assert call(app, account.user_id, RESET, account.pk) is None
    assert call(app, account.user_id, SETTLE, account.pk) == "ACTIVE"
    assert AccountReset.objects.get().closing_id is None  # there was nothing to write off
    assert audit_ledger().balances


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"generation": 1}, "reset_begins_a_later_generation"),
        ({"cash": 0}, "reset_begins_with_money"),
        ({"at": NOON}, "reset_is_asked_for_or_done"),
        ({"event_seq": 3}, "reset_is_asked_for_or_done"),
    ],
)
def test_the_database_knows_what_a_reset_is(
    alice: TradingAccount, fields: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        make_reset(alice, **fields)


@pytest.mark.parametrize("role", [roles.APP, roles.WORKER])
def test_nobody_moves_capital_but_through_these(role: str, alice: TradingAccount) -> None:
    with session(role) as caller, pytest.raises(psycopg.errors.InsufficientPrivilege):
        caller.execute(
            "select trading_move_capital(%s, %s, %s, 'deposit', 1, now(), '', '', 5, 0)",
            [new_id(), alice.user_id, alice.pk],
        )
