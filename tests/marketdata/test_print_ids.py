"""A print has one number, whoever tells of it: the past, the newest, or a stream."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any, cast

from matching.market import batch, keys, rows
from matching.market.feeds import synthetic_market
from matching.market.publisher import Publisher
from matching.market.sessions import always_open_sessions
from matching.market.sources import LiveWriter, SyntheticSource
from matching.market.times import SECOND, new_york, new_york_date
from tests.api.conftest import _web_process, market as bare_market  # noqa: F401 - fixtures
from tests.factories.calendar import store_days
from trading import reference
from trading.datastream import messages
from trading.datastream.frames import Coding
from trading.marketdata import markets
from trading.marketdata.bodies import Listing


def test_a_print_of_a_synthetic_market_has_the_same_number_everywhere(bots, market, valkey):
    market.feed, market.calendar, market.paused = "synthetic", "ALWAYS", False
    market.config = {"seed": 7, "symbols": ["IBM"], "halt_odds": 0}
    market.save()
    yesterday = new_york_date(time.time_ns()) - timedelta(days=1)
    store_days("ALWAYS", always_open_sessions(yesterday, yesterday + timedelta(days=2)))
    reference.forget()
    markets.forget()
    now = new_york(yesterday, 12)  # nobody sees beyond what was published, far from any session's begin
    state = rows.market_state(market.pk)
    writer = LiveWriter(
        Publisher(valkey, market.pk, feed="synthetic"), state, reference.calendar_of(market.pk)
    )
    source = SyntheticSource(writer, synthetic_market(market.config), wall_ns=now - 20 * SECOND)
    for second in range(19, -1, -1):
        source.pump(cast("Any", state), now - second * SECOND)

    history = markets.view(market.pk).history
    streamed = {
        body["t"]: body["i"]
        for _, entry in valkey.xrange(keys.feed(market.pk))
        for items in [batch.decode(entry[b"b"]).chunk.items.get("IBM")]
        if items is not None
        for told in messages.of_items("IBM", items, Listing.of("IBM"), history)
        if told.channel == "trades"
        for body in [json.loads(told.encoded(Coding.TEXT))]
    }
    query = {"symbols": "IBM", "sort": "desc", "limit": "20"}
    found = bots["pro"].get("/v2/stocks/trades", **query).json()["trades"]["IBM"]
    snapshot = bots["pro"].get("/v2/stocks/snapshots", symbols="IBM").json()["IBM"]["latestTrade"]
    newest = bots["pro"].get("/v2/stocks/IBM/trades/latest").json()["trade"]

    assert snapshot == newest == found[0]
    assert len({trade["i"] for trade in found}) == len(found) == 20
    assert [streamed[trade["t"]] for trade in found] == [trade["i"] for trade in found]
