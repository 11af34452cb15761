from __future__ import annotations
import pytest, time
from django.conf import settings
from accounts.models import Tier
from tests.browser.house import guest, house  # noqa: F401
from tests.factories.people import make_session
from tests.factories.rows import make_user
import contextlib
from tests import emptying
if not hasattr(emptying, 'put_off'):
    emptying.put_off = contextlib.nullcontext
pytestmark = pytest.mark.timeout(300)

def test_look(guest, house):
    user = make_user(tier=Tier.PRO)
    account = house.open_account(user)
    key = make_session(user)
    v = guest(viewport={"width": 1280, "height": 900})
    v._context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": key, "url": house.url}])
    p = v.page
    v.open(f"/paper/{account.number}/symbols/AAPL?qty=10")
    p.wait_for_timeout(2500)
    print(v.complaints)
    p.screenshot(path="/tmp/ticket-shots/a1280.png", full_page=True)
    p.select_option("#t-type", "stop_limit"); p.select_option("#t-class", "bracket")
    for n, val in (("stop_price", "300"), ("limit_price", "301"), ("tp_limit", "330"), ("sl_stop", "250")):
        p.fill(f"#t-{n}", val)
    p.wait_for_timeout(1500)
    p.screenshot(path="/tmp/ticket-shots/b1280.png", full_page=True)
    p.select_option("#t-type", "market"); p.select_option("#t-class", "simple")
    p.click("#review"); p.wait_for_timeout(1500)
    p.screenshot(path="/tmp/ticket-shots/c1280.png")
    if p.locator("#confirm[open]").count():
        p.click("#place"); p.wait_for_timeout(2500)
    p.screenshot(path="/tmp/ticket-shots/d1280.png", full_page=True)
    p.select_option("#t-type", "limit"); p.fill("#t-limit_price", "150"); p.click("#review"); p.wait_for_timeout(800); p.keyboard.press("Enter"); p.wait_for_timeout(2500)
    p.fill("#t-limit_price", "150.001"); p.click("#review"); p.wait_for_timeout(1000)
    p.click(".request summary"); p.wait_for_timeout(300)
    p.screenshot(path="/tmp/ticket-shots/h1280.png", full_page=True)
    p.emulate_media(color_scheme="dark"); p.set_viewport_size({"width": 390, "height": 844})
    p.reload(); p.wait_for_timeout(2500)
    p.screenshot(path="/tmp/ticket-shots/e390.png", full_page=True)
    p.fill("#find", "i"); p.wait_for_timeout(900)
    p.screenshot(path="/tmp/ticket-shots/f390.png")
    v.open(f"/paper/{account.number}/symbols"); p.wait_for_timeout(500)
    p.screenshot(path="/tmp/ticket-shots/g390.png", full_page=True)
    print(v.complaints, v.answers[-30:])
    from tests.browser.axe import violations_of
    v.open(f"/paper/{account.number}/symbols/AAPL?qty=10"); p.wait_for_timeout(1500)
    print("AXE", violations_of(p))
