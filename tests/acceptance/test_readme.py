"""The README's example, exactly as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from alpaca.trading.client import TradingClient
from alpaca.trading.enums import QueryOrderStatus
from alpaca.trading.models import Order
from alpaca.trading.requests import GetOrdersRequest

from tests.acceptance.house import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.acceptance.house import House

EXAMPLE = re.compile(r"<!-- example:[^>]*-->\n```python\n(.*?)```", re.DOTALL)
ENDS_WITHIN_S = 60


def test_the_ten_lines_of_the_readme_fill_an_order(
    open_house: Callable[..., AbstractContextManager[House]],
) -> None:
    (example,) = EXAMPLE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len([line for line in example.splitlines() if line]) == 10

    with open_house(from_nothing=True) as house:
        pasted = subprocess.run(
            [sys.executable, "-c", example],
            cwd=house.folder.parent,  # where the data folder is called .raxx, as in a clone
            capture_output=True,
            text=True,
            timeout=ENDS_WITHIN_S,
            check=False,
        )
        demo = house.demo
        client = TradingClient(demo["key_id"], demo["secret"], url_override=demo["base_url"])
        (order,) = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL))

    assert pasted.returncode == 0, pasted.stderr
    assert pasted.stdout.startswith("filled ")
    assert isinstance(order, Order)
    assert order.status.value == "filled"
    assert order.filled_qty == order.qty
