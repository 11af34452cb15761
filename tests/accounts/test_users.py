"""People: one address in any case, ids in the order of time, sessions that can be ended at once."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction

from accounts.models import Tier, User
from tests.factories.rows import make_account, make_order, make_user
from trading.models import Order

pytestmark = pytest.mark.django_db


def test_a_new_user_is_active_free_and_nobody_special() -> None:
    user = User.objects.create_user("Person@EXAMPLE.com")

    assert (user.email, user.tier, user.is_active, user.is_staff, user.is_superuser) == (
        "Person@example.com", Tier.FREE, True, False, False,
    )  # fmt: skip
    assert User.objects.get() == user


def test_a_user_needs_an_address() -> None:
    with pytest.raises(ValueError, match="e-mail address"):
        User.objects.create_user("")
    assert not User.objects.exists()


@pytest.mark.parametrize("again", ["person@example.com", "PERSON@example.com", "person@EXAMPLE.COM"])
def test_an_address_is_one_user_s_in_any_case(again: str) -> None:
    first = User.objects.create_user("person@example.com")

    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user(again)

    assert list(User.objects.all()) == [first]


def test_ids_follow_the_order_of_their_making() -> None:
    ids = [make_user().pk for _ in range(20)]

    assert ids == sorted(ids)
    assert {user_id.version for user_id in ids} == {7}


def test_raising_the_epoch_ends_every_session_of_this_user_alone() -> None:
    user, other = make_user(), make_user()
    before, of_other = user.get_session_auth_hash(), other.get_session_auth_hash()
    assert before != of_other

    user.auth_epoch += 1

    assert user.get_session_auth_hash() != before
    assert other.get_session_auth_hash() == of_other


def test_a_session_s_hash_depends_on_the_secret_key(settings: object) -> None:
    user = make_user()
    before = user.get_session_auth_hash()

    settings.SECRET_KEY = "another"

    assert user.get_session_auth_hash() != before


def test_owned_by_narrows_to_the_owner_and_to_one_of_their_accounts() -> None:
    account = make_account()
    sibling, stranger = make_account(account.user), make_account()
    mine, also_mine, _theirs = make_order(account), make_order(sibling), make_order(stranger)

    assert set(Order.objects.owned_by(account.user)) == {mine, also_mine}
    assert set(Order.objects.owned_by(account.user, account.pk)) == {mine}
    assert set(Order.objects.owned_by(account.user, stranger.pk)) == set()
    assert set(Order.objects.owned_by(AnonymousUser())) == set()
    assert Order.objects.across_owners().count() == 3
