"""The unmodified SDK's client: every call of the account's surface beside orders."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import CorporateActionType, OrderSide, PositionSide
from alpaca.trading.models import FailedClosePositionDetails, Order as SdkOrder
from alpaca.trading.requests import (
    ClosePositionRequest,
    CreateWatchlistRequest,
    GetCorporateAnnouncementsRequest,
    GetOptionContractsRequest,
    GetPortfolioHistoryRequest,
    UpdateWatchlistRequest,
)

from matching.models import Market
from tests.factories.rows import SECRET, make_asset, make_snapshot
from trading.models import TradingAccount


@pytest.fixture
def client(bot, live_server):
    return TradingClient(bot.key.pk, SECRET, paper=True, url_override=live_server.url)


def test_positions_are_read_and_closed(client, bot, desk, holding, show):
    show(bid="99", ask="100", last="100")
    holding("10", "100")

    position = client.get_open_position("IBM")
    assert (position.qty, position.side, position.qty_available) == ("10", PositionSide.LONG, "10")

    part = client.close_position("IBM", ClosePositionRequest(percentage="20"))
    assert (part.qty, part.side) == ("2", OrderSide.SELL)
    some = client.close_position(position.asset_id, ClosePositionRequest(qty="3"))
    assert some.qty == "3"
    desk.decide(
        (part.id, "new"), (part.id, "fill", "2", "99"), (some.id, "new"), (some.id, "fill", "3", "99")
    )

    [closed] = client.close_all_positions()
    assert isinstance(closed.body, SdkOrder)
    assert (closed.status, closed.symbol, closed.body.qty) == (200, "IBM", "5")
    assert closed.order_id == closed.body.id

    [refused] = client.close_all_positions()
    assert isinstance(refused.body, FailedClosePositionDetails)
    assert (refused.status, refused.body.code, refused.body.held_for_orders) == (403, 40310000, 5)


def test_closing_nothing_is_an_empty_list(client):
    assert client.close_all_positions(cancel_orders=True) == []


def test_closing_what_is_not_there_is_told_with_its_code(client):
    with pytest.raises(APIError) as caught:
        client.close_position("IBM")

    assert (caught.value.status_code, caught.value.code) == (404, 40410000)


def test_the_whole_configuration_may_be_sent_back_as_it_was_read(client):
    configuration = client.get_account_configurations()
    configuration.suspend_trade = True

    assert client.set_account_configurations(configuration).suspend_trade is True

    again = client.get_account_configurations()
    again.suspend_trade = False
    again.max_margin_multiplier = "1"
    stored = client.set_account_configurations(again)
    assert (stored.suspend_trade, stored.max_margin_multiplier, stored.fractional_trading) == (
        False,
        "1",
        True,
    )


def test_watchlists_are_kept(client, ibm):
    make_asset("MSFT")
    made = client.create_watchlist(CreateWatchlistRequest(name="mine", symbols=["IBM"]))

    assert [each.name for each in client.get_watchlists()] == ["mine"]
    assert [asset.symbol for asset in client.get_watchlist_by_id(made.id).assets] == ["IBM"]
    added = client.add_asset_to_watchlist_by_id(made.id, "MSFT")
    assert [asset.symbol for asset in added.assets] == ["IBM", "MSFT"]
    left = client.remove_asset_from_watchlist_by_id(made.id, "IBM")
    assert [asset.symbol for asset in left.assets] == ["MSFT"]
    renamed = client.update_watchlist_by_id(made.id, UpdateWatchlistRequest(name="yours", symbols=["IBM"]))
    assert (renamed.name, [asset.symbol for asset in renamed.assets]) == ("yours", ["IBM"])
    client.delete_watchlist_by_id(made.id)
    assert client.get_watchlists() == []


def test_the_history_is_numbers(client, bot):
    TradingAccount.objects.update(created_at=datetime(2013, 10, 7, 8, tzinfo=UTC))
    make_snapshot(bot.account, equity=1_000, cash=1_000)

    history = client.get_portfolio_history()
    assert (history.timeframe, history.equity, history.base_value) == ("1D", [1_000.0], 1_000.0)

    request = GetPortfolioHistoryRequest(
        timeframe="15Min",
        start=datetime(2013, 10, 8, 14, tzinfo=UTC),
        end=datetime(2013, 10, 8, 15, tzinfo=UTC),
        pnl_reset="no_reset",
        intraday_reporting="extended_hours",
        cashflow_types="ALL",
    )
    intraday = client.get_portfolio_history(request)
    assert len(intraday.timestamp) == len(intraday.equity) == len(intraday.profit_loss_pct) == 5


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_announcements_are_a_list(client):
    Market.objects.update(feed="synthetic")
    request = GetCorporateAnnouncementsRequest(
        ca_types=[CorporateActionType.DIVIDEND, CorporateActionType.SPLIT],
        since=date(2013, 9, 1),
        until=date(2013, 10, 8),
    )

    assert client.get_corporate_announcements(request) == []
    with pytest.raises(APIError) as caught:
        client.get_corporate_announcement_by_id(uuid4())
    assert caught.value.code == 40410000


def test_option_contracts_are_a_page_without_any(client):
    found = client.get_option_contracts(GetOptionContractsRequest(underlying_symbols=["IBM"]))

    assert (found.option_contracts, found.next_page_token) == ([], None)
    for call in (client.get_option_contract, client.exercise_options_position):
        with pytest.raises(APIError) as caught:
            call("IBM131019C00180000")
        assert caught.value.code in {40410000, 40310000}


def test_activities_are_read_with_the_raw_call(client, holding):
    holding("10", "100")

    fill, deposit = client.get("/account/activities", {"page_size": 10})
    assert (fill["activity_type"], deposit["activity_type"]) == ("FILL", "CSD")
    assert client.get("/account/activities/FILL") == [fill]
    assert UUID(fill["id"].split("::")[1])
