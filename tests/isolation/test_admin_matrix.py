"""The site of the staff for everybody: each page of the URL table, of an account that was granted and of one that was not."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.db import connections
from django.utils import timezone

from accounts.sessions import living_session
from accounts.step_up import give_assertion
from broker_handoff.models import GateOverride, SwitchClosing
from tests.isolation.belongings import kept_of, traces_of
from tests.isolation.routes import every_route
from tests.isolation.test_access_matrix import text_of
from trading.models import AccountGrant, ScheduledRun, StaffAct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.isolation.cast import Caller, Cast
    from tests.isolation.conftest import Web
    from tests.isolation.routes import Route

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "support"])

ROUTES = [route for route in every_route() if route.kind == "admin"]
# By the end of the URL's name: whether a page is about one row, and of which of the owner's.
PAGES = {
    "changelist", "add", "history", "delete", "change", "grant", "ask", "one", "redirect", "site", "case", "act", "end",
    "close", "define",
}  # fmt: skip
_SITE = {"index", "login", "logout", "jsi18n", "autocomplete", "app_list", ""}
ROWS: dict[str, Callable[[Cast], str]] = {
    "tradingaccount": lambda cast: str(cast.account.pk),
    "accountentry": lambda cast: str(cast.account.pk),
    "gateoverride": lambda cast: str(
        GateOverride.objects.create(
            user=cast.owner, reason="a demonstration", asked_by=cast.staff["superuser"].pk
        ).pk
    ),
    "staffact": lambda cast: str(
        StaffAct.objects.create(
            kind="freeze", account=cast.account, staff_id=cast.staff["granted"].pk, reason="a ticket"
        ).pk
    ),
    "switchclosing": lambda cast: str(
        SwitchClosing.objects.create(
            scope="user",
            user=cast.owner,
            is_own=False,
            reason="odd fills",
            closed_by=cast.staff["superuser"].pk,
        ).pk
    ),
    "asset": lambda cast: str(cast.ibm.pk),
    "simulationprofile": lambda _: "1",
    "scheduledrun": lambda _: str(
        ScheduledRun.objects.create(job="verify-ledger", started_at=timezone.now(), outcome="running").pk
    ),
    "accountgrant": lambda cast: str(
        AccountGrant.ever.filter(user_id=cast.staff["granted"].pk).values_list("pk", flat=True)[0]
    ),
}
STEP_UP = 401
_ARGUMENT = re.compile(r"<\w+:\w+_id>")
_KIND = re.compile(r"<slug:kind>")
# Which belong to nobody: all of the staff see them, or superusers alone.
_SHARED = {"asset", "simulationprofile", "scheduledrun"}
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"|"request_id":"[^"]*"')


def page_of(route: Route) -> str:
    """Return what sort of page a route is, empty for one of which nothing is known."""
    if _ARGUMENT.search(route.path) and not route.name:
        return "redirect"  # Django's old address of a row's page
    sort = route.name.rpartition("_")[2]
    if route.name in _SITE:
        return "site"
    return sort if sort in PAGES else ""


def model_of(route: Route) -> str:
    """Return the model whose page it is, empty for a page of the site."""
    found = re.match(r"/admin/(?!jsi18n|login|logout|autocomplete)\w+/(\w+)/", route.path)
    return found.group(1) if found else ""


@pytest.fixture(autouse=True)
def _support_is_left(transactional_db: None) -> Iterator[None]:
    yield
    connections["support"].close()


def paths(route: Route, row: str) -> list[str]:
    """Return a route's path for a row; patterns that end the site's table have a path of their own."""
    path = _KIND.sub("freeze" if "account" in route.path else "suspend_asset", _ARGUMENT.sub(row, route.path))
    return ["/admin/trading/", "/admin/not/there/"] if "(?P" in path else [path]


def test_every_model_of_the_site_has_a_row_to_ask_for() -> None:
    assert {model_of(route) for route in ROWS_ROUTES} == set(ROWS)


ROWS_ROUTES = [route for route in ROUTES if model_of(route)]


BY_MODEL = {name: [route for route in ROUTES if model_of(route) == name] for name in ["", *ROWS]}


@pytest.mark.parametrize("model", list(BY_MODEL), ids=lambda model: model or "the site itself")
def test_the_site_serves_staff_alone_and_shows_them_what_they_were_granted(
    model: str, cast: Cast, web: Web
) -> None:
    row, unknown = (ROWS[model](cast) if model else ""), str(uuid4())
    roles = cast.roles()
    callers = [
        make(name) for name, make in roles.items() if name.startswith("staff") or not name[0].isupper()
    ]
    telling = traces_of(cast.owner.pk) - {row}
    if model == "accountgrant":  # it names its account, to those who hold it or held it
        telling.discard(str(cast.account.pk))
    before = kept_of(cast.owner.pk, cast.account.pk)
    faults = []
    for route in BY_MODEL[model]:
        for path, path_of_none in zip(paths(route, row), paths(route, unknown), strict=True):
            for caller, method in product(callers, ("GET", "POST")):
                answer = _ask(web, caller, method, path)
                # Who is not staff is sent away from the site as a whole, before anything is looked for.
                none = _ask(web, caller, method, path_of_none) if caller.is_staff else answer
                told = text_of(answer).replace(row, "…") if row else text_of(answer)
                shows = {word for word in telling if word in told}
                if fault := _fault(route, caller, answer, none, row, unknown, is_telling=bool(shows)):
                    faults.append(
                        f"{method} {path} by {caller}: {fault}: {answer.status_code} {sorted(shows)[:2]}"
                    )

    assert "\n".join(faults) == ""
    after = kept_of(cast.owner.pk, cast.account.pk)
    assert [table for table in before if before[table] != after[table]] == []


def test_every_page_of_the_site_is_asked_for() -> None:
    assert sum(map(len, BY_MODEL.values())) == len(ROUTES) > 50


def test_who_was_granted_it_sees_the_account(cast: Cast, web: Web) -> None:
    make = cast.roles()["staff, granted"]
    for path in (
        "/admin/trading/tradingaccount/",
        f"/admin/trading/tradingaccount/{cast.account.pk}/change/",
    ):
        answer = _ask(web, make("staff, granted"), "GET", path)
        assert answer.status_code == 200
        assert cast.account.number in text_of(answer)


def _ask(web: Web, caller: Caller, method: str, path: str) -> Any:
    """Send a request; where the passkey has to say yes to it, it does, and the request is sent again."""
    with web():
        answer = caller.send(method, path, {}, None)
    if answer.status_code != STEP_UP or not caller.is_staff:
        return answer
    session = living_session(caller.cookie)
    assert session is not None
    give_assertion(session, bytes.fromhex(answer.json()["digest"]))
    with web():
        return caller.send(method, path, {}, None)


def _fault(
    route: Route, caller: Caller, answer: Any, none: Any, row: str, unknown: str, *, is_telling: bool
) -> str | None:
    if not caller.is_staff:
        is_away = answer.status_code in {302, 403, 404, 405}
        return None if is_away and not is_telling else "is not staff"
    if answer.status_code >= 500:
        return "a bug"
    # A superuser sees that accounts exist; what is in them, nobody who was not granted it.
    if caller.name in {"staff, granted", "staff, superuser"}:
        return None
    if is_telling:
        return "was granted nothing, and is told"
    if not row or model_of(route) in _SHARED:
        return None
    of_row, of_none = (_plain(one, said) for one, said in ((answer, row), (none, unknown)))
    return None if of_row == of_none else f"not as for what does not exist: {of_none[0]}"


def _plain(answer: Any, said: str) -> tuple[int, str, str]:
    text = _TOKEN.sub("…", text_of(answer)).replace(said, "…")
    return answer.status_code, answer.headers.get("Location", "").replace(said, "…"), text
