"""Streams of a signed-in browser: its cookie opens them, from our pages alone, and for as long as it lives."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from django_otp_webauthn.models import WebAuthnCredential

from accounts.models import Session, User
from accounts.models.user import new_id
from tests.factories.people import Browser, make_session, signed_in
from tests.factories.rows import make_account, make_user
from tests.stream.browsers import OURS, cookie, elsewhere, page_of
from tests.stream.peer import (
    AUTHORIZED,
    LISTEN,
    LISTENING,
    Peer,
    log_in,
    login_of_the_web_role,
    running,
    unauthorized,
)
from tests.stream.sse_client import Reading
from trading.stream import service
from trading.stream.database import make_pool
from trading.stream.pages import Page
from trading.stream.principals import authenticate_page, still_good

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.stream.conftest import Trader
    from trading.stream.app import StreamApp

NEVER_S = 3_600.0
REFUSED = (403, {"code": 40310000, "message": "a page of another site may not open this"})


@pytest.fixture
def browser(trader: Trader) -> Browser:
    """Return the browser of the trader, who is signed in."""
    return signed_in(trader.account.user)


async def listening(app: StreamApp, browser: Browser, **options: Any) -> Peer:
    """Return a page that listens to its account's updates."""
    peer = Peer(app, **page_of(browser, **options))
    peer.say(LISTEN)
    assert await peer.message() == LISTENING
    return peer


async def reading(app: StreamApp, browser: Browser, **query: Any) -> Reading:
    """Return an event stream that was answered."""
    stream = Reading(app, {"Cookie": cookie(browser)}, **query)
    status, headers = await stream.start()
    assert (status, headers["content-type"]) == (200, "text/event-stream")
    return stream


# --- Opening ---------------------------------------------------------------------------------------


def test_a_page_of_ours_listens_without_a_word_of_who_it_is(trader: Trader, browser: Browser) -> None:
    async def scenario() -> list[Any]:
        async with running() as app:
            peer = await listening(app, browser)
            order = trader.place_working()
            trader.ring()
            [update] = await peer.updates(1)
            await peer.leave()
            return [update["order"]["id"], str(order)]

    heard, placed = asyncio.run(scenario())
    assert heard == placed


def test_an_event_stream_opens_by_the_cookie_too(trader: Trader, browser: Browser) -> None:
    async def scenario() -> list[Any]:
        async with running() as app:
            stream = await reading(app, browser)
            order = trader.place_working()
            trader.ring()
            [event] = await stream.events(1)
            await stream.leave()
            return [event["order"]["id"], str(order)]

    heard, placed = asyncio.run(scenario())
    assert heard == placed


def test_a_page_hears_the_account_that_it_names(make_trader: Any, trader: Trader, browser: Browser) -> None:
    second = make_trader(user=trader.account.user)

    async def scenario() -> list[str]:
        async with running() as app:
            oldest = await listening(app, browser)
            named = await listening(app, browser, account=second.account.pk)
            by_sse = await reading(app, browser, account_id=str(second.account.pk))
            orders = [trader.place_working(), second.place_working()]
            trader.ring()
            second.ring()
            heard = [(await peer.updates(1))[0]["order"]["id"] for peer in (oldest, named)]
            heard.append((await by_sse.events(1))[0]["order"]["id"])
            await asyncio.gather(oldest.leave(), named.leave(), by_sse.leave())
            assert heard[:2] == [str(order) for order in orders]
            return heard

    _, named, by_sse = asyncio.run(scenario())
    assert named == by_sse


@pytest.mark.parametrize("kind", ["a stranger's", "nobody's", "nonsense"])
def test_an_account_that_is_not_theirs_is_as_if_there_were_none(
    make_trader: Any, browser: Browser, kind: str
) -> None:
    named = {"a stranger's": make_trader().account.pk, "nobody's": new_id(), "nonsense": "x'--"}[kind]

    async def scenario() -> tuple[Any, Any]:
        async with running() as app:
            peer = Peer(app, **page_of(browser, account=named))
            peer.say(LISTEN)
            told = await peer.message()
            await peer.leave()
            return told, await Reading(app, {"Cookie": cookie(browser)}, account_id=str(named)).refusal()

    told, (status, body) = asyncio.run(scenario())
    assert told == unauthorized("listen")
    assert (status, body["code"], body["message"]) == (404, 40410000, f"account not found for {named}")


def test_a_person_without_an_account_has_nothing_to_listen_to(transactional_db: None, valkey: Any) -> None:
    browser = signed_in()

    async def scenario() -> tuple[int, dict[str, Any]]:
        async with running() as app:
            return await Reading(app, {"Cookie": cookie(browser)}).refusal()

    status, body = asyncio.run(scenario())
    assert (status, body["code"]) == (404, 40410000)


