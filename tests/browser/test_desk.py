"""The page of an account while things happen to it, before the real processes."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from playwright.sync_api import expect

from accounts.models import Tier
from accounts.services.own_sessions import end_other_sessions
from tests.browser.house import SYMBOLS
from tests.browser.looking import look_at
from tests.browser.visitor import PATIENCE_MS
from tests.factories.people import make_session
from tests.factories.rows import make_asset, make_order, make_position, make_user, make_watchlist
from trading.models import Asset

pytestmark = pytest.mark.timeout(240)

FIRST_PAGE_BYTES = 150_000
POSITIONS, ORDERS = 50, 500
CURVE = {"timeframe": "5Min", "timestamp": [1381239300], "equity": [100_000]}  # of one point
WINDOW, WINDOWS = 2, 40  # ticks; a busy machine lets many a window have a task of more than 50 ms
# What the browser itself says of a page: what has moved without being asked to, and what kept it from answering.
MEASURE = """() => {
  window.measured = { shifts: [], tasks: [] };
  new PerformanceObserver((list) => list.getEntries().forEach((one) => one.hadRecentInput
    || measured.shifts.push([one.value, one.sources.map(({ node }) => node?.outerHTML?.slice(0, 120) ?? "")])))
    .observe({ type: "layout-shift" });
  new PerformanceObserver((list) => list.getEntries().forEach((one) => measured.tasks.push(one.duration)))
    .observe({ type: "longtask" });
}"""
ASK = """async ([method, path, body]) => {
  const { ask } = await import("/static/trading/account_api.js");
  return ask(method, path, body ?? undefined);
}"""
HEAR = """(count) => new Promise((heard) => {
  document.body.addEventListener("raxx:quotes", () => { count -= 1; if (!count) heard(); });
})"""


@pytest.fixture
def person():
    return make_user(tier=Tier.PRO)


@pytest.fixture
def account(house, person):
    return house.open_account(person, name="Swing trades")


@pytest.fixture
def visitor(guest, house, person):
    """Return the person's browser, signed in."""
    one = guest(viewport={"width": 1280, "height": 900})
    one._context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": make_session(person), "url": house.url}]
    )
    return one


def link_says(visitor, state):
    expect(visitor.page.locator("#link")).to_have_attribute("data-state", state, timeout=PATIENCE_MS)


def opened(visitor, account):
    visitor.open(f"/paper/{account.number}")
    link_says(visitor, "live")


def ask(visitor, method, path, body=None):
    return visitor.page.evaluate(ASK, [method, path, body])


def buy(visitor, symbol, quantity, **terms):
    body = {
        "symbol": symbol,
        "qty": quantity,
        "side": "buy",
        "type": "market",
        "time_in_force": "gtc",
        **terms,
    }
    return ask(visitor, "POST", "/v2/orders", body)


def test_an_order_by_the_api_is_to_be_seen_without_a_reload_and_is_undone_on_the_page(visitor, account):
    page = visitor.page
    opened(visitor, account)
    page.evaluate(MEASURE)

    buy(visitor, "IBM", "25")
    row = page.locator("#positions tr", has_text="IBM")
    expect(row).to_be_visible(timeout=PATIENCE_MS)
    buy(visitor, "NVDA", "5", type="limit", limit_price="10")
    waiting = page.locator("#open-orders tr", has_text="Buy 5 NVDA")
    expect(waiting).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("#activity")).to_contain_text("Bought 25 IBM", timeout=PATIENCE_MS)
    assert page.evaluate("measured.shifts") == []

    waiting.get_by_role("button", name="Cancel").press("Enter")
    page.get_by_role("button", name="Cancel the order").press("Enter")
    expect(waiting).to_have_count(0, timeout=PATIENCE_MS)
    for price in ("11", "12"):
        buy(visitor, "NVDA", "5", type="limit", limit_price=price)
    expect(page.locator("#open-orders [data-cancel]")).to_have_count(2, timeout=PATIENCE_MS)
    visitor.press("Cancel all")
    page.locator("#ask").get_by_role("button", name="Cancel all").click()
    visitor.sees("No open orders.")
    row.get_by_role("button", name="Close IBM").click()
    visitor.press("Close the position")
    expect(row).to_have_count(0, timeout=PATIENCE_MS)
    visitor.sees("Sold 25 IBM")


