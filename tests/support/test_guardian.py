"""django-guardian reads the same grants: what is over counts nowhere, and its own ways to grant are closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from guardian.core import ObjectPermissionChecker
from guardian.models import GroupObjectPermission, UserObjectPermission
from guardian.shortcuts import (
    assign_perm,
    get_objects_for_user,
    get_perms,
    get_user_perms,
    get_users_with_perms,
    remove_perm,
)
from guardian.utils import get_user_obj_perms_model

from accounts.models import User
from tests.factories.rows import make_account
from tests.support.conftest import ACT, VIEW, grant, make_staff
from tests.trading.walls import sql
from trading.models import AccountGrant, TradingAccount
from trading.services.grants import end_grants

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db


def answers(staff: User, account: TradingAccount) -> dict[str, set[str]]:
    """Return what guardian says that somebody may, by each way to ask it."""
    checker, prefetched = ObjectPermissionChecker(staff), ObjectPermissionChecker(staff)
    prefetched.prefetch_perms(TradingAccount.objects.filter(pk=account.pk))
    again = User.objects.get(pk=staff.pk)  # `has_perm` keeps nothing, but a user object might

    def those(may: Callable[[str], bool]) -> set[str]:
        return {word.value for word in (VIEW, ACT) if may(word.value)}

    mine = TradingAccount.objects.filter(pk=account.pk)
    return {
        "has_perm": those(lambda word: again.has_perm(f"trading.{word}", account)),
        "checker": those(lambda word: checker.has_perm(word, account)),
        "prefetched checker": those(lambda word: prefetched.has_perm(word, account)),
        "get_perms": set(get_perms(again, account)),
        "get_user_perms": set(get_user_perms(again, account)),
        "get_all_permissions": set(again.get_all_permissions(account)),
        "objects": those(lambda word: account in get_objects_for_user(again, f"trading.{word}")),
        "objects of a queryset": those(
            lambda word: account in get_objects_for_user(again, word, klass=mine, use_groups=False)
        ),
        "users": {
            word
            for user, words in get_users_with_perms(account, attach_perms=True).items()
            for word in words
            if user == staff
        },
        "join from people": those(
            lambda word: User.objects.filter(
                pk=staff.pk, account_grants__permission__codename=word, account_grants__content_object=account
            ).exists()
        ),
        "join from accounts": those(
            lambda word: mine.filter(
                staff_grants__user=staff, staff_grants__permission__codename=word
            ).exists()
        ),
        "related manager": {one.what.value for one in staff.account_grants.filter(content_object=account)},
    }


WAYS = (
    "has_perm", "checker", "prefetched checker", "get_perms", "get_user_perms", "get_all_permissions", "objects",
    "objects of a queryset", "users", "join from people", "join from accounts", "related manager",
)  # fmt: skip


def all_say(*words: str) -> dict[str, set[str]]:
    return {way: set(words) for way in WAYS}


def test_guardian_finds_the_table_by_its_foreign_key() -> None:
    assert get_user_obj_perms_model(TradingAccount()) is AccountGrant


def test_a_living_grant_counts_however_one_asks(staff: User) -> None:
    account, other = make_account(), make_account()
    grant(staff, account)

    assert answers(staff, account) == all_say("view_account")
    assert answers(staff, other) == all_say()
    assert answers(make_staff(), account) == all_say()


def test_who_may_act_may_view(staff: User) -> None:
    account = make_account()
    grant(staff, account, ACT)

    assert answers(staff, account) == all_say("view_account", "act_on_account")


@pytest.mark.parametrize(
    "what_happens",
    [
        pytest.param(
            "update trading_accountgrant set granted_at = now() - interval '9 hours', expires_at = now()",
            id="it expires",
        ),
        pytest.param("update trading_accountgrant set ended_at = now()", id="it ends"),
    ],
)
def test_a_grant_counts_nowhere_once(staff: User, what_happens: str) -> None:
    account = make_account()
    grant(staff, account, ACT)
    sql(what_happens)

    assert answers(staff, account) == all_say()
    assert AccountGrant.objects.count() == 0
    assert AccountGrant.ever.count() == 2


def test_a_subquery_that_django_shortens_counts_living_grants_alone(staff: User) -> None:
    """`exclude` over a relation leaves the joined table out: the restriction has to survive that."""
    account, other = make_account(), make_account()
    grant(staff, account)
    grant(staff, other)
    sql("update trading_accountgrant set ended_at = now() where account_id = %s", other.pk)

    unseen = TradingAccount.objects.exclude(staff_grants__user=staff)
    assert list(unseen) == [other]
    assert list(TradingAccount.objects.filter(~Q(staff_grants__user=staff))) == [other]
    assert list(User.objects.filter(pk=staff.pk).exclude(account_grants__content_object=other)) == [staff]


def test_the_record_still_leads_to_who_held_what(staff: User) -> None:
    account = make_account()
    grant(staff, account)
    sql("update trading_accountgrant set ended_at = now()")

    (over,) = AccountGrant.ever.select_related("user", "permission", "content_object")
    assert (over.user, over.what, over.content_object) == (staff, VIEW, account)
    assert AccountGrant.ever.filter(user__email=staff.email, content_object__number=account.number).exists()


def test_guardian_s_own_ways_to_give_and_take_are_closed(staff: User) -> None:
    account = make_account()
    grant(staff, account)
    everybody: Any = User.objects.filter(pk=staff.pk)
    every: Any = TradingAccount.objects.all()

    for attempt in (
        lambda: assign_perm("view_account", staff, account),
        lambda: assign_perm("view_account", staff, every),
        lambda: assign_perm("view_account", everybody, account),
        lambda: remove_perm("view_account", staff, account),
        lambda: remove_perm("view_account", staff, every),
        lambda: remove_perm("view_account", everybody, account),
    ):
        with pytest.raises(NotImplementedError, match=r"trading\.services\.grants"):
            attempt()
    assert answers(staff, account) == all_say("view_account")


def test_no_grant_can_be_put_where_no_policy_reads(staff: User) -> None:
    account = make_account()
    group = Group.objects.create(name="support")
    staff.groups.add(group)
    permission = Permission.objects.get(codename="view_account")
    of_account = {
        "permission": permission,
        "content_type": ContentType.objects.get_for_model(account),
        "object_pk": account.pk,
    }

    for attempt in (
        lambda: assign_perm("view_account", group, account),
        lambda: staff.add_obj_perm("view_account", account),
        lambda: group.add_obj_perm("view_account", account),
        lambda: UserObjectPermission.objects.bulk_create([UserObjectPermission(user=staff, **of_account)]),
        lambda: GroupObjectPermission.objects.bulk_create([GroupObjectPermission(group=group, **of_account)]),
    ):
        with (
            pytest.raises(IntegrityError, match="accounts_are_granted_in_their_own_table"),
            transaction.atomic(),
        ):
            attempt()
    assert answers(staff, account) == all_say()


def test_somebody_deactivated_has_no_permission_left(staff: User) -> None:
    account = make_account()
    grant(staff, account)
    User.objects.filter(pk=staff.pk).update(is_active=False)
    gone = User.objects.get(pk=staff.pk)

    assert not gone.has_perm("trading.view_account", account)
    assert get_perms(gone, account) == []


def test_taking_the_right_to_act_leaves_the_right_to_view(staff: User) -> None:
    account = make_account()
    grant(staff, account, ACT)
    end_grants(
        staff=staff, account_id=account.pk, owner_id=account.user_id, now=timezone.now(), permission=ACT
    )

    assert answers(staff, account) == all_say("view_account")
