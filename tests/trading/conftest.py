"""Sessions of the product's roles, for tests that commit for real (`transaction=True`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raxx import roles
from tests.factories.desk import Desk
from tests.factories.sessions import session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.factories.sessions import Session


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
