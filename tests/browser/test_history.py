"""The pages of what an account has done, in a real browser: at both widths and in both schemes nothing to complain of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from playwright.sync_api import expect

from tests.browser.looking import look_at
from tests.trading.dashboard.desk_history import Past, make_past

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.browser.visitor import Visitor


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    past = make_past(tmp_path)
    yield past
    past.stage.close()


def signed_in_as(visitor: Visitor, past: Past) -> Visitor:
    visitor.page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": past.browser.key, "url": visitor.site.url}]
    )
    return visitor


def test_every_page_is_readable_by_everybody_at_both_widths_and_in_both_schemes(
    visit: Callable[..., Visitor], past: Past
) -> None:
    pages = {
        "orders": "/orders",
        "activities": "/activities?from=2013-10-08&to=2013-10-01",
        "activities-all": "/activities",
        "trades": "/trades",
        "statement": "/statements/2013-10",
        "performance": "/performance",
        "order-open": f"/orders/{past.orders['partly']}",
        "order-class": f"/orders/{past.orders['bracket']}",
        "order-filled": f"/orders/{past.orders['second sale']}",
    }
    visitor = signed_in_as(visit(), past)
    found: list[str] = []
    for name, path in pages.items():
        visitor.open(f"{past.path}{path}")
        if name == "performance":
            expect(visitor.page.locator("#drawdown-plot canvas").first).to_be_visible()
        found += look_at(visitor.page, f"history-{name}")
    past.begins_anew()
    visitor.open(f"{past.path}/orders")
    visitor.page.get_by_label("Generation").select_option("1")
    visitor.press("Show")
    visitor.sees("Generation 1 of this account, which a reset ended")
    found += look_at(visitor.page, "history-earlier")
    visitor.page.get_by_role("link", name="Closed trades").click()
    visitor.sees("Long 100 XYZ")
    visitor.open(f"{past.path}/performance")
    visitor.sees("The account began anew on 2013-10-08")
    found += look_at(visitor.page, "performance-anew")
    assert found == []


def test_an_open_order_is_changed_and_canceled_in_place(visit: Callable[..., Visitor], past: Past) -> None:
    visitor = signed_in_as(visit(), past)
    page = visitor.page
    visitor.open(f"{past.path}/orders/{past.orders['changed']}")

    page.get_by_label("Limit price, dollars").fill("9.123456")
    visitor.press("Change the order")
    expect(page.locator("#c-limit_price")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Limit price, dollars").fill("9.70")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: str(past.orders["changed"]) not in url)
    visitor.sees("Limit 9.70")
    past.stage.round()  # the matcher takes the change

    page.reload()
    visitor.press("Cancel the order")
    page.locator("dialog[open]").get_by_role("button", name="Cancel the order").press("Enter")
    visitor.sees("The cancel is asked for.")
    past.stage.round()
    page.evaluate(
        "document.body.dispatchEvent(new CustomEvent('raxx:orders'))"
    )  # as the stream's script does
    visitor.sees("Canceled, as its owner asked")
    expect(page.locator("#actions")).to_be_hidden()
