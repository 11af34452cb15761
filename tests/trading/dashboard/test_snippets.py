"""The request behind the ticket: what a bot would send is what the page sends, for the SDK and for a shell."""

from __future__ import annotations

import json
import shlex
from decimal import Decimal

import pytest
from alpaca.trading.client import TradingClient

from tests.trading.dashboard.test_estimate import PLACED, body_of
from trading.api.bodies import order_decoder, ticket_of
from trading.dashboard.snippets import REQUESTS, curl_of, python_of, wire_of

HERE = "https://paper.example"
ODD = {
    "a name with quotes": {
        "type": "limit",
        "limit_price": "1.5",
        "client_order_id": 'it\'s "mine" \\ $(true) ünïcode',
    },
    "many decimals": {"type": "market", "qty": "0.123456789"},
    "a large price": {"type": "limit", "limit_price": "123456789.25"},
    "an auction": {"type": "market", "time_in_force": "opg"},
    "all or nothing": {"type": "market", "time_in_force": "fok"},
}
ORDERS = {**{name: terms for name, (terms, _) in PLACED.items()}, **ODD}


class Sent(Exception):
    """What the SDK would have sent."""


def exact(value):
    """Return a body with its numbers as decimals: the SDK sends binary numbers, the page their digits."""
    if isinstance(value, dict):
        return {name: exact(inner) for name, inner in value.items()}
    if isinstance(value, bool):
        return value
    try:
        return Decimal(str(value))
    except ArithmeticError:
        return value


def wire_for(terms):
    return wire_of(ticket_of(order_decoder.decode(json.dumps(body_of(terms)))))


@pytest.mark.parametrize("terms", ORDERS.values(), ids=ORDERS)
def test_the_python_of_an_order_sends_the_page_s_request(monkeypatch, terms):
    wire = wire_for(terms)

    def post(self, path, data=None, **_):
        raise Sent(self._base_url, path, json.loads(json.dumps(data, default=str)))

    monkeypatch.setattr(TradingClient, "post", post)
    with pytest.raises(Sent) as sent:
        exec(compile(python_of(wire, HERE), "snippet", "exec"), {})  # noqa: S102 - our own program

    base_url, path, body = sent.value.args
    assert (base_url, path) == (HERE, "/orders")
    assert exact(body) == exact(wire) == exact(body_of(terms))


@pytest.mark.parametrize("terms", ORDERS.values(), ids=ORDERS)
def test_the_shell_reads_the_same_request_out_of_the_curl_line(terms):
    wire = wire_for(terms)

    words = shlex.split(curl_of(wire, HERE))

    assert words[:4] == ["curl", "-X", "POST", f"{HERE}/v2/orders"]
    assert json.loads(words[-1]) == wire
    assert "APCA-API-KEY-ID: YOUR_KEY_ID" in words


def test_every_order_type_has_a_request_of_the_sdk():
    assert {terms["type"] for terms in ORDERS.values()} == set(REQUESTS)
