"""A market, the people of the matrix, and a web process: a real log-in of the role that serves people."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings as of_project
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper

from raxx import roles
from tests.api.conftest import (
    desk,  # noqa: F401 - a fixture
    ibm,  # noqa: F401 - the same
    make_bot,  # noqa: F401 - the same
    market as bare_market,  # noqa: F401 - the same
    show,  # noqa: F401 - the same
)
from tests.contract.conftest import _nobody_is_waited_for  # noqa: F401 - the same
from tests.isolation.cast import Cast
from tests.marketdata.conftest import market, tape  # noqa: F401 - the same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Web = Callable[[], AbstractContextManager[DatabaseWrapper]]


def log_in_as(role: str) -> DatabaseWrapper:
    """Return a new Django connection to the test's database, logged in as `role`: it cannot change back."""
    owner, login = connections["default"], of_project.DATABASE_SERVER.login(role)
    return DatabaseWrapper(
        {**owner.settings_dict, "USER": login["user"], "PASSWORD": login["password"]}, "default"
    )


@pytest.fixture
def web(transactional_db: None) -> Iterator[Web]:
    """Return a context manager in which this thread's default connection is the web role's own."""
    app = log_in_as(roles.APP)

    @contextmanager
    def serving() -> Iterator[DatabaseWrapper]:
        owner = connections["default"]
        connections["default"] = app
        try:
            yield app
        finally:
            connections["default"] = owner

    yield serving
    app.close()


@pytest.fixture
def _live_is_on(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open the way to a live broker, and everybody's gate: what a route refuses, it must refuse by itself."""
    settings.LIVE_IS_ON = True
    settings.GATE_FEEDS = ["replay"]  # as the market of these tests
    settings.BROKER_AUTHORIZE_URL = "https://broker.example/oauth/authorize"
    monkeypatch.setattr("broker_handoff.api.connection.is_gate_open", lambda _: True)


@pytest.fixture
def cast(
    market: Any,  # noqa: F811 - the fixture above
    ibm: Any,  # noqa: F811 - the same
    desk: Any,  # noqa: F811 - the same
    show: Any,  # noqa: F811 - the same
    _nobody_is_waited_for: None,  # noqa: F811 - the same
    _live_is_on: None,
) -> Cast:
    """Return everybody, in a market that shows prices."""
    for symbol in ("IBM", "MSFT"):
        show(symbol, bid="99", ask="100", last="99.5", close="98")
    return Cast(market, ibm, desk)
