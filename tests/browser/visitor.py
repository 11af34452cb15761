"""Somebody with a browser and a passkey device, and everything that the browser complains of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from playwright.sync_api import expect

from tests.browser.authenticator import Authenticator
from tests.factories.people import make_session
from tests.factories.rows import make_user

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

    from accounts.models import User
    from tests.browser.server import Site

PATIENCE_MS = 30_000.0  # a test that waits longer has hung
# A conditional request would be answered at once by a device that is touched by itself.
NO_OFFERS = (
    "if (window.PublicKeyCredential) PublicKeyCredential.isConditionalMediationAvailable = async () => false;"
)
REPORT = (
    "addEventListener('securitypolicyviolation', (e) => violated(`${e.violatedDirective} ${e.blockedURI}`));"
)


class Visitor:
    """One browser with cookies of its own. `complaints` must be empty at the end of every test."""

    def __init__(self, browser: Browser, site: Site, *, offers: bool = False, **options: Any) -> None:
        self.site = site
        self.complaints: list[str] = []
        self.answers: list[tuple[str, str, int]] = []  # method, path and status of what scripts asked
        self._context = browser.new_context(**options)
        self._context.set_default_timeout(PATIENCE_MS)
        self._context.expose_binding("violated", lambda _, text: self.complaints.append(text))
        self._context.add_init_script(REPORT)
        if not offers:
            self._context.add_init_script(NO_OFFERS)
        self._context.on("console", self._heard)
        self._context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self._context.on("request", self._left)
        self._context.on("response", self._answered)
        self.page = self.tab()
        self.device = Authenticator(self.page)

    def tab(self) -> Page:
        return self._context.new_page()

    def leave(self) -> None:
        self._context.close()

    def is_offline(self, *, really: bool) -> None:
        self._context.set_offline(really)

    def open(self, path: str) -> None:
        self.page.goto(self.site.url + path)

    def press(self, name: str, page: Page | None = None) -> None:
        (page or self.page).get_by_role("button", name=name, exact=True).click()

    def sees(self, text: str, page: Page | None = None) -> None:
        """Wait until a text is to be seen."""
        expect((page or self.page).get_by_text(text).first).to_be_visible(timeout=PATIENCE_MS)

    def is_at(self, path: str, page: Page | None = None) -> None:
        """Wait until the browser is there; `path` is written without escapes."""
        (page or self.page).wait_for_url(
            lambda url: unquote(url) in {self.site.url + path, self.site.elsewhere + path}, wait_until="load"
        )

    def signs_up(self, email: str) -> None:
        """Go the whole way, from the address to the page after the first passkey."""
        self.open("/sign-up")
        self.page.get_by_label("E-mail address").fill(email)
        self.press("Mail me a link")
        self.sees("Look into your mail")
        self.page.goto(self.site.link_to(email))
        self.press("Make the passkey")
        self.is_at("/welcome")

    def is_known(self, email: str) -> User:
        """Have been here before: there is a person, whose passkey this device has. `signs_up` goes the whole way."""
        person = make_user(email=email)
        self.device.take(person)
        return person

    def is_in(self, email: str) -> User:
        """Be known, and logged in with the passkey a moment ago."""
        person = make_user(email=email)
        key = make_session(person, self.device.take(person))
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": key, "url": self.site.url}
        self._context.add_cookies([cookie])  # type: ignore[list-item] # a TypedDict of more
        return person

    def logs_in(self) -> None:
        self.open("/log-in?next=/security")
        self.press("Log in with a passkey")
        self.is_at("/security")

    def statuses(self, path: str) -> list[tuple[str, int]]:
        """Return methods and statuses of what was asked at a path so far."""
        return [(method, status) for method, asked, status in self.answers if asked == path]

    def _heard(self, message: ConsoleMessage) -> None:
        # Chromium notes every answer of 400 and above; those that a page expects are looked at by its test.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            self.complaints.append(message.text)

    def _left(self, request: Request) -> None:
        if not request.url.startswith((self.site.url, self.site.elsewhere, "data:")):
            self.complaints.append(f"a request to {request.url}")

    def _answered(self, response: Response) -> None:
        path = urlsplit(response.url).path
        if not path.startswith("/static/"):
            self.answers.append((response.request.method, path, response.status))
        elif not response.ok:
            self.complaints.append(f"{response.status} {path}")
