"""Requests that nobody would think of, made from a document, and what is wrong with the answers.

`Served` is the project as a WSGI application, called as the database role that serves people and with a
bot's key. A document's strategies make up values that its schemas allow, or (negative) forbid; half of
the time they take values that exist, or a request of the document's own examples, so that not every
answer is a refusal. Answers are judged by schemathesis and, by the hook, by every document.

The budget is RAXX_FUZZ_EXAMPLES requests of each kind and operation; `make fuzz` has a larger one.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.conftest import as_web
from tests.contract import hook
from tests.factories.rows import SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from schemathesis import HookContext
    from schemathesis.schemas import APIOperation, BaseSchema

    from tests.api.conftest import Bot
    from tests.contract.documents import Document

EXAMPLES = int(os.environ.get("RAXX_FUZZ_EXAMPLES", "4"))
MARKS = [pytest.mark.timeout(240 + EXAMPLES * 60), pytest.mark.usefixtures("_nobody_is_waited_for")]
# What suspends trading, or takes the world away, comes when all else is done.
LAST = ("/v2/account/configurations", "/raxx/v1/accounts", "/raxx/v1/market/tape")

TOLD_MAX = 5  # faults of one operation: the others are mostly the same
UNAVAILABLE = 503
ANY_TEXT = {"type": "string"}
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Where no matcher runs, these say so: they cannot be answered otherwise.
NEEDS_MATCHERS = frozenset({"advanceTape", "restartTape", "isReady"})


class Served:
    """The project, called by `bot`; `statuses` counts the answers by method, path and status."""

    def __init__(self, bot: Bot, document: dict[str, Any]) -> None:
        self.statuses: Counter[tuple[str, str, int]] = Counter()
        self._document = json.dumps(document).encode()
        self._handler = WSGIHandler()
        self.bot = bot

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request; that for the document itself is not the project's to answer."""
        if environ["PATH_INFO"] == "/the-document.json":
            start_response("200 OK", [("Content-Type", "application/json")])
            return [self._document]

        def counting(status: str, *rest: Any) -> Any:
            self.statuses[environ["REQUEST_METHOD"], environ["PATH_INFO"], int(status[:3])] += 1
            return start_response(status, *rest)

        credential = {"HTTP_APCA_API_KEY_ID": self.bot.key.pk, "HTTP_APCA_API_SECRET_KEY": SECRET}
        plain = {name: value for name, value in environ.items() if name != "HTTP_ACCEPT_ENCODING"}
        with as_web():
            return list(self._handler({**plain, **credential}, counting))

    def answered(self, method: str, prefix: str, status: int) -> int:
        """Return how often paths that begin so were answered so."""
        return sum(
            count
            for (verb, path, code), count in self.statuses.items()
            if verb == method and path.startswith(prefix) and code == status
        )


def load(app: Served, *, known: Mapping[str, list[str]], examples: int, sense: int = 1) -> BaseSchema:
    """Return the document's schema, which makes `examples` requests of a kind.

    `known` are values of the paths' parameters that exist; of bodies, `sense` to one are the document's
    examples.
    """
    generation = GenerationConfig(
        max_examples=examples,
        with_security_parameters=False,  # the key is ours
        deterministic=True,
        database="none",
    )
    project = ProjectConfig(generation=generation)
    config = SchemathesisConfig(projects=ProjectsConfig(default=project))
    schema = schemathesis.openapi.from_wsgi("/the-document.json", app, config=config)

    # What is made up to be wrong is no plain dictionary, and stays wrong.
    def before_generate_body(context: HookContext, strategy: st.SearchStrategy[Any]) -> Any:
        found = _body_examples(context.operation)

        def sensible(body: Any) -> st.SearchStrategy[Any]:
            if not found or not isinstance(body, dict):
                return st.just(body)
            return st.one_of(*[st.sampled_from(found)] * sense, st.just(body))

        return strategy.flatmap(sensible)

    def before_generate_path_parameters(_: HookContext, strategy: st.SearchStrategy[Any]) -> Any:
        def existing(parameters: Any) -> st.SearchStrategy[Any]:
            names = [name for name in parameters if name in known] if isinstance(parameters, dict) else []
            if not names:
                return st.just(parameters)
            found = st.fixed_dictionaries({name: st.sampled_from(known[name]) for name in names})
            return st.one_of(found.map(lambda values: {**parameters, **values}), st.just(parameters))

        return strategy.flatmap(existing)

    schema.hooks.hook(before_generate_body)
    schema.hooks.hook(before_generate_path_parameters)
    return schema


