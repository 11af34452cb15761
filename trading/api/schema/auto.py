"""How the generator of the document (drf-spectacular) finds what the table says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from drf_spectacular.openapi import AutoSchema

from trading.api.schema.failures import responses
from trading.api.schema.table import (
    DESCRIPTION,
    OPERATIONS,
    PATHS,
    SCHEMAS,
    SECURITY,
    SECURITY_SCHEMES,
    STREAMED,
    TAGS,
)

if TYPE_CHECKING:
    from drf_spectacular.plumbing import ComponentRegistry


_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")

Endpoint = tuple[str, str, str, Any]  # path, its regular expression, method, callback


class Undocumented(LookupError):
    """A view answers a method of a path of which the table says nothing."""


class TableSchema(AutoSchema):
    """Looks an operation up; nothing of it is guessed (setting DEFAULT_SCHEMA_CLASS)."""

    def get_operation(
        self,
        path: str,
        path_regex: str,  # noqa: ARG002 - the base class's
        path_prefix: str,  # noqa: ARG002 - the same
        method: str,
        registry: ComponentRegistry,  # noqa: ARG002 - the base class's
    ) -> dict[str, Any]:
        """Return the operation as the document has it. Raises Undocumented."""
        found = OPERATIONS.get((method, path))
        if found is None:
            raise Undocumented(f"{method} {path} has no operation in trading/api/schema")
        return found.as_openapi()


def template_of(route: str) -> str:
    """Return a route of Django's as a path template, its parameters named as the route names them."""
    return "/" + _CONVERTER.sub(r"{\1}", route)


def documented_paths(endpoints: list[Endpoint], **_: Any) -> list[Endpoint]:
    """Name the paths' parameters as the document does (setting PREPROCESSING_HOOKS)."""
    named = [(PATHS.get(path, path), regex, method, callback) for path, regex, method, callback in endpoints]
    return [(path, regex, method, callback) for path, regex, method, callback in named if path is not None]


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add what no view tells: streams, schemas, refusals, security (setting POSTPROCESSING_HOOKS)."""
    for (method, path), operation in STREAMED.items():
        result["paths"].setdefault(path, {})[method.lower()] = operation.as_openapi()
    result["components"] = {
        "schemas": dict(sorted(SCHEMAS.items())),
        "responses": responses(),
        "securitySchemes": SECURITY_SCHEMES,
    }
    result["security"] = SECURITY
    result["tags"] = TAGS
    result["info"]["description"] = DESCRIPTION
    return result
