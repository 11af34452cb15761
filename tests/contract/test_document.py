"""Our document is what is served, whole, true to itself, and the same as the committed one."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import URLPattern, get_resolver
from drf_spectacular.validation import validate_schema

from accounts.api import passkeys
from broker_handoff.api import bodies as live
from raxx import docs, errors
from tests.contract import hook
from trading.api import (
    accounts,
    bodies,
    configurations,
    first_steps,
    keys,
    profiles,
    tape,
    watchlists,
    webhooks,
)
from trading.api.schema import auto, table
from trading.api.schema.failures import METHOD, responses

# The bodies that views read -> the schemas that speak of them.
BODIES = {
    bodies.OrderBody: "OrderRequest",
    bodies.TakeProfitBody: "TakeProfit",
    bodies.StopLossBody: "StopLoss",
    bodies.ReplaceBody: "ReplaceRequest",
    configurations.ConfigurationBody: "ConfigurationRequest",
    watchlists.WatchlistBody: "WatchlistRequest",
    watchlists.SymbolBody: "WatchlistSymbolRequest",
    profiles.ProfileBody: "ProfileRequest",
    webhooks.NewEndpoint: "WebhookRequest",
    webhooks.Changes: "WebhookChangeRequest",
    webhooks.Replay: "WebhookReplayRequest",
    first_steps.Changes: "FirstStepsRequest",
    accounts.NewAccount: "OwnAccountRequest",
    accounts.AccountChanges: "OwnAccountChangeRequest",
    accounts.Reset: "ResetRequest",
    keys.KeyRequest: "ApiKeyRequest",
    keys.KeyChanges: "ApiKeyChangeRequest",
    keys.Rotation: "ApiKeyRotationRequest",
    tape.AdvanceBody: "AdvanceRequest",
    tape.SpeedBody: "SpeedRequest",
    passkeys.NewPasskey: "NewPasskeyRequest",
    passkeys.Name: "PasskeyNameRequest",
    live.OrderBody: "LiveOrderRequest",
    live.ReplaceBody: "LiveReplaceRequest",
    live.LimitsBody: "LiveLimitsRequest",
    live.CloseBody: "LiveSwitchRequest",
}
# Of a method that a path does not have, and of a sign-up that came too late: no operation's answers.
OTHER_REFUSALS = {METHOD, 409}


@pytest.fixture(scope="module")
def document():
    return json.loads(docs.text())


def get(path, **headers):
    return Client().get(path, headers=headers)


def test_the_served_document_is_the_committed_one():
    answer = get("/openapi.json")

    assert answer.status_code == 200
    assert answer.content.decode() == docs.COMMITTED.read_text(encoding="utf-8"), "run `make openapi`"


def test_who_has_the_document_is_not_sent_it_again():
    etag = get("/openapi.json").headers["ETag"]

    assert get("/openapi.json", **{"If-None-Match": etag}).status_code == 304
    assert get("/openapi.json", **{"If-None-Match": '"another"'}).status_code == 200


def test_the_document_is_valid_openapi(document):
    assert document["openapi"].startswith("3.1.")
    validate_schema(document)


def test_a_view_without_an_operation_is_an_error(monkeypatch):
    monkeypatch.delitem(table.OPERATIONS, ("GET", "/v2/clock"))

    with pytest.raises(auto.Undocumented, match="GET /v2/clock"):
        docs.text()


def test_every_operation_of_the_table_is_served(document):
    served = {(method.upper(), path) for path, item in document["paths"].items() for method in item}

    assert set(table.OPERATIONS) <= served
    assert len(served) > 100


def test_every_path_is_documented_or_a_page_for_people(document):
    plain = {
        f"/{pattern.pattern}"
        for pattern in get_resolver().url_patterns
        if isinstance(pattern, URLPattern)
        and not hasattr(pattern.callback, "cls")
        and not hook.is_for_pages(pattern.callback)
    }

    assert plain - set(document["paths"]) == {"/", "/docs"}  # "/" stands for whatever nothing else serves


def test_every_renamed_path_is_still_among_the_urls():
    templates = {auto.template_of(str(pattern.pattern)) for pattern in get_resolver().url_patterns}

    assert set(table.PATHS) <= templates


@pytest.mark.parametrize("body", BODIES, ids=BODIES.values())
def test_a_requests_schema_names_the_fields_that_are_read(body):
    assert set(table.SCHEMAS[BODIES[body]]["properties"]) == set(body.__struct_fields__)


def test_every_request_has_its_struct_among_those_compared():
    assert {operation.body for operation in table.OPERATIONS.values() if operation.body} <= set(
        BODIES.values()
    )


def test_every_status_that_a_failure_has_is_documented():
    documented = {int(each["example"]["code"] // 100_000) for each in _media(responses())} | OTHER_REFUSALS
    statuses = {answer.status for answer in errors.TABLE.values()}

    assert statuses - documented == {422}  # its code begins otherwise
    assert "Unprocessable" in responses()


def _media(found):
    return [media for response in found.values() for media in response["content"].values()]


def test_every_example_is_what_its_schema_says(document):
    judge = hook.Document("examples", document)
    count = 0
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", ()):
            judge.validator("components", "schemas", name).validate(example)
            count += 1
    for path, item in document["paths"].items():
        for method, operation in item.items():
            where = ("paths", path, method)
            for pointer, media in _bodies_of(operation):
                for example in media.get("examples", {}).values():
                    judge.validator(*where, *pointer, "schema").validate(example["value"])
                    count += 1
            for parameter in operation.get("parameters", ()):
                if "example" in parameter:
                    jsonschema_rs.validate(parameter["schema"], parameter["example"])
                    count += 1
    assert count > 60


def _bodies_of(operation):
    request = operation.get("requestBody", {"content": {}})
    for kind, media in request["content"].items():
        yield ("requestBody", "content", kind), media
    for status, response in operation["responses"].items():
        for kind, media in response.get("content", {}).items():
            yield ("responses", status, "content", kind), media


def test_every_link_leads_to_an_operation(document):
    names = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
    links = [
        link["operationId"]
        for item in document["paths"].values()
        for operation in item.values()
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]

    assert len(links) > 10
    assert set(links) <= names


def test_the_pages_load_nothing_from_elsewhere_and_their_policy_forbids_it():
    answer = get("/docs")
    text = answer.content.decode()
    policy = answer.headers["Content-Security-Policy"]

    assert answer.status_code == 200
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "//" not in text.replace("<!doctype html>", "")
    assert "<style" not in text
    assert " style=" not in text
    assets = [part.split('"')[0] for part in text.split('"/static/')[1:]]
    assert len(assets) == 4
    assert [asset for asset in assets if finders.find(asset) is None] == []


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/health/live"])
def test_what_can_only_be_read_refuses_to_be_written(path):
    answer = Client().post(path)

    assert answer.status_code == 405
    assert answer.json()["code"] == 40510000
    assert answer.headers["Allow"] == "GET, HEAD"
