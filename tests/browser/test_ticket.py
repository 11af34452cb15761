"""The symbol page before the real processes: every order that a ticket can be, its errors, and one order however often sent."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from playwright.sync_api import expect

from accounts.models import Tier
from tests.browser.looking import look_at
from tests.factories.people import make_session
from tests.factories.rows import make_user
from trading.models import Order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page, Route

    from tests.browser.house import House
    from tests.browser.visitor import Visitor
    from trading.models import TradingAccount

pytestmark = pytest.mark.timeout(300)

# name -> (what is chosen and typed, in this order; what the stored order then says)
EXITS = {"tp_limit": "400", "sl_stop": "20"}
VARIANTS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "dollars": ({"unit": "notional", "notional": "25.5"}, {"type": "market", "notional": Decimal("25.5")}),
    "limit": ({"type": "limit", "qty": "2", "limit_price": "31.5", "time_in_force": "gtc"}, {"time_in_force": "gtc"}),
    "immediate": ({"type": "limit", "qty": "2", "limit_price": "31.5", "time_in_force": "ioc"}, {"time_in_force": "ioc"}),
    "whole": ({"type": "limit", "qty": "2", "limit_price": "31.5", "time_in_force": "fok"}, {"time_in_force": "fok"}),
    "at the close": ({"type": "limit", "qty": "2", "limit_price": "31.5", "time_in_force": "cls"}, {"time_in_force": "cls"}),
    "stop": ({"type": "stop", "qty": "2", "stop_price": "900"}, {"type": "stop", "stop_price": 900}),
    "stop limit": (
        {"type": "stop_limit", "qty": "2", "stop_price": "900", "limit_price": "901.25"},
        {"type": "stop_limit", "stop_price": 900, "limit_price": Decimal("901.25")},
    ),
    "trail by dollars": (
        {"type": "trailing_stop", "qty": "2", "trail": "12.5"},
        {"type": "trailing_stop", "trail_price": Decimal("12.5")},
    ),
    "trail by percent": (
        {"type": "trailing_stop", "qty": "2", "trail_unit": "trail_percent", "trail": "3"},
        {"type": "trailing_stop", "trail_percent": 3, "trail_price": None},
    ),
    "bracket": (
        {"type": "limit", "order_class": "bracket", "qty": "2", "limit_price": "31.5", **EXITS, "sl_limit": "19.5"},
        {"order_class": "bracket"},
    ),
    "oto, a target": (
        {"type": "limit", "order_class": "oto", "qty": "2", "limit_price": "31.5", "tp_limit": "400"},
        {"order_class": "oto"},
    ),
    "oto, a stop": (
        {"type": "limit", "order_class": "oto", "qty": "2", "limit_price": "31.5", "exit": "stop_loss", "sl_stop": "20"},
        {"order_class": "oto"},
    ),
    "extended": (
        {"type": "limit", "qty": "2", "limit_price": "31.5", "extended_hours": "on", "client_order_id": "my own name"},
        {"extended_hours": True, "client_order_id": "my own name"},
    ),
}  # fmt: skip
OCO = {"side": "sell", "order_class": "oco", "qty": "3", "tp_limit": "900", "sl_stop": "20"}


@dataclass
class Trader:
    """Somebody on the page of a symbol."""

    visitor: Visitor
    account: TradingAccount

    @property
    def page(self) -> Page:
        return self.visitor.page

    def opens(self, symbol: str, query: str = "") -> None:
        self.visitor.open(f"/paper/{self.account.number}/symbols/{symbol}{query}")
        expect(self.page.locator("#link")).to_have_attribute("data-state", "live")

    def writes(self, terms: dict[str, str]) -> None:
        for name, value in terms.items():
            field = self.page.locator(f'#ticket [name="{name}"]')
            if name in {"type", "order_class", "time_in_force"}:
                field.select_option(value)
            elif name in {"side", "unit", "trail_unit", "exit"}:
                self.page.locator(f'#ticket [name="{name}"][value="{value}"]').check()
            elif name in {"extended_hours", "client_order_id"}:
                self.page.locator("#ticket details.more").evaluate("(fold) => { fold.open = true; }")
                field.check() if name == "extended_hours" else field.fill(value)
            else:
                field.fill(value)

    def reviews(self) -> str:
        """Go to the confirmation by the keyboard; return the order's one name."""
        self.page.locator("#review").press("Enter")
        expect(self.page.locator("#confirm")).to_be_visible()
        return self.page.locator("#confirm-name").inner_text()

    def places(self) -> Order:
        """Confirm by Enter, and return the order that came of it."""
        name = self.reviews()
        self.page.keyboard.press("Enter")
        expect(self.page.locator("#confirm")).to_be_hidden()
        expect(self.page.locator("#placed")).to_be_focused()
        return Order.objects.across_owners().get(account=self.account, client_order_id=name)

    def stands(self, status: str) -> None:
        expect(self.page.locator("#placed [data-status]")).to_have_attribute("data-status", status)

    def error_at(self, name: str) -> str:
        """Wait until a field has the focus and an error; return the error."""
        field = self.page.locator(f'[name="{name}"][aria-invalid="true"]')
        expect(field).to_be_focused()
        return self.page.locator(f"#{name}-error").inner_text()

    def count(self) -> int:
        return Order.objects.across_owners().filter(account=self.account, parent=None).count()


