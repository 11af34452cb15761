"""`verify_ledger` over books whose older detail is gone: silent when they are right, exact when they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from accounts.models.user import new_id
from tests.factories.desk import Desk, submit, ticket
from tests.factories.rows import make_account, make_asset
from tests.trading.ledger_world import tamper
from tests.trading.past import kept, make_old, purge
from trading.ledger_audit import audit_ledger
from trading.models import TradingAccount
from trading.services.own_accounts import reset_account

if TYPE_CHECKING:
    from tests.factories.sessions import Session

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def named(app: Session, desk: Desk) -> dict[str, Any]:
    """Return ids by what they are an example of: of Ann's books, cut in her second generation, and of Bob's, not cut."""
    asset, other = make_asset("ACME"), make_asset("OTHER")
    ann, bob = make_account(cash=10_000), make_account(cash=500)
    ids: dict[str, Any] = {
        "ann": ann.pk,
        "ann user": ann.user_id,
        "bob": bob.pk,
        "bob user": bob.user_id,
        "asset": asset.pk,
        "other": other.pk,
        "new": new_id(),
    }

    def place(name: str, account: TradingAccount, *decisions: tuple[str, ...], **terms: Any) -> None:
        order = ticket(account, terms.pop("of", asset), **terms)
        assert [row["denial"] for row in submit(app, order)] == [None]
        ids[name] = order["id"]
        desk.decide(*[(order["id"], *decision) for decision in decisions])

    place("of the first", ann, ("new",), ("fill", "10", "100"))
    reset_account(owner=ann.user, account_id=ann.pk, cash=None)
    place("bought", ann, ("new",), ("fill", "10", "90"))
    place("working", ann, ("new",), ("partial_fill", "2", "50"), limit_price="50")
    place("sold", ann, ("new",), ("fill", "5", "120.0001"), side="sell", quantity="5")
    place("elsewhere", ann, ("new",), ("fill", "10", "7"), of=other, limit_price="7")
    make_old(ann, 15)
    place("bought later", ann, ("new",), ("fill", "1", "80"), quantity="1")
    place("of bob", bob, ("new",), ("fill", "1", "80"), quantity="1")
    purge(ann)
    return ids


def test_books_whose_detail_is_gone_balance(named: dict[str, Any]) -> None:
    ann = TradingAccount.objects.get(pk=named["ann"])

    assert [str(each) for each in audit_ledger().differences] == []
    assert kept(ann)["orders"] == {named["working"], named["bought later"]}


ANN = "account_id = %(ann)s"
OPENING = (
    "(select id from trading_journal where kind = 'opening' and generation = {} and account_id = %(ann)s)"
)
SECOND, FIRST = OPENING.format(2), OPENING.format(1)
OF_WORKING = "(select id from trading_fill where order_id = %(working)s)"
STEP = "0.0000000000001"
BREAKAGES: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "the cut moved on": (
        (f"update trading_tradingaccount set history_seq = event_seq where {ANN}",),  # over a fill
        {"opening_lots_are_what_was_booked", "position_follows_from_its_fills"},
    ),
    "the cut moved back": (
        (f"update trading_tradingaccount set history_seq = history_seq - 1 where {ANN}",),
        {"events_have_no_gap"},
    ),
    "a cut that nobody made": (
        ("update trading_tradingaccount set history_seq = 3 where account_id = %(bob)s",),
        {"opening_lots_are_what_was_booked", "position_follows_from_its_fills"},
    ),
    "an event beyond the cut is gone": (
        (f"delete from trading_orderevent where {ANN} and order_id = %(bought later)s and kind = 'new'",),
        {"events_have_no_gap"},
    ),
    "an order lost its events of the past": (
        (f"delete from trading_orderevent where {ANN} and order_id = %(working)s",),
        {"last_event_agrees_with_its_order", "fill_has_one_event", "opening_lots_are_what_was_booked",
         "event_tells_the_position_after_its_fill", "position_follows_from_its_fills"},
    ),
    "a fill of the past is gone": (
        ("delete from trading_fill where order_id = %(working)s",),
        {"fill_has_its_journal", "fill_has_one_event", "order_is_filled_by_its_fills", "generation_ends_with_nothing_left"},
    ),
    "a fill of the past booked for less": (
        (f"update trading_posting set amount = amount + 1 where ledger = 'cash' and journal_id = {OF_WORKING}",
         f"update trading_posting set amount = amount - 1 where ledger = 'securities' and journal_id = {OF_WORKING}",
         f"update trading_tradingaccount set cash = cash + 1 where {ANN}"),
        {"fill_of_the_past_is_booked_for_its_money", "opening_lots_are_what_was_booked",
         "securities_are_the_sum_of_position_costs"},
    ),
    "no opening journal": (
        (f"delete from trading_posting where journal_id = {SECOND}",
         f"delete from trading_journal where id = {SECOND}"),
        {"cash_is_the_sum_of_its_postings", "securities_are_the_sum_of_position_costs", "opening_lots_are_what_was_booked"},
    ),
    "an opening journal without postings": (
        (f"delete from trading_posting where journal_id = {SECOND}",),
        {"journal_sums_to_zero", "cash_is_the_sum_of_its_postings", "securities_are_the_sum_of_position_costs",
         "opening_lots_are_what_was_booked"},
    ),
    "more cash in the opening": (
        (f"update trading_posting set amount = amount + {STEP} where ledger = 'cash' and journal_id = {SECOND}",
         f"update trading_posting set amount = amount - {STEP} where ledger = 'realized' and journal_id = {SECOND}"),
        {"cash_is_the_sum_of_its_postings", "opening_lots_are_what_was_booked"},
    ),
    "less cost, more profit in the opening": (
        (f"update trading_posting set amount = amount - 1 where ledger = 'securities' and journal_id = {SECOND}",
         f"update trading_posting set amount = amount + 1 where ledger = 'realized' and journal_id = {SECOND}"),
        {"securities_are_the_sum_of_position_costs", "opening_lots_are_what_was_booked"},
    ),
    "a profit booked as capital": (
        (f"update trading_posting set ledger = 'capital' where ledger = 'realized' and journal_id = {SECOND}",),
        {"opening_journal_is_of_trades_of_the_past", "opening_lots_are_what_was_booked"},
    ),
    "an opening that does not balance": (
        (f"update trading_posting set amount = amount + 1 where ledger = 'realized' and journal_id = {SECOND}",),
        {"journal_sums_to_zero", "opening_lots_are_what_was_booked"},
    ),
    "an opening of an ended generation left something": (
        (f"update trading_posting set amount = amount + 1 where ledger = 'cash' and journal_id = {FIRST}",
         f"update trading_posting set amount = amount - 1 where ledger = 'securities' and journal_id = {FIRST}",
         f"update trading_tradingaccount set cash = cash + 1 where {ANN}"),
        {"generation_ends_with_nothing_left", "securities_are_the_sum_of_position_costs"},
    ),
    "an opening of a generation to come": (
        (f"update trading_journal set generation = 3 where id = {SECOND}",),
        {"opening_journal_is_of_trades_of_the_past", "opening_lots_are_what_was_booked"},
    ),
    "an opening of an account whose history is whole": (
        (("insert into trading_journal (id, user_id, account_id, kind, generation, at, note, request_id)"
         " values (%(new)s, %(bob user)s, %(bob)s, 'opening', 1, now(), '', '')"),),
        {"journal_sums_to_zero", "opening_journal_is_of_trades_of_the_past"},
    ),
    "a lot with one share more": (
        (f"update trading_openinglot set quantity = quantity + 1 where {ANN} and asset_id = %(other)s",),
        {"position_follows_from_its_fills"},
    ),
    "a lot that later fills follow from has one share more": (
        (f"update trading_openinglot set quantity = quantity + 1 where {ANN} and asset_id = %(asset)s",),
        {"position_follows_from_its_fills", "event_tells_the_position_after_its_fill"},
    ),
    "a lot that cost a step more": (
        (f"update trading_openinglot set cost = cost + {STEP} where {ANN} and asset_id = %(other)s",),
        {"position_follows_from_its_fills", "opening_lots_are_what_was_booked"},
    ),
    "a lot that earned more": (
        (f"update trading_openinglot set realized = realized - 1 where {ANN} and asset_id = %(asset)s",),
        {"opening_lots_are_what_was_booked"},
    ),
    "a lot that paid a commission": (
        (f"update trading_openinglot set fees = 1 where {ANN} and asset_id = %(asset)s",),
        {"opening_lots_are_what_was_booked"},
    ),
    "a lot is gone": (
        (f"delete from trading_openinglot where {ANN} and asset_id = %(other)s",),
        {"position_follows_from_its_fills", "opening_lots_are_what_was_booked"},
    ),
    "two lots have changed places": (
        (f"update trading_openinglot set asset_id = %(new)s where {ANN} and asset_id = %(other)s",),
        {"position_follows_from_its_fills"},
    ),
    "a lot of another generation": (
        (f"update trading_openinglot set generation = 1 where {ANN} and asset_id = %(other)s",),
        {"opening_lot_is_of_where_history_begins", "position_follows_from_its_fills"},
    ),
    "a lot of an account whose history is whole": (
        (("insert into trading_openinglot (account_id, asset_id, user_id, symbol, generation, quantity, cost, realized, fees)"
         " values (%(bob)s, %(other)s, %(bob user)s, 'OTHER', 1, 0, 0, 0, 0)"),),
        {"opening_lot_is_of_where_history_begins"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("statements", "rules"), BREAKAGES.values(), ids=BREAKAGES.keys())
def test_each_breakage_is_named(named: dict[str, Any], statements: tuple[str, ...], rules: set[str]) -> None:
    tamper(*statements, **named)

    assert {difference.rule for difference in audit_ledger().differences} == rules
