"""The admin over HTTP, served by the roles of life: what was not granted is not there, wherever one looks.

The default connection is the web role's, `support` a log-in of its own as raxx_support.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.support.conftest import grant

if TYPE_CHECKING:
    from accounts.models import User
    from tests.support.conftest import SignIn
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "support"])

LIST = "/admin/trading/tradingaccount/"


def page(account: TradingAccount) -> str:
    return f"{LIST}{account.pk}/change/"


def test_it(sign_in: SignIn, staff: User, alice: TradingAccount, bob: TradingAccount) -> None:
    grant(staff, alice)
    client = sign_in(staff)
    r = client.get(LIST)
    print(r.status_code, r.content.decode()[:6000])
    r = client.get(page(alice))
    print(r.status_code, r.content.decode()[:12000])
    r = client.get(page(bob))
    print(r.status_code, r.headers, r.content.decode()[:1000])
    assert 0