DEAD = {
    "ended": {"ended_at": timezone.now()},
    "absolute end": {"expires_at": timezone.now()},
    "idle": {"last_seen_at": timezone.now() - timedelta(days=8)},
    "of an older epoch": {"epoch": 9},
    "from a recovery": {"is_enrol_only": True, "is_fresh": False},
}


@pytest.mark.parametrize("fields", DEAD.values(), ids=DEAD.keys())
def test_a_session_that_opens_nothing_opens_no_stream(trader: Trader, fields: dict[str, Any]) -> None:
    user = trader.account.user
    dead = Browser(make_session(user, **fields), user)

    async def scenario() -> tuple[Any, Any]:
        async with running() as app:
            peer = Peer(app, **page_of(dead))
            peer.say(LISTEN)
            told = await peer.message()
            await peer.leave()
            return told, await Reading(app, {"Cookie": cookie(dead)}).refusal()

    told, (status, body) = asyncio.run(scenario())
    assert told == unauthorized("listen")
    assert (status, body["code"]) == (401, 40110000)


def test_a_cookie_that_nobody_has_is_asked_about_only_so_often(trader: Trader) -> None:
    stale = Browser("nobody's", trader.account.user)

    async def scenario() -> list[int]:
        async with running() as app:
            return [(await Reading(app, {"Cookie": cookie(stale)}).refusal())[0] for _ in range(8)]

    statuses = asyncio.run(scenario())
    assert statuses[:6] == [401] * 6
    assert statuses[6:] == [429] * 2


# --- From where ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/stream", "/v2/nowhere"])
@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", f"{OURS}.evil.example", OURS.replace("http:", "https:"), "null", "", None],
    ids=["another site", "a longer name", "another scheme", "null", "empty", "none"],
)
def test_a_page_of_another_site_cannot_use_a_person_s_cookie(
    trader: Trader, browser: Browser, origin: str | None, path: str
) -> None:
    async def scenario() -> tuple[int, dict[str, Any]]:
        async with running() as app:
            peer = Peer(app, path=path, **page_of(browser, origin))
            start, body = await peer.event(), await peer.event()
            await peer.life
            content = json.loads(body["body"])
            del content["request_id"]
            return start["status"], content

    assert asyncio.run(scenario()) == REFUSED


def test_two_origins_are_none(trader: Trader, browser: Browser) -> None:
    page = page_of(browser)
    page["headers"] = (*page["headers"], (b"origin", b"https://evil.example"))

    async def scenario() -> Any:
        async with running() as app:
            return (await Peer(app, **page).event())["status"]

    assert asyncio.run(scenario()) == 403


def test_a_bot_needs_no_origin_and_may_have_any(trader: Trader) -> None:
    async def scenario() -> list[Any]:
        async with running() as app:
            told = []
            for headers in ((), ((b"origin", b"https://bots.example"),), ((b"cookie", b"theme=dark"),)):
                peer = Peer(app, headers=headers)
                peer.say(log_in(trader.key))
                told.append(await peer.message())
                await peer.leave()
            return told

    assert asyncio.run(scenario()) == [AUTHORIZED] * 3


def test_a_message_with_a_key_comes_before_the_cookie(make_trader: Any, browser: Browser) -> None:
    bot = make_trader()

    async def scenario() -> list[Any]:
        async with running() as app:
            peer = Peer(app, **page_of(browser))
            peer.say(log_in(bot.key))
            told = [await peer.message()]
            peer.say(LISTEN)
            told.append(await peer.message())
            order = bot.place_working()
            bot.ring()
            [update] = await peer.updates(1)
            await peer.leave()
            return [*told, update["order"]["id"] == str(order)]

    assert asyncio.run(scenario()) == [AUTHORIZED, LISTENING, True]


def test_a_wrong_key_is_not_saved_by_the_cookie(trader: Trader, browser: Browser) -> None:
    async def scenario() -> list[Any]:
        async with running() as app:
            headers = {"APCA-API-KEY-ID": trader.key.pk, "APCA-API-SECRET-KEY": "wrong"}
            stream = Reading(app, {**headers, "Cookie": cookie(browser)})
            peer = Peer(app, **page_of(browser))
            peer.say(log_in(trader.key, "wrong"))
            told = await peer.message()
            await peer.leave()
            return [told, (await stream.refusal())[0]]

    assert asyncio.run(scenario()) == [unauthorized("authenticate"), 401]


# --- Ending ----------------------------------------------------------------------------------------


