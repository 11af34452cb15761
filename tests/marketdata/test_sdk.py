"""The unmodified SDK's data clients, over HTTP: every method, and paging that ends."""

from __future__ import annotations

import gc
import threading
from datetime import UTC, date, datetime
from typing import Any

import pytest
from alpaca.common.enums import Sort
from alpaca.common.exceptions import APIError
from alpaca.data import requests as ask
from alpaca.data.enums import Adjustment, CorporateActionsType, DataFeed, MarketType, MostActivesBy
from alpaca.data.historical import (
    CryptoHistoricalDataClient,
    NewsClient,
    OptionHistoricalDataClient,
    ScreenerClient,
    StockHistoricalDataClient,
)
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from tests.factories.rows import SECRET
from tests.marketdata.conftest import TUESDAY

PATIENCE_S = 20
MORNING: dict[str, Any] = {
    "start": datetime(2013, 10, 8, 13, 30, tzinfo=UTC),
    "end": datetime(2013, 10, 8, 14, 0, tzinfo=UTC),
}
BOTH = ["IBM", "MSFT"]


@pytest.fixture
def connect(pro, at, live_server):
    """Return a function that makes a client of a class."""
    at(TUESDAY, 10, 30)
    made = []

    def make(kind, bot=pro):
        made.append(kind(bot.key.pk, SECRET, url_override=live_server.url))
        return made[-1]

    yield make
    for client in made:
        client._session.close()
    gc.collect()  # a refusal keeps its answer, and with it the connection, until nobody holds it
    for thread in threading.enumerate():  # the server's own, each with a database connection
        if "process_request_thread" in thread.name:
            thread.join(PATIENCE_S)


@pytest.fixture
def stocks(connect):
    return connect(StockHistoricalDataClient)


def test_every_method_of_the_stock_client(stocks):
    bars = stocks.get_stock_bars(
        ask.StockBarsRequest(
            symbol_or_symbols=BOTH,
            timeframe=TimeFrame(5, TimeFrameUnit.Minute),
            adjustment=Adjustment.ALL,
            feed=DataFeed.SIP,
            asof="2013-10-08",
            **MORNING,
        )
    )
    quotes = stocks.get_stock_quotes(
        ask.StockQuotesRequest(symbol_or_symbols="IBM", sort=Sort.DESC, **MORNING)
    )
    trades = stocks.get_stock_trades(ask.StockTradesRequest(symbol_or_symbols=BOTH, **MORNING))

    assert [len(bars[symbol]) for symbol in BOTH] == [7, 7]
    assert (bars["IBM"][0].open, bars["IBM"][0].trade_count) == (110, 30)
    assert len(quotes["IBM"]) == 181
    assert quotes["IBM"][0].timestamp == MORNING["end"]
    assert [trade.id for trade in trades["MSFT"]] == sorted({trade.id for trade in trades["MSFT"]})
    assert len(bars.df) == 14

    latest: dict[str, Any] = {"symbol_or_symbols": [*BOTH, "ZZZZ"]}
    assert set(stocks.get_stock_latest_quote(ask.StockLatestQuoteRequest(**latest))) == set(BOTH)
    assert stocks.get_stock_latest_trade(ask.StockLatestTradeRequest(**latest))["IBM"].size == 100
    assert stocks.get_stock_latest_bar(ask.StockLatestBarRequest(**latest))["MSFT"].volume == 500
    snapshot = stocks.get_stock_snapshot(ask.StockSnapshotRequest(**latest))["IBM"]
    assert snapshot.daily_bar.open == 110
    assert snapshot.previous_daily_bar is None


def test_a_limit_is_kept_over_all_symbols_and_pages(stocks):
    def count(limit):
        found = stocks.get_stock_trades(
            ask.StockTradesRequest(symbol_or_symbols=BOTH, limit=limit, **MORNING)
        )
        return {symbol: len(rows) for symbol, rows in found.data.items()}

    assert count(5) == {"IBM": 5}
    assert count(200) == {"IBM": 181, "MSFT": 19}
    assert count(None) == {"IBM": 181, "MSFT": 181}


