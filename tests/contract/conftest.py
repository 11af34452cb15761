"""A small world to send requests to: a market with data, a bot that may do everything and owns something of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from accounts.models import Tier
from tests.api.conftest import (
    _web_process as _served_by_web,  # noqa: F401 - a fixture
    desk,  # noqa: F401 - the same
    ibm,  # noqa: F401 - the same
    make_bot,  # noqa: F401 - the same
    market as bare_market,  # noqa: F401 - the same
    show,  # noqa: F401 - the same
)
from tests.factories.rows import make_account, make_position, make_watchlist, make_webhook
from tests.marketdata.conftest import TUESDAY, market, tape  # noqa: F401 - fixtures
from trading.services import closing, own_accounts, tape as tape_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Bot

BRIEFLY_S = 0.02


@pytest.fixture
def make_almighty(make_bot: Any) -> Callable[[], Bot]:  # noqa: F811
    """Return a function that makes a bot whose key has every scope, of a person of the highest tier."""

    def make() -> Bot:
        made: Bot = make_bot(scopes=["read", "trade", "data", "operator"], multiplier=4)
        made.account.user.tier = Tier.PRO_PLUS
        made.account.user.save()
        return made

    return make


@pytest.fixture
def almighty(make_almighty: Callable[[], Bot]) -> Bot:
    return make_almighty()


@pytest.fixture
def known(almighty: Bot, ibm: Any, desk: Any, show: Any) -> dict[str, list[str]]:  # noqa: F811
    """Return what exists, by the names that the documents' paths give it."""
    show(bid="99", ask="100", last="99.5", close="98")
    order = almighty.order().json()["id"]
    desk.decide((order, "new"))
    make_position(almighty.account, ibm, quantity=100, cost=10_000)
    watchlist = make_watchlist(almighty.account)
    webhook = make_webhook(almighty.account)
    other = make_account(almighty.account.user, market=almighty.account.market)
    symbols = ["IBM", "MSFT"]
    return {
        "order_id": [order],
        "symbol": symbols,
        "symbol_or_asset_id": [*symbols, str(ibm.pk)],
        "watchlist_id": [str(watchlist.pk)],
        "endpoint_id": [str(webhook.pk)],
        "account_id": [str(other.pk)],  # not the bot's own: it may be archived
        "activity_type": ["FILL", "CSD", "DIV"],
        "market": ["NYSE", "XNAS"],
        "ticktype": ["trade", "quote"],
        "market_type": ["stocks", "crypto"],
        "loc": ["us"],
        "name": ["displayed"],
    }


@pytest.fixture
def _nobody_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait but briefly for matchers, which do not run here."""
    monkeypatch.setattr(closing, "CANCELED_WITHIN_S", BRIEFLY_S)
    waiting = (
        tape_service.advance,
        tape_service.restart,
        own_accounts.reset_account,
        own_accounts.archive_account,
    )
    for function in waiting:
        monkeypatch.setitem(_undecorated(function).__kwdefaults__, "within_s", BRIEFLY_S)


def _undecorated(function: Any) -> Any:
    return getattr(function, "__wrapped__", function)
