"""The access matrix: every route and method of the URL table, and everybody who might call it.

Rows come from the table (`routes`), what each must be answered from the views' own classes (`rules`), what is
asked for from the document's examples (`recipes`). The requests are served by a connection that has logged
in as the role that serves people. The pages of the staff: test_admin_matrix.py; the ways in: test_ways_in.py.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.isolation.belongings import kept_of, traces_of
from tests.isolation.recipes import Target, target_of
from tests.isolation.routes import every_route
from tests.isolation.rules import REFUSALS, UNSAFE, Verdict, verdict
from tests.contract.fuzzing import NEEDS_MATCHERS

if TYPE_CHECKING:
    from tests.isolation.cast import Caller, Cast
    from tests.isolation.conftest import Web
    from tests.isolation.routes import Route

pytestmark = pytest.mark.django_db(transaction=True)

TRIED = [route for route in every_route() if route.kind not in {"auth", "admin"}]
GROUPS = sorted({route.group for route in TRIED})
SERVED = range(200, 300)
SHOWN = 300  # characters of an answer that is not as it must be


@pytest.mark.parametrize("group", GROUPS)
def test_everybody_is_answered_as_the_view_s_class_says(group: str, cast: Cast, web: Web) -> None:
    trial = Trial(cast, web)
    for route in TRIED:
        if route.group == group:
            for method in route.methods:
                trial.try_all(route, method)

    assert trial.count
    assert not trial.faults, "\n".join(trial.faults)


class Trial:
    """Asks as everybody in turn, and keeps what was not as it must be."""

    def __init__(self, cast: Cast, web: Web) -> None:
        self.cast = cast
        self.faults: list[str] = []
        self.count = 0
        self._web = web

    def try_all(self, route: Route, method: str) -> None:
        """Ask for something of the owner's, as everybody else first; then as those whom it is."""
        cast = self.cast
        if method in UNSAFE:
            cast.renew()  # the last request may have ended somebody
        target = target_of(route, method, cast)
        owner, callers = cast.owner_now(), cast.callers()
        is_owned = target.unknown is not None
        wanted = {
            caller: verdict(route, method, caller, is_owned=is_owned, is_there=target.is_there)
            for caller in (owner, *callers)
        }
        traces = {
            "other account": traces_of(cast.owner.pk, cast.account.pk),
            "stranger": traces_of(cast.owner.pk),
        }
        before = kept_of(cast.owner.pk, cast.account.pk)
        for caller in callers:
            if wanted[caller] is not Verdict.SERVED:
                telling = traces.get(caller.whose, traces["stranger"])
                self._ask(route, method, caller, target, wanted[caller], telling)
        after = kept_of(cast.owner.pk, cast.account.pk)
        if changed := [table for table in before if before[table] != after[table]]:
            self.faults.append(f"{method} {route}: others have changed {', '.join(changed)} of the owner's")

        controls = [caller for caller, verdict in wanted.items() if verdict in {Verdict.SERVED, Verdict.ABSENT}]
        if not controls:
            self.faults.append(f"{method} {route}: nobody is served, so that nothing is proved")
        for caller in controls:
            if method in UNSAFE and caller is not controls[0]:
                target = target_of(route, method, cast)
            self._ask(route, method, caller, target, wanted[caller], set())

    def _ask(
        self, route: Route, method: str, caller: Caller, target: Target, wanted: Verdict, telling: set[str]
    ) -> None:
        self.count += 1
        answer = self._send(method, caller, target)
        fault = self._fault(route, method, caller, target, wanted, answer)
        if fault is None and caller.whose != "owner":
            told = _text(answer)
            found = sorted(word for word in telling - set(target.names) if word in told)
            fault = f"tells {found[0]} of the owner's" if found else None
        if fault is not None:
            text = " ".join(_text(answer).split())[:SHOWN]
            self.faults.append(f"{method} {route} by {caller}: {fault}; wanted {wanted.value}: {text}")

    def _fault(
        self, route: Route, method: str, caller: Caller, target: Target, wanted: Verdict, answer: Any
    ) -> str | None:
        status = answer.status_code
        if wanted in {Verdict.TO_LOG_IN, Verdict.TO_ENROLMENT}:
            place = answer.headers.get("Location", "").partition("?")[0]
            return None if f"{status} {place}" == wanted.value else f"{status} {place}"
        if wanted in REFUSALS:
            if (status, _code(answer)) != REFUSALS[wanted]:
                return f"{status} {_code(answer)}"
            if wanted is Verdict.MISSING and target.unknown is not None:
                return self._difference(method, caller, target, answer)
            return None
        if wanted is Verdict.ABSENT:
            return None if 404 <= status < 500 else str(status)
        return None if status in SERVED or _waits(route, method, status) else str(status)

    def _difference(self, method: str, caller: Caller, target: Target, answer: Any) -> str | None:
        """Return how an answer differs from that for what nobody has, None where it does not."""
        assert target.unknown is not None
        none = self._send(method, caller, target.unknown)
        told, of_none = _plain(answer, target), _plain(none, target.unknown)
        return None if told == of_none else f"not as for what does not exist: {of_none}"

    def _send(self, method: str, caller: Caller, target: Target) -> Any:
        with self._web():
            return caller.send(method, target.path, target.query, target.body)


def _waits(route: Route, method: str, status: int) -> bool:
    """Say whether it is only that no matcher runs here, or none that is ready."""
    operation = route.operation(method)
    return status == 503 and (route.kind == "public" or (operation is not None and operation.name in NEEDS_MATCHERS))


def _code(answer: Any) -> int | None:
    try:
        return int(answer.json()["code"])
    except (ValueError, KeyError, TypeError):
        return None


def _text(answer: Any) -> str:
    return bytes(answer.content).decode()


def _plain(answer: Any, target: Target) -> tuple[int, str]:
    """Return an answer without what is another in each: the request's id, and what was asked for."""
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    text = json.dumps(body)
    for name in _said_by(target):
        text = text.replace(name, "…")
    return answer.status_code, text


def _said_by(target: Target) -> list[str]:
    """Return what a request says: the parts of its path, and the values of its query and body."""
    body = target.body.values() if isinstance(target.body, dict) else ()
    return [str(part) for part in (*target.path.split("/"), *target.query.values(), *body) if part]
