"""Giving and ending grants: what is required, what lasts, what is written down."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models.audit import AuditEntry
from tests.factories.rows import make_account, make_user
from tests.support.conftest import ACT, HOURS, VIEW, grant, make_staff
from tests.trading.walls import sql
from trading.errors import RuleBroken, ValueInvalid
from trading.models import AccountGrant
from trading.models.grant import LONGEST
from trading.services.grants import end_grants, is_granted, note_expired
from trading.tasks import expire_grants

if TYPE_CHECKING:
    from accounts.models import User
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db


def end(staff: User, account: TradingAccount, **given: Any) -> list[AccountGrant]:
    terms = {"now": timezone.now(), **given}
    return end_grants(staff=staff, account_id=account.pk, owner_id=account.user_id, **terms)


def told(account: TradingAccount) -> list[tuple[str, str]]:
    """Return what the account's audit log tells of grants: the action, and the permission."""
    entries = AuditEntry.objects.filter(chain=account.pk, action__startswith="grant.").order_by("seq")
    facts = [(entry.action, json.loads(entry.body)) for entry in entries]
    return [(action, (body.get("after") or body["before"])["permission"]) for action, body in facts]


def test_a_grant_keeps_who_gave_what_to_whom_why_and_until_when(staff: User, overseer: User) -> None:
    account, now = make_account(), timezone.now()
    (given,) = grant(staff, account, reason=" a lost order ", ticket=" T-7 ", granted_by=overseer, now=now)

    stored = AccountGrant.ever.get()
    assert (stored.pk, stored.user, stored.content_object, stored.what) == (given.pk, staff, account, VIEW)
    assert (stored.reason, stored.ticket, stored.granted_by) == ("a lost order", "T-7", overseer)
    assert (stored.granted_at, stored.expires_at, stored.ended_at) == (now, now + HOURS, None)
    entry = AuditEntry.objects.get(chain=account.pk)
    assert (entry.subject, entry.action) == (account.user_id, "grant.given")
    assert json.loads(entry.body) == {
        "after": {
            "grant": str(given.pk),
            "staff": str(staff.pk),
            "permission": "view_account",
            "ticket": "T-7",
            "expires_at": json.loads(entry.body)["after"]["expires_at"],
        },
        "reason": "a lost order",
    }


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        pytest.param({"reason": " \n"}, "a reason is required", id="no reason"),
        pytest.param({"reason": "x" * 501}, "501 characters", id="a long reason"),
        pytest.param({"ticket": "x" * 65}, "65 characters", id="a long ticket"),
        pytest.param({"lasts": LONGEST + timedelta(seconds=1)}, "30 days at most", id="too long"),
        pytest.param({"lasts": timedelta()}, "more than nothing", id="no time"),
        pytest.param({"lasts": timedelta(hours=-1)}, "more than nothing", id="less than no time"),
    ],
)
def test_a_grant_without_its_terms_is_refused(staff: User, terms: dict[str, Any], words: str) -> None:
    account = make_account()
    with pytest.raises(ValueInvalid, match=words):
        grant(staff, account, **terms)

    assert (AccountGrant.ever.count(), told(account)) == (0, [])


def test_only_active_staff_is_granted_anything() -> None:
    account = make_account()
    for nobody in (make_user(), make_staff(is_active=False), make_user(is_superuser=True)):
        with pytest.raises(RuleBroken, match="is not active staff"):
            grant(nobody, account)

    assert (AccountGrant.ever.count(), told(account)) == (0, [])


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("expires_at = granted_at + interval '30 days 1 second'", "grant_lasts_thirty_days_at_most"),
        ("expires_at = granted_at", "grant_lasts_thirty_days_at_most"),
        ("reason = '  '", "grant_has_a_reason"),
        ("ended_by_id = staff_id", "grant_ended_by_nobody_has_not_ended"),
    ],
    ids=["longer than thirty days", "no time", "no reason", "ended by somebody and not ended"],
)
def test_the_database_refuses_too(staff: User, change: str, constraint: str) -> None:
    grant(staff, make_account())
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        sql(f"update trading_accountgrant set {change}")


def test_the_database_keeps_one_open_grant_of_a_kind(staff: User) -> None:
    (given,) = grant(staff, make_account())
    given.pk = make_account().pk
    with pytest.raises(IntegrityError, match="grant_one_of_a_kind_at_a_time"), transaction.atomic():
        AccountGrant.ever.bulk_create([given])


