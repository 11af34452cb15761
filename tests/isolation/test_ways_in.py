"""/auth for everybody: what a page's script may ask, whoever has the page open. Walked to its end: tests/accounts/passkeys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.isolation.belongings import kept_of, traces_of
from tests.isolation.routes import every_route
from tests.isolation.test_access_matrix import code_of, text_of

if TYPE_CHECKING:
    from tests.isolation.cast import Caller, Cast
    from tests.isolation.conftest import Web
    from tests.isolation.routes import Route

pytestmark = pytest.mark.django_db(transaction=True)

ROUTES = [route for route in every_route() if route.kind == "auth"]
SIGNED_IN, ANYBODY = "a session", "nothing"
# Whom a path serves: which of them asks is in the view's code, not in its class.
NEEDS = {
    "/auth/sign-up": ANYBODY,
    "/auth/enrol/begin": ANYBODY,  # and a link, or a session that may only enrol
    "/auth/enrol/complete": ANYBODY,
    "/auth/log-in/begin": ANYBODY,
    "/auth/log-in/complete": ANYBODY,
    "/auth/recover": ANYBODY,
    "/auth/log-out": ANYBODY,
    "/auth/keep": ANYBODY,  # and the link of who asked to be erased
    "/auth/session": SIGNED_IN,
    "/auth/step-up/begin": SIGNED_IN,
    "/auth/step-up/complete": SIGNED_IN,
}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_way_in_tells_nobody_of_the_owner_and_changes_nothing_of_theirs(
    route: Route, cast: Cast, web: Web
) -> None:
    telling, faults = traces_of(cast.owner.pk), []
    for method in route.methods:
        roles = cast.roles()
        callers = [make(name) for name, make in roles.items()]
        before = kept_of(cast.owner.pk, cast.account.pk)
        for caller in callers:
            if (
                caller.whose in {"owner", "other account"}
                and caller.credential == "session"
                and caller.is_living
            ):
                continue
            with web():
                answer = caller.send(method, route.path, {}, {"email": "nobody@example.net"})
            told = text_of(answer)
            if (fault := _fault(route, method, caller, answer.status_code, code_of(answer))) is not None:
                faults.append(f"{method} {route} by {caller}: {fault}: {told}")
            faults += [f"{method} {route} by {caller}: {word}" for word in telling if word in told]
        after = kept_of(cast.owner.pk, cast.account.pk)
        faults += [f"{method} {route}: {table}" for table in before if before[table] != after[table]]

    assert faults == []


def test_the_owner_s_own_session_is_served(cast: Cast, web: Web) -> None:
    asked = [
        ("GET", "/auth/session", 200),
        ("POST", "/auth/step-up/begin", 200),
        ("POST", "/auth/log-out", 204),
    ]
    owner = cast.roles()["owner, fresh session"]("owner")
    with web():
        answers = [(method, path, owner.send(method, path, {}, {}).status_code) for method, path, _ in asked]
        over = owner.send("GET", "/auth/session", {}, {}).status_code

    assert answers == asked
    assert over == 401


def _fault(route: Route, method: str, caller: Caller, status: int, code: int | None) -> str | None:
    """Return what is wrong with a status: of a forged request, of who is not signed in, of anybody."""
    if method == "POST" and (caller.is_forged or caller.credential == "key"):
        return None if (status, code) == (403, 40310000) else "no page of ours sent it"  # without its token
    if NEEDS[route.path] == SIGNED_IN and (caller.credential != "session" or not caller.is_living):
        return None if (status, code) == (401, 40110000) else "is not signed in"
    return None if status < 500 else "a bug"