@pytest.fixture
def trader(guest: Callable[..., Visitor], house: House) -> Iterator[Callable[..., Trader]]:
    traders: list[Trader] = []

    def made(**options: Any) -> Trader:
        person = make_user(tier=Tier.PRO)
        account, key = house.open_account(person), make_session(person)
        visitor = guest(**options)
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": key, "url": house.url}
        visitor.page.context.add_cookies([cookie])  # type: ignore[list-item] # a TypedDict of more
        traders.append(Trader(visitor, account))
        return traders[-1]

    yield made
    for one in traders:
        print(one.visitor.complaints)
        assert one.visitor.complaints == []


def test_every_variant_of_the_ticket_is_placed_by_the_keyboard(trader: Callable[..., Trader]) -> None:
    somebody = trader()
    page = somebody.page
    somebody.opens("AAPL")
    for name, (terms, expected) in VARIANTS.items():
        page.reload()
        somebody.writes(terms)
        order = somebody.places()
        assert {field: getattr(order, field) for field in expected} == expected, name

    somebody.opens("IBM", "?qty=3")
    somebody.places()
    somebody.stands("filled")  # told by the stream
    expect(page.locator("#holding [data-fill]")).to_have_count(1)
    page.reload()
    somebody.writes(OCO)
    assert page.locator("#t-limit_price").is_hidden()
    order = somebody.places()
    assert (order.order_class, order.limit_price, order.quantity_held) == ("oco", 900, 3)
    expect(page.locator("#holding [data-order]")).to_have_count(2)  # the pair
    page.locator("#request-kinds").evaluate("(kinds) => { kinds.closest('details').open = true; }")
    expect(page.locator("#request-code")).to_contain_text("order_class=OrderClass.OCO")
    # A quote of other figures moves nothing: neither the ticket nor what is about to be pressed.
    top = page.locator(".trade").evaluate("(desk) => desk.offsetTop")
    for name in ("bid-size", "ask-size"):
        page.locator(f"[data-{name}]").evaluate("(place) => { place.textContent = '12,345'; }")
        assert page.locator(".trade").evaluate("(desk) => desk.offsetTop") == top
    assert look_at(page, "symbol") == []