def test_granting_what_is_held_as_long_changes_nothing(staff: User) -> None:
    account, now = make_account(), timezone.now()
    first = grant(staff, account, now=now)
    again = grant(staff, account, now=now, lasts=timedelta(hours=1), reason="again")

    assert [one.pk for one in again] == [one.pk for one in first]
    assert told(account) == [("grant.given", "view_account")]


def test_granting_longer_ends_the_shorter_one(staff: User) -> None:
    account, now = make_account(), timezone.now()
    (short,) = grant(staff, account, now=now)
    (longer,) = grant(staff, account, now=now, lasts=timedelta(days=2))

    assert AccountGrant.ever.get(pk=short.pk).ended_at == now
    assert [one.pk for one in AccountGrant.objects.all()] == [longer.pk]
    assert [action for action, _ in told(account)] == ["grant.given", "grant.revoked", "grant.given"]


def test_to_act_is_to_view_for_as_long(staff: User) -> None:
    account, now = make_account(), timezone.now()
    grant(staff, account, now=now, lasts=timedelta(hours=1))
    grant(staff, account, ACT, now=now, lasts=timedelta(hours=2))

    living = {one.what: one.expires_at - now for one in AccountGrant.objects.all()}
    assert living == {VIEW: timedelta(hours=2), ACT: timedelta(hours=2)}


def test_ending_what_is_viewed_ends_acting_too_and_once(staff: User, overseer: User) -> None:
    account, other, now = make_account(), make_account(), timezone.now()
    grant(staff, account, ACT)
    grant(staff, other)
    ended = end(staff, account, by=overseer, now=now)

    assert sorted(one.what for one in ended) == [ACT, VIEW]
    assert {(one.ended_at, one.ended_by) for one in AccountGrant.ever.filter(content_object=account)} == {
        (now, overseer)
    }
    assert end(staff, account) == []
    assert [action for action, _ in told(account)] == ["grant.given"] * 2 + ["grant.revoked"] * 2
    assert is_granted(staff=staff, account_id=other.pk, permission=VIEW)
    assert not is_granted(staff=staff, account_id=account.pk, permission=VIEW)


def test_an_expired_grant_is_noted_once_and_stays_on_record(staff: User) -> None:
    accounts = [make_account() for _ in range(3)]
    for account in accounts:
        grant(staff, account)
    sql(
        "update trading_accountgrant set granted_at = now() - interval '9 hours', expires_at = now() - interval '1 hour'"
        " where account_id <> %s",
        accounts[2].pk,
    )

    assert note_expired(now=timezone.now()) == 2
    assert note_expired(now=timezone.now()) == 0
    for account in accounts[:2]:
        assert told(account) == [("grant.given", "view_account"), ("grant.expired", "view_account")]
    assert told(accounts[2]) == [("grant.given", "view_account")]
    assert AccountGrant.ever.count() == 3
    assert set(AccountGrant.ever.exclude(ended_at=None).values_list("ended_by", flat=True)) == {None}


def test_what_expired_unnoted_is_noted_when_it_is_granted_again(staff: User) -> None:
    account = make_account()
    grant(staff, account)
    sql(
        "update trading_accountgrant set granted_at = now() - interval '9 hours', expires_at = now() - interval '1 hour'"
    )
    grant(staff, account)

    assert [action for action, _ in told(account)] == ["grant.given", "grant.expired", "grant.given"]
    assert is_granted(staff=staff, account_id=account.pk, permission=VIEW)


def test_the_task_does_it_as_the_role_that_runs_tasks(staff: User, as_role: Any) -> None:
    account = make_account()
    grant(staff, account)
    sql(
        "update trading_accountgrant set granted_at = now() - interval '9 hours', expires_at = now() - interval '1 hour'"
    )
    with as_role("raxx_worker"):
        expire_grants()

    assert [action for action, _ in told(account)] == ["grant.given", "grant.expired"]


def test_noting_what_nobody_has_expired_asks_little(staff: User, django_assert_max_num_queries: Any) -> None:
    grant(staff, make_account())
    with django_assert_max_num_queries(5):
        note_expired(now=timezone.now())


def test_a_grant_goes_with_its_account(staff: User) -> None:
    """Erasure deletes the account's row by SQL: the record of who might have looked stays in the audit log."""
    account = make_account()
    grant(staff, account)
    sql("set constraints all immediate")
    with connection.cursor() as cursor:
        cursor.execute("delete from trading_tradingaccount where account_id = %s", [account.pk])

    assert AccountGrant.ever.count() == 0
    assert told(account) == [("grant.given", "view_account")]
