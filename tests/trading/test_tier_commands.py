"""`manage.py set_tier` and `purge_history`."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Tier, TierChange, User
from tests.factories.rows import NOON, make_account, make_asset, make_user, make_webhook
from tests.factories.sessions import every_owned_row
from tests.trading.ledger_world import tamper
from tests.trading.past import kept, make_old
from trading.ledger_audit import audit_ledger

if TYPE_CHECKING:
    from tests.factories.desk import Desk
    from tests.factories.sessions import Session
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def person() -> User:
    return make_user(email="ann@example.com", tier=Tier.PRO)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def set_tier(*arguments: str) -> Any:
    return json.loads(run("set_tier", "--email", "ANN@example.com", "--reason", "paid", "--json", *arguments))


def test_an_upgrade_is_shown(person: User) -> None:
    assert set_tier("--tier", "pro_plus") == {
        "email": "ann@example.com",
        "tier": "pro_plus",
        "outcome": "changed",
    }


def test_a_downgrade_is_shown_with_its_day_and_what_goes(person: User) -> None:
    accounts = [make_account(person), make_account(person)]
    make_webhook(accounts[0], url="https://one.example/")
    make_webhook(accounts[0], url="https://two.example/")

    shown = set_tier("--tier", "free")

    change = TierChange.objects.get()
    assert (shown["tier"], shown["outcome"], shown["pending"]) == ("pro", "downgrade_asked", "free")
    assert shown["limited"] == [accounts[1].number]
    assert shown["disabled"] == ["https://two.example/"]
    assert timedelta(days=30) == change.applies_at - change.asked_at
    assert len(mail.outbox) == 1


def test_a_downgrade_now_holds_now(person: User) -> None:
    assert set_tier("--tier", "free", "--now")["tier"] == "free"
    assert User.objects.get(pk=person.pk).tier == "free"


@pytest.mark.parametrize(
    ("arguments", "outcome"),
    [
        (("--tier", "free"), "downgrade_asked"),
        (("--tier", "free", "--now"), "changed"),
        (("--tier", "pro_plus"), "changed"),
        (("--tier", "pro"), "unchanged"),
    ],
    ids=["downgrade", "downgrade now", "upgrade", "the same"],
)
def test_a_dry_run_says_so_and_changes_nothing(
    person: User, arguments: tuple[str, ...], outcome: str
) -> None:
    before = every_owned_row()

    assert set_tier(*arguments, "--dry-run")["outcome"] == outcome

    assert (every_owned_row(), TierChange.objects.count(), mail.outbox) == (before, 0, [])
    assert User.objects.get(pk=person.pk).tier == "pro"


def test_an_unknown_person_or_an_empty_reason_is_an_error(person: User) -> None:
    with pytest.raises(CommandError, match=r"nobody has the address bob@example\.com"):
        run("set_tier", "--email", "bob@example.com", "--tier", "pro", "--reason", "paid")
    with pytest.raises(CommandError, match="a reason is 1 to 200"):
        run("set_tier", "--email", "ann@example.com", "--tier", "free", "--reason", " ")


@pytest.fixture
def old(app: Session, desk: Desk) -> TradingAccount:
    """Return a Free person's account that bought ten shares long ago, in market time as well."""
    account = make_account(cash=10_000)
    desk.give_shares(app, account, make_asset())
    make_old(account, 3)
    tamper("update matching_market set anchor_at = %(at)s", at=NOON + timedelta(days=8))
    return account


def test_history_is_purged_and_told(old: TradingAccount) -> None:
    assert run("purge_history", "--dry-run") == (
        f"account {old.number}: 1 orders, 1 fills, 3 events, 0 snapshots\n1 accounts would change\n"
        "dry run: nothing was changed\n"
    )
    assert len(kept(old)["events"]) == 3

    assert json.loads(run("purge_history", "--json"))["accounts"] == [
        {
            "account_id": str(old.pk), "account_number": old.number, "events": 3, "orders": 1, "fills": 1,
            "snapshots": 0, "is_whole": True,
        }
    ]  # fmt: skip
    assert (kept(old)["events"], audit_ledger().balances) == (set(), True)
    assert run("purge_history") == "0 accounts changed\n"


def test_one_account_can_be_named(old: TradingAccount) -> None:
    other = make_account()

    assert run("purge_history", "--account", other.number) == "0 accounts changed\n"
    assert run("purge_history", "--account", old.number).endswith("1 accounts changed\n")
    with pytest.raises(CommandError, match="there is no account X"):
        run("purge_history", "--account", "X")


def test_the_daily_task_purges(old: TradingAccount) -> None:
    from trading.tasks import purge_history

    purge_history()

    assert kept(old)["events"] == set()
    assert timezone.now() > NOON