def test_errors_stand_at_their_fields_and_a_click_too_many_or_a_lost_answer_is_one_order(
    trader: Callable[..., Trader],
) -> None:
    somebody = trader()
    page = somebody.page
    somebody.opens("AAPL")
    page.locator("#review").click()
    assert somebody.error_at("qty") == "This is needed."
    somebody.writes({"type": "limit", "qty": "1", "limit_price": "31.501"})
    page.locator("#review").click()
    assert "multiple of 0.01" in somebody.error_at("limit_price")
    somebody.writes({"limit_price": "31.5", "qty": "999999"})
    page.locator("#review").click()
    assert "buying power" in somebody.error_at("qty")
    somebody.writes({"qty": "1", "time_in_force": "opg", "extended_hours": "on"})
    page.locator("#review").click()
    assert "Extended hours" in somebody.error_at("extended_hours")
    assert somebody.count() == 0

    page.reload()
    somebody.writes({"type": "limit", "qty": "1", "limit_price": "31.5"})
    somebody.reviews()
    page.keyboard.press("Escape")
    expect(page.locator("#review")).to_be_focused()
    somebody.reviews()
    page.locator("#place").dblclick()
    expect(page.locator("#placed")).to_be_visible()
    assert somebody.count() == 1
    # The next one is not judged before it is wished: a like one may be too much by now.
    expect(page.locator("#t-qty")).to_have_value("")
    expect(page.locator("#estimate [data-after]")).to_have_text("\N{EN DASH}")
    expect(page.locator("#estimate [data-verdict]")).to_have_text(
        "Fill in the ticket to see what the order would do."
    )

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    somebody.writes({"qty": "1"})
    name = somebody.reviews()
    page.route("**/v2/orders", lose, times=1)
    page.keyboard.press("Enter")
    expect(page.locator("#confirm-notice")).to_contain_text("Trying again is safe")
    page.keyboard.press("Enter")
    expect(page.locator("#placed")).to_contain_text("arrived the first time")
    assert Order.objects.across_owners().filter(client_order_id=name).count() == 1
    assert somebody.count() == 2

    somebody.writes({"qty": "1"})
    somebody.reviews()
    answer = {"status": 429, "headers": {"Retry-After": "30"}, "content_type": "application/json"}
    page.route(
        "**/v2/orders", lambda route: route.fulfill(**answer, body='{"message": "too often"}'), times=1
    )
    page.keyboard.press("Enter")
    expect(page.locator("#confirm-notice")).to_contain_text("You can go on in")
    assert somebody.count() == 2


def test_an_order_is_changed_and_canceled_where_it_is_shown_on_a_phone(trader: Callable[..., Trader]) -> None:
    somebody = trader(viewport={"width": 390, "height": 844}, color_scheme="dark", reduced_motion="reduce")
    page = somebody.page
    somebody.opens("MSFT", "?qty=2&type=limit&limit_price=31.5")
    expect(page.locator("#chart canvas").first).to_be_visible()
    expect(page.locator("#chart-summary")).to_contain_text("bars of 5Min")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    somebody.places()
    row = page.locator("#holding [data-order]")
    expect(row).to_have_attribute("data-status", "new")

    row.locator("[data-change]").press("Enter")
    page.locator("#c-limit_price").fill("31.50001")
    page.keyboard.press("Enter")
    expect(page.locator("#c-limit_price-error")).to_contain_text("multiple of 0.01")
    page.locator("#c-limit_price").fill("32.5")
    page.keyboard.press("Enter")
    # Until the matcher has said yes both are shown: the one that goes and the one that comes.
    expect(row.and_(page.locator("[data-limit='32.5000'][data-status=new]"))).to_be_visible()
    expect(row).to_have_count(1)

    row.locator("[data-cancel]").press("Enter")
    page.locator("#ask [data-yes]").press("Enter")
    expect(page.locator("#holding")).to_contain_text("No order is open.")
    assert look_at(page, "symbol-phone") == []

    page.locator("#watch").press("Enter")
    expect(page.locator("#unwatch")).to_be_focused()
    page.locator("#find").fill("nvi")
    expect(page.locator("#find-list [role=option]")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/paper/{somebody.account.number}/symbols/NVDA")
