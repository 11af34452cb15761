"""The front, through real sockets, before two small backends that tell what they were sent."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httptools
import pytest

from accounts import tracing
from raxx.front import Front, serve
from raxx.relay import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    Scenario = Callable[["House"], Coroutine[Any, Any, None]]

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
PATIENCE_S = 20.0  # only a hanging test ever waits this long


class Recorder:
    """A backend connection: answers each request with what it was."""

    def __init__(self, backend: Backend, writer: asyncio.StreamWriter) -> None:
        self.backend = backend
        self.writer = writer
        self.parser = httptools.HttpRequestParser(self)
        self.url, self.body = b"", bytearray()
        self.headers: list[tuple[str, str]] = []

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode().lower(), value.decode()))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        seen = {
            "backend": self.backend.name,
            "method": self.parser.get_method().decode(),
            "path": self.url.decode(),
            "headers": self.headers,
            "body_length": len(self.body),
            "body_start": self.body[:20].decode(),
        }
        self.backend.seen.append(seen)
        payload = json.dumps(seen).encode()
        if self.parser.should_upgrade():
            self.writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
            )
        elif self.url.startswith(b"/die"):
            self.writer.transport.abort()
        elif self.url.startswith(b"/endless"):
            self.writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + payload)
            self.writer.close()
        elif self.url == b"/v2/events/trades":
            self.writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for part in (b"data: 1\n\n", b"data: 2\n\n"):
                self.writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            self.writer.write(b"0\r\n\r\n")
        else:
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(payload)
            self.writer.write(head + (b"" if self.parser.get_method() == b"HEAD" else payload))
        self.url, self.headers, self.body = b"", [], bytearray()


@dataclass
class Backend:
    name: str
    path: str
    seen: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0
    met: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.met.set()
        recorder = Recorder(self, writer)
        try:
            while data := await reader.read(65_536):
                try:
                    recorder.parser.feed_data(data)
                except httptools.HttpParserUpgrade as upgrade:
                    await self._echo(reader, writer, data[upgrade.args[0] :])
                    break
        except ConnectionError:
            pass
        self.lost.set()
        writer.close()

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes) -> None:
        writer.write(first)
        while data := await reader.read(65_536):
            writer.write(data)
        writer.write(b"bye")


@dataclass
class House:
    """A running front with both backends."""

    port: int
    web: Backend
    stream: Backend
    front: Front
    stop: asyncio.Event

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def send(self, *parts: bytes) -> bytes:
        """Send the parts and return all that comes back until the connection ends."""
        reader, writer = await self.connect()
        for part in parts:
            writer.write(part)
            await writer.drain()
        answer = await reader.read()
        writer.close()
        return answer


def get(path: str, *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
    """Read one response with a content length."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status = int(head.split()[1])
    length = int(
        next(line for line in head.split("\r\n") if line.lower().startswith("content-length")).split(":")[1]
    )
    return status, json.loads(await reader.readexactly(length))


def split(answer: bytes) -> tuple[int, dict[str, Any]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@asynccontextmanager
async def house(folder: Path, limits: Limits, *, has_web: bool = True) -> AsyncIterator[House]:
    backends = [Backend(name, str(folder / f"{name}.sock")) for name in ("web", "stream")]
    servers = [
        await asyncio.start_unix_server(backend.answer, backend.path)
        for backend in backends
        if has_web or backend.name != "web"
    ]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    front = Front(web=backends[0].path, stream=backends[1].path, limits=limits)
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(front, host="127.0.0.1", port=port, stop=stop))
    await front.listening.wait()
    yield House(port, backends[0], backends[1], front, stop)
    stop.set()
    await serving
    for server in servers:
        server.close()


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., None]:
    """Return a function that runs a scenario against a fresh house."""

    def running(scenario: Scenario, *, limits: Limits | None = None, has_web: bool = True) -> None:
        async def whole() -> None:
            async with house(tmp_path, limits or Limits(), has_web=has_web) as it:
                await scenario(it)

        asyncio.run(asyncio.wait_for(whole(), timeout=PATIENCE_S))

    return running


