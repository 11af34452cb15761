"""One path and method of the document: what it takes, and everything that it may answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trading.api.schema.failures import FOR_ALL, FOR_BODIES, failure
from trading.api.schema.parts import JSON, Answer, Schema, ref

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path. `refusals` are the statuses beyond those that any operation may answer."""

    name: str
    tag: str
    summary: str
    answers: Mapping[int, Answer]
    description: str = ""
    parameters: tuple[Schema, ...] = ()
    body: str = ""  # a schema's name
    is_body_needed: bool = True
    body_examples: Mapping[str, Any] = field(default_factory=dict)
    refusals: tuple[int, ...] = ()
    scopes: tuple[str, ...] = ("read",)  # of which a key needs one
    is_public: bool = False
    needs_session: bool = False  # a signed-in browser; no key will do
    is_stepped_up: bool = False  # a browser's person has shown their passkey in the last five minutes

    def as_openapi(self) -> Schema:
        """Return it as the document has it."""
        found: Schema = {"operationId": self.name, "tags": [self.tag], "summary": self.summary}
        if words := [each for each in (self.description, self._who_may()) if each]:
            found["description"] = " ".join(words)
        if self.parameters:
            found["parameters"] = list(self.parameters)
        if self.body:
            media: Schema = {"schema": ref(self.body)}
            if self.body_examples:
                media["examples"] = {name: {"value": value} for name, value in self.body_examples.items()}
            found["requestBody"] = {"required": self.is_body_needed, "content": {JSON: media}}
        statuses = set(self.refusals)
        if not self.is_public:
            statuses |= FOR_ALL | (FOR_BODIES if self.body else set())
        found["responses"] = {
            **{str(status): answer.as_openapi() for status, answer in sorted(self.answers.items())},
            **{str(status): failure(status) for status in sorted(statuses)},
        }
        if self.is_public:
            found["security"] = []
        elif self.needs_session:
            found["security"] = [{"Session": []}]
        return found

    def _who_may(self) -> str:
        """Return who may ask for it; empty for what anybody may."""
        if self.is_public:
            return ""
        fresh = "Needs a passkey shown in the last five minutes, else 401 with `error` `step_up_required`."
        if not self.needs_session:
            words = [f"Scope: {' or '.join(f'`{word}`' for word in self.scopes)}."]
            return " ".join(
                [*words, *([f"In a browser: {fresh[0].lower()}{fresh[1:]}"] if self.is_stepped_up else [])]
            )
        return " ".join(["For a signed-in person, not for a key.", *([fresh] if self.is_stepped_up else [])])