def _body_examples(operation: APIOperation | None) -> list[Any]:
    if operation is None:
        return []
    content = (operation.definition.raw.get("requestBody") or {}).get("content") or {}
    return [each["value"] for media in content.values() for each in (media.get("examples") or {}).values()]


def operations(schema: BaseSchema, wanted: Callable[[str, str], bool]) -> Iterator[APIOperation]:
    """Yield the operations whose method and path template are wanted."""
    for found in schema.get_all_operations():
        operation = found.ok()
        if wanted(operation.method.upper(), operation.path):
            yield operation


def fuzzed(
    bot: Bot,
    known: Mapping[str, list[str]],
    document: Document,
    wanted: Callable[[str, str], bool],
    *,
    is_ours: bool,
) -> tuple[int, Served, list[str]]:
    """Call the operations that are wanted; return how many, who answered, and what was wrong with the answers."""
    app = Served(bot, document.content)
    schema = load(app, known=known, examples=EXAMPLES)
    chosen = sorted(operations(schema, wanted), key=lambda operation: operation.path.startswith(LAST))
    faults = [
        fault for each in chosen for fault in faults_of(each, known, examples=EXAMPLES, is_ours=is_ours)
    ]
    return len(chosen), app, faults


def faults_of(
    operation: APIOperation, known: Mapping[str, list[str]], *, examples: int, is_ours: bool
) -> list[str]:
    """Send requests of an operation: its examples, then right ones and wrong ones.

    Return what is wrong with the answers.
    """
    found: dict[str, None] = {}
    for fault in _example_faults(operation, known, is_ours=is_ours):
        found.setdefault(fault)
    for mode in [GenerationMode.POSITIVE] if _takes_anything(operation) else GenerationMode:
        strategy = operation.as_strategy(generation_mode=mode)
        try:
            _send(strategy, examples, is_ours=is_ours, tell=found.setdefault)
        except Unsatisfiable:
            if mode is GenerationMode.POSITIVE:
                raise
            # Nothing wrong can be made up here either, for some other reason.
    return list(found)[:TOLD_MAX]


def _takes_anything(operation: APIOperation) -> bool:
    """Say whether nothing wrong can be made up: any text fits into such a path. To find that out takes a second."""
    if operation.body:
        return False
    return all(
        parameter.location.value == "path" and parameter.definition.get("schema") == ANY_TEXT
        for parameter in operation.iter_parameters()
    )


def _example_faults(
    operation: APIOperation, known: Mapping[str, list[str]], *, is_ours: bool
) -> Iterator[str]:
    names = [parameter.name for parameter in operation.path_parameters]
    if all(name in known for name in names):
        for body in _body_examples(operation):
            path = {name: known[name][0] for name in names}
            case = operation.Case(path_parameters=path, body=body, media_type="application/json")
            yield from answer_faults(case, is_ours=is_ours)[0]


def _send(
    strategy: st.SearchStrategy[Any], examples: int, *, is_ours: bool, tell: Callable[[str], Any]
) -> None:
    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def sending(case: schemathesis.Case) -> None:
        for fault in answer_faults(case, is_ours=is_ours)[0]:
            tell(fault)

    sending()


def answer_faults(case: schemathesis.Case, *, is_ours: bool) -> tuple[list[str], schemathesis.Response]:
    """Send one request; return what is wrong with its answer, and the answer."""
    hook.faults.clear()
    response = case.call()
    found, hook.faults[:] = list(hook.faults), []
    told = f"{case.method} {case.formatted_path}"
    name = case.operation.definition.raw.get("operationId")
    if response.status_code >= 500 and not (name in NEEDS_MATCHERS and response.status_code == UNAVAILABLE):
        found.append(f"answered {response.status_code}")
    if is_ours:
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as group:
            found += [str(failure) for failure in group.exceptions]
    return [f"{told}: {fault}\n{case.as_curl_command()}" for fault in found], response
