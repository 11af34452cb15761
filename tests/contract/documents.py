"""An OpenAPI 3.1 document as a judge of answers: what of an answer is not as it says.

Schemas are compiled where they stand in the document, so that their references need no rewriting.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jsonschema_rs

if TYPE_CHECKING:
    from pathlib import Path

METHODS = frozenset({"get", "post", "put", "patch", "delete"})
JSON = "application/json"
REFUSALS = 400
SHOWN_MAX = 300  # characters of a fault's words
FAULTS_MAX = 5  # of one answer

_PARAMETER = re.compile(r"\\\{\w+\\\}")  # as `re.escape` leaves it
_LAST_PARAMETER = re.compile(r"\\\{\w+\\\}(?!.*\\\{)")


def _shortened(text: str) -> str:
    """Return the ends of a text: a long message quotes the value before it says what is wrong with it."""
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX // 2]} ... {text[-SHOWN_MAX // 2 :]}"


@dataclass(frozen=True)
class Operation:
    """One method of one path template."""

    method: str
    template: str
    content: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.template}"


@dataclass
class Document:
    """A document, by the name that it has in messages."""

    name: str
    content: dict[str, Any]
    _validators: dict[tuple[str, ...], Any] = field(default_factory=dict)

    @classmethod
    def read(cls, name: str, path: Path) -> Document:
        """Read it from a file."""
        return cls(name, json.loads(path.read_text(encoding="utf-8")))

    @cached_property
    def operations(self) -> list[Operation]:
        """Every operation, in the document's order."""
        return [
            Operation(method, template, content)
            for template, item in self.content["paths"].items()
            for method, content in item.items()
            if method in METHODS
        ]

    def find(self, method: str, path: str) -> Operation | None:
        """Return the operation that a request means; a template without parameters goes before one with."""
        item = self.template_of(path)
        if item is None:
            return None
        found = self.content["paths"][item].get(method.lower())
        return None if found is None else Operation(method.lower(), item, found)

    def template_of(self, path: str) -> str | None:
        """Return the path template that a path means, None where there is none."""
        return next((template for template, pattern in self._patterns if pattern.fullmatch(path)), None)

    def faults(self, operation: Operation, status: int, content_type: str, body: bytes) -> list[str]:
        """Return what is not as the operation says; the first words tell where in the answer."""
        key = str(status) if str(status) in operation.content["responses"] else "default"
        response = self._resolved(operation.content["responses"].get(key))
        if response is None:
            return [f"status {status} is not documented"]
        content = response.get("content")
        kind = content_type.partition(";")[0]
        if not content:
            is_refusal = status >= REFUSALS  # all of ours have a body; some documents just list the status
            return [f"status {status} is documented without a body"] if body and not is_refusal else []
        if kind not in content:
            return [f"content type {kind!r} is not documented for status {status}"]
        if kind != JSON:
            return []
        try:
            instance = json.loads(body)
        except ValueError:
            return ["the body is not JSON"]
        return self._schema_faults(operation, key, instance)

    def _schema_faults(self, operation: Operation, key: str, instance: Any) -> list[str]:
        where = ("paths", operation.template, operation.method, "responses", key)
        reference = operation.content["responses"][key].get("$ref")
        if reference:
            where = tuple(reference.removeprefix("#/").split("/"))
        pointer = (*where, "content", JSON, "schema")
        validator = self._validators.get(pointer)
        if validator is None:
            validator = self._validators[pointer] = self.validator(*pointer)
        return [
            f"{'/'.join(map(str, error.instance_path)) or '(whole)'}: {_shortened(error.message)}"
            for error, _ in zip(validator.iter_errors(instance), range(FAULTS_MAX), strict=False)
        ]

    def validator(self, *pointer: str) -> Any:
        """Return a validator of the schema that stands there, which judges formats, too."""
        steps = "/".join(step.replace("~", "~0").replace("/", "~1") for step in pointer)
        steps = steps.replace("{", "%7B").replace("}", "%7D")
        return jsonschema_rs.Draft202012Validator(
            {"$ref": f"{self._uri}#/{steps}"}, registry=self._registry, validate_formats=True
        )

    @property
    def _uri(self) -> str:
        return f"urn:raxx:{self.name}"

    @cached_property
    def _registry(self) -> Any:
        """The document as all its validators read it: made once, for it takes longer than a validator."""
        return jsonschema_rs.Registry([(self._uri, self.content)], draft=jsonschema_rs.Draft202012)

    def _resolved(self, response: dict[str, Any] | None) -> dict[str, Any] | None:
        if response is None or "$ref" not in response:
            return response
        found: Any = self.content
        for step in response["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return dict(found)

    @cached_property
    def _patterns(self) -> list[tuple[str, re.Pattern[str]]]:
        """Templates and what they match: the one with the fewest parameters first.

        Where none fits so, the last parameter may hold slashes: `BTC/USD` is one symbol.
        """
        templates = sorted(self.content["paths"], key=lambda template: (template.count("{"), template))
        whole = [(template, re.escape(template)) for template in templates]
        plain = [(template, _PARAMETER.sub("[^/]+", text)) for template, text in whole]
        wide = [
            (template, _PARAMETER.sub("[^/]+", _LAST_PARAMETER.sub(".+", text)))
            for template, text in reversed(whole)
        ]
        return [(template, re.compile(text)) for template, text in (*plain, *wide)]
