"""`manage.py rebuild_positions`: figures follow from fills, postings and open orders again."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEntry
from tests.commands.forks import killed_at
from tests.factories.sessions import every_owned_row
from tests.trading.ledger_world import World, build_world, tamper
from trading.ledger_audit import audit_ledger

if TYPE_CHECKING:
    from tests.factories.desk import Desk
    from tests.factories.sessions import Session

pytestmark = pytest.mark.django_db(transaction=True)

STOPPED = "update matching_shard set updated_at = now() - interval '1 hour'"
WRONG = (
    "update trading_tradingaccount set cash = cash + 1, cash_held = cash_held + 1 where account_id = %(alice)s",
    "update trading_position set quantity = quantity + 7, cost = cost - 3, quantity_held = 0 where account_id = %(alice)s",
    "delete from trading_position where account_id = %(bob)s",
)


@pytest.fixture
def world(app: Session, desk: Desk) -> World:
    return build_world(app, desk)


def run(*options: str) -> tuple[int, dict[str, Any]]:
    out, status = StringIO(), 0
    try:
        call_command("rebuild_positions", *options, "--json", stdout=out)
    except SystemExit as ended:
        status = int(ended.code or 0)
    return status, json.loads(out.getvalue())


def break_it(world: World) -> None:
    tamper(STOPPED, *WRONG, alice=world.alice.pk, bob=world.bob.pk)


def without_audit(rows: dict[str, Any]) -> dict[str, Any]:
    return {table: found for table, found in rows.items() if "audit" not in table}


def test_right_books_stay_as_they_are_while_the_market_runs(world: World) -> None:
    before = every_owned_row()

    assert run() == (0, {"accounts": 2, "rebuilt": []})

    assert every_owned_row() == before


def test_wrong_books_are_shown_and_put_right_and_stay_so(world: World) -> None:
    break_it(world)
    broken = every_owned_row()

    status, shown = run("--dry-run")
    assert (status, shown["dry_run"]) == (1, True)
    assert every_owned_row() == broken
    figures = {each["figure"] for account in shown["rebuilt"] for each in account["differences"]}
    assert figures == {"cash", "cash_held", "quantity", "cost", "quantity_held"}

    assert run()[1]["rebuilt"] == shown["rebuilt"]
    assert [str(each) for each in audit_ledger().differences] == []
    told = AuditEntry.objects.filter(action="account.rebuilt")
    assert {entry.subject for entry in told} == {world.alice.user_id, world.bob.user_id}
    mended = every_owned_row()
    assert run() == (0, {"accounts": 2, "rebuilt": []})
    assert every_owned_row() == mended


def test_while_a_matcher_lives_nothing_is_put_right(world: World) -> None:
    break_it(world)
    tamper("update matching_shard set updated_at = now()")
    broken = every_owned_row()

    with pytest.raises(CommandError, match="stop it, and try again"):
        run("--account", world.alice.number)

    assert every_owned_row() == broken


def test_killed_at_each_boundary_the_next_run_does_the_rest(world: World) -> None:
    break_it(world)
    broken, left = every_owned_row(), []

    for boundary in (1, 2, 4):  # before the first account's commit, after it, after the next one's
        assert killed_at(boundary, ["rebuild_positions"]).was_killed
        left.append({each.account for each in audit_ledger().differences})
        if boundary == 1:
            assert every_owned_row() == broken

    assert left == [{world.alice.number, world.bob.number}, {world.bob.number}, set()]
    assert run() == (0, {"accounts": 2, "rebuilt": []})
