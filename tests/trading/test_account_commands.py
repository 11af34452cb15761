"""`manage.py list_accounts`, `reset_account` and `archive_account`."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiKey
from matching.models import Market
from tests.factories.rows import NOON, make_account, make_api_key, make_order, make_user
from trading.models import TradingAccount

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> TradingAccount:
    return make_account(make_user(email="ann@example.com"), cash=1000, name="First", created_at=NOON)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def run_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def test_accounts_are_listed_with_how_they_stand(account: TradingAccount) -> None:
    make_account(status=TradingAccount.Status.CLOSED)
    other = make_account(market=account.market)

    (first, second) = run_json("list_accounts")

    assert first == {
        "account_id": str(account.pk),
        "account_number": account.number,
        "email": "ann@example.com",
        "name": "First",
        "status": "active",
        "market": account.market.name,
        "profile": "displayed",
        "multiplier": 1,
        "generation": 1,
        "cash": "1000",
        "created_at": NOON.isoformat(),
    }
    assert second["account_number"] == other.number
    assert [each["status"] for each in run_json("list_accounts", "--all")] == ["active", "closed", "active"]
    assert run_json("list_accounts", "--email", "ANN@example.com") == [first]


def test_a_person_reads_a_line_for_each(account: TradingAccount) -> None:
    assert run("list_accounts") == (
        f"{account.number}  ann@example.com  active  generation 1  cash 1000  {account.market.name}  First\n"
    )
    assert run("list_accounts", "--email", "nobody@example.com") == "no accounts\n"


@pytest.mark.parametrize("name", ["number", "pk"])
def test_an_account_is_reset_by_its_number_or_id(account: TradingAccount, name: str) -> None:
    done = run_json("reset_account", str(getattr(account, name)), "--cash", "250.50")

    assert done == {
        "email": "ann@example.com",
        "account_id": str(account.pk),
        "account_number": account.number,
        "status": "active",
        "generation": 2,
        "cash": "250.5",
    }


def test_a_reset_that_waits_says_so(account: TradingAccount) -> None:
    make_order(account, status="new")

    shown = run("reset_account", account.number, "--wait", "0")

    assert "status         resetting\n" in shown
    assert shown.endswith("its open orders are still being canceled; the reset follows by itself\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["PA000"], "there is no account PA000"),
        (["ACCOUNT", "--cash", "plenty"], "cash 'plenty' is not a number"),
        (["ACCOUNT", "--cash", "-1"], "starting cash -1 is not between"),
    ],
)
def test_what_cannot_be_is_refused(account: TradingAccount, arguments: list[str], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        run("reset_account", *(account.number if each == "ACCOUNT" else each for each in arguments))

    assert TradingAccount.objects.get().generation == 1


@pytest.mark.parametrize("command", ["reset_account", "archive_account"])
def test_a_market_that_stands_still_is_told_of(account: TradingAccount, command: str) -> None:
    make_order(account, status="new")
    Market.objects.update(is_active=False)

    with pytest.raises(CommandError, match="is not running"):
        run(command, account.number)


def test_an_archived_account_has_no_keys_and_does_not_stand_in_the_way_of_the_next(
    account: TradingAccount,
) -> None:
    make_api_key(account)
    next_one = make_account(account.user, market=account.market)

    assert run_json("archive_account", account.number)["status"] == "closed"
    assert "closed" in run("archive_account", account.number)

    assert not ApiKey.objects.filter(revoked_at=None).exists()
    made = run_json("create_api_key", "--email", "ann@example.com")
    assert made["account_id"] == str(next_one.pk)
