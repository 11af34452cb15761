"""The matrix cannot be fooled: a route that nobody thought of is an error, by name."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.urls import include, path
from rest_framework.views import APIView

from accounts.web.base import JsonView
from tests.isolation.cast import Caller
from tests.isolation.recipes import PARAMETERS, NoRecipe, target_of
from tests.isolation.routes import Unguarded, every_route
from tests.isolation.rules import Unruled, may
from tests.isolation.test_access_matrix import GROUPS, TRIED
from tests.isolation.test_admin_matrix import PAGES, page_of
from tests.isolation.test_ways_in import NEEDS
from trading.api.base import ApiView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.isolation.cast import Cast


@pytest.fixture
def urlconf() -> Iterator[ModuleType]:
    """Return an empty table of URLs."""
    module = ModuleType(f"tests.isolation.urls_{uuid4().hex}")  # Django remembers a table by its name
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


class Plain(ApiView):
    def get(self, _request: Any, **_: str) -> HttpResponse:
        return HttpResponse()


class Open(APIView):
    def get(self, _request: Any) -> HttpResponse:
        return HttpResponse()


class AsksOtherwise(ApiView):
    def initial(self, *_: Any, **__: Any) -> None:
        """Let everybody in."""


class AllowsOtherwise(Plain):
    def is_allowed(self, *_: Any) -> bool:
        return True


def routes_of(urlconf: ModuleType, *patterns: Any) -> list[Any]:
    urlconf.urlpatterns = list(patterns)
    return every_route(urlconf.__name__)


def test_every_route_is_of_one_part_of_the_matrix() -> None:
    routes = every_route()
    tried = {route.path for route in TRIED}
    auth = {route.path for route in routes if route.kind == "auth"}
    admin = {route.path for route in routes if route.kind == "admin"}

    assert tried | auth | admin == {route.path for route in routes}
    assert {route.group for route in TRIED} == set(GROUPS)
    assert auth == set(NEEDS)
    assert [route.path for route in routes if route.kind == "admin" and page_of(route) not in PAGES] == []
    assert len(tried) > 100


def test_a_route_without_a_recipe_fails_by_name(urlconf: ModuleType) -> None:
    (route,) = routes_of(urlconf, path("v2/secrets/<uuid:secret_id>", Plain.as_view()))

    assert "secret_id" not in PARAMETERS
    with pytest.raises(NoRecipe, match=r"/v2/secrets/\{secret_id\}"):
        target_of(route, "GET", object())  # type: ignore[arg-type] # nobody is asked


def test_a_route_within_an_include_is_found(urlconf: ModuleType) -> None:
    (route,) = routes_of(urlconf, path("v9/", include([path("inner", Plain.as_view())])))
    assert (route.path, route.methods, route.kind) == ("/v9/inner", ("GET",), "api")


@pytest.mark.parametrize(
    "view",
    [Open.as_view(), AsksOtherwise.as_view(), lambda _request: HttpResponse()],
    ids=["another base", "another way to ask", "a function"],
)
def test_a_view_that_does_not_ask_who_calls_is_found(urlconf: ModuleType, view: Any) -> None:
    (route,) = routes_of(urlconf, path("v2/open", view))
    with pytest.raises(Unguarded, match="/v2/open"):
        assert route.kind


def test_a_view_that_decides_in_its_own_way_who_may_is_found() -> None:
    with pytest.raises(Unruled, match="AllowsOtherwise"):
        may(AllowsOtherwise, "GET", Caller(name="a bot", whose="stranger", credential="key"))


def test_a_way_in_without_a_rule_is_found(urlconf: ModuleType) -> None:
    (route,) = routes_of(urlconf, path("auth/another", JsonView.as_view()))
    assert route.kind == "auth"
    assert route.path not in NEEDS


@pytest.mark.django_db(transaction=True)
def test_a_key_that_may_only_read_changes_nothing_anywhere(cast: Cast) -> None:
    """What the views say, against what no view may say."""
    roles = cast.roles()
    readers = [roles[f"owner, key with {scope}"](scope) for scope in ("read", "data")]
    changing = [
        (route, method)
        for route in TRIED
        if route.kind == "api"
        for method in route.methods
        if method != "GET"
    ]

    assert len(changing) > 30
    assert [
        f"{method} {route} by {reader}"
        for route, method in changing
        for reader in readers
        if may(route.view, method, reader)
    ] == []
