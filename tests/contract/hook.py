"""Every JSON answer given in the tests is judged: by Alpaca's own documents, and by ours.

The judge stands where each answer leaves the project, the outermost middleware, and works for the
test client and for the servers that tests start in their own process alike.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accounts.web.base import JsonView
from raxx import errors
from raxx.docs import COMMITTED
from raxx.middleware import ApiMiddleware
from tests.contract.deviations import reason_of
from tests.contract.documents import Document

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from tests.contract.documents import Operation

SUCCESS = range(200, 300)
PAGES = ("/docs", "/static/", "/admin/")  # for people: no document speaks of them

faults: list[str] = []  # of the answers since somebody last emptied it


@cache
def alpaca() -> tuple[Document, ...]:
    """Return Alpaca's documents, from the package that carries them."""
    specs = Path(str(files("alpaca_mcp_server"))) / "specs"
    return tuple(Document.read(name, specs / f"{name}.json") for name in ("trading-api", "market-data-api"))


@cache
def ours() -> Document:
    """Return the committed document, in which a field that is not listed is a fault."""
    document = committed()
    _close(document.content)
    return document


def committed() -> Document:
    """Return the committed document as clients read it."""
    return Document.read("raxx", COMMITTED)


def _close(schema: Any) -> None:
    """Let objects have no fields but those that are listed. Clients are told to expect more; we are not."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict) and "required" in schema:
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            _close(value)
    elif isinstance(schema, list):
        for value in schema:
            _close(value)


@cache
def install() -> None:
    """Judge what the middleware answers from now on, in every thread of this process."""
    answer: Callable[[ApiMiddleware, HttpRequest], HttpResponse] = ApiMiddleware.__call__  # type: ignore[assignment]

    def judged(self: ApiMiddleware, request: HttpRequest) -> HttpResponse:
        response = answer(self, request)
        if not response.streaming and request.method != "HEAD" and _is_served(request):
            faults.extend(judge(str(request.method), request.path_info, response))
        return response

    ApiMiddleware.__call__ = judged  # type: ignore[method-assign]


def _is_served(request: HttpRequest) -> bool:
    """Say whether a view was found, and none for people."""
    match = request.resolver_match
    return (
        match is not None
        and match.func is not errors.endpoint_not_found
        and not request.path_info.startswith(PAGES)
        and not is_for_pages(match.func)
    )


def is_for_pages(view: Any) -> bool:
    """Say whether a view is a page of ours, or answers a page's script alone: no document speaks of those."""
    return issubclass(getattr(view, "view_class", object), JsonView)


def judge(method: str, path: str, response: HttpResponse) -> list[str]:
    """Return what is wrong with an answer, by any of the documents."""
    return [*by_alpaca(method, path, response), *by_ours(method, path, response)]


def by_alpaca(method: str, path: str, response: HttpResponse) -> list[str]:
    """Return what Alpaca's documents have against an answer to a request that they know.

    They list few of the refusals that Alpaca gives (spec of the wire: 1.5); those that they do not list
    are for our own document to judge.
    """
    for document in alpaca():
        operation = document.find(method, path)
        if operation is None:
            continue
        is_listed = str(response.status_code) in operation.content["responses"]
        if not is_listed and response.status_code not in SUCCESS:
            return []
        found = _faults(document, operation, response)
        return [fault for fault in found if reason_of(str(operation), fault) is None]
    return []


def by_ours(method: str, path: str, response: HttpResponse) -> list[str]:
    """Return what our own document has against an answer; it has to speak of every path."""
    document = ours()
    operation = document.find(method, path)
    if operation is not None:
        return _faults(document, operation, response)
    # Who calls is asked before whether there is such a method.
    if document.template_of(path) and response.status_code in {401, 403, 404, 405}:
        return []
    return [f"{method} {path}: not documented, and answered {response.status_code}"]


def _faults(document: Document, operation: Operation, response: HttpResponse) -> list[str]:
    kind = response.headers.get("Content-Type", "")
    return [
        f"{document.name}: {operation} {response.status_code}: {fault}"
        for fault in document.faults(operation, response.status_code, kind, _content(response))
    ]


def _content(response: HttpResponse) -> bytes:
    is_packed = response.headers.get("Content-Encoding") == "gzip"
    return gzip.decompress(response.content) if is_packed else bytes(response.content)
