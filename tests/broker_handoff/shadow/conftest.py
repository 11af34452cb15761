from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raxx import roles
from tests.broker_handoff.shadow.stage import Stage
from tests.factories.sessions import session

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stage(transactional_db: None) -> Iterator[Stage]:
    with session(roles.APP) as app, session(roles.WORKER) as worker:
        yield Stage(app, worker)