@asynccontextmanager
async def open_streams(browser: Browser, other: Browser) -> AsyncIterator[tuple[Peer, Reading]]:
    """Have both kinds of stream open, and those of another session, which must outlive them."""
    async with running() as app:
        peer, stream = await listening(app, browser), await reading(app, browser)
        spared = await listening(app, other)
        yield peer, stream
        await spared.leave()  # fails where it was closed


def test_an_ended_session_s_streams_close_at_once(
    trader: Trader, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "BEAT_S", NEVER_S)  # so that the bell alone can have done it
    phone = signed_in(trader.account.user)
    path = f"/raxx/v1/sessions/{browser.session_id}"

    async def scenario() -> tuple[Any, Any, list[str]]:
        async with open_streams(browser, phone) as (peer, stream):
            answer = await elsewhere(lambda: phone.delete(path))
            assert answer.status_code == 204
            told, end = await peer.end()
            return told, end, await stream.rest()

    told, end, last = asyncio.run(scenario())
    assert [message["data"] for message in told] == [{"error_message": "the session has ended"}]
    assert end == (1008, "the session has ended")
    assert last == ['event: error\ndata: {"message":"the session has ended"}']


@pytest.mark.parametrize(
    "end",
    [
        lambda row: Session.objects.filter(pk=row.pk).update(expires_at=timezone.now()),
        lambda row: Session.objects.filter(pk=row.pk).update(last_seen_at=timezone.now() - timedelta(days=8)),
        lambda row: User.objects.filter(pk=row.user_id).update(auth_epoch=1),
        lambda row: User.objects.filter(pk=row.user_id).update(is_active=False),
        lambda row: WebAuthnCredential.objects.filter(pk=row.passkey_id).delete(),
        lambda row: Session.objects.filter(pk=row.pk).delete(),
    ],
    ids=["absolute", "idle", "epoch", "inactive", "passkey removed", "deleted"],
)
def test_whatever_ends_a_session_its_streams_close_soon_though_nobody_rings(
    trader: Trader, browser: Browser, end: Any
) -> None:
    row = Session.objects.select_related("passkey").get(pk=browser.session_id)
    other = signed_in(make_account(make_user()).user)

    async def scenario() -> tuple[Any, list[str]]:
        async with open_streams(browser, other) as (peer, stream):
            await elsewhere(lambda: end(row))
            return (await peer.end())[1], await stream.rest()

    closed, last = asyncio.run(scenario())
    assert closed == (1008, "the session has ended")
    assert last == ['event: error\ndata: {"message":"the session has ended"}']


def test_logging_out_in_one_tab_closes_the_streams_of_all_tabs(
    trader: Trader, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "BEAT_S", NEVER_S)

    async def scenario() -> list[Any]:
        async with running() as app:
            tabs = [await listening(app, browser) for _ in range(3)]
            await elsewhere(lambda: browser.delete("/raxx/v1/sessions/current"))
            return [(await tab.end())[1] for tab in tabs]

    assert asyncio.run(scenario()) == [(1008, "the session has ended")] * 3


# --- Being there ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("is_staff", "ago", "is_noted"),
    [
        (False, timedelta(minutes=20), True),
        (False, timedelta(seconds=20), False),
        (True, timedelta(minutes=20), False),
    ],
    ids=["a person", "seen just now", "staff"],
)
def test_an_open_stream_counts_as_being_there_but_not_for_staff(
    transactional_db: None, is_staff: bool, ago: timedelta, is_noted: bool
) -> None:
    account = make_account(make_user(is_staff=is_staff))
    seen_at = timezone.now() - ago
    browser = Browser(make_session(account.user, last_seen_at=seen_at), account.user)

    async def scenario() -> None:
        async with make_pool(login_of_the_web_role()) as pool:
            principal = await authenticate_page(pool, Page(session_key=browser.key))
            assert principal is not None
            assert await still_good(pool, [principal]) == {principal}

    asyncio.run(scenario())
    now = Session.objects.get(pk=browser.session_id).last_seen_at
    assert (now > seen_at) == is_noted


def test_a_session_that_is_idle_too_long_is_not_brought_back_by_its_stream(transactional_db: None) -> None:
    account = make_account()
    browser = signed_in(account.user)

    async def scenario() -> None:
        async with make_pool(login_of_the_web_role()) as pool:
            principal = await authenticate_page(pool, Page(session_key=browser.key))
            assert principal is not None
            await elsewhere(lambda: Session.objects.update(last_seen_at=timezone.now() - timedelta(days=8)))
            assert await still_good(pool, [principal]) == set()

    asyncio.run(scenario())
    assert Session.objects.get().last_seen_at < timezone.now() - timedelta(days=7)


def test_a_key_in_the_cookie_is_never_shown(browser: Browser) -> None:
    page = Page(session_key=browser.key)
    assert browser.key not in repr(page)
    assert browser.key not in page.name
