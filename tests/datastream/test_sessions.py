"""Data for a signed-in browser: by its cookie, from our pages alone, for as long as the session lives."""

from __future__ import annotations

import asyncio

import pytest

from accounts.models import Tier, User
from tests.datastream.peer import AUTHENTICATED, CONNECTED, NOTHING, DataPeer, error, running
from tests.factories.people import signed_in
from tests.stream.browsers import elsewhere, page_of
from trading.datastream import principals, service
from trading.doorbells import ring_credentials

WANTED = {"action": "subscribe", "trades": ["IBM"]}
SUBSCRIBED = [{**NOTHING, "trades": ["IBM"], "corrections": ["IBM"], "cancelErrors": ["IBM"]}]


@pytest.fixture
def browser(pro):
    return signed_in(pro.account.user)


async def let_in(app, browser, **options):
    peer = DataPeer(app, **page_of(browser), **options)
    peer.say(WANTED)
    assert [await peer.message() for _ in range(3)] == [CONNECTED, AUTHENTICATED, SUBSCRIBED]
    return peer


def test_a_page_of_ours_subscribes_without_a_word_of_who_it_is(browser, hub):
    async def scenario():
        async with running() as app:
            await (await let_in(app, browser)).leave()

    asyncio.run(scenario())


def test_a_person_s_tier_opens_to_the_page_what_it_opens_to_a_key(free, hub):
    browser = signed_in(free.account.user)

    async def scenario():
        async with running() as app:
            peer = DataPeer(app, path="/v2/sip", **page_of(browser))
            peer.say(WANTED)
            return await peer.end()

    told, (code, _) = asyncio.run(scenario())
    assert told == [CONNECTED, error(409, "insufficient subscription")]
    assert code == 1008


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None], ids=["another", "null", "none"])
@pytest.mark.parametrize("path", ["/v2/iex", "/v2/sip", "/v2/delayed_sip", "/v2/test"])
def test_a_page_of_another_site_cannot_use_a_person_s_cookie(browser, hub, path, origin):
    async def scenario():
        async with running() as app:
            return (await DataPeer(app, path=path, **page_of(browser, origin)).event())["status"]

    assert asyncio.run(scenario()) == 403


def test_a_key_comes_before_the_cookie_in_the_handshake_and_in_a_message(browser, pro, hub):
    async def scenario():
        async with running() as app:
            page = page_of(browser, "https://bots.example")
            keys = ((b"apca-api-key-id", pro.key.pk.encode()), (b"apca-api-secret-key", b"wrong"))
            by_headers = DataPeer(app, headers=(*page["headers"], *keys))
            by_message = DataPeer(app, **page_of(browser))
            by_message.log_in(pro, "wrong")
            told = [[await peer.message(), await peer.message()] for peer in (by_headers, by_message)]
            await asyncio.gather(by_headers.leave(), by_message.leave())
            return told

    assert asyncio.run(scenario()) == [[CONNECTED, error(402, "auth failed")]] * 2


def test_a_dead_session_is_refused(browser, hub):
    User.objects.update(auth_epoch=1)

    async def scenario():
        async with running() as app:
            peer = DataPeer(app, **page_of(browser))
            peer.say(WANTED)
            told = [await peer.message(), await peer.message()]
            await peer.leave()
            return told

    assert asyncio.run(scenario()) == [CONNECTED, error(402, "auth failed")]


def test_a_session_has_several_sockets_at_a_path_and_a_key_has_one(browser, hub, monkeypatch):
    monkeypatch.setattr(principals, "SOCKETS_A_SESSION", 2)

    async def scenario():
        async with running() as app:
            tabs = [await let_in(app, browser) for _ in range(2)]
            third = DataPeer(app, **page_of(browser))
            third.say(WANTED)
            told, _ = await third.end()
            await tabs[0].leave()
            again = await let_in(app, browser)
            await asyncio.gather(tabs[1].leave(), again.leave())
            return told

    assert asyncio.run(scenario()) == [CONNECTED, error(406, "connection limit exceeded")]


def test_an_ended_session_is_closed_at_once_and_another_goes_on(browser, pro, hub, monkeypatch):
    monkeypatch.setattr(service, "BEAT_S", 3_600.0)  # so that the bell alone can have done it
    phone = signed_in(pro.account.user)

    async def scenario():
        async with running() as app:
            peer, spared = await let_in(app, browser), await let_in(app, phone)
            await elsewhere(lambda: phone.delete("/raxx/v1/sessions"))
            end = await peer.end()
            await spared.leave()
            return end

    told, (code, _) = asyncio.run(scenario())
    assert told == [error(402, "auth failed")]
    assert code == 1008


def test_a_page_begins_anew_when_its_person_s_tier_is_another(browser, hub):
    async def scenario():
        async with running() as app:
            peer = await let_in(app, browser)
            await elsewhere(lambda: User.objects.update(tier=Tier.FREE))
            ring_credentials()
            return await peer.end()

    told, (code, _) = asyncio.run(scenario())
    assert (told, code) == ([], 1001)
