"""From the first page to a first filled order, before the real processes; and an account that begins again and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from accounts.models import Tier, User
from tests.browser.looking import look_at
from tests.factories.people import make_session
from tests.factories.rows import make_user
from trading.models import FirstSteps, Order, TradingAccount, Watchlist
from trading.services.markets import activate_market
from trading.services.running_markets import close_market

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Locator, Page

    from matching.models import Market
    from tests.browser.house import House
    from tests.browser.visitor import Visitor

pytestmark = pytest.mark.timeout(240)

EMAIL = "grace@example.com"
ACTS_MOST = 16  # clicks and fields, from the first page to the order


class Hand:
    """What does things on a page, and counts them."""

    def __init__(self, page: Page) -> None:
        self.page, self.acts = page, 0

    def press(self, name: str, role: Any = "button") -> None:
        self.acts += 1
        self.page.get_by_role(role, name=name, exact=True).first.click()

    def choose(self, name: str) -> None:
        self.acts += 1
        self.page.get_by_label(name, exact=True).check()

    def fill(self, field: Locator, text: str) -> None:
        self.acts += 1
        field.fill(text)


def enters(guest: Callable[..., Visitor], house: House, person: User, **options: Any) -> Visitor:
    visitor = guest(**options)
    visitor._context.add_cookies([{"name": "raxx_session", "value": make_session(person), "url": house.url}])
    return visitor


def test_the_first_two_minutes(guest: Callable[..., Visitor], house: House) -> None:
    visitor = guest()
    page, hand = visitor.page, Hand(visitor.page)

    visitor.open("/")
    assert look_at(page, "landing") == []
    clock = page.locator(".demo [data-clock]")
    expect(clock).not_to_have_text(clock.inner_text())  # it is alive
    hand.press("Sign up", "link")
    hand.fill(page.get_by_label("E-mail address"), EMAIL)
    hand.press("Mail me a link")
    visitor.sees("Look into your mail")
    page.goto(house.link_to(EMAIL))
    hand.press("Make the passkey")
    visitor.is_at("/welcome")
    hand.press("Go on", "link")
    visitor.is_at("/start")
    assert look_at(page, "start") == []

    for answer in ("Some years", "Wait and see", "How steady amounts add up", "Some"):
        hand.choose(answer)
    hand.press("Go on")
    visitor.sees("Your answers come to “Income Builder”")
    expect(page.get_by_role("heading", name="Your account")).to_be_focused()
    assert look_at(page, "start-account") == []
    hand.press("Open the account")
    page.wait_for_url("**/symbols/AAPL?guide=1")
    visitor.sees("A first order, in three steps")

    hand.fill(page.get_by_label("Shares", exact=True).first, "2")
    hand.press("Review the order")
    expect(page.locator("dialog .guide-note")).to_be_visible()
    hand.press("Place the order")
    expect(page.locator("#placed [data-status]")).to_have_attribute("data-status", "filled")
    visitor.sees("Its own page tells by which quote, and why.")
    assert "guide" not in page.url

    person = User.objects.get(email=EMAIL)
    account = TradingAccount.objects.get(user=person)
    assert (account.profile.name, account.multiplier) == ("mid", 2)
    assert Order.objects.get(account=account).status == "filled"
    assert len(Watchlist.objects.get(account=account).asset_ids) == 4
    kept = FirstSteps.objects.get(user=person)
    assert (kept.profile, len(kept.answers)) == ("income_builder", 4)
    assert hand.acts <= ACTS_MOST

    page.get_by_role("link", name="See the order").click()
    visitor.sees("Why these words")
    visitor.sees("Connected")
    assert look_at(page, "order") == []

    visitor.open(f"/paper/{account.number}")
    steps = page.locator("#first-steps li.done")
    expect(steps).to_have_count(2)
    page.get_by_role("button", name="Hide this").click()
    expect(page.locator("#first-steps li")).to_have_count(0)
    page.reload()
    expect(page.locator("#first-steps li")).to_have_count(0)


@pytest.fixture
def beside(house: House) -> Iterator[Market]:
    """Return another market, whose prices nobody publishes."""
    market = activate_market(feed="synthetic", symbols=["KO"], beside=True)
    yield market
    close_market(market.pk)


def test_a_market_is_chosen_and_what_is_wrong_with_a_beginning_is_said_at_its_field(
    guest: Callable[..., Visitor], house: House, beside: Market
) -> None:
    person = make_user()
    visitor = enters(guest, house, person)
    page = visitor.page

    visitor.open("/start")
    visitor.press("Go on")
    visitor.sees("One answer to each question")
    expect(page.get_by_label("Less than a year")).to_be_focused()
    visitor.press("Skip the questions")
    visitor.sees("A watchlist comes with it: AAPL")
    page.get_by_label("Market").select_option("Synthetic, seed 1 (KO)")
    visitor.sees("A watchlist comes with it: KO.")
    expect(page.get_by_text("A watchlist comes with it: AAPL")).to_be_hidden()
    page.get_by_text("Change what it begins with").click()
    cash = page.get_by_label("Paper money, dollars")
    expect(cash).to_have_value("10000")
    page.get_by_label("Diversifier").check()
    expect(cash).to_have_value("100000")
    cash.fill("10,000.001")
    visitor.press("Open the account")

    expect(page.locator("#cash-error")).to_contain_text("not in whole cents")
    expect(cash).to_be_focused()
    assert not TradingAccount.objects.filter(user=person).exists()
    cash.fill("25,000")
    page.keyboard.press("Enter")
    page.wait_for_url("**/symbols/KO?guide=1")
    assert TradingAccount.objects.get(user=person).market == beside
    visitor.press("Without the guide")
    expect(page.locator("#guide")).to_have_count(0)
    visitor.open("/start")
    visitor.sees("You have begun already")


def test_accounts_are_opened_renamed_begun_again_and_closed(
    guest: Callable[..., Visitor], house: House
) -> None:
    person = make_user(tier=Tier.PRO)
    first = house.open_account(person, name="Swing")
    visitor = enters(guest, house, person)
    page = visitor.page
    visitor.open("/accounts")
    assert look_at(page, "accounts") == []

    page.locator("#open #name").fill("Second try")
    page.locator("#open #cash").fill("5 000")
    page.get_by_label("Buying power").select_option("1")
    visitor.press("Open the account")
    visitor.sees("is open.")
    second = TradingAccount.objects.get(user=person, name="Second try")
    assert (second.cash, second.multiplier) == (5000, 1)

    visitor.press("Rename: Second try")
    page.locator("#ask-name").fill("Patient")
    page.keyboard.press("Enter")
    visitor.sees("The account is now called “Patient”.")

    visitor.press("Reset: Swing")
    assert look_at(page, "accounts-reset") == []
    again = page.get_by_role("button", name="Begin again")
    expect(again).to_be_disabled()
    page.get_by_label(f"Type {first.number} to confirm.").fill(second.number)
    expect(again).to_be_disabled()
    page.get_by_label(f"Type {first.number} to confirm.").fill(first.number.lower())
    page.locator("#reset-cash").fill("0")
    again.click()
    expect(page.locator("#reset-cash-error")).to_contain_text("not between")
    page.locator("#reset-cash").fill("7,500")
    again.click()
    visitor.sees(f"The account {first.number} has begun generation 2.")
    expect(page.get_by_role("heading", name="Yours")).to_be_focused()
    first.refresh_from_db()
    assert (first.cash, first.generation, first.status) == (7500, 2, TradingAccount.Status.ACTIVE)

    visitor.press("Archive: Patient")
    page.keyboard.press("Escape")
    expect(page.locator("#ending")).to_be_hidden()
    visitor.press("Archive: Patient")
    page.get_by_label(f"Type {second.number} to confirm.").fill(second.number)
    page.keyboard.press("Enter")
    visitor.sees(f"The account {second.number} is closed.")
    second.refresh_from_db()
    assert second.status == TradingAccount.Status.CLOSED
    expect(page.get_by_role("button", name="Archive: Patient")).to_have_count(0)


def test_a_simulation_is_chosen_and_the_market_explains_itself(
    guest: Callable[..., Visitor], house: House
) -> None:
    person = make_user()
    account = house.open_account(person)
    visitor = enters(guest, house, person, viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = visitor.page

    visitor.open(f"/paper/{account.number}/simulation")
    assert look_at(page, "simulation") == []
    page.get_by_label("Conservative").check()
    visitor.press("Use for new orders")
    visitor.sees("New orders are simulated by “Conservative”.")
    visitor.sees("Now: Conservative, version 1.")
    account.refresh_from_db()
    assert account.profile.name == "conservative"

    visitor.open(f"/paper/{account.number}/market")
    visitor.sees("This market is computed")
    assert look_at(page, "market") == []
    for path in (
        "/",
        "/start",
        "/accounts",
        f"/paper/{account.number}/simulation",
        f"/paper/{account.number}/market",
    ):
        visitor.open(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
