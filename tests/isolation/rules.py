"""What each caller must be answered, from what a route's view says of itself and from nothing else."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from accounts.models.api_key import Scope
from trading.api.accounts import _AccountView
from trading.api.base import ApiView
from trading.api.market_data import DataView

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.isolation.cast import Caller
    from tests.isolation.recipes import Target
    from tests.isolation.routes import Route


class Verdict(Enum):
    """What an answer must be."""

    SERVED = "2xx"
    OWN_ONLY = "2xx, with nothing of the owner's"
    ABSENT = "the answer for what there is nothing of, to anybody"
    GUARDED = "refused, and to others as for what does not exist"
    MISSING = "404, as for what does not exist"
    UNKNOWN = "401 40110000"
    STEP_UP = "401 40110001"
    FORBIDDEN = "403 40310000"
    ENROL = "403 40310002"
    LEAVING = "403 40310003"
    TO_LOG_IN = "302 /log-in"
    TO_ENROLMENT = "302 /enrol"
    TO_LEAVING = "302 /leaving"


REFUSALS = {
    Verdict.MISSING: (404, 40410000),
    Verdict.UNKNOWN: (401, 40110000),
    Verdict.STEP_UP: (401, 40110001),
    Verdict.FORBIDDEN: (403, 40310000),
    Verdict.ENROL: (403, 40310002),
    Verdict.LEAVING: (403, 40310003),
}
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
OF_PERSON = frozenset({Scope.READ, Scope.TRADE, Scope.DATA})


class Unruled(LookupError):
    """A view decides who may in a way of which nothing is said here."""


# Views that ask for more or less than one scope a method; any other that does is an error.
def _may_read_data(held: frozenset[str], _caller: Caller, _wanted: str) -> bool:
    return bool(held & {Scope.DATA, Scope.READ})


def _may_manage_accounts(held: frozenset[str], caller: Caller, wanted: str) -> bool:
    return caller.credential == "session" or wanted in held


EXCEPTIONS: dict[Any, Callable[[frozenset[str], Caller, str], bool]] = {
    DataView.is_allowed: _may_read_data,
    _AccountView.is_allowed: _may_manage_accounts,
}


def may(view: Any, method: str, caller: Caller) -> bool:
    """Say whether a living credential is enough for a method of a view of the broker's API. Raises Unruled."""
    wanted = view.scopes.get(method, view.default_scope)
    held = caller.scopes
    if caller.credential == "session":
        held = OF_PERSON | ({Scope.OPERATOR} if caller.is_staff else frozenset())
    if view.is_allowed is ApiView.is_allowed:
        return wanted in held
    if view.is_allowed not in EXCEPTIONS:
        raise Unruled(f"{view.__module__}.{view.__name__}.is_allowed")
    return EXCEPTIONS[view.is_allowed](held, caller, wanted)


def verdict(route: Route, method: str, caller: Caller, target: Target) -> Verdict:
    """Return what a caller must be answered who asks for something of the owner's."""
    refused = REFUSED_BY[route.kind](route, method, caller)
    if refused is not None:
        return refused
    if not target.is_there:
        return Verdict.ABSENT
    if target.is_guarded:
        return Verdict.GUARDED
    is_mine = caller.whose == "owner" or (caller.whose == "other account" and is_of_person(route))
    if is_mine:
        return Verdict.SERVED
    return Verdict.MISSING if target.unknown is not None else Verdict.OWN_ONLY


def is_of_person(route: Route) -> bool:
    """Say whether a route serves a person as a whole, and not one account of theirs."""
    return route.kind != "api" or not route.view.needs_account


def _by_session(route: Route, method: str, caller: Caller) -> Verdict | None:
    if caller.credential != "session" or not caller.is_living:
        return Verdict.UNKNOWN
    if caller.is_forged and method in UNSAFE:
        return Verdict.FORBIDDEN
    if caller.is_enrol_only and not route.view.serves_enrolment:
        return Verdict.ENROL
    if caller.is_leaving and not route.view.serves_leaving:
        return Verdict.LEAVING
    if method in route.view.step_up and not caller.is_fresh:
        return Verdict.STEP_UP
    return None


def _by_api(route: Route, method: str, caller: Caller) -> Verdict | None:
    if caller.credential == "none" or not caller.is_living:
        return Verdict.UNKNOWN
    if caller.is_forged and method in UNSAFE:
        return Verdict.FORBIDDEN
    if caller.is_enrol_only:
        return Verdict.ENROL
    if caller.is_leaving:
        return Verdict.LEAVING
    if caller.names_account_of == "owner":
        return Verdict.MISSING
    if not may(route.view, method, caller):
        return Verdict.FORBIDDEN
    if caller.credential == "session" and method in route.view.step_up and not caller.is_fresh:
        return Verdict.STEP_UP
    return None


def _by_own_page(_route: Route, _method: str, caller: Caller) -> Verdict | None:
    if caller.credential != "session" or not caller.is_living:
        return Verdict.TO_LOG_IN
    if caller.is_enrol_only:
        return Verdict.TO_ENROLMENT
    return Verdict.TO_LEAVING if caller.is_leaving else None


def _by_nothing(_route: Route, _method: str, _caller: Caller) -> Verdict | None:
    return None


REFUSED_BY: dict[str, Callable[[Route, str, Caller], Verdict | None]] = {
    "api": _by_api,
    "session": _by_session,
    "own page": _by_own_page,
    "page": _by_nothing,
    "public": _by_nothing,
}
