"""The one channel of a page: its account's log without a gap, for its person and as long as their session lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.factories.people import signed_in
from tests.stream.browsers import OURS, elsewhere
from tests.stream.channel import Said, channel, opened, play
from trading.models import TradingAccount
from trading.stream import service
from trading.stream.desk import boards
from trading.stream.desk.stream import DeskStream
from trading.stream.service import Limits

if TYPE_CHECKING:
    from tests.factories.people import Browser
    from tests.stream.conftest import Trader
    from trading.stream.app import StreamApp

NEVER_S = 3_600.0


@pytest.fixture
def browser(trader: Trader) -> Browser:
    return signed_in(trader.account.user)


# --- The log ---------------------------------------------------------------------------------------


def test_a_page_that_comes_back_hears_each_event_once_and_all_of_them(
    trader: Trader, browser: Browser
) -> None:
    since = TradingAccount.objects.get(pk=trader.account.pk).event_seq
    orders = [str(trader.place_working())]

    async def scenario(app: StreamApp) -> list[str]:
        first = await opened(app, browser, since_id=str(since))
        heard = await first.until("")  # and the market, whenever it has something to say
        assert heard[0].data == {"gap": False, "symbols": []}
        assert heard[0].id == str(since)
        heard += await first.until("caught-up")
        await first.leave()
        orders.append(str(trader.place_working()))  # while nobody listens
        second = await opened(app, browser, since_id=str(since), headers={"Last-Event-ID": heard[-1].id})
        heard += await second.until("caught-up")
        orders.append(str(trader.place_working()))
        trader.ring()
        heard += await second.until("")
        await second.leave()
        return [said.data["order"]["id"] for said in heard if said.name == ""]

    assert play(scenario) == orders


@pytest.mark.parametrize("since_id", ["99999", "1"], ids=["never was", "forgotten"])
def test_a_page_whose_place_in_the_log_is_gone_is_told_so_and_hears_what_comes(
    trader: Trader, browser: Browser, since_id: str
) -> None:
    trader.place_working()
    account = TradingAccount.objects.filter(pk=trader.account.pk)
    head = account.get().event_seq
    account.update(history_seq=head)

    async def scenario(app: StreamApp) -> Said:
        page = await opened(app, browser, since_id=since_id)
        begun = await page.said()
        await page.until("caught-up")
        placed = str(trader.place_working())
        trader.ring()
        told = (await page.until(""))[-1]
        await page.leave()
        assert told.data["order"]["id"] == placed
        return begun

    begun = play(scenario)
    assert (begun.id, begun.data["gap"]) == (str(head), True)


# --- Who may ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "headers", "refusal"),
    [
        ({"symbols": "IBM,ibm"}, {}, (422, "invalid symbol: ibm")),
        ({"symbols": ",".join(f"S{n}" for n in range(101))}, {}, (422, "symbols are 100 at most")),
        ({"since_id": "yesterday"}, {}, (422, "since_id is not an event's id")),
        ({}, {"Cookie": "another=1"}, (401, "unauthorized.")),
        ({}, {"APCA-API-KEY-ID": "PKKEY", "APCA-API-SECRET-KEY": "of a bot"}, (401, "unauthorized.")),
        ({}, {"Sec-Fetch-Site": "cross-site"}, (403, "a page of another site may not open this")),
        ({}, {"Origin": "https://evil.example"}, (403, "a page of another site may not open this")),
    ],
    ids=["no symbol", "too many", "no id", "signed out", "a key", "another site", "another origin"],
)
def test_what_is_not_a_page_s_own_question_is_refused(
    browser: Browser, query: dict[str, str], headers: dict[str, str], refusal: tuple[int, str]
) -> None:
    async def scenario(app: StreamApp) -> tuple[int, str]:
        status, body = await channel(app, browser, headers=headers, **query).refusal()
        return status, body["message"]

    assert play(scenario) == refusal


def test_another_person_s_account_is_as_if_there_were_none(make_trader: Any, browser: Browser) -> None:
    other = str(make_trader().account.pk)

    async def scenario(app: StreamApp) -> Any:
        return await channel(app, browser, account_id=other, headers={"Origin": OURS}).refusal()

    assert play(scenario) == (404, {"code": 40410000, "message": f"account not found for {other}"})


def test_a_page_counts_as_a_stream_of_its_account(browser: Browser) -> None:
    async def scenario(app: StreamApp) -> int:
        page = await opened(app, browser)
        status, _ = await channel(app, browser).refusal()
        await page.leave()
        again = await opened(app, browser)
        await again.leave()
        return status

    assert play(scenario, Limits(sockets_an_account=1)) == 429


def test_an_ended_session_ends_its_channel_at_once_and_no_other(
    trader: Trader, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "BEAT_S", NEVER_S)  # so that the bell alone can have done it
    phone = signed_in(trader.account.user)

    async def scenario(app: StreamApp) -> list[str]:
        page, spared = await opened(app, browser), await opened(app, phone)
        await page.until("caught-up")
        await elsewhere(lambda: phone.delete("/raxx/v1/sessions"))
        rest = await page.rest()
        trader.place_working()
        trader.ring()
        await spared.until("")
        await spared.leave()
        return rest

    assert play(scenario)[-1] == 'event: error\ndata: {"message":"the session has ended"}'


def test_a_page_that_is_told_nothing_hears_that_the_channel_lives(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeskStream, "keep_alive_s", 0.01)
    monkeypatch.setattr(boards, "LOOK_S", NEVER_S)

    async def scenario(app: StreamApp) -> Said:
        page = await opened(app, browser)
        alive = (await page.until("alive"))[-1]
        await page.leave()
        return alive

    assert play(scenario) == Said("alive", None, {})
