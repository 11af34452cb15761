"""The real thing: granian as `up` runs it, the SDK's own stream, and a plain WebSocket client."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest
import websockets.asyncio.client
from alpaca.trading.stream import TradingStream
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.broker_handoff.worker import wait_until
from tests.factories.people import signed_in
from tests.factories.rows import SECRET
from tests.stream.browsers import OURS, cookie, elsewhere
from tests.stream.peer import AUTHORIZED, LISTEN, LISTENING, PATIENCE_S, log_in
from tests.stream.test_tracing import TRACE_ID, TRACEPARENT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alpaca.trading.models import TradeUpdate

    from tests.factories.sessions import Session
    from tests.stream.conftest import Trader
    from tests.stream.server import Server


def client(server: Server) -> websockets.asyncio.client.connect:
    """Return a connection to be entered, without the compression that costs the test its time."""
    return websockets.asyncio.client.connect(server.url, compression=None)


async def until_closed(peer: websockets.asyncio.client.ClientConnection) -> AsyncIterator[Any]:
    """Yield what is received until the connection ends, in whatever way."""
    try:
        while True:
            yield await peer.recv()
    except ConnectionClosed:
        return


def test_the_unmodified_sdk_hears_an_orders_whole_life(stream_server: Server, trader: Trader) -> None:
    heard: queue.Queue[TradeUpdate] = queue.Queue()
    stream = TradingStream(trader.key.key_id, SECRET, url_override=stream_server.url)

    async def hear(update: TradeUpdate) -> None:
        heard.put(update)

    stream.subscribe_trade_updates(hear)
    running = threading.Thread(target=stream.run)
    running.start()
    try:
        _wait_until_it_listens(trader, heard)
        order = trader.place_working(quantity="10", limit_price="100")
        trader.desk.decide((order, "partial_fill", "4", "99.5"), (order, "fill", "6", "100"))
        trader.ring()
        updates: list[TradeUpdate] = []
        while not updates or updates[-1].event != "fill":
            update = heard.get(timeout=PATIENCE_S)
            if update.order.id == order:
                updates.append(update)
    finally:
        stream.stop()
        running.join(PATIENCE_S)

    assert not running.is_alive()
    assert [(u.event, u.order.status.value, u.qty, u.price, u.position_qty) for u in updates] == [
        ("new", "new", None, None, None),
        ("partial_fill", "partially_filled", 4, 99.5, 4),
        ("fill", "filled", 6, 100, 10),
    ]


def _wait_until_it_listens(trader: Trader, heard: queue.Queue[TradeUpdate]) -> None:
    """Return when an update was heard: the SDK does not say when it has begun to listen."""
    for _ in range(100):
        trader.place_working(quantity="1", limit_price="1")
        trader.ring()
        try:
            heard.get(timeout=PATIENCE_S / 100)
        except queue.Empty:
            continue
        return
    message = "the SDK never heard anything"
    raise AssertionError(message)


def test_a_page_of_ours_is_let_in_by_its_cookie_and_one_of_another_site_is_not(
    stream_server: Server, trader: Trader
) -> None:
    browser = signed_in(trader.account.user)

    def page(origin: str) -> websockets.asyncio.client.connect:
        sent = {"Cookie": cookie(browser)}
        return websockets.asyncio.client.connect(
            stream_server.url, compression=None, origin=websockets.Origin(origin), additional_headers=sent
        )

    async def scenario() -> list[Any]:
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(InvalidStatus) as refused:
                await page("https://evil.example")
            async with page(OURS) as peer:
                await peer.send(json.dumps(LISTEN))
                told = json.loads(await peer.recv())
                await elsewhere(lambda: browser.delete("/raxx/v1/sessions/current"))
                _ = [message async for message in until_closed(peer)]
                return [refused.value.response.status_code, told, peer.close_code]

    assert asyncio.run(scenario()) == [403, LISTENING, 1008]


MANY_EVENTS = """
with log as (
  update trading_tradingaccount set event_seq = event_seq + %(count)s where account_id = %(account)s
  returning user_id, account_id, event_seq - %(count)s as before
)
insert into trading_orderevent (account_id, seq, user_id, order_id, kind, status, at, recorded_at, filled_quantity,
                                filled_money, request_id)
select account_id, before + n, user_id, %(order)s, 'restated', 'new', now(), now(), 0, 0, ''
  from log, generate_series(1, %(count)s) n
"""


def test_a_client_that_reads_nothing_is_let_go_and_another_one_hears_everything(
    stream_server: Server, trader: Trader, owner: Session
) -> None:
    """The backlog is more than the outbox and every buffer between us can hold."""
    batches, count = 16, 500

    async def scenario() -> int:
        async with (
            asyncio.timeout(3 * PATIENCE_S),
            client(stream_server) as idle,
            client(stream_server) as quick,
        ):
            for one in (idle, quick):
                for message in (log_in(trader.key), LISTEN):
                    await one.send(json.dumps(message))
                    await one.recv()
            idle.transport.pause_reading()
            order = trader.place_working()
            await quick.recv()
            for _ in range(batches):
                owner.execute(MANY_EVENTS, {"count": count, "account": trader.account.pk, "order": order})
                trader.ring()
                for _ in range(count):  # what the quick one has heard was queued for the idle one too
                    assert json.loads(await quick.recv())["data"]["event"] == "restated"
            idle.transport.resume_reading()
            return len([message async for message in until_closed(idle)])

    assert 0 < asyncio.run(scenario()) < batches * count


def test_the_log_names_the_id_of_a_handshake(stream_server: Server, trader: Trader) -> None:
    before = stream_server.log.read_text()

    async def scenario() -> None:
        # granian's own answer to the handshake has none of our headers.
        async with websockets.asyncio.client.connect(
            stream_server.url, compression=None, additional_headers={"traceparent": TRACEPARENT}
        ) as peer:
            await peer.send(json.dumps(log_in(trader.key, "wrong")))
            await peer.recv()

    asyncio.run(scenario())
    told: list[str] = []

    def is_told() -> bool:
        said = stream_server.log.read_text().removeprefix(before)
        told[:] = [line for line in said.splitlines() if "refused" in line]
        return bool(told)

    wait_until(is_told, "the log does not tell of it")
    [line] = told
    assert line.endswith(f"from 127.0.0.1 [request={TRACE_ID}]")


# The last one: it ends the server, as the last module does that shares it.
def test_pings_are_answered_and_a_stop_closes_with_going_away(stream_server: Server, trader: Trader) -> None:
    async def scenario() -> list[Any]:
        async with asyncio.timeout(PATIENCE_S), client(stream_server) as peer:
            await peer.send(json.dumps(log_in(trader.key)))
            told = [await peer.recv()]
            await peer.send(json.dumps(LISTEN))
            told.append(await peer.recv())
            await (await peer.ping())
            trader.place_working()
            trader.ring()
            told.append(await peer.recv())
            stopping = asyncio.create_task(asyncio.to_thread(stream_server.stop))
            with pytest.raises(ConnectionClosed) as closed:
                await peer.recv()
            await stopping
            return [told, closed.value.rcvd]

    (first, second, update), close = asyncio.run(scenario())

    assert [json.loads(first), json.loads(second)] == [AUTHORIZED, LISTENING]
    assert {type(frame) for frame in (first, second, update)} == {bytes}
    assert json.loads(update)["data"]["event"] == "new"
    assert (close.code, close.reason) == (1001, "the server is stopping")
    assert stream_server.status == 0
