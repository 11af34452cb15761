"""`verify_ledger`: silent over books that are right, and exact about every kind of wrong."""

from __future__ import annotations

import json
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from django.core.management import CommandError, call_command

from accounts.models.user import new_id
from tests.factories.desk import Desk, submit, ticket
from tests.factories.rows import NOON, make_account, make_asset
from tests.factories.sessions import every_owned_row
from tests.trading.breakages import BREAKAGES
from tests.trading.ledger_world import World, build_world, tamper
from trading.ledger_audit import audit_ledger
from trading.models import Order

if TYPE_CHECKING:
    from tests.factories.sessions import Session

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(app: Session, desk: Desk) -> World:
    return build_world(app, desk)


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
    tamper(
        "update trading_fill set account_id = %(nobody)s where account_id = %(id)s",
        nobody=nobody,
        id=world.bob.pk,
    )

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
        return int(end.code or 0), out.getvalue()
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


@pytest.mark.parametrize("account", ["000", "0d6f8a10-3f1d-4f0e-9d52-1c2b3a4d5e6f"])
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


def test_an_audit_sees_one_moment_whatever_is_committed_meanwhile(
    world: World, app: Session, desk: Desk
) -> None:
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
