"""The judge of answers notices what it is there for."""

from __future__ import annotations

import re

import pytest

from tests.contract import hook
from tests.contract.deviations import DEVIATIONS
from trading.api import clock


@pytest.fixture
def told():
    """Return the faults that a test causes; they are not the test's own failure."""
    yield hook.faults
    hook.faults.clear()


@pytest.fixture
def hours(monkeypatch):
    """Return a function that changes what the clock's answer says."""

    def change(**fields):
        plain = clock.json_response
        monkeypatch.setattr(clock, "json_response", lambda body: plain({**body, **fields}))

    return change


def test_a_value_of_another_type_is_a_fault_by_both_documents(almighty, told, hours):
    hours(is_open="yes")

    almighty.get("/v2/clock")

    assert [fault.partition(":")[0] for fault in told] == ["trading-api", "raxx"]
    assert all("is_open" in fault for fault in told)


def test_a_field_that_is_not_documented_is_a_fault_by_ours(almighty, told, hours):
    hours(weather="fair")

    almighty.get("/v2/clock")

    assert [fault.partition(":")[0] for fault in told] == ["raxx"]


def test_an_instant_that_is_none_is_a_fault(almighty, told, hours):
    hours(next_open="tomorrow")

    almighty.get("/v2/clock")

    assert any("date-time" in fault for fault in told)


def test_a_status_that_is_not_documented_is_a_fault(almighty, told, monkeypatch):
    from trading.errors import BodyTooLarge

    def endless(_market_id):
        raise BodyTooLarge("of a request without one")

    monkeypatch.setattr(clock.reference, "market_now", endless)

    almighty.get("/v2/clock")

    assert told == ["raxx: GET /v2/clock 413: status 413 is not documented"]


def test_an_answer_that_is_as_it_should_be_has_no_faults(almighty, known):
    for path in (
        "/v2/clock",
        "/v2/account",
        "/v2/orders",
        "/v2/positions",
        f"/v2/orders/{known['order_id'][0]}",
    ):
        assert almighty.get(path).status_code == 200

    assert hook.faults == []


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda deviation: deviation.fault[:40])
def test_each_deviation_is_of_an_operation_that_there_is(deviation):
    operations = [str(operation) for document in hook.alpaca() for operation in document.operations]

    assert [each for each in operations if re.fullmatch(deviation.operation, each)]
    assert len(deviation.reason) > 20


def test_a_path_that_both_a_name_and_a_parameter_fit_means_the_name():
    document = hook.ours()

    assert str(document.find("GET", "/v2/stocks/bars/latest")) == "GET /v2/stocks/bars/latest"
    assert str(document.find("GET", "/v2/stocks/IBM/bars")) == "GET /v2/stocks/{symbol}/bars"
    assert str(document.find("GET", "/v2/assets/BTC/USD")) == "GET /v2/assets/{symbol_or_asset_id}"
    assert document.find("PUT", "/v2/assets/IBM") is None
