"""The whole way at once: a person's browser, every process of ours, and a second installation that is the broker.

Nothing is put in between but Chromium's virtual passkey device: the gate's override is a row, all else is done as
a person does it, over HTTP, by the processes that production runs.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import requests
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import AuditEntry, Tier, User
from accounts.models.user import new_id
from accounts.sessions import living_session
from accounts.step_up import give_assertion
from broker_handoff.models import BrokerConnection, GateOverride, LiveIntent, SealedToken
from tests.broker_handoff.peer.installation import SYMBOL
from tests.broker_handoff.peer.oauth import oauth_server
from tests.broker_handoff.people import make_trader
from tests.broker_handoff.worker import wait_until
from tests.browser.axe import assert_accessible
from tests.browser.conftest import CHROMIUM, MISSING, chromium  # noqa: F401 - a fixture
from tests.browser.house import House, open_house
from tests.browser.visitor import Visitor
from tests.factories.people import CSRF, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.broker_handoff.peer.installation import Peer
    from tests.broker_handoff.peer.oauth import OAuthServer

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400), pytest.mark.django_db(transaction=True)]

EMAIL = "grace@live.example"


@dataclass
class Stand:
    """Our house, and the broker: its OAuth server and its API."""

    house: House
    oauth: OAuthServer
    peer: Peer

    def lets_connect(self) -> None:
        """Give out the peer's key as the next token."""
        self.oauth.tokens = [self.peer.token]

    def order_at_the_broker(self, intent_id: Any) -> dict[str, Any]:
        [found] = [one for one in self.peer.orders() if one["client_order_id"] == str(intent_id)]
        return found


@pytest.fixture(scope="module")
def stand(
    peer: Peer,
    django_db_setup: None,
    django_db_blocker: Any,
    valkey_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stand]:
    with pytest.MonkeyPatch.context() as environment, django_db_blocker.unblock(), ExitStack() as stack:
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # the browser's loop runs in this thread
        oauth = stack.enter_context(oauth_server())
        live = {f"RAXX_{name}": value for name, value in oauth.settings().items()}
        live |= {"RAXX_LIVE": "on", "RAXX_LIVE_FEEDS": "synthetic", "RAXX_BROKER_API_URL": peer.url}
        folder = tmp_path_factory.mktemp("there")
        yield Stand(stack.enter_context(open_house(folder, "worker", **live)), oauth, peer)


def open_gate(person: User) -> None:
    """Have two of the staff opened it."""
    now = timezone.now()
    GateOverride.objects.create(
        user=person, reason="for this test", asked_by=new_id(), approved_by=new_id(), approved_at=now,
        expires_at=now + timedelta(days=1),
    )  # fmt: skip


def is_revoked(stand: Stand, connection: BrokerConnection) -> bool:
    connection.refresh_from_db()
    return (
        connection.revoked_at_broker == "done"
        and stand.peer.token in stand.oauth.revoked
        and not SealedToken.objects.filter(pk=connection.pk).exists()
    )


