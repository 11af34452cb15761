"""Staff, people and grants."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from tests.factories.rows import make_account, make_one_of_everything, make_user
from trading.models import GrantPermission, TradingAccount
from trading.services.grants import give_grant

if TYPE_CHECKING:
    from accounts.models import User
    from trading.models import AccountGrant

VIEW, ACT = GrantPermission.VIEW, GrantPermission.ACT
HOURS = timedelta(hours=8)


def grant(staff: User, account: TradingAccount, permission: GrantPermission = VIEW, **given: Any) -> list[AccountGrant]:
    """Let somebody see an account for eight hours, as a command does."""
    terms = {"reason": "cannot find an order", "lasts": HOURS, "now": timezone.now(), **given}
    done = give_grant(
        staff=staff, account_id=account.pk, owner_id=account.user_id, permission=permission, **terms
    )
    return list(done.grants)


def make_staff(**fields: Any) -> User:
    return make_user(is_staff=True, **fields)


@pytest.fixture
def staff(db: None) -> User:
    """Return somebody of the support staff, who holds nothing."""
    return make_staff()


@pytest.fixture
def overseer(db: None) -> User:
    """Return a superuser."""
    return make_staff(is_superuser=True)


@pytest.fixture
def alice(db: None) -> TradingAccount:
    """Return an account with a row in every owned table."""
    account = make_account(cash=1000)
    make_one_of_everything(account)
    return account


@pytest.fixture
def bob(db: None) -> TradingAccount:
    """Return another person's account, with a row in every owned table."""
    account = make_account(cash=1000)
    make_one_of_everything(account)
    return account
