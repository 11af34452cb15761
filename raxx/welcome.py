"""What `up` says when everything is ready."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raxx.folder import DataFolder

SNIPPET = """\
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import MarketOrderRequest

client = TradingClient({key_id!r}, {secret!r}, url_override={base_url!r})
order = client.submit_order(
    MarketOrderRequest(symbol={symbol!r}, qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY)
)
print(client.get_order_by_id(order.id).status, client.get_account().cash)"""


def text(base_url: str, folder: DataFolder, symbol: str = "AAPL") -> str:
    """Return the address and, when there is a demo account, code that trades it."""
    lines = ["", f"Raxx is ready at {base_url}"]
    try:
        demo = json.loads(folder.demo_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "\n".join(
            [*lines, "Make a key with: python manage.py create_api_key --email you@example.com", ""]
        )
    snippet = SNIPPET.format(
        key_id=demo["key_id"], secret=demo["secret"], base_url=base_url, symbol=demo.get("symbol", symbol)
    )
    lines += [
        f"Demo account: {demo['email']}, key {demo['key_id']} (all of it in {folder.demo_file})",
        "",
        snippet,
        "",
    ]
    return "\n".join(lines)
