"""The access matrix: every route and method of the URL table, and everybody who might call it.

Rows come from the table (`routes`), what each must be answered from the views' own classes (`rules`), what is
asked for from the document's examples (`recipes`). The requests are served by a connection that has logged
in as the role that serves people. The pages of the staff: test_admin_matrix.py; the ways in: test_ways_in.py.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.api.conftest import _web_process as _served_by_web  # noqa: F401 - a fixture, for this module alone
from tests.contract.fuzzing import NEEDS_MATCHERS
from tests.isolation.belongings import kept_of, traces_of
from tests.isolation.recipes import ASKED_FOR, FRESH, GUARDED, target_of
from tests.isolation.routes import every_route
from tests.isolation.rules import REFUSALS, UNSAFE, Verdict, verdict

if TYPE_CHECKING:
    from tests.isolation.cast import Caller, Cast
    from tests.isolation.conftest import Web
    from tests.isolation.recipes import Target
    from tests.isolation.routes import Route

pytestmark = pytest.mark.django_db(transaction=True)

TRIED = [route for route in every_route() if route.kind not in {"auth", "admin"}]
GROUPS = sorted({route.group for route in TRIED})
SERVED = range(200, 300)
SHOWN = 300  # characters of an answer that is not as it must be
CONTROLS = {Verdict.SERVED, Verdict.ABSENT}
LED_ON_TO = ("/paper/", "/start")  # by a page of one's own: never to where one proves who one is
FAULTS_MAX = 10  # of a group; the others are mostly the same
PLACES = {
    Verdict.TO_LOG_IN: (302, "/log-in"),
    Verdict.TO_ENROLMENT: (302, "/enrol"),
    Verdict.TO_LEAVING: (302, "/leaving"),
}


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
        self._numbers = count(1)
        self._has_changed = False  # by anybody, since the cast was made

    def try_all(self, route: Route, method: str) -> None:
        """Ask for something of the owner's, as everybody else first; then as those whom it is."""
        cast = self.cast
        if method in UNSAFE:
            if self._has_changed and not cast.is_whole:
                cast.renew()  # the last request has left somebody without their things
            self._has_changed = True
        target = target_of(route, method, cast)
        callers = [make(name) for name, make in cast.roles().items()]
        wanted = {caller: verdict(route, method, caller, target) for caller in callers}
        traces = {
            "other account": traces_of(cast.owner.pk, cast.account.pk),
            "stranger": traces_of(cast.owner.pk),
        }
        controls = [caller for caller in callers if wanted[caller] in CONTROLS]
        before = kept_of(cast.owner.pk, cast.account.pk)
        for caller in callers:
            if caller not in controls:
                telling = traces.get(caller.whose, traces["stranger"])
                self._try(route, method, caller, target, wanted[caller], telling)
        after = kept_of(cast.owner.pk, cast.account.pk)
        if changed := [table for table in before if before[table] != after[table]]:
            self.faults.append(f"{method} {route}: others have changed {', '.join(changed)} of the owner's")
        self._try_controls(route, method, [caller.name for caller in controls])

    def _try_controls(self, route: Route, method: str, names: list[str]) -> None:
        """Ask as everybody who is served, each for something that was made for them."""
        if not names and f"{method} {route}" not in GUARDED:
            self.faults.append(f"{method} {route}: nobody is served, so that nothing is proved")
        for name in names:
            if self.cast.is_spent:
                self.cast.renew()
            target, caller = target_of(route, method, self.cast), self.cast.roles()[name](name)
            self._try(route, method, caller, target, verdict(route, method, caller, target), set())

    def _try(
        self, route: Route, method: str, caller: Caller, target: Target, wanted: Verdict, telling: set[str]
    ) -> None:
        self.count += 1
        prepare = ASKED_FOR.get((method, route.template))
        if prepare is not None and wanted in {Verdict.SERVED, Verdict.OWN_ONLY}:
            target = replace(target, body=prepare(partial(self._ask, caller)))
        answer = self._ask(caller, method, target.path, target)
        told = text_of(answer)
        fault = self._fault(route, method, caller, target, wanted, answer)
        if fault is None:
            said = {*target.names, caller.account_id}
            found = sorted(word for word in telling - said if word in told)
            fault = f"tells {found[0]} of the owner's" if found and caller.whose != "owner" else None
        if fault is not None and len(self.faults) < FAULTS_MAX:
            shown = " ".join(told.split())[:SHOWN]
            self.faults.append(f"{method} {route} by {caller}: {fault}; wanted {wanted.value}: {shown}")

    def _fault(
        self, route: Route, method: str, caller: Caller, target: Target, wanted: Verdict, answer: Any
    ) -> str | None:
        status = answer.status_code
        if wanted in PLACES:
            place = answer.headers.get("Location", "").partition("?")[0]
            return None if (status, place) == PLACES[wanted] else f"{status} {place}"
        if wanted in REFUSALS:
            refusal = (REFUSALS[wanted][0], None) if route.kind == "own page" else REFUSALS[wanted]
            if (status, code_of(answer)) != refusal:  # a page is told in a page
                return f"{status} {code_of(answer)}"
            return self._difference(method, caller, target, answer) if wanted is Verdict.MISSING else None
        if wanted is Verdict.GUARDED:
            if status not in {401, 403, 404}:
                return str(status)
            is_mine = caller.whose in {"owner", "other account"}  # they are of a person
            return None if is_mine else self._difference(method, caller, target, answer)
        if wanted is Verdict.ABSENT:
            return None if 400 <= status < 500 and status != 401 else str(status)
        return None if status in SERVED or _may_be(route, method, answer) else str(status)

    def _difference(self, method: str, caller: Caller, target: Target, answer: Any) -> str | None:
        """Return how an answer differs from that for what nobody has, None where it does not."""
        nowhere, unknown = caller, target.unknown or target
        if caller.names_account_of == "owner":
            nowhere = replace(caller, account_id=str(uuid4()))
        none = self._ask(nowhere, method, unknown.path, unknown)
        told = _plain(answer, *target.names, caller.account_id)
        of_none = _plain(none, *unknown.names, nowhere.account_id)
        return None if told == of_none else f"not as for what does not exist: {of_none}"

    def _ask(self, caller: Caller, method: str, path: str, target: Target | None = None) -> Any:
        with self._web():
            if target is None:
                return caller.send(method, path, {}, None)
            body = target.body
            if isinstance(body, dict) and body.get("name") == FRESH:
                body = {**body, "name": f"name {next(self._numbers)}"}
            return caller.send(method, path, target.query, body)


def _may_be(route: Route, method: str, answer: Any) -> bool:
    """Say whether it is only that nothing stands behind the web here, or that a page leads on to another."""
    operation = route.operation(method)
    if answer.status_code == 503:
        return route.kind == "public" or (operation is not None and operation.name in NEEDS_MATCHERS)
    if answer.status_code != 302:
        return False
    place = answer.headers["Location"]
    return place.startswith({"page": "/", "own page": LED_ON_TO}.get(route.kind, ()))


def code_of(answer: Any) -> int | None:
    """Return the wire code of an error answer, None where there is none."""
    try:
        return int(answer.json()["code"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def text_of(answer: Any) -> str:
    """Return what an answer says, a file as well."""
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return bytes(content).decode()


def _plain(answer: Any, *said: str) -> tuple[int, str]:
    """Return an answer without what is another in each: the request's id, and what was asked for."""
    if answer.headers["Content-Type"].startswith("text/html"):
        text = text_of(answer).replace(answer.headers["X-Request-Id"], "…")
    else:
        body = {name: value for name, value in answer.json().items() if name != "request_id"}
        text = json.dumps(body)
    for word in filter(None, said):
        text = text.replace(word, "…")
    return answer.status_code, text
