"""Connecting and disconnecting as a person's browser does it, by the role that serves people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from broker_handoff import adapters
from broker_handoff.models import BrokerConnection, SealedToken
from tests.broker_handoff.people import AccountBehind, make_connection, make_trader
from tests.factories.people import signed_in
from tests.factories.rows import SECRET, make_account, make_api_key

if TYPE_CHECKING:
    from broker_handoff.adapters.local_keys import LocalKeys
    from tests.broker_handoff.peer.oauth import OAuthServer
    from tests.factories.people import Browser

pytestmark = pytest.mark.django_db(transaction=True)

CONNECT, CONNECTION = "/raxx/v1/live/connect", "/raxx/v1/live/connection"
CANARY = "canary-31d7"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return for which connections the worker was asked to go to the broker."""
    found: list[Any] = []
    monkeypatch.setattr("broker_handoff.tasks.revoke_soon", found.append)
    return found


@pytest.fixture
def browser(
    oauth: OAuthServer, keys: LocalKeys, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> Browser:
    """Return the browser of somebody whose gate is open; the broker behind has one account."""
    oauth.tokens = [CANARY]
    for place in ("broker_handoff.api.connection", "broker_handoff.dashboard.connecting"):
        monkeypatch.setattr(f"{place}.is_gate_open", lambda _: True)
    monkeypatch.setattr(adapters, "key_service", lambda: keys)
    monkeypatch.setattr(adapters, "builder", AccountBehind)
    return signed_in(make_trader())


def back_from(browser: Browser, oauth: OAuthServer) -> str:
    """Go to the broker, say yes, and return where one is sent back to."""
    answer = browser.get(CONNECT)
    assert answer.status_code == 200, answer.content
    return f"/live/callback?{urlencode(oauth.visit(answer.json()['authorize_url']))}"


def test_there_and_back_and_away_again(browser: Browser, oauth: OAuthServer, asked: list[Any]) -> None:
    led = browser.get(back_from(browser, oauth))
    assert (led.status_code, led.headers["Location"]) == (302, "/live/connected")
    page = browser.get("/live/connected").content.decode()
    assert "PA3XYZ is connected until" in page

    body = browser.get(CONNECTION).json()
    assert {name: body[name] for name in ("status", "token", "broker_account", "scopes")} == {
        "status": "active",
        "token": "sealed",
        "broker_account": "PA3XYZ",
        "scopes": ["trading", "data"],
    }
    assert body["limits"]["notional_max"] == "1000"
    assert body["revoked_at_broker"] is None

    ended = browser.delete(CONNECTION)
    assert ended.status_code == 200
    assert (ended.json()["status"], ended.json()["revoked_at_broker"]) == ("disconnected", "waiting")
    assert [str(connection_id) for connection_id in asked] == [body["id"]]
    assert "No live account is connected" in browser.get("/live/connected").content.decode()


def test_the_way_back_works_once_and_only_in_the_browser_that_left(
    browser: Browser, oauth: OAuthServer
) -> None:
    back = back_from(browser, oauth)

    stranger = signed_in(make_trader()).get(back)
    assert stranger.status_code == 422
    assert "begun in another session" in stranger.content.decode()
    assert browser.get(back).status_code == 302
    assert browser.get(back).status_code == 422
    assert BrokerConnection.objects.get().user_id == browser.user.pk


def test_who_is_not_signed_in_is_sent_to_the_log_in_without_the_code(
    browser: Browser, oauth: OAuthServer
) -> None:
    answer = Client().get(back_from(browser, oauth))

    assert (answer.status_code, answer.headers["Location"]) == (302, "/log-in")
    assert not BrokerConnection.objects.exists()


def test_a_look_ahead_does_not_use_the_way_back_up(browser: Browser, oauth: OAuthServer) -> None:
    back = back_from(browser, oauth)

    assert browser.call("head", back).status_code == 405
    assert browser.get(back).status_code == 302


def test_who_says_no_at_the_broker_is_told_that_nothing_has_changed(
    browser: Browser, oauth: OAuthServer
) -> None:
    state = oauth.visit(browser.get(CONNECT).json()["authorize_url"])["state"]

    answer = browser.get("/live/callback", error="access_denied", state=state)

    assert answer.status_code == 422
    assert "said no" in answer.content.decode()
    assert not BrokerConnection.objects.exists()


def test_what_stands_in_the_way_is_said_by_name(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker_handoff.api.connection.is_gate_open", lambda _: False)

    answer = browser.get(CONNECT)

    assert (answer.status_code, answer.json()["code"], answer.json()["guard"]) == (403, 40310004, "gate")


@pytest.mark.parametrize(("method", "path"), [("get", CONNECT), ("delete", CONNECTION)])
def test_without_a_passkey_shown_just_now_nothing_begins_or_ends(
    oauth: OAuthServer, method: str, path: str
) -> None:
    browser = signed_in(make_trader(), is_fresh=False)
    made = make_connection(browser.user)

    answer = browser.call(method, path)

    assert (answer.status_code, answer.json()["error"]) == (401, "step_up_required")
    assert BrokerConnection.objects.get(pk=made.pk).status == "active"


def test_no_api_key_comes_near(oauth: OAuthServer) -> None:
    user = make_trader()
    make_connection(user)
    key = make_api_key(make_account(user), scopes=["read", "trade", "data", "operator"])
    headers = {"APCA-API-KEY-ID": key.pk, "APCA-API-SECRET-KEY": SECRET}

    for method, path in (("get", CONNECT), ("get", CONNECTION), ("delete", CONNECTION)):
        assert getattr(Client(), method)(path, headers=headers).status_code == 401


def test_who_never_had_a_connection_has_none_to_read_or_to_end(browser: Browser) -> None:
    assert browser.get(CONNECTION).status_code == 404
    assert browser.delete(CONNECTION).status_code == 404


def test_a_token_that_the_vault_refused_is_to_be_seen(browser: Browser, keys: LocalKeys) -> None:
    made = make_connection(browser.user, token="any", keys=keys, token_refused_at=timezone.now())
    assert browser.get(CONNECTION).json()["token"] == "refused"

    SealedToken.objects.filter(pk=made.pk).delete()
    assert browser.get(CONNECTION).json()["token"] == "shredded"