class Person:
    """Somebody's program with their session's cookie, as the page's scripts send it."""

    def __init__(self, stand: Stand) -> None:
        self.user = make_trader()
        open_gate(self.user)
        self._key = make_session(self.user)
        self._url = stand.house.url
        self._client = requests.Session()
        self._client.cookies.set(settings.SESSION_COOKIE_NAME, self._key)
        self._client.cookies.set(settings.CSRF_COOKIE_NAME, CSRF)

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        headers = {"X-CSRFToken": CSRF, "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        return self._client.request(
            method, self._url + path, data=content, headers=headers, timeout=30, allow_redirects=False, **more
        )

    def confirmed(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Ask; say yes to the digest that comes back; ask again."""
        asked = self.ask(method, path, body)
        assert asked.status_code == 401, asked.text
        session = living_session(self._key)
        assert session is not None
        give_assertion(session, bytes.fromhex(asked.json()["digest"]))
        answer = self.ask(method, path, body)
        assert answer.status_code == 202, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def comes_to(self, status: str, made: dict[str, Any]) -> None:
        """Wait until the page's own question about an order is answered so."""
        path = f"/raxx/v1/live/orders/{made['id']}"
        wait_until(lambda: self.ask("GET", path).json()["status"] == status, f"{made['id']} is not {status}")


def test_over_http_to_the_broker_and_back(stand: Stand) -> None:
    person, orders = Person(stand), "/raxx/v1/live/orders"
    before = len(stand.peer.orders())
    stand.lets_connect()
    way = person.ask("GET", "/raxx/v1/live/connect").json()["authorize_url"]
    back = person.ask("GET", "/live/callback", params=stand.oauth.visit(way))
    assert (back.status_code, back.headers["Location"]) == (302, "/live/connected")
    connection = BrokerConnection.objects.get(user=person.user)
    assert connection.broker_account == stand.peer.number
    stand.house.start("live_updates")

    bought = person.confirmed(
        "POST",
        orders,
        {"symbol": SYMBOL, "side": "buy", "type": "market", "time_in_force": "day", "qty": "1"},
    )
    person.comes_to("filled", bought)
    there = stand.order_at_the_broker(bought["id"])
    here = person.ask("GET", f"{orders}/{bought['id']}").json()
    assert (there["filled_qty"], here["filled_qty"]) == ("1", "1")
    assert float(here["filled_avg_price"]) == float(there["filled_avg_price"])
    assert stand.peer.token not in json.dumps(here)

    stand.house.stop("live_updates")
    closed = person.ask("POST", "/raxx/v1/live/kill-switch")
    assert (closed.status_code, closed.json()["is_closed"]) == (200, True)
    refused = person.ask("POST", orders, bought["terms"])
    session = living_session(person._key)
    assert session is not None
    give_assertion(session, bytes.fromhex(refused.json()["digest"]))
    refused = person.ask("POST", orders, bought["terms"])
    assert (refused.status_code, refused.json()["guard"]) == (403, "switch_user")
    assert len(stand.peer.orders()) == before + 1

    assert person.ask("DELETE", "/raxx/v1/live/connection").status_code == 200
    wait_until(lambda: is_revoked(stand, connection), "the broker was not told")
    assert person.ask("DELETE", "/raxx/v1/live/kill-switch").json()["is_closed"] is False
    told = AuditEntry.objects.filter(subject=person.user.pk).values_list("action", flat=True)
    assert {
        "live.connected", "live.intent_accepted", "live.token_used", "live_switch.closed", "live.disconnected",
        "live.token_shredded",
    } <= set(told)  # fmt: skip


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
def test_by_the_pages_to_the_broker_and_back(chromium: Browser, stand: Stand) -> None:  # noqa: F811 - a fixture
    visitor = Visitor(chromium, stand.house)
    page = visitor.page
    visitor.signs_up(EMAIL)
    person = User.objects.get(email=EMAIL)
    User.objects.filter(pk=person.pk).update(tier=Tier.PRO)
    visitor.open("/live")
    visitor.sees("the gate to live trading is not open.")
    open_gate(person)
    stand.lets_connect()
    stand.oauth.revoked.clear()

    visitor.open("/live")
    assert_accessible(page)
    visitor.press("Connect your broker")
    visitor.is_at("/live/connected")
    visitor.sees(f"Account {stand.peer.number} is connected until")
    connection = BrokerConnection.objects.get(user=person)
    stand.house.start("live_updates")

    orders_there(visitor, stand, person)
    visitor.open("/live")
    visitor.press("Stop all live orders")
    visitor.sees("Closed by you")
    visitor.press("Open it again")
    page.get_by_role("dialog").get_by_role("button", name="Open it again").click()
    visitor.sees("What you had closed is open again.")

    stand.house.stop("live_updates")
    visitor.press("Disconnect")
    page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
    visitor.sees("is disconnected.")
    wait_until(lambda: is_revoked(stand, connection), "the broker was not told")
    page.reload()
    visitor.sees("The broker has taken the token back.")
    visitor.leave()
    elsewhere = f"a request to {stand.oauth.url}/oauth/authorize?"
    assert [one for one in visitor.complaints if not one.startswith(elsewhere)] == []


def orders_there(visitor: Visitor, stand: Stand, person: User) -> None:
    """Order by the ticket: wrongly confirmed, stopped by a guard, and filled at the broker."""
    page = visitor.page
    page.get_by_role("link", name="Go on").click()
    page.get_by_role("link", name="Live orders").click()
    page.get_by_label("Symbol").fill(SYMBOL.lower())
    page.get_by_label("Type", exact=True).select_option("limit")
    page.get_by_label("Amount", exact=True).fill("1")
    page.get_by_label("Limit price").fill("1.5")
    press(visitor, "Look at it once more …")
    confirm(visitor, "2")
    visitor.sees("That is not the figure of the order: 1.")
    assert not LiveIntent.objects.filter(user=person).exists()
    confirm(visitor, "1")
    visitor.sees("bps from the market's")  # a guard of ours, in words and figures
    assert ("POST", 403) in visitor.statuses("/raxx/v1/live/orders")

    page.get_by_label("Type", exact=True).select_option("market")
    press(visitor, "Look at it once more …")
    assert_accessible(page)
    confirm(visitor, "1")
    page.wait_for_url("**/live/orders/*")
    expect(page.locator("#life .tag").first).to_have_text("filled", timeout=30_000)
    intent = LiveIntent.objects.get(user=person)
    assert stand.order_at_the_broker(intent.pk)["filled_qty"] == "1"
    visitor.sees("The broker calls it “filled”.")
    assert_accessible(page)
    changes_and_cancels(visitor, stand)


def changes_and_cancels(visitor: Visitor, stand: Stand) -> None:
    """Have an order wait at the broker, at another price after all, and not at all."""
    page = visitor.page
    bid = Decimal(stand.peer.quote()["bp"])
    low, lower = (str((bid * part).quantize(Decimal("0.01"))) for part in (Decimal("0.98"), Decimal("0.97")))
    page.get_by_role("link", name="Live orders", exact=True).click()
    page.get_by_label("Symbol").fill(SYMBOL)
    page.get_by_label("Amount", exact=True).fill("2")
    page.get_by_label("Time in force").select_option("gtc")
    page.get_by_label("Limit price").fill(low)
    press(visitor, "Look at it once more …")
    confirm(visitor, "2")
    page.wait_for_url("**/live/orders/*")
    first = stands(visitor, "working")

    page.get_by_text("Replace it", exact=True).click()
    page.get_by_label("Limit price, dollars").fill(lower)
    visitor.press("Confirm the change with the passkey")
    page.wait_for_url(lambda url: "/live/orders/" in url and first not in url)
    second = stands(visitor, "working")
    wait_until(lambda: stand.order_at_the_broker(first)["status"] == "replaced", "the first works on")
    assert Decimal(stand.order_at_the_broker(second)["limit_price"]) == Decimal(lower)

    visitor.press("Cancel it")
    page.get_by_role("dialog").get_by_role("button", name="Cancel it").click()
    stands(visitor, "canceled")
    assert stand.order_at_the_broker(second)["status"] == "canceled"
    assert_accessible(page)
    visitor.open("/live/orders")
    visitor.sees(f"limit {lower}")


def stands(visitor: Visitor, word: str) -> str:
    """Wait until the page at hand calls its order so; return the order's id."""
    expect(visitor.page.locator("#life .tag").first).to_have_text(word, timeout=30_000)
    return visitor.page.url.rsplit("/", 1)[1]


def press(visitor: Visitor, name: str) -> None:
    visitor.page.locator("#ticket").get_by_role("button", name=name).click()


def confirm(visitor: Visitor, amount: str) -> None:
    dialog = visitor.page.get_by_role("dialog")
    dialog.get_by_label("Type the amount again").fill(amount)
    dialog.get_by_role("button", name="Confirm with the passkey and send").click()
