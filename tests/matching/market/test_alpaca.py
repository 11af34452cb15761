from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from msgpack import Timestamp

from matching.engine.types import SHARE, Kind
from matching.market.alpaca import AlpacaStream, Credentials, Update, updates_of
from matching.market.errors import FeedUnavailable
from tests.matching.market.stub_stream import StubStream

if TYPE_CHECKING:
    from collections.abc import Iterator

# The SDK is written for the older interface of `websockets`.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

STAMP = Timestamp(1_795_000_000, 123_456_789)
AT = 1_795_000_000_123_456_789
QUOTE = {
    "T": "q",
    "S": "IBM",
    "bp": 181.02,
    "bs": 300,
    "ap": 181.05,
    "as": 100,
    "c": ["R"],
    "z": "A",
    "t": STAMP,
}
TRADE = {
    "T": "t",
    "S": "IBM",
    "p": 181.0501,
    "s": 0.5,
    "c": ["@", "I"],
    "z": "A",
    "i": 1,
    "x": "V",
    "t": STAMP,
}
CREDENTIALS = Credentials(key_id="KEY", secret_key="SECRET")


STATUS = {"T": "s", "S": "IBM", "sc": "H", "sm": "Trading Halt", "rc": "T1", "rm": "", "z": "C", "t": STAMP}


def test_a_quote_is_converted_exactly() -> None:
    assert updates_of(QUOTE) == [
        Update(
            symbol="IBM",
            kind=Kind.QUOTE,
            at=AT,
            bid=1810200,
            bid_size=300 * SHARE,
            ask=1810500,
            ask_size=100 * SHARE,
        )
    ]


def test_a_side_without_price_or_size_is_absent() -> None:
    (update,) = updates_of({**QUOTE, "bp": 0, "as": 0})
    assert (update.bid, update.bid_size, update.ask, update.ask_size) == (0, 0, 0, 0)


def test_a_print_is_converted_exactly() -> None:
    assert updates_of(TRADE) == [
        Update(symbol="IBM", kind=Kind.TRADE, at=AT, price=1810501, size=SHARE // 2, eligible=False)
    ]


@pytest.mark.parametrize(
    ("codes", "tape", "exchange", "kind"),
    [
        pytest.param([" ", "O"], "A", "N", Kind.OPENING_AUCTION, id="NYSE opens"),
        pytest.param(["@", "O", "X"], "C", "Q", Kind.OPENING_AUCTION, id="Nasdaq opens"),
        pytest.param(["Q"], "B", "P", Kind.OPENING_AUCTION, id="Arca's official open"),
        pytest.param(["6"], "A", "N", Kind.CLOSING_AUCTION, id="NYSE closes"),
        pytest.param(["M"], "B", "Z", Kind.CLOSING_AUCTION, id="BZX's official close"),
        pytest.param(["Q"], "A", "Q", None, id="Nasdaq's open of what NYSE lists"),
        pytest.param(["O"], "C", "V", None, id="IEX lists none"),
        pytest.param(["5"], "A", "N", None, id="a reopening"),
        pytest.param(["@"], "A", "N", None, id="regular"),
        pytest.param(["O"], "", "N", None, id="an unknown tape"),
    ],
)
def test_the_listing_exchanges_official_prints_are_auctions_too(
    codes: list[str], tape: str, exchange: str, kind: Kind | None
) -> None:
    print_, *auctions = updates_of({**TRADE, "c": codes, "z": tape, "x": exchange})
    assert print_.kind is Kind.TRADE
    expected = (
        [] if kind is None else [Update(symbol="IBM", kind=kind, at=AT, price=1810501, size=SHARE // 2)]
    )
    assert [replace(auction, eligible=True) for auction in auctions] == expected


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        pytest.param("2", Kind.HALT, id="tapes A and B: halt"),
        pytest.param("3", Kind.RESUME, id="tapes A and B: resume"),
        pytest.param("H", Kind.HALT, id="tape C: halt"),
        pytest.param("P", Kind.HALT, id="tape C: volatility pause"),
        pytest.param("T", Kind.RESUME, id="tape C: trading resumes"),
        pytest.param("Q", None, id="tape C: quoting resumes, trading does not yet"),
        pytest.param("5", None, id="an indication"),
    ],
)
def test_a_status_halts_resumes_or_does_neither(code: str, kind: Kind | None) -> None:
    expected = [] if kind is None else [Update(symbol="IBM", kind=kind, at=AT)]
    assert updates_of({**STATUS, "sc": code}) == expected


@pytest.mark.parametrize(
    ("codes", "tape", "eligible"),
    [
        (["@"], "C", True),
        (["@", "F"], "A", True),
        (["@", "T"], "C", True),
        (None, "A", True),
        (["@", "I"], "C", False),
        (["Z"], "A", False),
        (["4"], "A", False),
        (["B"], "A", False),
        (["B"], "C", True),
        (["W"], "C", False),
    ],
)
def test_the_tapes_codes_decide_whether_a_print_may_fill(
    codes: list[str] | None, tape: str, eligible: bool
) -> None:
    (update,) = updates_of({**TRADE, "c": codes, "z": tape})
    assert update.eligible is eligible


@pytest.mark.parametrize("change", [{"p": 0}, {"s": 0}])
def test_a_print_of_nothing_is_left_out(change: dict[str, Any]) -> None:
    assert updates_of({**TRADE, **change}) == []


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        pytest.param({}, "set RAXX_ALPACA_KEY_ID and RAXX_ALPACA_SECRET_KEY", id="no key"),
        pytest.param({"RAXX_ALPACA_KEY_ID": "k"}, "set RAXX_ALPACA_SECRET_KEY", id="no secret"),
        pytest.param(
            {"RAXX_ALPACA_KEY_ID": " ", "RAXX_ALPACA_SECRET_KEY": "s"}, "set RAXX_ALPACA_KEY_ID", id="blank"
        ),
        pytest.param(
            {"RAXX_ALPACA_KEY_ID": "k", "RAXX_ALPACA_SECRET_KEY": "s", "RAXX_ALPACA_FEED": "otc"},
            "RAXX_ALPACA_FEED is 'otc'; it must be iex or sip",
            id="another feed",
        ),
    ],
)
def test_a_missing_variable_is_named(environment: dict[str, str], text: str) -> None:
    with pytest.raises(FeedUnavailable) as caught:
        Credentials.of_environment(environment)
    assert text in str(caught.value)


