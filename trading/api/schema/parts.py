"""The words that operations and schemas are written in.

A schema of an answer lists every field that the answer always has as required. Clients should expect
fields that it does not list; the tests, which judge our answers, do not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Schema = dict[str, Any]

JSON = "application/json"
OK, CREATED, ACCEPTED, NO_CONTENT, MULTI_STATUS = 200, 201, 202, 204, 207

BOOLEAN: Schema = {"type": "boolean"}
STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
UUID: Schema = {"type": "string", "format": "uuid"}
DATE: Schema = {"type": "string", "format": "date"}
INSTANT: Schema = {"type": "string", "format": "date-time"}
DECIMAL: Schema = {
    "type": "string",
    "pattern": r"^-?\d+(\.\d+)?$",
    "description": "A decimal in plain notation.",
}
# What a client may send for a decimal.
NUMERIC: Schema = {"type": ["string", "number"], "description": "A decimal, as text or as a JSON number."}


def ref(name: str) -> Schema:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def described(schema: Schema, description: str, **more: Any) -> Schema:
    """Return the schema with these words, and whatever else is said of the field."""
    return {**schema, "description": description, **more}


def one_of(*words: str | int, description: str = "") -> Schema:
    """Return an enumeration."""
    kind = "integer" if isinstance(words[0], int) else "string"
    return {"type": kind, "enum": list(words), **({"description": description} if description else {})}


def nullable(schema: Schema) -> Schema:
    """Return the schema with null beside it."""
    if "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    found = {**schema, "type": [*types, "null"]}
    return {**found, "enum": [*schema["enum"], None]} if "enum" in schema else found


def array(items: Schema, **more: Any) -> Schema:
    """Return a list of these."""
    return {"type": "array", "items": items, **more}


def mapping(values: Schema, description: str = "") -> Schema:
    """Return an object with any names, each of this value."""
    found = {"type": "object", "additionalProperties": values}
    return {**found, "description": description} if description else found


def record(
    description: str, properties: Mapping[str, Schema], *, optional: Iterable[str] = (), example: Any = None
) -> Schema:
    """Return an object of these fields, all but the `optional` always there."""
    left_out = set(optional)
    assert left_out <= properties.keys(), left_out - properties.keys()
    return {
        "type": "object",
        "description": description,
        "properties": dict(properties),
        "required": [name for name in properties if name not in left_out],
        **({} if example is None else {"examples": [example]}),
    }


def request(description: str, properties: Mapping[str, Schema], *, required: Iterable[str] = ()) -> Schema:
    """Return an object of these fields, of which only the `required` must be sent."""
    return {
        "type": "object",
        "description": description,
        "properties": dict(properties),
        **({"required": list(required)} if required else {}),
    }


def query(
    name: str, schema: Schema, description: str, *, required: bool = False, example: Any = None
) -> Schema:
    """Return a parameter of the query string."""
    return {
        "name": name,
        "in": "query",
        "description": description,
        "schema": schema,
        **({"required": True} if required else {}),
        **({} if example is None else {"example": example}),
    }


def listed(name: str, items: Schema, description: str, **more: Any) -> Schema:
    """Return a parameter that is a comma-separated list."""
    return {**query(name, array(items), description, **more), "style": "form", "explode": False}


def at_path(name: str, schema: Schema, description: str, *, example: Any = None) -> Schema:
    """Return a parameter of the path."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
        **({} if example is None else {"example": example}),
    }


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an operation answers when it does what it was asked; no schema means no body."""

    description: str
    schema: Schema | None = None
    content_type: str = JSON
    examples: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, Any] = field(default_factory=dict)

    def as_openapi(self) -> Schema:
        """Return it as the document has it."""
        found: Schema = {"description": self.description}
        if self.schema is not None:
            media: Schema = {"schema": self.schema}
            if self.examples:
                media["examples"] = {name: {"value": value} for name, value in self.examples.items()}
            found["content"] = {self.content_type: media}
        if self.links:
            found["links"] = dict(self.links)
        return found
