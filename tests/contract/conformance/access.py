"""Group 1: who may come in, and what an account says of itself."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import requests
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.requests import StockLatestTradeRequest
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import AssetClass, CorporateActionType
from alpaca.trading.requests import (
    CreateWatchlistRequest,
    GetAssetsRequest,
    GetCalendarRequest,
    GetCorporateAnnouncementsRequest,
    GetOptionContractsRequest,
    UpdateWatchlistRequest,
)

from tests.contract.conformance.expecting import holds, refused, same
from tests.contract.conformance.listener import PATIENCE_S
from tests.contract.conformance.registry import case

if TYPE_CHECKING:
    from tests.contract.conformance.desk import Desk

QUIET = ("0 quote,10.00,300,10.02,200,,,", "0 trade,,,,,10.01,100,")


@case("1.01", "A key pair in headers opens its account.")
def key_headers(desk: Desk) -> None:
    account: Any = desk.client.get_account()
    same((str(account.id), account.status.value, account.currency), (desk.broker.account_id, "ACTIVE", "USD"))
    same((account.cash, account.equity, account.multiplier), ("100000", "100000", "4"))
    holds(account.account_number.startswith("PA"), "an account number that is not a paper account's")


@case("1.02", "A wrong secret is refused with 401 in JSON.")
def wrong_secret(desk: Desk) -> None:
    stranger = TradingClient(desk.broker.key_id, "wrong", url_override=desk.broker.base_url)
    refused(401, 40110000, stranger.get_account)
    nobody = requests.get(desk.broker.url("/v2/account"), timeout=PATIENCE_S)
    same((nobody.status_code, nobody.json()["code"]), (401, 40110000))


@case("1.03", "TradingClient(oauth_token=...) opens the same account.")
def bearer(desk: Desk) -> None:
    client = TradingClient(oauth_token=desk.broker.token, url_override=desk.broker.base_url)
    account: Any = client.get_account()
    same(str(account.id), desk.broker.account_id)
    wrong = TradingClient(oauth_token=desk.broker.token[:-1], url_override=desk.broker.base_url)
    refused(401, 40110000, wrong.get_account)


@case("1.04", "A data client with use_basic_auth=True is let in.")
def basic(desk: Desk) -> None:
    client = StockHistoricalDataClient(
        desk.broker.key_id, desk.broker.secret, use_basic_auth=True, url_override=desk.broker.base_url
    )
    same(client.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols=desk.symbol)), {})


@case("1.05", "An unknown path is 404 in JSON, and no path redirects.")
def unknown_path(desk: Desk) -> None:
    same(refused(404, 40410000, desk.client.get, "/nothing")["message"], "endpoint not found")
    for path in ("/v2/orders/", "/v2/account/", "//v2/account"):
        answer = requests.get(
            desk.broker.url(path), headers=desk.broker.headers, allow_redirects=False, timeout=PATIENCE_S
        )
        same((path, answer.status_code), (path, 404))


@case(
    "1.06",
    "The configuration is sent back whole, and suspend_trade holds from the next order on.",
    tape=QUIET,
)
def configurations(desk: Desk) -> None:
    read: Any = desk.client.get_account_configurations()
    read.suspend_trade = True
    stored: Any = desk.client.set_account_configurations(read)
    holds(stored.suspend_trade, "the change was not kept")
    try:
        refused(403, 40310000, desk.client.submit_order, desk.market("buy", 1))
    finally:
        read.suspend_trade = False
        desk.client.set_account_configurations(read)
    same(desk.orders(), [])
    desk.place(desk.market("buy", 1), "order")
    same(desk.told(), ["order new", "order fill"])


@case("1.07", "Assets are listed, and one is found by symbol and by id.")
def assets(desk: Desk) -> None:
    listed: Any = desk.client.get_all_assets(GetAssetsRequest(asset_class=AssetClass.US_EQUITY))
    mine = next(each for each in listed if each.symbol == desk.symbol)
    by_symbol: Any = desk.client.get_asset(desk.symbol)
    by_id: Any = desk.client.get_asset(str(mine.id))
    same((by_symbol, by_id), (mine, mine))
    same((mine.tradable, mine.fractionable, mine.status.value), (True, True, "active"))
    refused(404, 40410000, desk.client.get_asset, "NOSUCH")


@case("1.08", "Clock and calendar are the market's, with New York's offset and early closes.")
def clock_and_calendar(desk: Desk) -> None:
    clock: Any = desk.client.get_clock()
    same((clock.timestamp, clock.is_open), (desk.starts_at, True))
    same(clock.next_close, datetime(2013, 10, 8, 20, tzinfo=UTC))
    same(clock.next_open, datetime(2013, 10, 9, 13, 30, tzinfo=UTC))
    days: Any = desk.client.get_calendar(GetCalendarRequest(start=date(2013, 11, 27), end=date(2013, 11, 30)))
    same(
        [(day.open, day.close) for day in days],
        [
            (datetime(2013, 11, 27, 9, 30), datetime(2013, 11, 27, 16, 0)),  # noqa: DTZ001 - the SDK's own
            (datetime(2013, 11, 29, 9, 30), datetime(2013, 11, 29, 13, 0)),  # noqa: DTZ001
        ],
    )


@case("1.09", "A watchlist is made, changed and deleted.")
def watchlists(desk: Desk) -> None:
    made: Any = desk.client.create_watchlist(CreateWatchlistRequest(name=desk.symbol, symbols=[desk.symbol]))
    holds(made.id in [each.id for each in desk.client.get_watchlists()], "a list that is not listed")
    refused(
        422,
        40010001,
        desk.client.create_watchlist,
        CreateWatchlistRequest(name=desk.symbol, symbols=[desk.symbol]),
    )
    added: Any = desk.client.add_asset_to_watchlist_by_id(made.id, "MARK")
    same([asset.symbol for asset in added.assets], [desk.symbol, "MARK"])
    left: Any = desk.client.remove_asset_from_watchlist_by_id(made.id, desk.symbol)
    same([asset.symbol for asset in left.assets], ["MARK"])
    change = UpdateWatchlistRequest(name=f"{desk.symbol} again", symbols=[desk.symbol])
    renamed: Any = desk.client.update_watchlist_by_id(made.id, change)
    same((renamed.name, [asset.symbol for asset in renamed.assets]), (f"{desk.symbol} again", [desk.symbol]))
    desk.client.delete_watchlist_by_id(made.id)
    refused(404, 40410000, desk.client.get_watchlist_by_id, made.id)


@case("1.10", "Announcements and option contracts are empty and well-formed.")
def empty_surfaces(desk: Desk) -> None:
    wanted = GetCorporateAnnouncementsRequest(
        ca_types=[CorporateActionType.DIVIDEND], since=date(2013, 9, 1), until=date(2013, 10, 8)
    )
    same(desk.client.get_corporate_announcements(wanted), [])
    refused(404, 40410000, desk.client.get_corporate_announcement_by_id, uuid4())
    found: Any = desk.client.get_option_contracts(GetOptionContractsRequest(underlying_symbols=[desk.symbol]))
    same((found.option_contracts, found.next_page_token), ([], None))
    refused(404, 40410000, desk.client.get_option_contract, "IBM131019C00180000")