def test_credentials_are_never_shown() -> None:
    credentials = Credentials.of_environment(
        {"RAXX_ALPACA_KEY_ID": "KEY", "RAXX_ALPACA_SECRET_KEY": "SECRET"}
    )
    assert credentials == CREDENTIALS
    assert "SECRET" not in repr(credentials)
    assert "KEY" not in repr(credentials)


class Listener:
    """A stream that is read by the test's thread."""

    def __init__(self, url: str) -> None:
        self.ready = threading.Event()
        self.stream = AlpacaStream(CREDENTIALS, ["IBM", "BAC"], self.ready.set, url=url)

    def next(self, count: int) -> list[Update]:
        found: list[Update] = []
        while len(found) < count:
            assert self.ready.wait(30)
            self.ready.clear()
            found += self.stream.take()
        return found

    def take_until_the_end(self) -> None:
        while True:  # the thread tells that it ends a moment before it has ended
            self.stream.take()


@pytest.fixture
def server() -> Iterator[StubStream]:
    with StubStream() as stub:
        yield stub


@pytest.fixture
def listener(server: StubStream) -> Iterator[Listener]:
    listener = Listener(server.url)
    listener.stream.start()
    yield listener
    stopping = threading.Thread(target=listener.stream.stop)
    stopping.start()
    while stopping.is_alive():  # the SDK looks for a stop after each message, else every five seconds
        server.send(QUOTE)
        stopping.join(0.05)


def test_the_stream_subscribes_and_delivers_in_order(server: StubStream, listener: Listener) -> None:
    wish = server.subscriptions.get(timeout=30)
    assert [wish[name] for name in ("quotes", "trades", "statuses")] == [["IBM", "BAC"]] * 3
    server.send(QUOTE, {**TRADE, "S": "BAC"})
    server.send({**STATUS, "sc": "Q"})  # of no use
    server.send(STATUS, TRADE)
    assert [(update.symbol, update.kind) for update in listener.next(4)] == [
        ("IBM", Kind.QUOTE),
        ("BAC", Kind.TRADE),
        ("IBM", Kind.HALT),
        ("IBM", Kind.TRADE),
    ]
    assert listener.stream.take() == []


def test_after_a_lost_connection_the_stream_comes_back(server: StubStream, listener: Listener) -> None:
    server.subscriptions.get(timeout=30)
    server.drop()
    server.subscriptions.get(timeout=30)
    server.send(QUOTE)
    assert len(listener.next(1)) == 1


def test_a_key_without_the_right_ends_the_feed_with_a_reason() -> None:
    with StubStream(refusal="insufficient subscription") as server:
        listener = Listener(server.url)
        listener.stream.start()
        assert listener.ready.wait(30)
        with pytest.raises(FeedUnavailable, match="ended for good: the key has no right to this feed"):
            listener.take_until_the_end()
