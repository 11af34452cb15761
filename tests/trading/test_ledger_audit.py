"""`verify_ledger`: silent over books that are right, and exact about every kind of wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models.user import new_id
from tests.factories.desk import Desk, cancel, replace, submit, ticket
from tests.factories.rows import NOON, make_account, make_asset, make_market, make_user
from tests.factories.sessions import every_owned_row
from trading.ledger_audit import audit_ledger
from trading.models import Asset, Order, TradingAccount

if TYPE_CHECKING:
    from tests.factories.sessions import Session

pytestmark = pytest.mark.django_db(transaction=True)

APPEND_ONLY = ("trading_fill", "trading_journal", "trading_posting", "trading_orderevent")


@dataclass(frozen=True)
class World:
    """Two people's books with every state that an order may be in."""

    alice: TradingAccount
    bob: TradingAccount
    asset: Asset
    orders: dict[str, Any]  # what the order is an example of -> its id


@pytest.fixture
def world(app: Session, worker: Session, desk: Desk) -> World:
    market, asset, other = make_market(), make_asset("ACME"), make_asset("OTHER")
    alice = make_account(market=market, cash=100_000)
    bob = make_account(make_user(), market=market, cash="5000.25")
    orders: dict[str, Any] = {}

    def place(name: str, account: TradingAccount, *decisions: tuple[str, ...], of: Asset = asset, **terms: Any) -> Any:
        order = ticket(account, of, **terms)
        assert [row["denial"] for row in submit(app, order)] == [None]
        orders[name] = order["id"]
        if decisions:
            desk.decide(*[(order["id"], *decision) for decision in decisions])
        return order["id"]

    place("bought", alice, ("new",), ("partial_fill", "3", "99.9999"), ("fill", "7", "99.5"))
    place("bought in thirds", alice, ("new",), ("fill", "0.000000007", "1.0001"), quantity="0.000000007")
    place("sold in part", alice, ("new",), ("partial_fill", "0.333333333", "101.01"), side="sell", quantity="4")
    place("sold", alice, ("new",), ("fill", "1.5", "250.0001"), side="sell", quantity="1.5")
    place("bought by money", alice, ("new",), ("partial_fill", "1.234567891", "33.3333"), ("fill", "0.1", "33"),
          of=other, notional="44.5", limit_price=None)  # fmt: skip
    place("working by money", alice, ("new",), ("partial_fill", "0.5", "33"), of=other, notional="50")
    place("waiting", alice, of=other)
    place("canceled", alice, ("new",), of=other)
    cancel(app, alice, orders["canceled"])
    desk.decide((orders["canceled"], "canceled"))
    place("wanted gone", alice, ("new",), of=other, quantity="2")
    cancel(app, alice, orders["wanted gone"])
    desk.decide((orders["wanted gone"], "partial_fill", "1", "90"))
    place("to be replaced", alice, ("new",), ("partial_fill", "1", "90"), of=other)
    orders["successor"] = replace(app, alice, orders["to be replaced"], quantity="20")["id"]
    place("replaced", alice, ("new",), of=other, quantity="2")
    orders["replacement"] = replace(app, alice, orders["replaced"], limit_price="95")["id"]
    desk.decide((orders["replaced"], "partial_fill", "1", "95"))
    desk.decide((orders["replaced"], "replaced"), (orders["replacement"], "new"))
    place("of bob", bob, ("accepted",), ("new",), ("fill", "10", "50"), limit_price="60")
    place("too late", bob, ("new",))
    cancel(app, bob, orders["too late"])
    desk.decide((orders["too late"], "fill", "10", "99"))
    place("for sale", bob, ("new",), side="sell", quantity="20", limit_price="200")
    orders["for sale at more"] = replace(app, bob, orders["for sale"], limit_price="300")["id"]
    return World(alice, bob, asset, orders)


def tamper(*statements: str, **names: Any) -> None:
    """Change rows behind the back of everything that would refuse it, as only the tables' owner can."""
    with connection.cursor() as cursor:
        for table in APPEND_ONLY:
            cursor.execute(f"alter table {table} disable trigger user")
        for statement in statements:
            cursor.execute(statement, names)
            assert cursor.rowcount > 0, statement
        for table in APPEND_ONLY:
            cursor.execute(f"alter table {table} enable trigger user")


def test_books_that_are_right_balance(world: World) -> None:
    before = every_owned_row()

    audit = audit_ledger()

    assert [str(each) for each in audit.differences] == []
    assert audit.accounts == 2
    assert every_owned_row() == before


