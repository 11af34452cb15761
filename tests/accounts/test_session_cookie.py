"""The cookie that holds a session's key: not for scripts, not for other sites and, in production, not in clear."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings as configured
from django.http import HttpResponse
from django.test import Client

from accounts.middleware import forget_cookie, put_cookie
from accounts.sessions import living_session
from tests.factories.people import as_web, make_session, session_with, signed_in
from tests.factories.rows import make_user
from tests.raxx.test_settings import GOOD, start

if TYPE_CHECKING:
    from pathlib import Path

EXPIRES_AT = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
PRODUCTION = {
    "RAXX_ENV": "production",
    "RAXX_SECRET_KEY": GOOD["secret_key"],
    "RAXX_ORIGINS": "https://raxx.example",
    "DATABASE_URL": "postgresql://raxx_owner:pw@db.example/raxx",
    "VALKEY_URL": "valkey://cache.example:6379/0",
    "RAXX_SMTP_URL": "smtps://raxx:word@mail.example",
    "RAXX_AUDIT_KEY": "/etc/raxx/audit_key.pem",
    "RAXX_AUDIT_ANCHORS": "/var/lib/raxx/anchors",
}
SHOW = """
import json, os
os.environ["DJANGO_SETTINGS_MODULE"] = "raxx.settings"
import django; django.setup()
from datetime import datetime, UTC
from django.conf import settings
from django.http import HttpResponse
from accounts.middleware import forget_cookie, put_cookie
put, forgotten = HttpResponse(), HttpResponse()
put_cookie(put, "the key", datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC))
forget_cookie(forgotten)
print(json.dumps({
    "put": put.cookies.output(header="").strip(),
    "forgotten": forgotten.cookies.output(header="").strip(),
    "csrf": [settings.CSRF_COOKIE_NAME, settings.CSRF_COOKIE_SECURE, settings.CSRF_COOKIE_SAMESITE],
}))
"""


def attributes(line: str) -> tuple[str, set[str]]:
    """Return a cookie's name and value, and its attributes, the dates left out."""
    first, *rest = line.split("; ")
    return first, {part for part in rest if not part.lower().startswith(("expires", "max-age"))}


def shown(folder: Path, **environment: Any) -> dict[str, Any]:
    ended = start(folder, SHOW, **environment)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_in_production_the_cookie_is_for_this_host_over_https_alone(tmp_path: Path) -> None:
    found = shown(tmp_path, **PRODUCTION)

    flags = {"HttpOnly", "Path=/", "SameSite=Lax", "Secure"}  # and no Domain: what the prefix asks for
    assert attributes(found["put"].removeprefix("Set-Cookie:").strip()) == (
        '__Host-raxx_session="the key"',
        flags,
    )
    name, forgotten = attributes(found["forgotten"].removeprefix("Set-Cookie:").strip())
    assert name == '__Host-raxx_session=""'
    assert {"Path=/", "SameSite=Lax", "Secure"} <= forgotten  # a browser ignores it otherwise
    assert found["csrf"] == ["__Host-raxx_csrf", True, "Lax"]


def test_in_development_the_cookie_works_without_https_and_keeps_its_other_walls(tmp_path: Path) -> None:
    found = shown(tmp_path / "data")

    assert attributes(found["put"].removeprefix("Set-Cookie:").strip()) == (
        'raxx_session="the key"',
        {"HttpOnly", "Path=/", "SameSite=Lax"},
    )


def test_the_cookie_ends_with_the_session() -> None:
    response = HttpResponse()
    put_cookie(response, "the key", EXPIRES_AT)

    assert response.cookies[configured.SESSION_COOKIE_NAME]["expires"] == "Mon, 03 Feb 2031 04:05:06 GMT"


def test_taking_it_back_leaves_no_value() -> None:
    response = HttpResponse()
    forget_cookie(response)

    cookie = response.cookies[configured.SESSION_COOKIE_NAME]
    assert (cookie.value, cookie["max-age"]) == ("", 0)


@pytest.mark.django_db(transaction=True)
def test_a_page_takes_back_the_cookie_of_a_session_that_is_over() -> None:
    browser = signed_in()
    page = browser.get("/docs")
    assert configured.SESSION_COOKIE_NAME not in page.cookies
    assert "Cookie" in page["Vary"]

    session_with(browser.key).delete()

    assert browser.get("/docs").cookies[configured.SESSION_COOKIE_NAME].value == ""


@pytest.mark.django_db(transaction=True)
def test_a_key_outside_of_the_cookie_opens_nothing() -> None:
    key = make_session(make_user())
    with as_web():
        assert living_session(key) is not None
        for headers, path in (
            ({"Authorization": f"Bearer {key}"}, "/raxx/v1/sessions"),
            ({"X-Session": key}, "/raxx/v1/sessions"),
            ({}, f"/raxx/v1/sessions?raxx_session={key}&sessionid={key}"),
        ):
            assert Client().get(path, headers=headers).status_code == 401