@pytest.mark.parametrize(
    ("path", "backend"),
    [
        ("/v2/orders", "web"),
        ("/", "web"),
        ("/v2/eventsource", "web"),
        ("/v2/ex", "web"),
        ("/streams", "web"),
        ("/stream", "stream"),
        ("/stream?x=1", "stream"),
        ("/v2/iex", "stream"),
        ("/v2/sip/", "stream"),
        ("http://localhost/v2/iex", "stream"),
        ("http://localhost/v2/orders", "web"),
    ],
)
def test_the_path_decides_which_backend_answers(run: Callable[..., None], path: str, backend: str) -> None:
    async def scenario(house: House) -> None:
        status, seen = split(await house.send(get(path, "Connection: close")))
        assert (status, seen["backend"], seen["path"]) == (200, backend, path)

    run(scenario)


def test_a_kept_connection_serves_web_then_events_then_web_again(run: Callable[..., None]) -> None:
    async def scenario(house: House) -> None:
        reader, writer = await house.connect()
        writer.write(get("/v2/account"))
        assert (await read_answer(reader))[1]["backend"] == "web"
        writer.write(get("/v2/account"))
        assert (await read_answer(reader))[1]["backend"] == "web"
        assert house.web.connections == 1

        writer.write(get("/v2/events/trades"))
        events = await reader.readuntil(b"0\r\n\r\n")
        assert events.count(b"data: ") == 2

        writer.write(get("/v2/clock"))
        assert (await read_answer(reader))[1]["path"] == "/v2/clock"
        writer.close()

    run(scenario)


def test_a_connection_that_carried_requests_can_become_a_websocket(run: Callable[..., None]) -> None:
    async def scenario(house: House) -> None:
        reader, writer = await house.connect()
        writer.write(get("/v2/account"))
        await read_answer(reader)
        writer.write(
            get("/anywhere", "Upgrade: websocket", "Connection: keep-alive, Upgrade") + b"first frame"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"101" in head
        assert await reader.readexactly(11) == b"first frame"
        big = bytes(range(256)) * 8192
        writer.write(big)
        assert await reader.readexactly(len(big)) == big
        writer.write_eof()  # a half-close passes through, and the other half still speaks
        assert await reader.read() == b"bye"
        writer.close()
        assert house.stream.seen[0]["path"] == "/anywhere"

    run(scenario)


def test_pipelined_requests_are_answered_in_order_each_without_the_clients_own_forwarding_headers(
    run: Callable[..., None],
) -> None:
    forged = (
        "X-Forwarded-For: 9.9.9.9",
        "x-forwarded-proto: https",
        "X_Forwarded_Host: evil",
        "X-Forwarded-Port: 1",
        "Forwarded: for=9.9.9.9",
        "X-Real-IP: 9.9.9.9",
        "X-Forwarded-For: 8.8.8.8",
    )

    async def scenario(house: House) -> None:
        reader, writer = await house.connect()
        requests = [get(f"/{number}", *forged) for number in range(5)]
        body = b"x" * 10 + b"GET /smuggled HTTP/1.1\r\nX-Forwarded-For: 7.7.7.7\r\n\r\n"
        requests.insert(2, get("/post", f"Content-Length: {len(body)}", *forged, method="POST") + body)
        requests.insert(4, get("/stream", *forged))
        writer.write(b"".join(requests))
        answers = [(await read_answer(reader))[1] for _ in requests]
        writer.close()

        assert [answer["path"] for answer in answers] == ["/0", "/1", "/post", "/2", "/stream", "/3", "/4"]
        ours = [
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "localhost"),
        ]
        for answer in answers:
            names = {name for name, _ in ours}
            said = [tuple(pair) for pair in answer["headers"] if "forwarded" in pair[0] or "real" in pair[0]]
            assert said == ours, names

    run(scenario)


@pytest.mark.parametrize("piece", [1, 7, 100_000])
def test_a_chunked_body_passes_whole_however_it_is_cut(run: Callable[..., None], piece: int) -> None:
    async def scenario(house: House) -> None:
        chunks = b"".join(
            b"%x;note=1\r\n%b\r\n" % (len(part), part) for part in (b"ab", b"\r\n0\r\n\r\n", b"c" * 300)
        )
        message = (
            get("/post", "Transfer-Encoding: chunked", method="POST") + chunks + b"0\r\nTrailer: 1\r\n\r\n"
        )
        reader, writer = await house.connect()
        for at in range(0, len(message), piece):
            writer.write(message[at : at + piece])
            await writer.drain()
        status, seen = await read_answer(reader)
        assert (status, seen["body_length"]) == (200, 2 + 7 + 300)
        writer.write(get("/next"))
        assert (await read_answer(reader))[1]["path"] == "/next"
        writer.close()

    run(scenario)


