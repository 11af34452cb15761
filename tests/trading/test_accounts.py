"""`manage.py create_account`: a funded account in the active market, for a new person or a known one."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError

from accounts.models import ApiKey, User
from tests.factories.rows import NOON, make_account, make_market, make_user
from trading.models import Posting, TradingAccount

pytestmark = pytest.mark.django_db


def create(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    call_command("create_account", "--json", *arguments)
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    return shown


def test_a_new_person_gets_a_funded_account_and_then_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    market = make_market(is_active=True)

    made = create(capsys, "--email", "ann@example.com", "--cash", "2500.50", "--name", "First")

    account = TradingAccount.objects.get(pk=made["account_id"])
    assert made == {
        "email": "ann@example.com",
        "account_id": str(account.pk),
        "account_number": account.number,
        "market": market.name,
        "profile": "displayed",
        "multiplier": 4,
        "cash": "2500.50",
    }
    assert (account.user.email, account.market, account.name) == ("ann@example.com", market, "First")
    assert (account.cash, account.created_at) == (Decimal("2500.5"), NOON)
    assert sorted(Posting.objects.values_list("amount", flat=True)) == [Decimal("-2500.5"), Decimal("2500.5")]
    call_command("create_api_key", "--email", "ann@example.com", "--account", account.number, "--json")
    assert ApiKey.objects.get().pk == json.loads(capsys.readouterr().out)["key_id"]


def test_a_known_person_gets_a_second_account(capsys: pytest.CaptureFixture[str]) -> None:
    market = make_market(is_active=True)
    user = make_user(email="bob@example.com")
    first = make_account(user, market=market)

    made = create(capsys, "--email", "BOB@example.com", "--profile", "instant")

    second = TradingAccount.objects.exclude(pk=first.pk).get()
    assert (second.user, second.profile.name, second.cash) == (user, "instant", Decimal(100_000))
    assert made["email"] == "bob@example.com"


def test_a_person_reads_number_and_id(capsys: pytest.CaptureFixture[str]) -> None:
    make_market(is_active=True)

    call_command("create_account", "--email", "ann@example.com")

    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    account = TradingAccount.objects.get()
    assert (shown["account_id"], shown["account_number"]) == (str(account.pk), account.number)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--email", "nobody"], "'nobody' is not an e-mail address"),
        (["--email", "gone@example.com"], "gone@example.com is not active"),
        (["--email", "a@example.com", "--cash", "plenty"], "starting cash 'plenty' is not a number"),
        (["--email", "a@example.com", "--cash", "0"], "starting cash 0 is not between"),
        (["--email", "a@example.com", "--cash", "NaN"], "starting cash NaN is not between"),
        (["--email", "a@example.com", "--cash", "1e30"], r"starting cash 1E\+30 is not between"),
        (["--email", "a@example.com", "--cash", "1.001"], "starting cash 1.001 is not in whole cents"),
        (["--email", "a@example.com", "--name", "n" * 65], "the name has 65 characters, and may have 64"),
        (
            ["--email", "a@example.com", "--profile", "wishful"],
            "simulation profile 'wishful' is not one of aggressive, bars, conservative, displayed, instant, mid",
        ),
    ],
)
def test_what_cannot_be_is_refused_and_makes_nobody(arguments: list[str], complaint: str) -> None:
    make_market(is_active=True)
    make_user(email="gone@example.com", is_active=False)

    with pytest.raises(CommandError, match=complaint):
        call_command("create_account", *arguments)

    assert User.objects.count() == 1
    assert not TradingAccount.objects.exists()


def test_without_a_market_it_says_what_to_do_first() -> None:
    with pytest.raises(CommandError, match=r"no active market; run `manage.py seed` first"):
        call_command("create_account", "--email", "a@example.com")


def test_the_database_knows_the_multipliers() -> None:
    with pytest.raises(IntegrityError, match="trading_account_multiplier_is_known"):
        make_account(multiplier=3)
