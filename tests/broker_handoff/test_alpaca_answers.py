"""What each answer of Alpaca's leaves certain, by the SDK's own client against a server that misbehaves."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from broker_handoff.adapters.alpaca import AlpacaBroker, client_of
from broker_handoff.ports import BrokerRefused, BrokerUnavailable, OutcomeUnknown, TokenRefused
from broker_handoff.states import IntentStatus
from tests.acceptance.house import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MINE = UUID(int=7)
TERMS = {"symbol": "AAPL", "side": "buy", "type": "market", "time_in_force": "day", "qty": "0.123456789"}
# As Alpaca's document shows one, with the fields that Raxx does not have and words that it does not use.
ORDER = {
    "id": "61e69015-8549-4bfd-b9c3-01e75843f47d",
    "client_order_id": str(MINE),
    "created_at": "2021-03-16T18:38:01.942282Z",
    "updated_at": "2021-03-16T18:38:01.942282Z",
    "submitted_at": "2021-03-16T18:38:01.937734Z",
    "asset_class": "us_equity",
    "symbol": "AAPL",
    "notional": None,
    "qty": "1",
    "filled_qty": "0.5",
    "filled_avg_price": "129.123456",
    "order_class": "",
    "side": "buy",
    "status": "done_for_day",
    "legs": None,
    "subtag": None,
}


@dataclass
class Rude:
    """A server that answers everything with the same, or hangs up. `seen` are the requests that it read whole."""

    url: str = ""
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hangs_up: bool = False
    seen: list[tuple[str, str, Any, str]] = field(default_factory=list)  # method, path, body, authorization
    keys: list[tuple[str, str]] = field(default_factory=list)  # the id and the secret of those with a key

    def broker(self) -> AlpacaBroker:
        return AlpacaBroker(token="T.S", url=self.url, connect_s=2, read_s=2)


@contextmanager
def serving(rude: Rude) -> Iterator[Rude]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(length)
            authorization = self.headers.get("Authorization", "")
            rude.seen.append((self.command, self.path, json.loads(sent) if sent else None, authorization))
            if key_id := self.headers.get("APCA-API-KEY-ID"):
                rude.keys.append((key_id, self.headers.get("APCA-API-SECRET-KEY", "")))
            if rude.hangs_up:
                return
            self.send_response(rude.status)
            for name, value in {"Content-Length": str(len(rude.body)), **rude.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(rude.body)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        rude.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield rude
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def rude() -> Iterator[Rude]:
    with serving(Rude()) as server:
        yield server


def told(code: int, message: str) -> bytes:
    return json.dumps({"code": code, "message": message}).encode()


PAGE = b"<html><body>upstream connect error</body></html>"


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        pytest.param(400, told(40010000, "bad"), BrokerRefused, id="400"),
        pytest.param(401, told(40110000, "unauthorized."), TokenRefused, id="401"),
        pytest.param(403, told(40110000, "request is not authorized"), TokenRefused, id="403 of the token"),
        pytest.param(403, told(40310000, "insufficient buying power"), BrokerRefused, id="403 of the order"),
        pytest.param(404, told(40410000, "order not found"), BrokerRefused, id="404"),
        pytest.param(408, told(40810000, "time-out"), OutcomeUnknown, id="408"),
        pytest.param(422, told(42210000, "asset is not tradable"), BrokerRefused, id="422"),
        pytest.param(
            422, told(40010001, "client_order_id must be unique"), OutcomeUnknown, id="422 of the id"
        ),
        pytest.param(429, told(42910000, "rate limit exceeded"), BrokerUnavailable, id="429"),
        pytest.param(429, b"", BrokerUnavailable, id="429 without words"),
        pytest.param(403, PAGE, OutcomeUnknown, id="403 of a gateway"),
        pytest.param(404, PAGE, OutcomeUnknown, id="404 of a gateway"),
        pytest.param(500, told(50010000, "internal"), OutcomeUnknown, id="500"),
        pytest.param(502, PAGE, OutcomeUnknown, id="502"),
        pytest.param(503, told(50310000, "unavailable"), OutcomeUnknown, id="503"),
        pytest.param(504, told(50410000, "time-out"), OutcomeUnknown, id="504"),
        pytest.param(302, b"", OutcomeUnknown, id="302"),
        pytest.param(200, b"", OutcomeUnknown, id="nothing"),
        pytest.param(200, b"{", OutcomeUnknown, id="half"),
        pytest.param(200, b"[]", OutcomeUnknown, id="a list"),
        pytest.param(200, b'{"id": "x"}', OutcomeUnknown, id="another thing"),
    ],
)
def test_an_answer_to_a_submission_leaves_this_certain(
    rude: Rude, status: int, body: bytes, error: type[Exception]
) -> None:
    rude.status, rude.body = status, body

    with pytest.raises(Exception) as raised:  # noqa: PT011 - which one is what is asserted
        rude.broker().submit(MINE, TERMS)

    # Not one that it inherits from, and asked for once: the SDK would ask again after 429 and 504.
    assert raised.type in {error, *error.__subclasses__()} - (
        {TokenRefused} if error is BrokerRefused else set()
    )
    assert len(rude.seen) == 1


def test_a_connection_that_is_cut_leaves_nothing_certain(rude: Rude) -> None:
    rude.hangs_up = True

    with pytest.raises(OutcomeUnknown):
        rude.broker().submit(MINE, TERMS)
    assert len(rude.seen) == 1


def test_an_answer_that_is_cut_short_leaves_nothing_certain(rude: Rude) -> None:
    rude.body, rude.headers = json.dumps(ORDER).encode(), {"Content-Length": "100000"}

    with pytest.raises(OutcomeUnknown):
        rude.broker().submit(MINE, TERMS)


def test_where_nobody_listens_nothing_was_done() -> None:
    with pytest.raises(BrokerUnavailable, match="not reached"):
        AlpacaBroker(token="T.S", url=f"http://127.0.0.1:{free_port()}").submit(MINE, TERMS)


@pytest.mark.parametrize(
    ("status", "body", "is_none"),
    [
        pytest.param(404, told(40410000, "order not found for x"), True, id="alpaca says so"),
        pytest.param(404, PAGE, False, id="a gateway says so"),
        pytest.param(404, b"", False, id="nobody says so"),
        pytest.param(500, told(50010000, "internal"), False, id="500"),
    ],
)
def test_only_alpacas_own_word_says_that_there_is_no_such_order(
    rude: Rude, status: int, body: bytes, is_none: bool
) -> None:
    rude.status, rude.body = status, body

    if is_none:
        assert rude.broker().order_of(MINE) is None
    else:
        with pytest.raises(OutcomeUnknown):
            rude.broker().order_of(MINE)


def test_terms_travel_exactly_as_they_are_and_the_token_as_a_bearer(
    rude: Rude, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    rude.body = json.dumps(ORDER).encode()

    rude.broker().submit(MINE, TERMS)

    ((method, path, body, authorization),) = rude.seen
    assert (method, path, authorization) == ("POST", "/v2/orders", "Bearer T.S")
    assert body == {**TERMS, "client_order_id": str(MINE)}


def test_an_order_is_read_exactly_and_an_unknown_word_works(rude: Rude) -> None:
    rude.body = json.dumps(ORDER).encode()

    order = rude.broker().order_of(MINE)

    assert order is not None
    assert (order.status, order.word) == (IntentStatus.WORKING, "done_for_day")
    assert (order.filled_quantity, order.filled_average_price) == (Decimal("0.5"), Decimal("129.123456"))


def test_the_brokers_wish_to_wait_is_told(rude: Rude) -> None:
    rude.status, rude.headers = 429, {"Retry-After": "17"}

    with pytest.raises(BrokerUnavailable) as away:
        rude.broker().submit(MINE, TERMS)
    assert away.value.retry_after_s == 17


def test_the_client_still_has_what_we_switch_off() -> None:
    from alpaca.trading.client import TradingClient

    untouched = TradingClient(oauth_token="T.S", url_override="http://127.0.0.1:1")

    assert untouched._retry > 0
    assert 504 in untouched._retry_codes
    assert client_of("T.S", "http://127.0.0.1:1")._retry == 0


def test_the_token_is_in_no_text_of_the_adapter(rude: Rude) -> None:
    rude.hangs_up = True
    broker = AlpacaBroker(token="canary-token", url=rude.url)

    with pytest.raises(OutcomeUnknown) as raised:
        broker.submit(MINE, TERMS)

    assert "canary" not in repr(broker)
    assert "canary" not in "".join(map(str, [raised.value, raised.value.__cause__, raised.value.args]))


def test_an_answer_that_repeats_the_token_is_read_without_it(rude: Rude) -> None:
    token = "CANARY.w8Zq/3vT-0nLk7RxPb2"
    escaped = token.replace("/", "\\/")
    broker = AlpacaBroker(token=token, url=rude.url)
    rude.body = json.dumps({**ORDER, "status": token}).encode()
    assert broker.submit(MINE, TERMS).word == "(the token)"

    rude.status, rude.body = 403, f'{{"code": 40310000, "message": "no {token} or {escaped}"}}'.encode()
    with pytest.raises(BrokerRefused) as refused:
        broker.submit(MINE, TERMS)

    assert refused.value.words == "no (the token) or (the token)"


def test_a_key_is_sent_as_alpaca_documents_it_and_no_token_with_it(rude: Rude) -> None:
    rude.body = json.dumps(ORDER).encode()

    AlpacaBroker(token="a secret of a key", url=rude.url, key_id="PK1").submit(MINE, TERMS)

    assert rude.seen[0][3] == ""
    assert rude.keys == [("PK1", "a secret of a key")]