def test_a_body_larger_than_every_buffer_passes_whole(run: Callable[..., None]) -> None:
    async def scenario(house: House) -> None:
        size = 20_000_000
        reader, writer = await house.connect()
        writer.write(get("/post", f"Content-Length: {size}", method="POST"))
        for _ in range(20):
            writer.write(b"y" * (size // 20))
            await writer.drain()
        status, seen = await read_answer(reader)
        assert (status, seen["body_length"]) == (200, size)
        writer.close()

    run(scenario)


def test_an_answer_without_a_length_ends_with_its_connection(run: Callable[..., None]) -> None:
    async def scenario(house: House) -> None:
        status, seen = split(await house.send(get("/endless")))
        assert (status, seen["path"]) == (200, "/endless")

    run(scenario)


def test_an_answer_to_head_has_no_body_and_the_connection_goes_on(run: Callable[..., None]) -> None:
    async def scenario(house: House) -> None:
        reader, writer = await house.connect()
        writer.write(get("/one", method="HEAD"))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(get("/two"))
        assert (await read_answer(reader))[1]["path"] == "/two"
        writer.close()

    run(scenario)


def test_a_client_that_half_closes_still_gets_its_answer(run: Callable[..., None]) -> None:
    async def scenario(house: House) -> None:
        reader, writer = await house.connect()
        writer.write(get("/v2/account"))
        writer.write_eof()
        status, seen = split(await reader.read())
        assert (status, seen["path"]) == (200, "/v2/account")
        writer.close()

    run(scenario)


def test_a_client_that_leaves_in_mid_request_leaves_the_backend_too(run: Callable[..., None]) -> None:
    async def scenario(house: House) -> None:
        _, writer = await house.connect()
        writer.write(get("/post", "Content-Length: 1000000", method="POST") + b"z" * 100_000)
        await writer.drain()
        await house.web.met.wait()
        writer.transport.abort()
        await house.web.lost.wait()
        assert house.web.seen == []

    run(scenario)


def test_a_slow_head_is_cut_off_and_reaches_no_backend(run: Callable[..., None]) -> None:
    async def scenario(house: House) -> None:
        status, body = split(await house.send(b"GET /v2/orders HTTP/1.1\r\nHost: x\r\n"))
        assert (status, body["code"]) == (408, 40_810_000)
        assert house.web.connections == 0

    run(scenario, limits=Limits(request_s=0.1))


def test_a_slow_small_body_is_cut_off_and_reaches_no_backend(run: Callable[..., None]) -> None:
    async def scenario(house: House) -> None:
        status, _ = split(await house.send(get("/post", "Content-Length: 100", method="POST") + b"half"))
        assert status == 408
        assert house.web.connections == 0

    run(scenario, limits=Limits(request_s=0.1))


def test_an_idle_connection_is_closed_without_a_word(run: Callable[..., None]) -> None:
    async def scenario(house: House) -> None:
        assert await house.send() == b""

    run(scenario, limits=Limits(request_s=0.1, idle_s=0.1))


def test_a_head_that_is_too_large_is_refused(run: Callable[..., None]) -> None:
    async def scenario(house: House) -> None:
        status, body = split(await house.send(get("/", "X-Long: " + "a" * 40_000)))
        assert (status, body["code"]) == (431, 43_110_000)
        assert house.web.connections == 0

    run(scenario)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(get("/", "Content-Length: 3", "Transfer-Encoding: chunked"), id="two framings"),
        pytest.param(get("/", "Content-Length: 3", "Content-Length: 4"), id="two lengths"),
        pytest.param(get("/", "Content-Length: +3"), id="a signed length"),
        pytest.param(get("/", "Transfer-Encoding: xchunked"), id="an unknown coding"),
        pytest.param(get("/", "Transfer-Encoding : chunked"), id="a blank before the colon"),
        pytest.param(get("/", "X: 1", " folded"), id="a folded line"),
        pytest.param(get("/", "X: 1\nContent-Length: 3"), id="a bare line feed"),
        pytest.param(get("/", "Host: other"), id="two hosts"),
        pytest.param(b"GET / HTTP/2.0\r\n\r\n", id="another version"),
        pytest.param(b"GET  / HTTP/1.1\r\n\r\n", id="two blanks"),
        pytest.param(b"nonsense\r\n\r\n", id="no request"),
        pytest.param(get("/", "Transfer-Encoding: chunked", method="POST") + b"zz\r\n", id="no chunk size"),
    ],
)
def test_a_message_that_two_readers_could_read_differently_is_refused(
    run: Callable[..., None], message: bytes
) -> None:
    async def scenario(house: House) -> None:
        status, body = split(await house.send(message))
        assert (status, body["code"]) == (400, 40_010_000)
        assert house.web.seen == []

    run(scenario)


