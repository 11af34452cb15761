"""Two markets run side by side: each account has the clock, prices, assets and fills of its own, and of no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from accounts.models import Tier
from matching.models import Market
from tests.api.conftest import Bot, refusal
from tests.factories.people import signed_in
from tests.factories.rows import make_account, make_api_key, make_user
from tests.trading.stage import OPEN, Stage, at, make_stage, quote, trade
from trading import reference
from trading.ledger_audit import audit_ledger
from trading.marketdata import markets
from trading.models import Fill, TradingAccount
from trading.services.running_markets import close_market

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATH = "/raxx/v1/accounts"
EVERYTHING = ["read", "trade", "data", "operator"]


@pytest.fixture
def stages(tmp_path: Path) -> Iterator[tuple[Stage, Stage]]:
    """Return two tapes of one day, the second one beside the first: XYZ at 10 dollars, and ABC at 20."""
    markets.forget()
    made = (
        make_stage(tmp_path / "first", [quote(1, "9.98", 300, "10.00", 200), trade(2, "9.99", 100)]),
        make_stage(
            tmp_path / "second",
            [quote(1, "19.98", 300, "20.00", 200), trade(2, "19.99", 100)],
            symbol="ABC",
            beside=True,
        ),
    )
    yield made
    for each in made:
        each.close()
    markets.forget()


@pytest.fixture
def bots(stages: tuple[Stage, Stage]) -> tuple[Bot, Bot]:
    """Return two accounts of one person, the second one opened in the second market through the API."""
    user = make_user(tier=Tier.PRO)
    account = make_account(user, market=stages[0].market, cash=100_000)
    first = Bot(account, make_api_key(account, scopes=EVERYTHING))
    answer = first.post(PATH, {"market": stages[1].market.name})
    assert (answer.status_code, answer.json()["market"]) == (201, stages[1].market.name)
    other = TradingAccount.objects.get(pk=answer.json()["id"])
    return first, Bot(other, make_api_key(other, scopes=EVERYTHING))


def text(instant: Any) -> str:
    return str(instant.isoformat().replace("+00:00", "Z"))


def test_each_account_has_the_clock_the_prices_the_assets_and_the_fills_of_its_own_market(
    stages: tuple[Stage, Stage], bots: tuple[Bot, Bot]
) -> None:
    for stage, second in zip(stages, (5, 8), strict=True):
        stage.go(second)

    clocks = [bot.get("/v2/clock").json()["timestamp"][:19] for bot in bots]
    assert clocks == ["2013-10-08T09:30:05", "2013-10-08T09:30:08"]  # New York's
    assert [
        [bot.get(f"/v2/assets/{name}").json()["tradable"] for name in ("XYZ", "ABC")] for bot in bots
    ] == [
        [True, False],
        [False, True],
    ]
    last = {"symbols": "XYZ,ABC", "start": text(OPEN), "end": text(at(5))}
    prints = [bot.get("/v2/stocks/trades", **last).json()["trades"] for bot in bots]
    assert [
        {name: [each["p"] for each in found] for name, found in each.items() if found} for each in prints
    ] == [
        {"XYZ": [9.99]},
        {"ABC": [19.99]},
    ]

    for bot, mine, others in ((bots[0], "XYZ", "ABC"), (bots[1], "ABC", "XYZ")):
        denied = bot.order(symbol=others, limit_price="30")
        assert (refusal(denied), denied.json()["message"]) == (
            (422, 42210000),
            f"asset {others} is not tradable",
        )
        assert bot.order(symbol=mine, limit_price="30").status_code == 200
    stages[1].round()
    assert [bot.get("/v2/orders", status="all").json()[0]["status"] for bot in bots] == [
        "pending_new",
        "filled",
    ]
    stages[0].round()
    found = (
        Fill.objects.across_owners().order_by("price").values_list("symbol", "quantity", "price", "account")
    )
    assert list(found) == [("XYZ", 10, 10, bots[0].account.pk), ("ABC", 10, 20, bots[1].account.pk)]
    assert audit_ledger().balances


def test_the_clock_of_one_market_moves_no_other_and_a_closed_one_stops_only_its_own_accounts(
    stages: tuple[Stage, Stage], bots: tuple[Bot, Bot]
) -> None:
    before = Market.objects.get(pk=stages[1].market.pk)
    assert bots[0].post("/raxx/v1/market/tape/play").json()["market"] == stages[0].market.name
    assert vars(Market.objects.get(pk=before.pk)) | {"_state": 0} == vars(before) | {"_state": 0}
    stages[0].advance_clock(5)

    order = bots[1].order(symbol="ABC", limit_price="1").json()["id"]
    stages[1].go(5)
    close_market(stages[1].market.pk)
    reference.forget()  # what a web process keeps for five seconds

    said = "the market of this account is not running"
    for answer in (
        bots[1].order(symbol="ABC", limit_price="1"),
        bots[1].delete(f"/v2/orders/{order}"),
        bots[1].post("/raxx/v1/market/tape/play"),
        bots[0].post(PATH, {"market": stages[1].market.name}),
    ):
        assert answer.status_code in {403, 422}, answer.content
        assert said in answer.json()["message"] or "is not one of" in answer.json()["message"]
    assert bots[1].get(f"/v2/orders/{order}").json()["status"] == "new"
    assert bots[0].order(symbol="XYZ", limit_price="1").status_code == 200
    assert bots[1].get("/v2/account").status_code == 200


def test_who_opens_an_account_may_choose_among_the_markets_that_their_tier_has(
    stages: tuple[Stage, Stage],
) -> None:
    names = [stage.market.name for stage in stages]
    pro, free = signed_in(make_user(tier=Tier.PRO)), signed_in(make_user(tier=Tier.FREE))

    for path in ("/accounts", "/start"):
        page = pro.get(path).content.decode()
        assert [page.index(f'<option value="{name}"') for name in names] == sorted(
            page.index(f'<option value="{name}"') for name in names
        )
        assert "Recorded, 2013-10-08 (ABC)" in page
        assert 'name="market"' not in free.get(path).content.decode()
    assert free.post(PATH, {"market": names[1]}).json()["message"] == (
        "your tier has no replay markets of its own"
    )
    assert free.post(PATH, {"market": "wednesday"}).json()["message"] == (
        f"market 'wednesday' is not one of {names[0]}"
    )
    assert free.post(PATH, {}).json()["market"] == names[0]
    unknown = pro.post(PATH, {"market": "wednesday"})
    assert (unknown.status_code, unknown.json()["message"]) == (
        422,
        f"market 'wednesday' is not one of {names[0]}, {names[1]}",
    )
