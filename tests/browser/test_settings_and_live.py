"""The pages of settings and of the way to live, as a person sees them: judged by axe-core in both widths and schemes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import Tier, User
from accounts.models.user import new_id
from broker_handoff.models import (
    BrokerDifference,
    GateNomination,
    GateOverride,
    GateVerdict,
    IntentEvent,
    LiveIntent,
)
from tests.broker_handoff.guarding.conftest import make_intent
from tests.broker_handoff.people import make_connection
from tests.browser.looking import look_at
from tests.browser.server import site as running_site
from tests.browser.visitor import Visitor
from tests.factories.rows import make_account, make_api_key, make_market
from trading.models import WebhookDelivery, WebhookEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

    from tests.browser.server import Site
    from trading.models import TradingAccount

EMAIL = "ada@live.example"
BROKER = {
    "RAXX_LIVE": "on",
    "RAXX_LIVE_FEEDS": "synthetic",
    "RAXX_GATE_FEEDS": "replay",
    **{f"RAXX_BROKER_{name}_URL": "http://127.0.0.1:9/x" for name in ("AUTHORIZE", "TOKEN", "REVOKE", "API")},
    "RAXX_BROKER_CLIENT_ID": "us",
    "RAXX_BROKER_CLIENT_SECRET": "a secret",
}


@pytest.fixture(scope="module")
def live_site(
    django_db_setup: None, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("live site"), **BROKER) as running:
        yield running


@pytest.fixture
def person(chromium: Browser, live_site: Site) -> Iterator[Visitor]:
    """Return somebody who has logged in and is Pro; at the end their browser may not have complained."""
    visitor = Visitor(chromium, live_site)
    visitor.is_in(EMAIL)
    User.objects.filter(email=EMAIL).update(tier=Tier.PRO)
    yield visitor
    visitor.leave()
    assert visitor.complaints == []


@pytest.fixture
def look(person: Visitor) -> Iterator[Callable[[str], None]]:
    """Return a function that judges the page at hand; at the end no page may have had a fault."""
    faults: list[str] = []

    def at(name: str) -> None:
        faults.extend(look_at(person.page, name))

    yield at
    assert faults == []


def me() -> User:
    return User.objects.get(email=EMAIL)


def test_the_settings_and_a_webhook_from_its_making_to_its_end(person: Visitor, look: Any) -> None:
    page = person.page
    person.open("/settings/webhooks")
    look("webhooks-no-account")
    market = make_market(is_active=True)
    account = make_account(me(), market=market, name="Swing trades", cash=100_000)
    make_account(me(), market=market, name="Day trades", cash=100_000)
    make_api_key(account)
    person.open("/settings")
    look("settings")
    page.set_viewport_size({"width": 390, "height": 800})
    tops = page.locator(".tabs a").evaluate_all("(all) => all.map((one) => one.offsetTop)")
    assert (len(tops), len(set(tops))) == (4, 1)  # on a phone the tabs are one line, all of it to be seen
    assert page.locator(".tabs").evaluate("(bar) => bar.scrollWidth <= bar.clientWidth")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.locator(".tabs").get_by_role("link", name="Tier").click()
    person.sees("This installation does not count requests.")
    look("tier")
    page.get_by_role("link", name="Webhooks", exact=True).click()
    person.sees("No webhook yet.")
    look("webhooks-empty")

    page.get_by_label("Address").fill("ftp://bot.example")
    person.press("Make the webhook")
    expect(page.get_by_label("Address")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Address").fill("https://bot.example/hook")
    page.get_by_label("Description").fill("my bot")
    person.press("Make the webhook")
    person.sees("The secret is shown once.")
    look("webhooks-secret")
    secret = page.locator("[data-secret] [data-field=secret]").inner_text()
    assert secret.startswith("whsec_")
    person.press("I have it")
    assert secret not in page.content()
    hook = WebhookEndpoint.objects.get()
    assert hook.account_id == account.pk

    its_life(person, hook, look)
    page.get_by_label("Account", exact=True).select_option(label=f"Day trades · {second_number()}")
    person.sees("Webhooks of Day trades")


def its_life(person: Visitor, hook: WebhookEndpoint, look: Any) -> None:
    """Have a webhook tested, its messages sent again, paused, resumed and deleted."""
    page = person.page
    page.get_by_role("button", name="Send a test: https://bot.example/hook").click()
    person.sees("A test message is on its way.")
    hook.refresh_from_db()
    assert hook.pinged_at is not None
    deliver(hook, 3)
    person.press("Look again")
    person.sees("answered 500")
    look("webhooks")
    page.get_by_role("button", name="Send again from here: event 2").click()
    page.get_by_role("dialog").get_by_role("button", name="Send again from here").click()
    person.sees("Messages from event 2 on are sent again: 2.")
    hook.refresh_from_db()
    assert hook.cursor == 1

    page.get_by_role("button", name="Pause: https://bot.example/hook").click()
    person.sees("It is paused")
    page.get_by_role("button", name="Resume: https://bot.example/hook").click()
    person.sees("It is on again.")
    page.get_by_role("button", name="Delete: https://bot.example/hook").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    person.sees("No webhook yet.")


def test_the_live_pages_in_each_of_their_states(person: Visitor, look: Any) -> None:
    page = person.page
    person.open("/live")
    person.sees("the gate to live trading is not open.")
    look("live-shut")
    market = make_market(is_active=True)
    make_account(me(), market=market, name="Swing trades", cash=100_000)
    now = timezone.now()
    GateOverride.objects.create(
        user=me(), reason="a friend of the house", asked_by=new_id(), approved_by=new_id(), approved_at=now,
        expires_at=now + timedelta(days=30),
    )  # fmt: skip
    GateVerdict.objects.create(
        user=me(), rules_version=1, through="2026-03", inputs={}, inputs_digest=b"d" * 32,
        report={"in_a_row": 1, "required": 3}, is_open=False,
    )  # fmt: skip
    person.open("/live")
    person.sees("You log in at the broker")
    page.get_by_text("Verdicts so far").click()
    page.get_by_text("Which account is judged").click()
    look("live-open")
    names_another(person, make_account(me(), market=market, name="Day trades", cash=100_000))
    connection = make_connection(me())
    person.open("/live")
    person.sees("Your limits")
    page.get_by_label("One order, dollars").fill("99999999")
    person.press("Set the limits")
    person.sees("that this installation allows")
    page.get_by_label("One order, dollars").fill("750")
    person.press("Set the limits")
    person.sees("The limits are set.")
    connection.refresh_from_db()
    assert connection.notional_max == 750
    look("live-connected")

    order = furnish(connection)
    person.open("/live/orders")
    person.sees("A real order")
    look("live-orders")
    page.get_by_label("Symbol").fill("IBM")
    page.get_by_label("Amount", exact=True).fill("3")
    person.press("Look at it once more …")
    expect(page.get_by_label("Limit price, dollars")).to_be_focused()
    person.sees("This is needed.")
    page.get_by_label("Limit price, dollars").fill("99.5")
    person.press("Look at it once more …")
    person.sees("Send this real order?")
    look("live-confirm")
    page.keyboard.press("Escape")
    person.open(f"/live/orders/{order.pk}")
    person.sees("Filled: 1 at 99.5 on average.")
    look("live-order")
    person.press("Stop all live orders")
    person.sees("The kill switch is closed")
    expect(page.locator("#kill-title")).to_be_focused()
    look("live-closed")


def names_another(person: Visitor, account: TradingAccount) -> None:
    """Have them say that they want to be judged by this account."""
    page = person.page
    page.reload()
    page.get_by_text("Which account is judged").click()
    page.get_by_label("Account", exact=True).select_option(label=f"{account.name} · {account.number}")
    person.press("Judge me by this one")
    page.get_by_role("dialog").get_by_role("button", name="Judge me by this one").click()
    expect(page.locator("#nominate")).to_contain_text(f"Account {account.number}, named")
    assert GateNomination.objects.get().account_id == account.pk


def furnish(connection: Any) -> LiveIntent:
    """Insert an order that works, and some that are over; return the first."""
    now = timezone.now()
    make_intent(
        connection, status="blocked", reason="price_distance", finished_at=now,
        words="the price 100 is 909 bps from the market's 110, and may be 500",
    )  # fmt: skip
    make_intent(
        connection, status="filled", finished_at=now, broker_status="filled", filled_quantity=1, filled_average_price=100,
    )  # fmt: skip
    order = make_intent(
        connection, status="working", terms={"symbol": "IBM", "side": "sell", "type": "limit", "qty": "3",
        "limit_price": "99.5", "time_in_force": "gtc"}, broker_status="partially_filled", filled_quantity=1,
        filled_average_price="99.5", broker_order_id="b-1",
    )  # fmt: skip
    told: list[tuple[str, dict[str, Any]]] = [
        ("accepted", {}),
        ("sending", {}),
        ("working", {"broker_status": "new"}),
        (
            "working",
            {"broker_status": "partially_filled", "filled_quantity": "1", "filled_average_price": "99.5"},
        ),
    ]
    for number, (status, detail) in enumerate(told):
        IntentEvent.objects.create(
            user=connection.user, intent=order, at=now + timedelta(seconds=number), status=status, detail=detail,
            request_id="0f1e2d3c",
        )  # fmt: skip
    BrokerDifference.objects.create(
        user=connection.user, connection=connection, kind="position_differs", subject="IBM",
        ours={"quantity": "1"}, theirs={"quantity": "2"},
    )  # fmt: skip
    return order


def deliver(hook: WebhookEndpoint, count: int) -> None:
    """Insert attempts at the account's first events, the second of which failed once."""
    for seq in range(1, count + 1):
        for attempt, error in ((1, "answered 500"), (2, "")) if seq == 2 else ((1, ""),):
            WebhookDelivery.objects.create(
                user_id=hook.user_id, account_id=hook.account_id, endpoint=hook, seq=seq, attempt=attempt,
                at=timezone.now(), duration_ms=12, status_code=500 if error else 200, error=error,
            )  # fmt: skip
    hook.account.event_seq = count
    hook.account.save(update_fields=["event_seq"])
    WebhookEndpoint.objects.filter(pk=hook.pk).update(cursor=count)


def second_number() -> str:
    number: str = me().trading_accounts.get(name="Day trades").number
    return number
