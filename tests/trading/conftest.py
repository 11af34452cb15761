"""Sessions of the product's roles, for tests that commit for real (`transaction=True`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raxx import roles
from tests.factories.desk import Desk
from tests.factories.rows import make_account, make_one_of_everything
from tests.factories.sessions import session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.factories.sessions import Session
    from trading.models import TradingAccount


@pytest.fixture
def app(transactional_db: None) -> Iterator[Session]:
    """Return a session of the role that serves people."""
    with session(roles.APP) as opened:
        yield opened


@pytest.fixture
def worker(transactional_db: None) -> Iterator[Session]:
    """Return a session of the role that runs the matcher."""
    with session(roles.WORKER) as opened:
        yield opened


@pytest.fixture
def desk(worker: Session) -> Desk:
    """Return a matcher that decides what it is told."""
    return Desk(worker)


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
