"""All of the API without the first wall: no query is narrowed to its owner, and nobody sees another's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from accounts.querysets import OwnedQuerySet
from tests.api.conftest import _web_process as _served_by_web  # noqa: F401 - a fixture, for this module alone
from tests.isolation.belongings import kept_of, traces_of
from tests.isolation.recipes import target_of
from tests.isolation.routes import every_route
from tests.isolation.test_access_matrix import text_of

if TYPE_CHECKING:
    from tests.isolation.cast import Caller, Cast
    from tests.isolation.conftest import Web
    from tests.isolation.routes import Route

pytestmark = pytest.mark.django_db(transaction=True)

READS = [route for route in every_route() if route.kind in {"api", "session"} and "GET" in route.methods]
CHANGES = [
    (route, method)
    for route in every_route()
    if route.kind in {"api", "session"}
    for method in route.methods
    if method != "GET"
]
STRANGERS = ("stranger, session", "stranger, key", "staff, granted", "staff, superuser")


@pytest.fixture
def _forgotten(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OwnedQuerySet, "owned_by", lambda self, *_args, **_kwargs: self.all())


def strangers(cast: Cast) -> list[Caller]:
    roles = cast.roles()
    return [roles[name](name) for name in STRANGERS]


def leaks(cast: Cast, route: Route, ask: Any) -> list[str]:
    """Return what strangers are told of the owner's by reading a route."""
    target = target_of(route, "GET", cast)
    telling = traces_of(cast.owner.pk) - set(target.names)
    found = []
    for caller in strangers(cast):
        told = text_of(ask(caller, "GET", target))
        found += [f"GET {route} by {caller}: {word}" for word in sorted(telling) if word in told][:1]
    return found


@pytest.mark.usefixtures("_forgotten")
def test_a_forgotten_filter_shows_nobody_else_s_rows(cast: Cast, web: Web) -> None:
    def by_the_web_role(caller: Caller, method: str, target: Any) -> Any:
        with web():
            return caller.send(method, target.path, target.query, target.body)

    assert [leak for route in READS for leak in leaks(cast, route, by_the_web_role)] == []


@pytest.mark.usefixtures("_forgotten")
def test_the_filters_are_really_forgotten_there(cast: Cast) -> None:
    """By the tables' owner, whom no policy holds, the same requests leak: so it is the policies that help."""

    def by_the_tables_owner(caller: Caller, method: str, target: Any) -> Any:
        return caller.send(method, target.path, target.query, target.body)

    leaking = {str(route) for route in READS if leaks(cast, route, by_the_tables_owner)}

    assert {"/v2/orders", "/raxx/v1/keys", "/raxx/v1/webhooks"} <= leaking
    assert len(leaking) > 10


@pytest.mark.usefixtures("_forgotten")
def test_a_forgotten_filter_changes_nobody_else_s_rows(cast: Cast, web: Web) -> None:
    changed = []
    for route, method in CHANGES:
        target = target_of(route, method, cast)
        callers = strangers(cast)
        before = kept_of(cast.owner.pk, cast.account.pk)
        for caller in callers:
            with web():
                caller.send(method, target.path, target.query, target.body)
        after = kept_of(cast.owner.pk, cast.account.pk)
        changed += [f"{method} {route}: {table}" for table in before if before[table] != after[table]]

    assert len(CHANGES) > 40
    assert changed == []
