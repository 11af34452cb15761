"""What a page's channel tells of the market: prices as its tier may see them, and how the market stands."""

from __future__ import annotations

import asyncio

from accounts.models import Tier, User
from matching.market.times import to_datetime
from matching.models import Market
from tests.factories.people import signed_in
from tests.marketdata.conftest import MONDAY, TUESDAY, WEDNESDAY
from tests.stream.browsers import elsewhere
from tests.stream.channel import opened, play
from trading.doorbells import ring_credentials


def test_prices_are_told_once_a_look_however_often_they_change(pro, hub):
    hub.move(TUESDAY, 9, 30)
    page_of_pro = signed_in(pro.account.user)

    async def scenario(app):
        page = await opened(app, page_of_pro, account_id=str(pro.account.pk), symbols="IBM,NONE")
        first = (await page.until("quotes"))[-1].data
        for minute in range(31, 40):
            hub.move(TUESDAY, 9, minute)
        told = [(await page.until("quotes"))[-1].data["IBM"]]
        while told[-1]["last"] != "110.54":
            told.append((await page.until("quotes"))[-1].data["IBM"])
        await page.leave()
        return [first, told]

    first, told = play(scenario)
    assert first == {
        "IBM": {
            "bid": "109.99",
            "ask": "110.01",
            "bid_size": "300",
            "ask_size": "200",
            "last": "110.00",
            "at": "2013-10-08T13:30:00Z",
        }
    }
    assert len(told) < 9
    assert told[-1]["at"] == "2013-10-08T13:39:00Z"


def test_a_tier_hears_prices_as_late_as_it_sees_them(free, pro, hub):
    hub.move(TUESDAY, 10)
    people = [(signed_in(bot.account.user), str(bot.account.pk)) for bot in (free, pro)]

    async def scenario(app):
        pages = [
            await opened(app, person, account_id=account_id, symbols="IBM") for person, account_id in people
        ]
        told = [(await page.until("quotes"))[-1].data["IBM"]["at"] for page in pages]
        await asyncio.gather(*(page.leave() for page in pages))
        return told

    assert play(scenario) == ["2013-10-08T13:45:00Z", "2013-10-08T14:00:00Z"]


def test_a_page_begins_anew_when_its_person_s_tier_is_another(pro, hub):
    hub.move(TUESDAY, 10)
    page_of_pro = signed_in(pro.account.user)

    async def scenario(app):
        page = await opened(app, page_of_pro, account_id=str(pro.account.pk), symbols="IBM")
        await page.until("quotes")
        await elsewhere(lambda: User.objects.filter(pk=pro.account.user_id).update(tier=Tier.FREE))
        ring_credentials()
        return await page.rest()

    assert not [block for block in play(scenario) if "error" in block]


def test_the_market_is_told_when_it_changes(pro, hub):
    hub.move(MONDAY, 8)
    page_of_pro = signed_in(pro.account.user)

    async def scenario(app):
        page = await opened(app, page_of_pro, account_id=str(pro.account.pk))
        told = [(await page.until("market"))[-1].data]
        hub.move(WEDNESDAY, 12)
        told.append((await page.until("market"))[-1].data)
        changes = {"paused": False, "speed": 60, "anchor_wall": to_datetime(hub.move(WEDNESDAY, 21))}
        await elsewhere(lambda: Market.objects.update(**changes))
        told.append((await page.until("market"))[-1].data)
        await page.leave()
        return told

    before, during, after = play(scenario)
    standing = {"is_tape": True, "paused": True, "speed": "1"}
    assert before == {"at": "2013-10-07T12:00:00Z", "session": "extended", "is_open": False, **standing}
    assert during == {"at": "2013-10-09T16:00:00Z", "session": "regular", "is_open": True, **standing}
    assert (after["session"], after["paused"], after["speed"]) == ("closed", False, "60")