def test_a_refusal_reaches_the_bot_with_its_code(free, connect):
    client = connect(StockHistoricalDataClient, free)
    question = ask.StockBarsRequest(
        symbol_or_symbols="IBM",
        timeframe=TimeFrame.Minute,
        feed=DataFeed.SIP,
        end=datetime(2013, 10, 8, 14, 30, tzinfo=UTC),
    )

    with pytest.raises(APIError) as caught:
        client.get_stock_bars(question)

    assert (caught.value.status_code, caught.value.code) == (403, 42210000)
    assert client.get_stock_bars(question.model_copy(update={"feed": None}))["IBM"]


def test_what_is_not_simulated_is_empty_and_well_formed(connect):
    options, crypto = connect(OptionHistoricalDataClient), connect(CryptoHistoricalDataClient)
    option: dict[str, Any] = {"symbol_or_symbols": "AAPL240119C00100000"}
    pair: dict[str, Any] = {"symbol_or_symbols": ["BTC/USD"]}

    assert options.get_option_bars(ask.OptionBarsRequest(**option, timeframe=TimeFrame.Day)).data == {}
    assert options.get_option_trades(ask.OptionTradesRequest(**option)).data == {}
    assert options.get_option_latest_quote(ask.OptionLatestQuoteRequest(**option)) == {}
    assert options.get_option_latest_trade(ask.OptionLatestTradeRequest(**option)) == {}
    assert options.get_option_snapshot(ask.OptionSnapshotRequest(**option)) == {}
    assert options.get_option_chain(ask.OptionChainRequest(underlying_symbol="AAPL")) == {}
    assert options.get_option_exchange_codes()
    assert crypto.get_crypto_bars(ask.CryptoBarsRequest(**pair, timeframe=TimeFrame.Hour)).data == {}
    assert crypto.get_crypto_quotes(ask.CryptoQuoteRequest(**pair)).data == {}
    assert crypto.get_crypto_trades(ask.CryptoTradesRequest(**pair)).data == {}
    assert crypto.get_crypto_latest_bar(ask.CryptoLatestBarRequest(**pair)) == {}
    assert crypto.get_crypto_latest_quote(ask.CryptoLatestQuoteRequest(**pair)) == {}
    assert crypto.get_crypto_latest_trade(ask.CryptoLatestTradeRequest(**pair)) == {}
    assert crypto.get_crypto_latest_orderbook(ask.CryptoLatestOrderbookRequest(**pair)) == {}
    assert crypto.get_crypto_snapshot(ask.CryptoSnapshotRequest(**pair)) == {}
    assert connect(NewsClient).get_news(ask.NewsRequest(symbols="IBM")).data == {"news": []}
    screener = connect(ScreenerClient)
    assert screener.get_most_actives(ask.MostActivesRequest(by=MostActivesBy.VOLUME)).most_actives == []
    assert screener.get_market_movers(ask.MarketMoversRequest(market_type=MarketType.STOCKS)).gainers == []


def test_corporate_actions_are_those_that_the_market_knows(connect, at, tape, market):
    folder = tape / "equity" / "usa"
    (folder / "factor_files").mkdir(parents=True)
    (folder / "factor_files" / "ibm.csv").write_text(
        "20130930,0.99,0.25,100\n20131007,1,0.5,100\n20131008,1,1,100\n20501231,1,1,0\n"
    )
    client = connect(CorporateActionsClient)
    question = ask.CorporateActionsRequest(start=date(2013, 9, 1), end=date(2013, 12, 31))

    known = client.get_corporate_actions(question).data

    assert {kind: [action.ex_date for action in actions] for kind, actions in known.items()} == {
        "cash_dividends": [date(2013, 10, 1)],
        "forward_splits": [date(2013, 10, 1), date(2013, 10, 8)],
    }
    assert known["forward_splits"][0].new_rate == 2
    assert (
        client.get_corporate_actions(
            ask.CorporateActionsRequest(types=[CorporateActionsType.REVERSE_SPLIT])
        ).data
        == {}
    )
