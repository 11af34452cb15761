"""A second Raxx installation that plays the broker: its own servers, processes, data folder and address.

Its market is the synthetic one, which is always open. The broker's token of a person is a key of the peer's
as a bearer token, `KEYID.SECRET`: what the OAuth server of the tests gives out.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.requests import StockLatestQuoteRequest
from alpaca.trading.client import TradingClient

from tests.acceptance.house import House
from tests.acceptance.servers import given_servers

if TYPE_CHECKING:
    from collections.abc import Iterator

SYMBOL = "AAPL"
PAGE = 500


@dataclass
class Peer:
    """The broker, seen from outside and from behind."""

    house: House

    @property
    def url(self) -> str:
        return self.house.demo["base_url"]

    @property
    def token(self) -> str:
        return f"{self.house.demo['key_id']}.{self.house.demo['secret']}"

    @property
    def client(self) -> TradingClient:
        """The SDK's client of the account's owner, who needs nobody between."""
        demo = self.house.demo
        return TradingClient(demo["key_id"], demo["secret"], url_override=self.url, raw_data=True)

    @property
    def number(self) -> str:
        account: Any = self.client.get("/account")
        return str(account["account_number"])

    def quote(self) -> dict[str, Any]:
        """Return the latest quote of SYMBOL at the broker, as the wire has it; dollars."""
        demo = self.house.demo
        data = StockHistoricalDataClient(demo["key_id"], demo["secret"], url_override=self.url, raw_data=True)
        quotes: Any = data.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols=SYMBOL))
        found: dict[str, Any] = quotes[SYMBOL]
        return found

    def orders(self) -> list[dict[str, Any]]:
        """Return every order that the account has ever had, oldest first."""
        client, after = self.client, None
        found: dict[str, dict[str, Any]] = {}
        with client._session:
            while True:
                query = {
                    "status": "all",
                    "limit": PAGE,
                    "direction": "asc",
                    **({"after": after} if after else {}),
                }
                page = client.get("/orders", query)
                found |= {order["id"]: order for order in page}
                if len(page) < PAGE:
                    return list(found.values())
                after = page[-1]["submitted_at"]


@contextmanager
def second_installation() -> Iterator[Peer]:
    """Run it while the block lasts; its folder is kept, with its logs, where the block fails."""
    # Not pytest's folder: PostgreSQL is another user where we are root, and may not pass there.
    folder = Path(tempfile.mkdtemp(prefix="raxx-peer-"))
    with given_servers() as servers:
        house = House(folder / ".raxx", "--feed", "synthetic", "--symbols", SYMBOL, environment=servers)
        try:
            house.start()
            yield Peer(house)
        finally:
            house.kill()
    shutil.rmtree(folder)
