"""`manage.py grant`, `revoke_grant` and `list_grants`."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from accounts.models.audit import AuditEntry
from tests.factories.rows import make_account, make_user
from tests.support.conftest import ACT, VIEW, grant, make_staff
from trading.models import AccountGrant
from trading.services.grants import is_granted

if TYPE_CHECKING:
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db


@pytest.fixture
def sam() -> User:
    return make_staff(email="sam@example.com")


@pytest.fixture
def account() -> TradingAccount:
    return make_account(make_user(email="ann@example.com"))


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def run_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def terms(account: TradingAccount, *more: str) -> list[str]:
    return ["--staff", "SAM@example.com", "--account", account.number, *more]


def test_grant_lets_staff_see_an_account_for_eight_hours(sam: User, account: TradingAccount) -> None:
    before = timezone.now()
    shown = run_json("grant", *terms(account, "--reason", "lost order", "--ticket", "T-7"))

    expires_at = datetime.fromisoformat(shown.pop("expires_at"))
    assert timedelta(hours=8) <= expires_at - before <= timedelta(hours=8, minutes=1)
    assert shown == {
        "outcome": "granted",
        "staff": "sam@example.com",
        "account_id": str(account.pk),
        "account_number": account.number,
        "owner": "ann@example.com",
        "permission": "view",
    }
    given = AccountGrant.objects.get()
    assert (given.user, given.content_object, given.what, given.granted_by) == (sam, account, VIEW, None)
    assert (given.reason, given.ticket) == ("lost order", "T-7")
    assert AuditEntry.objects.get(chain=account.pk).action == "grant.given"


def test_grant_to_act_by_the_account_s_id_for_some_hours(sam: User, account: TradingAccount) -> None:
    run(
        "grant",
        "--staff",
        sam.email,
        "--account",
        str(account.pk),
        "--permission",
        "act",
        "--reason",
        "r",
        "--hours",
        "0.5",
    )

    assert {one.what for one in AccountGrant.objects.all()} == {VIEW, ACT}
    lasts = {one.expires_at - one.granted_at for one in AccountGrant.objects.all()}
    assert lasts == {timedelta(minutes=30)}


def test_a_shorter_grant_again_changes_nothing(sam: User, account: TradingAccount) -> None:
    first = run_json("grant", *terms(account, "--reason", "r"))
    again = run_json("grant", *terms(account, "--reason", "r", "--hours", "1"))

    assert again == {**first, "outcome": "as before"}
    assert AccountGrant.ever.count() == AuditEntry.objects.count() == 1


@pytest.mark.parametrize("as_it_is", [(), ("--json",)], ids=["for people", "json"])
def test_a_dry_run_of_grant_leaves_nothing_behind(
    sam: User, account: TradingAccount, as_it_is: tuple[str, ...]
) -> None:
    said = run("grant", *terms(account, "--reason", "r", "--dry-run", *as_it_is))

    assert "would be granted" in said
    assert "ann@example.com" in said
    assert not AccountGrant.ever.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"--staff": "ann@example.com"}, "there is no active member of staff ann@example.com"),
        ({"--staff": "nobody@example.com"}, "there is no active member of staff nobody@example.com"),
        ({"--account": "T404"}, "there is no account T404"),
        ({"--reason": " "}, "a reason is required"),
        ({"--hours": "721"}, "30 days at most"),
        ({"--hours": "-1"}, "more than nothing"),
        ({"--hours": "1e300"}, "too many"),
        ({"--hours": "nan"}, "too many"),
    ],
    ids=["not staff", "nobody", "no account", "no reason", "too long", "backwards", "for ever", "no number"],
)
def test_grant_refuses_with_words(
    sam: User, account: TradingAccount, change: dict[str, str], words: str
) -> None:
    given = {"--staff": sam.email, "--account": account.number, "--reason": "r", **change}
    with pytest.raises(CommandError, match=words):
        run("grant", *[f"{name}={value}" for name, value in given.items()])

    assert not AccountGrant.ever.exists()


def test_revoke_grant_ends_it_at_once_and_once(sam: User, account: TradingAccount) -> None:
    grant(sam, account, ACT)
    shown = run_json("revoke_grant", *terms(account))

    assert shown == {
        "outcome": "ended",
        "staff": "sam@example.com",
        "account_id": str(account.pk),
        "account_number": account.number,
        "permissions": shown["permissions"],
    }
    assert sorted(shown["permissions"]) == ["act_on_account", "view_account"]
    assert not is_granted(staff=sam, account_id=account.pk, permission=VIEW)
    assert run_json("revoke_grant", *terms(account))["outcome"] == "nothing to end"
    assert AuditEntry.objects.filter(action="grant.revoked").count() == 2


def test_revoke_grant_of_acting_leaves_seeing(sam: User, account: TradingAccount) -> None:
    grant(sam, account, ACT)
    run("revoke_grant", *terms(account, "--permission", "act"))

    assert [one.what for one in AccountGrant.objects.all()] == [VIEW]


def test_revoke_grant_serves_for_who_is_staff_no_more(sam: User, account: TradingAccount) -> None:
    grant(sam, account)
    User.objects.filter(pk=sam.pk).update(is_staff=False)
    run("revoke_grant", *terms(account))

    assert AccountGrant.objects.count() == 0


def test_a_dry_run_of_revoke_grant_ends_nothing(sam: User, account: TradingAccount) -> None:
    grant(sam, account)
    shown = run_json("revoke_grant", *terms(account, "--dry-run"))

    assert (shown["outcome"], shown["permissions"]) == ("would be: ended", ["view_account"])
    assert is_granted(staff=sam, account_id=account.pk, permission=VIEW)
    assert not AuditEntry.objects.filter(action="grant.revoked").exists()


def test_revoke_grant_refuses_whom_and_what_it_does_not_know(sam: User, account: TradingAccount) -> None:
    with pytest.raises(CommandError, match="there is nobody no@example"):
        run("revoke_grant", "--staff", "no@example.com", "--account", account.number)
    with pytest.raises(CommandError, match="there is no account T404"):
        run("revoke_grant", "--staff", sam.email, "--account", "T404")


def test_list_grants_tells_of_those_that_live_or_of_all(sam: User, account: TradingAccount) -> None:
    other = make_account()
    boss = make_staff(email="boss@example.com")
    grant(sam, account, reason="first", granted_by=boss)
    grant(sam, other, reason="second", ticket="T-9")
    run("revoke_grant", *terms(account))

    (living,) = run_json("list_grants")
    assert (living["account_number"], living["reason"], living["ticket"]) == (other.number, "second", "T-9")
    both = run_json("list_grants", "--all")
    assert [row["reason"] for row in both] == ["second", "first"]
    assert both[1]["granted_by"] == "boss@example.com"
    assert both[1]["ended_at"] is not None
    assert run_json("list_grants", "--all", "--account", account.number) == [both[1]]
    assert run_json("list_grants", "--staff", "boss@example.com") == []
    assert run("list_grants", "--staff", "boss@example.com").strip() == "no grants"
    assert other.number in run("list_grants")
