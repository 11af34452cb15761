"""Group 11: market data, in real time by the demo's key, and late by one of the free tier."""

from __future__ import annotations

import json
import queue
import threading
from typing import TYPE_CHECKING, Any

import websockets.sync.client
from alpaca.common.enums import Sort
from alpaca.data.enums import DataFeed
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.live import StockDataStream
from alpaca.data.models import Bar, Quote, Trade
from alpaca.data.requests import (
    StockBarsRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockQuotesRequest,
    StockSnapshotRequest,
    StockTradesRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from tests.contract.conformance.expecting import holds, refused, same
from tests.contract.conformance.listener import PATIENCE_S
from tests.contract.conformance.registry import case

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.conformance.desk import Desk

DELAY_S = 900
QUIET = ("0 quote,10.00,300,10.02,200,,,", "0 trade,,,,,10.01,100,")
MINUTES = (
    "0 quote,10.00,300,10.02,200,,,",
    "1 trade,,,,,10.01,100,",
    "30 trade,,,,,10.05,200,",
    "59 trade,,,,,10.03,300,",
    "60 quote,10.10,100,10.12,400,,,",
    "61 trade,,,,,10.11,50,",
    "119 trade,,,,,10.09,60,",
)


def stocks(desk: Desk) -> StockHistoricalDataClient:
    broker = desk.broker
    return StockHistoricalDataClient(broker.key_id, broker.secret, url_override=broker.base_url)


def span(desk: Desk, last_s: float = 120) -> dict[str, Any]:
    return {"symbol_or_symbols": desk.symbol, "start": desk.instant(0), "end": desk.instant(last_s)}


@case("11.01", "Quotes, trades and bars of the past are what the tape has.", tape=MINUTES, lasts_s=180)
def history(desk: Desk) -> None:
    desk.at(180)
    client = stocks(desk)
    bars: Any = client.get_stock_bars(StockBarsRequest(timeframe=TimeFrame.Minute, **span(desk)))
    same(
        [(each.open, each.high, each.low, each.close, each.volume) for each in bars[desk.symbol]],
        [(10.01, 10.05, 10.01, 10.03, 600), (10.11, 10.11, 10.09, 10.09, 110)],
    )
    same([each.timestamp for each in bars[desk.symbol]], [desk.instant(0), desk.instant(60)])
    day = {**span(desk), "start": desk.starts_at.replace(hour=13, minute=0)}
    hours: Any = client.get_stock_bars(StockBarsRequest(timeframe=TimeFrame(1, TimeFrameUnit.Hour), **day))
    same(sum(each.volume for each in hours[desk.symbol]), 710)
    quotes: Any = client.get_stock_quotes(StockQuotesRequest(**span(desk)))
    same([(each.bid_price, each.ask_size) for each in quotes[desk.symbol]], [(10.0, 200), (10.1, 400)])
    trades: Any = client.get_stock_trades(StockTradesRequest(**span(desk)))
    same([each.price for each in trades[desk.symbol]], [10.01, 10.05, 10.03, 10.11, 10.09])


@case(
    "11.02",
    "The latest quote, trade and snapshot are the market's, and an unknown symbol is left out.",
    tape=MINUTES,
    lasts_s=100,
)
def latest(desk: Desk) -> None:
    client = stocks(desk)
    wanted: dict[str, Any] = {"symbol_or_symbols": [desk.symbol, "NOSUCH"]}
    desk.at(40)
    trade: Any = client.get_stock_latest_trade(StockLatestTradeRequest(**wanted))
    same({symbol: each.price for symbol, each in trade.items()}, {desk.symbol: 10.05})
    quote: Any = client.get_stock_latest_quote(StockLatestQuoteRequest(**wanted))
    same((list(quote), quote[desk.symbol].ask_price), ([desk.symbol], 10.02))
    desk.at(90)
    snapshot: Any = client.get_stock_snapshot(StockSnapshotRequest(**wanted))
    same((list(snapshot), snapshot[desk.symbol].latest_trade.price), ([desk.symbol], 10.11))
    same(snapshot[desk.symbol].minute_bar.volume, 600)


@case("11.03", "A history is paged to its end, in both directions.", tape=MINUTES, lasts_s=180)
def pages(desk: Desk) -> None:
    desk.at(180)
    query = {"start": desk.instant(0).isoformat(), "end": desk.instant(120).isoformat(), "limit": 2}
    found: list[Any] = []
    token = None
    while True:
        page: Any = stocks(desk).get(f"/stocks/{desk.symbol}/trades", {**query, "page_token": token})
        found += page["trades"]
        token = page["next_page_token"]
        if token is None:
            break
    same([each["p"] for each in found], [10.01, 10.05, 10.03, 10.11, 10.09])
    down: Any = stocks(desk).get_stock_trades(StockTradesRequest(sort=Sort.DESC, limit=3, **span(desk)))
    same([each.price for each in down[desk.symbol]], [10.09, 10.11, 10.03])


@case(
    "11.04",
    "The feed delayed_sip shows nothing that is younger than 15 minutes.",
    tape=MINUTES,
    lasts_s=DELAY_S + 40,
)
def delayed_feed(desk: Desk) -> None:
    wanted = StockLatestTradeRequest(symbol_or_symbols=desk.symbol, feed=DataFeed.DELAYED_SIP)
    desk.at(200)
    same(stocks(desk).get_stock_latest_trade(wanted), {})
    desk.at(DELAY_S + 40)
    trade: Any = stocks(desk).get_stock_latest_trade(wanted)
    same(trade[desk.symbol].price, 10.05)


@case("11.05", "Parameters that cannot be right are refused with 400 and a code.")
def bad_parameters(desk: Desk) -> None:
    client = stocks(desk)
    for path, query in (
        ("/stocks/bars", {"symbols": desk.symbol}),
        ("/stocks/bars", {"symbols": desk.symbol, "timeframe": "99Min"}),
        ("/stocks/trades", {"symbols": "no symbol!"}),
        ("/stocks/quotes", {"symbols": desk.symbol, "limit": "0"}),
        ("/stocks/quotes", {"symbols": desk.symbol, "page_token": "guess"}),
    ):
        answer = client._session.get(
            desk.broker.url(f"/v2{path}"), params=query, headers=desk.broker.headers, timeout=PATIENCE_S
        )
        same((path, query, answer.status_code), (path, query, 400))
        holds({"code", "message"} <= set(answer.json()), f"a refusal without a code: {answer.text}")


STEADY = tuple(
    line
    for second in range(0, 1200, 30)
    for line in (
        f"{second} quote,10.00,{300 + second},10.02,{200 + second},,,",
        f"{second} trade,,,,,10.01,100,",
    )
)


@case(
    "11.06",
    "The SDK's StockDataStream hears quotes, trades and bars as the market goes on.",
    tape=STEADY,
    lasts_s=1200,
)
def data_stream(desk: Desk) -> None:
    broker = desk.broker
    stream = StockDataStream(broker.key_id, broker.secret, url_override=broker.url("/v2/sip", "ws"))
    channels = {"quotes": [desk.symbol], "trades": [desk.symbol], "bars": [desk.symbol]}
    seconds = iter(range(30, 1200, 30))
    found = _heard(stream, channels, {Quote, Trade, Bar}, lambda: desk.at(next(seconds)))
    bar = next(each for each in found if isinstance(each, Bar))
    same((bar.symbol, bar.open, bar.volume), (desk.symbol, 10.01, 200))
    stamps = [each.timestamp for each in found if isinstance(each, Trade)]
    holds(stamps == sorted(set(stamps)), "trades out of order")


@case("11.07", "The test stream tells of FAKEPACA at any time.")
def test_stream(desk: Desk) -> None:
    broker = desk.broker
    stream = StockDataStream(broker.key_id, broker.secret, url_override=broker.url("/v2/test", "ws"))
    found = _heard(stream, {"quotes": ["FAKEPACA"]}, {Quote}, lambda: None)
    same({each.symbol for each in found}, {"FAKEPACA"})


def _heard(
    stream: StockDataStream, channels: dict[str, list[str]], wanted: set[type], move: Callable[[], None]
) -> list[Any]:
    """Return what the SDK's stream hears until every kind of message was heard; `move` goes on with the market.

    The SDK does not say when it has begun to listen, and stops when one more message has come.
    """
    told: queue.Queue[Any] = queue.Queue()

    async def hear(message: Any) -> None:
        told.put(message)

    for channel, symbols in channels.items():
        getattr(stream, f"subscribe_{channel}")(hear, *symbols)
    running = threading.Thread(target=stream.run, daemon=True)
    running.start()
    found: list[Any] = []
    try:
        while {type(each) for each in found} < wanted:
            move()
            try:
                found.append(told.get(timeout=PATIENCE_S / 60))
            except queue.Empty:
                continue
    finally:
        stream.stop()
        move()
        running.join(PATIENCE_S)
    holds(not running.is_alive(), "the SDK's stream does not end")
    return found


@case("11.08", "The data stream greets first, and refuses a wrong key with 402.")
def data_stream_refusals(desk: Desk) -> None:
    same(_answer_to_login(desk, "/v2/sip", desk.broker.key_id, "wrong"), ("error", 402))
    same(_answer_to_login(desk, "/v2/sip", desk.broker.key_id, desk.broker.secret), ("success", None))


def _answer_to_login(desk: Desk, path: str, key_id: str, secret: str) -> tuple[Any, Any]:
    with websockets.sync.client.connect(desk.broker.url(path, "ws")) as peer:
        same(json.loads(peer.recv(PATIENCE_S)), [{"T": "success", "msg": "connected"}])
        peer.send(json.dumps({"action": "auth", "key": key_id, "secret": secret}))
        [answer] = json.loads(peer.recv(PATIENCE_S))
    return answer["T"], answer.get("code")


@case("11.09", "A subscription is acknowledged with the full state of every channel.", tape=QUIET)
def acknowledgement(desk: Desk) -> None:
    with websockets.sync.client.connect(desk.broker.url("/v2/iex", "ws")) as peer:
        peer.recv(PATIENCE_S)
        peer.send(json.dumps({"action": "auth", "key": desk.broker.key_id, "secret": desk.broker.secret}))
        same(json.loads(peer.recv(PATIENCE_S)), [{"T": "success", "msg": "authenticated"}])
        for change, trades in (
            ({"trades": [desk.symbol]}, [desk.symbol]),
            ({"quotes": [desk.symbol]}, [desk.symbol]),
        ):
            peer.send(json.dumps({"action": "subscribe", **change}))
            [state] = json.loads(peer.recv(PATIENCE_S))
            same((state["T"], state["trades"]), ("subscription", trades))
        same(state["quotes"], [desk.symbol])
        lists = {"trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds", "corrections"}
        holds(lists | {"cancelErrors"} <= set(state), f"a channel is missing: {state}")


@case(
    "11.10",
    "Who is served late sees nothing younger than 15 minutes, and is refused the recent SIP by name.",
    tape=MINUTES,
    lasts_s=DELAY_S + 40,
    needs_house=True,
)
def free_tier(desk: Desk) -> None:
    house = desk.broker.house
    assert house is not None
    person = ("--email", "free@raxx.example", "--json")
    house.manage("create_account", *person)
    key = json.loads(house.manage("create_api_key", *person).stdout)
    client = StockHistoricalDataClient(key["key_id"], key["secret"], url_override=desk.broker.base_url)
    desk.at(200)
    trades: Any = client.get_stock_trades(StockTradesRequest(**span(desk)))
    same(trades.data, {})
    recent = StockTradesRequest(feed=DataFeed.SIP, **span(desk))
    body = refused(403, 42210000, client.get_stock_trades, recent)
    same(body["message"], "subscription does not permit querying recent SIP data")
    same(_answer_to_login(desk, "/v2/sip", key["key_id"], key["secret"]), ("error", 409))
    desk.at(DELAY_S + 40)
    trades = client.get_stock_trades(StockTradesRequest(**span(desk)))
    same([each.price for each in trades[desk.symbol]], [10.01, 10.05])
