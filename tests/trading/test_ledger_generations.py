"""`verify_ledger` over accounts that were reset and closed: silent when they are right, exact when they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from accounts.models.user import new_id
from tests.factories.desk import Desk, submit, ticket
from tests.factories.rows import make_account, make_asset
from tests.trading.ledger_world import tamper
from trading.ledger_audit import audit_ledger
from trading.models import AccountReset, Order, Position
from trading.services.own_accounts import archive_account, reset_account

if TYPE_CHECKING:
    from tests.factories.sessions import Session
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def named(app: Session, desk: Desk) -> dict[str, Any]:
    """Return ids by what they are an example of: of an account in its third generation, and of others."""
    asset, other = make_asset("ACME"), make_asset("OTHER")
    ann, bob, cat = (make_account(cash=cash) for cash in (10_000, "77.25", 500))
    ids: dict[str, Any] = {
        "ann": ann.pk,
        "ann user": ann.user_id,
        "bob": bob.pk,
        "cat": cat.pk,
        "new": new_id(),
    }

    def place(name: str, account: TradingAccount, *decisions: tuple[str, ...], **terms: Any) -> None:
        order = ticket(account, terms.pop("of", asset), **terms)
        assert [row["denial"] for row in submit(app, order)] == [None]
        ids[name] = order["id"]
        desk.decide(*[(order["id"], *decision) for decision in decisions])

    place("bought", ann, ("new",), ("fill", "10", "100"))
    place("sold in part", ann, ("new",), ("fill", "4", "120.0001"), side="sell", quantity="4")
    place("elsewhere", ann, ("new",), ("fill", "10", "7"), of=other, limit_price="7")
    place("canceled", ann, ("new",), ("canceled",))
    reset_account(owner=ann.user, account_id=ann.pk, cash=None)
    place("bought again", ann, ("new",), ("fill", "10", "50"), limit_price="50")
    reset_account(owner=ann.user, account_id=ann.pk, cash=None)
    place("bought at last", ann, ("new",), ("partial_fill", "5", "60"), limit_price="60")
    place("working", bob, ("new",), quantity="0.5")
    reset_account(owner=bob.user, account_id=bob.pk, cash=None, within_s=0)  # waits for that
    place("of cat", cat, ("new",), ("fill", "3", "10"), quantity="3", limit_price="10")
    archive_account(owner=cat.user, account_id=cat.pk)
    return ids


def test_books_of_every_generation_balance(named: dict[str, Any]) -> None:
    assert [str(each) for each in audit_ledger().differences] == []
    assert sorted(Order.objects.filter(account=named["ann"]).values_list("generation", flat=True)) == [
        1,
        1,
        1,
        1,
        2,
        3,
    ]
    assert {
        (one.symbol, one.quantity, one.cost) for one in Position.objects.filter(account=named["ann"])
    } == {("ACME", 5, 300), ("OTHER", 0, 0)}
    assert AccountReset.objects.filter(at=None).count() == 1


ANN = "account_id = %(ann)s"
FIRST_END = f"(select closing_id from trading_accountreset where {ANN} and generation = 2)"
BREAKAGES: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "a generation that nobody began": (
        (f"update trading_tradingaccount set generation = 4 where {ANN}",),
        {"account_has_begun_its_generations", "generation_ends_with_nothing_left",
         "open_order_is_of_an_open_account_and_its_present_generation", "position_follows_from_its_fills"},
    ),
    "a reset that nobody remembers": (
        (f"delete from trading_accountreset where {ANN} and generation = 2",),
        {"account_has_begun_its_generations", "reset_has_its_journals", "order_has_its_events_in_its_generation"},
    ),
    "a reset waits that nobody waits for": (
        ("update trading_tradingaccount set status = 'ACTIVE' where account_id = %(bob)s",),
        {"account_has_begun_its_generations"},
    ),
    "an account waits for nothing": (
        ("delete from trading_accountreset where account_id = %(bob)s",),
        {"account_has_begun_its_generations"},
    ),
    "something was left over": (
        (f"update trading_posting set amount = amount + 1 where ledger = 'cash' and journal_id = {FIRST_END}",
         f"update trading_posting set amount = amount - 1 where ledger = 'capital' and journal_id = {FIRST_END}",
         f"update trading_tradingaccount set cash = cash + 1 where {ANN}"),
        {"generation_ends_with_nothing_left"},
    ),
    "securities written off for cash": (
        (f"update trading_posting set amount = amount + 1 where ledger = 'cash' and journal_id = {FIRST_END}",
         f"update trading_posting set amount = amount - 1 where ledger = 'securities' and journal_id = {FIRST_END}",
         f"update trading_tradingaccount set cash = cash + 1 where {ANN}"),
        {"generation_ends_with_nothing_left", "securities_are_the_sum_of_position_costs"},
    ),
    "the end is booked as a profit": (
        (f"update trading_posting set ledger = 'realized' where ledger = 'capital' and journal_id = {FIRST_END}",),
        {"reset_is_cash_and_securities_against_capital"},
    ),
    "another sum was paid in": (
        (f"update trading_accountreset set cash = cash + 1 where {ANN} and generation = 3",),
        {"reset_has_its_journals"},
    ),
    "an end of another generation": (
        (f"update trading_journal set generation = 2 where id = {FIRST_END}",),
        {"reset_has_its_journals", "generation_ends_with_nothing_left"},
    ),
    "an end of no reset": (
        (f"update trading_accountreset set closing_id = %(new)s where {ANN} and generation = 2",),
        {"reset_has_its_journals"},
    ),
    "a fill of another generation": (
        ("update trading_order set generation = 2 where id = %(sold in part)s",),
        {"generation_ends_with_nothing_left", "order_has_its_events_in_its_generation", "fill_is_booked_at_average_cost",
         "event_tells_the_position_after_its_fill", "fill_opens_or_closes_as_its_order_says"},
    ),
    "an order that outlived its generation": (
        ("update trading_order set generation = 1 where id = %(bought at last)s",),
        {"open_order_is_of_an_open_account_and_its_present_generation", "order_has_its_events_in_its_generation",
         "generation_ends_with_nothing_left", "position_follows_from_its_fills"},
    ),
    "an order of a generation to come": (
        ("update trading_order set generation = 9 where id = %(canceled)s",),
        {"order_has_its_events_in_its_generation"},
    ),
    "a position survived": (
        (f"update trading_position set quantity = 10, cost = 70 where {ANN} and symbol = 'OTHER'",),
        {"position_follows_from_its_fills", "securities_are_the_sum_of_position_costs"},
    ),
    "an order works for an account that is closed": (
        ("update trading_tradingaccount set status = 'ACCOUNT_CLOSED' where account_id = %(bob)s",
         "delete from trading_accountreset where account_id = %(bob)s"),
        {"open_order_is_of_an_open_account_and_its_present_generation"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("statements", "rules"), BREAKAGES.values(), ids=BREAKAGES.keys())
def test_each_breakage_is_named(named: dict[str, Any], statements: tuple[str, ...], rules: set[str]) -> None:
    tamper(*statements, **named)

    assert {difference.rule for difference in audit_ledger().differences} == rules


def test_one_account_can_be_checked_alone(named: dict[str, Any]) -> None:
    tamper(f"update trading_accountreset set cash = cash + 1 where {ANN} and at is not null", **named)

    assert [audit_ledger(named[one]).balances for one in ("ann", "bob", "cat")] == [False, True, True]
