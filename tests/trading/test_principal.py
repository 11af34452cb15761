"""`trading_principal`: who a key speaks for, asked before anybody is bound."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from accounts.models import User
from accounts.models.api_key import digest
from raxx import roles
from tests.factories.rows import SECRET, make_account, make_api_key
from tests.factories.sessions import session

if TYPE_CHECKING:
    from tests.factories.sessions import Session

pytestmark = pytest.mark.django_db(transaction=True)

PAST, FUTURE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)


def principal(app: Session, key_id: str) -> list[dict[str, Any]]:
    return app.execute("select * from trading_principal(%s)", [key_id]).fetchall()


def test_a_living_key_names_its_user_its_account_and_what_it_may_do(app: Session) -> None:
    account = make_account()
    key = make_api_key(account, scopes=["read"], expires_at=FUTURE)

    assert principal(app, key.pk) == [
        {
            "user_id": account.user_id,
            "account_id": account.pk,
            "market_id": account.market_id,
            "secret_hash": digest(SECRET),
            "scopes": ["read"],
            "tier": "free",
            "addresses": [],
            "is_use_old": True,
        }
    ]


@pytest.mark.parametrize("fields", [{"revoked_at": PAST}, {"expires_at": PAST}], ids=["revoked", "expired"])
def test_a_key_that_is_over_speaks_for_nobody(app: Session, fields: dict[str, Any]) -> None:
    assert principal(app, make_api_key(make_account(), **fields).pk) == []


def test_a_key_of_a_user_who_was_shut_out_speaks_for_nobody(app: Session) -> None:
    key = make_api_key(make_account())
    User.objects.update(is_active=False)

    assert principal(app, key.pk) == []


@pytest.mark.parametrize("key_id", ["PKNOBODY", "", "%", "' or true --"])
def test_an_unknown_key_speaks_for_nobody(app: Session, key_id: str) -> None:
    make_api_key(make_account())

    assert principal(app, key_id) == []


def test_a_temporary_table_of_the_caller_is_not_mistaken_for_the_keys(app: Session) -> None:
    key = make_api_key(make_account())
    app.execute("create temporary table accounts_apikey (like public.accounts_apikey)")

    assert len(principal(app, key.pk)) == 1


@pytest.mark.parametrize("role", [roles.WORKER, roles.SUPPORT])
def test_no_other_role_may_ask(transactional_db: None, role: str) -> None:
    with session(role) as other, pytest.raises(psycopg.errors.InsufficientPrivilege):
        principal(other, "PK")