def test_a_backend_that_is_down_is_said_so_at_once(run: Callable[..., None]) -> None:
    async def scenario(house: House) -> None:
        answer = await house.send(get("/v2/orders", "Content-Length: 4", method="POST") + b"body")
        status, body = split(answer)
        request_id = body.pop("request_id")
        assert (status, body) == (503, {"code": 50_310_000, "message": "service unavailable"})
        assert b"\r\nRetry-After: 1\r\n" in answer
        assert b"\r\nX-Request-ID: %b\r\n" % request_id.encode() in answer
        assert split(await house.send(get("/stream", "Connection: close")))[0] == 200

    run(scenario, has_web=False)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param(["X-Request-ID: mine.1", f"traceparent: {TRACEPARENT}"], "mine[.]1", id="its own"),
        pytest.param([f"TraceParent: {TRACEPARENT}"], TRACE_ID, id="its trace's"),
        pytest.param(["X-Request-ID: two words"], "[0-9a-f]{32}", id="one that cannot be"),
        pytest.param([], "[0-9a-f]{32}", id="none"),
    ],
)
def test_an_answer_of_the_front_s_own_and_its_line_carry_the_caller_s_id(
    run: Callable[..., None], caplog: pytest.LogCaptureFixture, headers: list[str], expected: str
) -> None:
    seen = []

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith("answered"):
                seen.append((record.getMessage(), tracing.current().request_id))

    noting = Noting()

    async def scenario(house: House) -> None:
        answer = await house.send(get("/v2/orders", *headers))
        request_id = split(answer)[1]["request_id"]
        assert re.fullmatch(expected, request_id)
        assert b"\r\nX-Request-ID: %b\r\n" % request_id.encode() in answer
        assert seen == [("answered 503: service unavailable", request_id)]

    logging.getLogger("raxx.front").addHandler(noting)
    try:
        with caplog.at_level(logging.INFO, "raxx.front"):
            run(scenario, has_web=False)
    finally:
        logging.getLogger("raxx.front").removeHandler(noting)


def test_what_a_client_says_of_its_trace_reaches_the_backend_as_it_is(run: Callable[..., None]) -> None:
    said = [("x-request-id", "two words"), ("traceparent", TRACEPARENT), ("tracestate", "a=b")]

    async def scenario(house: House) -> None:
        headers = [f"{name}: {value}" for name, value in said]
        for path in ("/v2/orders", "/v2/iex"):
            _, seen = split(await house.send(get(path, *headers, "Connection: close")))
            assert [tuple(pair) for pair in seen["headers"] if tuple(pair) in said] == said

    run(scenario)


def test_a_backend_that_dies_before_its_answer_is_unavailable(run: Callable[..., None]) -> None:
    async def scenario(house: House) -> None:
        status, body = split(await house.send(get("/die")))
        assert (status, body["code"]) == (503, 50_310_000)

    run(scenario)


def test_stopping_closes_idle_connections_and_frees_the_port(run: Callable[..., None]) -> None:
    async def scenario(house: House) -> None:
        reader, writer = await house.connect()
        writer.write(get("/v2/account"))
        await read_answer(reader)
        house.stop.set()
        assert await reader.read() == b""
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await house.connect()

    run(scenario)
