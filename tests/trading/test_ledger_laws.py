"""Double entry as a law of the database: balanced at commit, and never changed afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from accounts.models.user import new_id
from raxx import roles
from tests.factories.rows import make_account, make_one_of_everything
from tests.factories.sessions import every_owned_row, session
from trading.ledger_audit import audit_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.factories.sessions import Session
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db(transaction=True)

CHECK = psycopg.errors.CheckViolation


@pytest.fixture
def account(transactional_db: None) -> TradingAccount:
    return make_account()


@pytest.fixture
def owner(transactional_db: None) -> Iterator[Session]:
    """Return a session of the tables' owner, whom only triggers and constraints hold back."""
    with session(roles.OWNER) as opened:
        yield opened


def insert_journal(
    writer: Session, account: TradingAccount, *, kind: str = "deposit", journal_id: Any = None
) -> Any:
    journal_id = journal_id or new_id()
    writer.execute(
        "insert into trading_journal (id, user_id, account_id, kind, at, note, request_id)"
        " values (%s, %s, %s, %s, now(), '', '')",
        [journal_id, account.user_id, account.pk, kind],
    )
    return journal_id


def post(writer: Session, account: TradingAccount, journal_id: Any, **amounts: str) -> None:
    """Insert the postings in one statement."""
    values = [(journal_id, ledger, account.user_id, account.pk, amount) for ledger, amount in amounts.items()]
    places = ", ".join(["(%s, %s, %s, %s, %s)"] * len(values))
    writer.execute(
        f"insert into trading_posting (journal_id, ledger, user_id, account_id, amount) values {places}",
        [field for line in values for field in line],
    )


def test_a_balanced_journal_is_kept(worker: Session, account: TradingAccount) -> None:
    with worker.transaction():
        post(worker, account, insert_journal(worker, account), cash="1", capital="-1")
        worker.execute("update trading_tradingaccount set cash = cash + 1")

    assert audit_ledger().balances


def test_postings_may_come_before_their_journal_because_balance_is_judged_at_commit(
    worker: Session, account: TradingAccount
) -> None:
    with worker.transaction():
        journal_id = insert_journal(worker, account)
        assert worker.execute("select count(*) as n from trading_posting").fetchone() == {"n": 0}
        post(worker, account, journal_id, cash="-3", securities="5", realized="-2")

    assert len(every_owned_row()["trading_posting"]) == 3


@pytest.mark.parametrize("role", [roles.OWNER, roles.WORKER])
def test_a_journal_without_postings_is_refused_at_commit(account: TradingAccount, role: str) -> None:
    before = every_owned_row()

    with session(role) as writer, pytest.raises(CHECK, match="has 0 postings, which sum to 0"):
        insert_journal(writer, account)

    assert every_owned_row() == before


def test_a_fill_s_journal_is_refused_at_once_when_its_postings_are_not_there(
    worker: Session, account: TradingAccount
) -> None:
    before = every_owned_row()

    with pytest.raises(CHECK, match="has 0 postings, which sum to 0"), worker.transaction():
        insert_journal(worker, account, kind="fill")  # not at commit, as another kind is

    assert every_owned_row() == before


def test_a_fill_s_journal_comes_after_its_postings(worker: Session, account: TradingAccount) -> None:
    with worker.transaction():
        journal_id = new_id()
        post(worker, account, journal_id, cash="-3", securities="3")
        insert_journal(worker, account, kind="fill", journal_id=journal_id)

    assert len(every_owned_row()["trading_posting"]) == 2


@pytest.mark.parametrize(
    "amounts",
    [
        {"cash": "1"},
        {"cash": "1", "capital": "-0.9999999999999"},
        {"cash": "1", "capital": "-2", "realized": "0.5"},
    ],
)
def test_postings_that_do_not_sum_to_zero_are_refused_at_once(
    worker: Session, account: TradingAccount, amounts: dict[str, str]
) -> None:
    before = every_owned_row()

    with pytest.raises(CHECK, match="do not sum to zero"), worker.transaction():
        post(worker, account, insert_journal(worker, account), **amounts)

    assert every_owned_row() == before


def test_a_posting_cannot_be_added_to_a_journal_of_the_past(worker: Session, account: TradingAccount) -> None:
    with worker.transaction():
        journal_id = insert_journal(worker, account)
        post(worker, account, journal_id, cash="1", capital="-1")
    before = every_owned_row()

    with pytest.raises(CHECK, match="do not sum to zero"):
        post(worker, account, journal_id, realized="1")

    assert every_owned_row() == before


def test_a_ledger_has_one_line_in_a_journal(worker: Session, account: TradingAccount) -> None:
    with worker.transaction():
        journal_id = insert_journal(worker, account)
        post(worker, account, journal_id, cash="1", capital="-1")
    before = every_owned_row()

    with pytest.raises(psycopg.errors.UniqueViolation):
        post(worker, account, journal_id, cash="1", capital="-1")

    assert every_owned_row() == before


def test_a_posting_moves_something(worker: Session, account: TradingAccount) -> None:
    before = every_owned_row()

    with pytest.raises(CHECK, match="posting_moves_something"), worker.transaction():
        post(worker, account, insert_journal(worker, account), cash="0", capital="0")

    assert every_owned_row() == before


@pytest.mark.parametrize(
    "table", ["trading_fill", "trading_journal", "trading_posting", "trading_orderevent"]
)
@pytest.mark.parametrize("statement", ["update {} set account_id = account_id", "delete from {}"])
def test_the_past_is_never_changed_not_even_by_the_tables_owner(
    owner: Session, account: TradingAccount, table: str, statement: str
) -> None:
    make_one_of_everything(account)
    before = every_owned_row()

    with pytest.raises(psycopg.errors.RestrictViolation, match=f"{table} is append-only"):
        owner.execute(statement.format(table))

    assert every_owned_row() == before


@pytest.mark.parametrize(
    "table", ["trading_fill", "trading_journal", "trading_posting", "trading_orderevent"]
)
@pytest.mark.parametrize("verb", ["update {} set account_id = account_id", "delete from {}", "truncate {}"])
def test_the_worker_has_no_privilege_to_change_the_past(worker: Session, table: str, verb: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        worker.execute(verb.format(table))