def test_the_world_of_these_tests_has_every_state_that_this_version_knows(world: World) -> None:
    states = {
        "pending_new", "new", "partially_filled", "filled", "canceled", "pending_cancel", "pending_replace", "replaced",
    }  # fmt: skip
    assert set(Order.objects.across_owners().values_list("status", flat=True)) == states


ALICE = "where account_id = %(alice)s"
BREAKAGES: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "cash too high": (
        (f"update trading_tradingaccount set cash = cash + 0.0000000000001 {ALICE}",),
        {"cash_is_the_sum_of_its_postings"},
    ),
    "cash held too low": (
        (f"update trading_tradingaccount set cash_held = cash_held - 1 {ALICE}",),
        {"cash_held_is_the_sum_over_open_orders"},
    ),
    "an order holds too little": (
        ("update trading_order set cash_held = cash_held - 1 where id = %(waiting)s",),
        {"order_holds_what_its_terms_ask", "cash_held_is_the_sum_over_open_orders"},
    ),
    "a terminal order still holds": (
        ("update trading_order set cash_held = 1 where id = %(canceled)s",),
        {"order_holds_what_its_terms_ask"},
    ),
    "a successor holds all of its own": (
        ("update trading_order set cash_held = reserve_price * quantity where id = %(successor)s",),
        {"order_holds_what_its_terms_ask", "cash_held_is_the_sum_over_open_orders"},
    ),
    "a sale holds too few shares": (
        ("update trading_order set quantity_held = quantity_held - 1 where id = %(sold in part)s",),
        {"order_holds_what_its_terms_ask", "quantity_held_is_the_sum_over_open_orders"},
    ),
    "shares held for nobody": (
        ("update trading_position set quantity_held = quantity_held + 1 where asset_id = %(asset)s and account_id = %(alice)s",),
        {"quantity_held_is_the_sum_over_open_orders"},
    ),
    "a position has more shares": (
        ("update trading_position set quantity = quantity + 0.000000001 where asset_id = %(asset)s and account_id = %(alice)s",),
        {"position_follows_from_its_fills"},
    ),
    "a position cost one step more": (
        ("update trading_position set cost = cost + 0.0000000000001 where asset_id = %(asset)s and account_id = %(alice)s",),
        {"position_follows_from_its_fills", "securities_are_the_sum_of_position_costs"},
    ),
    "a position is gone": (
        ("delete from trading_position where asset_id = %(asset)s and account_id = %(alice)s",),
        {"position_follows_from_its_fills", "securities_are_the_sum_of_position_costs",
         "quantity_held_is_the_sum_over_open_orders"},
    ),
    "a position from nowhere": (
        ("insert into trading_position (user_id, account_id, asset_id, symbol, quantity, cost, quantity_held, updated_at)"
         " values (%(alice user)s, %(alice)s, %(new)s, 'NEW', 1, 0, 0, now())",),
        {"position_follows_from_its_fills"},
    ),
    "an order filled more than its fills": (
        ("update trading_order set filled_quantity = filled_quantity + 1 where id = %(working by money)s",),
        {"order_is_filled_by_its_fills", "last_event_agrees_with_its_order"},
    ),
    "an order filled for more money": (
        ("update trading_order set filled_money = filled_money + 1 where id = %(canceled)s",),
        {"order_is_filled_by_its_fills", "last_event_agrees_with_its_order"},
    ),
    "a filled order asked for more": (
        ("update trading_order set quantity = quantity + 1 where id = %(bought)s",),
        {"filled_order_is_filled_whole"},
    ),
    "a fill at another price": (
        ("update trading_fill set price = price + 0.0001 where order_id = %(sold)s",),
        {"order_is_filled_by_its_fills", "fill_has_one_event", "fill_is_booked_at_average_cost"},
    ),
    "a fill of another side": (
        ("update trading_fill set side = 'buy' where order_id = %(sold)s",),
        {"fill_has_its_order", "fill_is_booked_at_average_cost", "position_follows_from_its_fills",
         "event_tells_the_position_after_its_fill"},
    ),
    "a fill of nobody's order": (
        ("update trading_fill set order_id = %(new)s where order_id = %(sold)s",),
        {"fill_has_its_order", "order_is_filled_by_its_fills", "fill_has_one_event"},
    ),
    "a fill is lost": (
        ("delete from trading_fill where order_id = %(of bob)s",),
        {"order_is_filled_by_its_fills", "fill_has_its_journal", "fill_has_one_event",
         "position_follows_from_its_fills", "event_tells_the_position_after_its_fill"},
    ),
    "a fill's journal is lost": (
        ("delete from trading_journal where id in (select id from trading_fill where order_id = %(sold)s)",),
        {"fill_has_its_journal", "posting_has_its_journal"},
    ),
    "a journal of another kind": (
        ("update trading_journal set kind = 'deposit' where id in (select id from trading_fill where order_id = %(sold)s)",),
        {"fill_has_its_journal", "deposit_is_cash_against_capital"},
    ),
    "a posting too much": (
        ("update trading_posting set amount = amount + 1 where ledger = 'capital' and account_id = %(alice)s",),
        {"journal_sums_to_zero"},
    ),
    "a journal without postings": (
        ("insert into trading_journal (id, user_id, account_id, kind, at, note, request_id)"
         " values (%(new)s, %(alice user)s, %(alice)s, 'deposit', now(), '', '')",),
        {"journal_sums_to_zero", "deposit_is_cash_against_capital"},
    ),
    "profit booked as cost": (
        ("update trading_posting set amount = amount + 1 where ledger = 'realized' and journal_id in"
         " (select id from trading_fill where order_id = %(sold)s)",
         "update trading_posting set amount = amount - 1 where ledger = 'securities' and journal_id in"
         " (select id from trading_fill where order_id = %(sold)s)"),
        {"fill_is_booked_at_average_cost", "securities_are_the_sum_of_position_costs"},
    ),
    "an event is lost": (
        ("delete from trading_orderevent where account_id = %(alice)s and seq = 1",),
        {"events_have_no_gap"},
    ),
    "the sequence ran ahead": (
        (f"update trading_tradingaccount set event_seq = event_seq + 1 {ALICE}",),
        {"events_have_no_gap"},
    ),
    "an event of nobody's order": (
        ("update trading_orderevent set order_id = %(new)s where account_id = %(alice)s and seq = 1",),
        {"event_has_its_order"},
    ),
    "an event of another person's order": (
        ("update trading_orderevent set order_id = %(of bob)s where account_id = %(alice)s and seq = 1",),
        {"event_has_its_order"},
    ),
    "an execution was told to nobody": (
        ("update trading_orderevent set fill_id = null where order_id = %(sold)s and kind = 'fill'",),
        {"fill_has_one_event", "event_tells_the_position_after_its_fill"},
    ),
    "an execution was told with another price": (
        ("update trading_orderevent set price = price + 1 where order_id = %(sold)s and kind = 'fill'",),
        {"fill_has_one_event", "event_counts_the_executions_so_far"},
    ),
    "the position was told wrongly": (
        ("update trading_orderevent set position_quantity = 0 where order_id = %(sold)s and kind = 'fill'",),
        {"event_tells_the_position_after_its_fill"},
    ),
    "a status that no event tells": (
        ("update trading_order set status = 'expired' where id = %(canceled)s",),
        {"last_event_agrees_with_its_order"},
    ),
    "a wish that nobody uttered": (
        ("update trading_order set status = 'pending_cancel' where id = %(working by money)s",),
        {"last_event_agrees_with_its_order"},
    ),
    "an order without an event": (
        ("delete from trading_orderevent where order_id = %(waiting)s",),
        {"last_event_agrees_with_its_order", "events_have_no_gap"},
    ),
    "postings of another user": (
        ("update trading_posting set user_id = %(bob user)s where ledger = 'capital' and account_id = %(alice)s",),
        {"posting_has_its_journal", "row_belongs_to_its_account"},
    ),
    "a journal of another user": (
        ("update trading_journal set user_id = %(bob user)s where kind = 'deposit' and account_id = %(alice)s",),
        {"posting_has_its_journal", "row_belongs_to_its_account"},
    ),
    "a fill of another user": (
        ("update trading_fill set user_id = %(bob user)s where order_id = %(sold)s",),
        {"fill_has_its_order", "fill_has_its_journal", "row_belongs_to_its_account"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("statements", "rules"), BREAKAGES.values(), ids=BREAKAGES.keys())
def test_each_breakage_is_named(world: World, statements: tuple[str, ...], rules: set[str]) -> None:
    tamper(
        *statements,
        **world.orders,
        **{
            "alice": world.alice.pk,
            "alice user": world.alice.user_id,
            "bob user": world.bob.user_id,
            "asset": world.asset.pk,
            "new": new_id(),
        },
    )

    assert {difference.rule for difference in audit_ledger().differences} == rules


def test_a_difference_says_which_account_what_was_expected_and_what_found(world: World) -> None:
    tamper("update trading_tradingaccount set cash = 7 where account_id = %(id)s", id=world.bob.pk)

    (difference,) = audit_ledger().differences

    # 5000.25 paid in, ten shares bought at 50 and ten at 99.
    assert str(difference) == (
        f"account {world.bob.number}: cash_is_the_sum_of_its_postings: cash: expected 3510.25, found 7"
    )


def test_a_row_without_an_account_is_named_by_the_account_s_id(world: World) -> None:
    nobody = new_id()
    tamper("update trading_fill set account_id = %(nobody)s where account_id = %(id)s", nobody=nobody, id=world.bob.pk)

    named = {difference.account for difference in audit_ledger().differences}

    assert named == {world.bob.number, str(nobody)}


def test_one_account_can_be_checked_alone(world: World) -> None:
    tamper("update trading_tradingaccount set cash = 7 where account_id = %(id)s", id=world.bob.pk)

    alice, bob = audit_ledger(world.alice.pk), audit_ledger(world.bob.pk)

    assert (alice.accounts, alice.balances) == (1, True)
    assert (bob.accounts, bob.balances) == (1, False)


def test_no_account_at_all_balances() -> None:
    assert audit_ledger().balances


def test_progress_names_each_law_in_turn(world: World) -> None:
    told: list[tuple[str, int, int]] = []

    audit_ledger(progress=lambda *step: told.append(step))

    assert [step for _, step, _ in told] == list(range(1, len(told) + 1))
    assert {steps for _, _, steps in told} == {len(told)}
    assert told[-1][0] == "position_follows_from_its_fills"


def run(*arguments: str) -> tuple[int, str]:
    """Run the command; return its exit status and what it printed."""
    out = StringIO()
    try:
        call_command("verify_ledger", *arguments, stdout=out)
    except SystemExit as end:
        assert isinstance(end.code, int)
        return end.code, out.getvalue()
    return 0, out.getvalue()


def test_command_ends_well_when_all_balances(world: World) -> None:
    assert run() == (0, "all 2 accounts balance\n")
    assert run("--account", world.bob.number) == (0, "all 1 accounts balance\n")
    assert run("--account", str(world.bob.pk), "--json") == (0, '{"accounts": 1, "differences": []}\n')


def test_command_prints_a_line_for_each_difference_and_fails(world: World) -> None:
    tamper("update trading_tradingaccount set cash = 7, cash_held = 1")

    status, printed = run()
    json_status, printed_json = run("--json")

    assert (status, json_status) == (1, 1)
    assert printed.splitlines() == [str(difference) for difference in audit_ledger().differences]
    assert len(json.loads(printed_json)["differences"]) == len(printed.splitlines()) == 4


@pytest.mark.parametrize("account", ["000", str(new_id())])
def test_command_refuses_an_account_that_does_not_exist(world: World, account: str) -> None:
    with pytest.raises(CommandError, match=f"there is no account {account}"):
        call_command("verify_ledger", "--account", account)


def test_a_sale_takes_out_its_share_of_the_cost_rounded_half_up(app: Session, desk: Desk) -> None:
    account, asset = make_account(cash=100), make_asset()
    unit = {"quantity": "0.000000001", "limit_price": "0.0003"}
    buys = [ticket(account, asset, **unit), ticket(account, asset, **unit)]
    submit(app, *buys)
    for buy, price in zip(buys, ("0.0002", "0.0003"), strict=True):
        desk.decide((buy["id"], "new"), (buy["id"], "fill", "0.000000001", price))
    sell = ticket(account, asset, **unit, side="sell")
    submit(app, sell)
    desk.decide((sell["id"], "new"), (sell["id"], "fill", "0.000000001", "0.0003"))

    # Half of the five steps of 1e-13 dollar that two units cost is 2.5: three go out, two stay.
    assert account.positions.get().cost == Decimal("2e-13")
    assert audit_ledger().balances


def test_an_audit_sees_one_moment_whatever_is_committed_meanwhile(world: World, app: Session, desk: Desk) -> None:
    order = ticket(world.bob, world.asset, quantity="1", limit_price="1")
    later = ticket(world.bob, world.asset, quantity="1", limit_price="2")
    submit(app, order)

    def meddle(rule: str, step: int, steps: int) -> None:
        if step == 5:
            desk.decide((order["id"], "new"), (order["id"], "fill", "1", "0.5"))
        if step == steps:
            submit(app, later)

    assert audit_ledger(progress=meddle).balances
    assert audit_ledger().balances
    assert Order.objects.get(pk=order["id"]).filled_at == NOON