def test_a_lost_connection_is_said_and_what_happened_meanwhile_is_caught_up(visitor, account, house):
    page = visitor.page
    opened(visitor, account)
    buy(visitor, "AAPL", "1")
    expect(page.locator("#positions")).to_contain_text("AAPL", timeout=PATIENCE_MS)

    house.stop("stream")
    try:
        link_says(visitor, "lost")
        visitor.sees("Connection lost: what you see may be old")
        expect(page.locator("body")).to_have_class(re.compile(r"\blost\b"))
        assert look_at(visitor.page, "account-lost") == []
        buy(visitor, "MSFT", "2")
    finally:
        house.start("stream")

    link_says(visitor, "live")
    expect(page.locator("#positions")).to_contain_text("MSFT", timeout=PATIENCE_MS)
    expect(page.locator("#activity")).to_contain_text("Bought 2 MSFT", timeout=PATIENCE_MS)
    expect(page.locator("body")).not_to_have_class(re.compile(r"\blost\b"))


def test_a_session_that_ends_is_said_where_the_connection_is(visitor, account, person):
    opened(visitor, account)
    end_other_sessions(owner=person, current=uuid4())

    visitor.sees("You are signed out")


def test_a_watchlist_is_made_and_unmade_on_the_page_and_the_curve_says_what_it_draws(visitor, account):
    page = visitor.page
    answers: list[dict[str, Any]] = [
        {"json": CURVE | {"timestamp": [], "equity": []}},
        {"status": 500},
        {"json": CURVE},
    ]
    page.route("**/v2/account/portfolio/history?*", lambda route: route.fulfill(**answers.pop()))
    opened(visitor, account)
    words = page.locator("#curve-words")
    expect(words).to_have_text("At 2013-10-08 09:35 the equity was $100,000.00. The line goes on from there.")
    page.locator("#periods input[value='1W']").check()
    expect(words).to_have_class(re.compile(r"\bbad\b"))
    page.locator("#periods input[value='1M']").check()
    expect(words).to_have_text("There is nothing to draw in this period yet.")
    expect(words).not_to_have_class(re.compile(r"\bbad\b"))
    page.get_by_label("Symbol to watch").fill("nvda")
    page.get_by_label("Symbol to watch").press("Enter")
    expect(page.locator("#watchlist tr", has_text="NVDA")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_label("Symbol to watch").fill("NOSUCH")
    visitor.press("Add")
    expect(page.get_by_label("Symbol to watch")).to_have_attribute("aria-invalid", "true")
    visitor.press("Take NVDA off")

    visitor.sees("Nothing on the watchlist.")


def test_a_full_page_ticks_without_a_shift_or_a_long_task_and_comes_in_few_bytes(visitor, account):
    known = {asset.symbol: asset for asset in Asset.objects.filter(symbol__in=SYMBOLS)}
    assets = [*known.values(), *(make_asset(f"FULL{n}") for n in range(POSITIONS - len(known)))]
    for asset in assets:
        make_position(account, asset)
    for _ in range(ORDERS):
        make_order(account, known["IBM"], status="new", limit_price=1)
    make_watchlist(account, asset_ids=[asset.pk for asset in known.values()])
    page = visitor.page
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    sizes: list[float] = []
    wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))

    opened(visitor, account)
    page.locator("#curve canvas").first.wait_for()
    assert 0 < sum(sizes) < FIRST_PAGE_BYTES
    page.evaluate(HEAR, 2)  # all that was late with the page is there
    page.evaluate(MEASURE)
    tasks = []
    # A task that the machine has kept waiting is not the page\'s, whose own come every time.
    for _ in range(WINDOWS):
        page.evaluate(HEAR, WINDOW)
        tasks.append(page.evaluate("measured.tasks.splice(0)"))
        if not tasks[-1]:
            break

    assert tasks[-1] == [], tasks
    assert page.evaluate("measured.shifts") == []
    assert look_at(visitor.page, "account") == []
