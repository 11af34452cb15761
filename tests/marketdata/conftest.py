"""A recorded market of three days and two symbols, in our own CSV, and bots of every tier in it.

Each day trades from 09:30 to 10:30 in New York: every ten seconds a quote and a print, whose price says
when it was made. The tape is of the second and third day; the first one is its archive.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from accounts.models import Tier
from matching.engine.types import DOLLAR
from matching.market.times import SECOND, new_york, rfc3339, to_datetime
from tests.api.conftest import (  # noqa: F401 - fixtures
    _web_process as _served_by_web,
    ibm,
    make_bot,
    market as bare_market,
)
from tests.factories.rows import make_asset
from trading.marketdata import markets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matching.models import Market
    from tests.api.conftest import Bot

MONDAY, TUESDAY, WEDNESDAY = date(2013, 10, 7), date(2013, 10, 8), date(2013, 10, 9)
HEADER = "time,kind,bid,bid_size,ask,ask_size,price,size,conditions"
FIRST_PRICE = {"IBM": 100 * DOLLAR, "MSFT": 30 * DOLLAR}


def price_at(symbol: str, on: date, second: int) -> int:
    """Return what a symbol traded at so many seconds after the open of a day: each print's own price."""
    return FIRST_PRICE[symbol] + (on - MONDAY).days * 10 * DOLLAR + second * 10


@cache
def _content(symbol: str, on: date) -> str:
    """Return a day's file, made once: nearly every test here has all of them."""
    return "\n".join(_lines(symbol, on)) + "\n"


def _lines(symbol: str, on: date) -> Iterator[str]:
    yield HEADER
    for second in range(0, 3600, 10):
        at = rfc3339(new_york(on, 9, 30) + second * SECOND)
        price = price_at(symbol, on, second) / DOLLAR
        yield f"{at},quote,{price - 0.01:.4f},300,{price + 0.01:.4f},200,,,"
        yield f"{at},trade,,,,,{price:.4f},100,{'odd_lot' if second % 600 == 590 else ''}"


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    """Return the folder of the three days."""
    for symbol in FIRST_PRICE:
        for on in (MONDAY, TUESDAY, WEDNESDAY):
            path = tmp_path / "tape" / symbol / f"{on}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_content(symbol, on))
    return tmp_path / "tape"


@pytest.fixture
def market(bare_market: Market, tape: Path) -> Market:  # noqa: F811
    """Return the paused tape of Tuesday and Wednesday, at Tuesday's noon."""
    markets.forget()
    bare_market.config = {
        "folder": str(tape),
        "dates": [str(TUESDAY), str(WEDNESDAY)],
        "symbols": ["IBM", "MSFT"],
        "resolution": None,
    }
    bare_market.starts_at = to_datetime(new_york(TUESDAY, 4))
    bare_market.ends_at = to_datetime(new_york(WEDNESDAY, 20))
    bare_market.save()
    make_asset("MSFT", exchange="NASDAQ")
    return bare_market


@pytest.fixture
def at(market: Market) -> Any:
    """Return a function that moves the market to a time of a day in New York; it returns the instant."""

    def move(on: date, hour: int, minute: int = 0, second: int = 0) -> int:
        moment = new_york(on, hour, minute) + second * SECOND
        market.anchor_at = to_datetime(moment)
        market.save()
        return moment

    return move


@pytest.fixture
def bots(make_bot: Any, market: Market) -> dict[str, Bot]:  # noqa: F811
    """Return a bot of each tier."""
    made = {tier.value: make_bot() for tier in Tier}
    for tier, one in made.items():
        one.account.user.tier = tier
        one.account.user.save()
    return made


@pytest.fixture
def free(bots: dict[str, Bot]) -> Bot:
    return bots["free"]


@pytest.fixture
def pro(bots: dict[str, Bot]) -> Bot:
    return bots["pro"]


@pytest.fixture
def pro_plus(bots: dict[str, Bot]) -> Bot:
    return bots["pro_plus"]
