"""Every route that the project serves, read from the URL table, and what kind of callers its view lets in.

Nothing here is typed by hand: what a view demands is what its class says. A view whose class says nothing
that we know is an error, by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from django.urls import URLPattern, URLResolver, get_resolver

from accounts.api.base import SessionView
from accounts.dashboard.page import OwnPage, Page
from accounts.web.base import JsonView
from raxx import docs, errors, health
from trading.api.base import ApiView
from trading.api.schema.auto import template_of
from trading.api.schema.table import OPERATIONS, PATHS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trading.api.schema.operation import Operation

    # api: keys and sessions; session: a signed-in browser; auth: asked by our pages' scripts; own page: sent to the
    # log-in; page: anybody's; public: what the project tells of itself; admin: the site of the staff.
    Kind = Literal["api", "session", "auth", "own page", "page", "public", "admin"]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PUBLIC = (health.live, health.ready, docs.document, docs.page)


class Unguarded(LookupError):
    """A route whose view is of no kind that is known to ask who calls."""


@dataclass(frozen=True)
class Route:
    """One entry of the URL table. `path` is as Django writes it, with a slash before it."""

    path: str
    callback: Any
    name: str = ""

    def __str__(self) -> str:
        return self.template

    @cached_property
    def view(self) -> Any:
        """The view's class, None for a function."""
        return getattr(self.callback, "cls", None) or getattr(self.callback, "view_class", None)

    @cached_property
    def template(self) -> str:
        """The path as our document writes it where it does, its parameters named."""
        written = template_of(self.path.removeprefix("/"))
        return PATHS.get(written) or written

    @cached_property
    def kind(self) -> Kind:
        """What sort of callers the view lets in. Raises Unguarded."""
        view = self.view or object
        kinds: tuple[tuple[Any, Kind], ...] = (
            (ApiView, "api"),
            (SessionView, "session"),
            (OwnPage, "own page"),
            (Page, "page"),
            (JsonView, "auth"),
        )
        found = next((kind for base, kind in kinds if issubclass(view, base)), None)
        if found is None and self.callback in PUBLIC:
            found = "public"
        if found is None and self.path.startswith("/admin/"):
            found = "admin"
        if found is None:
            raise Unguarded(f"{self.path}: {self.callback!r} is no view of ours that asks who calls")
        if found in {"api", "session"} and self.view.initial is not self._base.initial:
            raise Unguarded(f"{self.path}: {self.view.__name__} asks in its own way who calls")
        return found

    @property
    def _base(self) -> Any:
        return ApiView if issubclass(self.view, ApiView) else SessionView

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """The methods that the view has, but for those that any view has."""
        if self.view is None:
            return ("GET",)
        allowed = {name.upper() for name in self.view.http_method_names if hasattr(self.view, name)}
        return tuple(method for method in METHODS if method in allowed)

    @cached_property
    def group(self) -> str:
        """The module of the view: what is tried together."""
        return str((self.view or self.callback).__module__)

    def operation(self, method: str) -> Operation | None:
        """Return what the document says of a method, None where it says nothing."""
        return OPERATIONS.get((method, self.template))


def every_route(urlconf: str | None = None) -> list[Route]:
    """Return all routes but the last, which answers for what nobody serves."""
    found = list(_walk(get_resolver(urlconf).url_patterns, "/"))
    return [route for route in found if route.callback is not errors.endpoint_not_found]


def _walk(patterns: list[Any], before: str) -> Iterator[Route]:
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path)
        else:
            assert isinstance(pattern, URLPattern)
            yield Route(path, pattern.callback, pattern.name or "")
