"""The pages without a browser: who is sent where, that they only read, and that all words can be translated."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from accounts import links
from accounts.dashboard.page import Page
from accounts.dashboard.words import WORDS
from accounts.models import SpentLink
from tests.factories.people import signed_in
from tests.factories.rows import make_user

ACCOUNTS = Path(__file__).resolve().parents[2] / "accounts"
SCRIPTS = sorted((ACCOUNTS / "static/accounts").glob("*.js"))
TEMPLATES = sorted((ACCOUNTS / "templates").rglob("*.html"))
WAYS_IN = ["/sign-up", "/log-in", "/recover", "/sign-up/token", "/enrol/token"]
OWN = ["/security", "/welcome"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("path", WAYS_IN)
def test_a_stranger_may_open_the_ways_in(path: str) -> None:
    answer = Client().get(path)

    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert "raxx_csrf" in answer.cookies


@pytest.mark.parametrize("path", OWN)
def test_a_stranger_is_sent_to_the_log_in_and_back(path: str) -> None:
    answer = Client().get(f"{path}?a=1&b=//")

    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/log-in?next=%2F{path[1:]}%3Fa%3D1%26b%3D%2F%2F"


@pytest.mark.parametrize("path", OWN)
def test_who_may_only_enrol_is_sent_to_do_so(path: str) -> None:
    browser = signed_in(is_enrol_only=True)

    assert browser.get(path).headers["Location"] == "/enrol"
    assert browser.get("/enrol").status_code == 200


@pytest.mark.parametrize("path", OWN)
def test_a_person_s_pages_name_the_person(path: str) -> None:
    browser = signed_in()

    answer = browser.get(path)

    assert answer.status_code == 200
    assert browser.user.email in answer.content.decode()


def test_an_enrolment_without_link_is_for_nobody_else() -> None:
    for browser in (Client(), signed_in()):
        assert browser.get("/enrol").headers["Location"] == "/log-in"


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        ("/security?a=1", "/security?a=1"),
        ("/admin/", "/admin/"),
        ("", "/paper"),
        ("https://example.com/", "/paper"),
        ("//example.com/", "/paper"),
        ("/\\example.com", "/paper"),
        ("javascript:alert(1)", "/paper"),
        ("http://testserver:81/", "/paper"),
    ],
    ids=["here", "the admin", "nothing", "elsewhere", "no scheme", "a backslash", "a script", "another port"],
)
def test_the_log_in_leads_nowhere_but_here(wanted: str, goes_to: str) -> None:
    assert signed_in().get("/log-in", next=wanted).headers["Location"] == goes_to
    stranger = Client().get("/log-in", {"next": wanted})

    found = re.search(r'data-next="([^"]*)"', stranger.content.decode())
    assert found is not None
    assert found[1] == goes_to


@pytest.mark.parametrize("path", [*WAYS_IN, *OWN, "/enrol"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_page_only_reads(path: str, method: str) -> None:
    answer: Any = getattr(Client(), method)(path)

    assert answer.status_code == 405
    assert answer.json()["code"] == 40510000


def test_a_link_is_shown_and_not_spent_however_often_it_is_opened() -> None:
    token = links.make(links.Purpose.SIGN_UP, email="new@example.com")

    for _ in range(3):
        assert "new@example.com" in Client().get(f"/sign-up/{token}").content.decode()
    assert not SpentLink.objects.exists()


def test_a_person_who_cools_down_is_told_until_when() -> None:
    until = timezone.now() + timedelta(hours=3)
    told = signed_in(make_user(restricted_until=until)).get("/security").content.decode()
    settled = signed_in().get("/security").content.decode()

    assert f"{until:%Y-%m-%d %H:%M} UTC" in told
    assert 'id="cooling"' not in settled


def test_the_address_of_the_page_where_passkeys_work_is_told_elsewhere(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]  # as `up` answers both
    elsewhere = Client().get("/log-in?next=/security", headers={"Host": "127.0.0.1"}).content.decode()
    here = Client().get("/log-in", headers={"Host": "localhost:8000"}).content.decode()

    assert 'href="http://localhost:8000/log-in?next=/security"' in elsewhere
    assert 'id="elsewhere"' not in here


def test_every_word_of_the_scripts_is_there_and_none_is_left_over() -> None:
    source = "\n".join(path.read_text() for path in SCRIPTS)
    said = set(re.findall(r'word\(\s*"(\w+)"', source)) | set(re.findall(r'"([a-z_]+)"', source))

    assert set(re.findall(r'word\(\s*"(\w+)"', source)) <= WORDS.keys()
    left_over = {name for name in WORDS if name not in said and not name.startswith(("end_", "scope_"))}
    assert left_over == set()


def test_every_text_of_the_templates_can_be_translated() -> None:
    bare = {}
    for path in TEMPLATES:
        text = re.sub(r"{% blocktranslate.*?{% endblocktranslate %}", "", path.read_text(), flags=re.DOTALL)
        text = re.sub(r"<[^>]*>", "", re.sub(r"{%.*?%}|{{.*?}}", "", text, flags=re.DOTALL))
        if words := [word for word in re.findall(r"[^\W\d_]{2,}", text) if word not in {"Raxx", "UTC"}]:
            bare[path.name] = words

    assert len(TEMPLATES) > 10
    assert bare == {}


def test_nothing_stands_inline_in_a_template() -> None:
    for path in TEMPLATES:
        text = path.read_text()
        assert re.search(r"<style|\sstyle=|\son\w+=", text) is None, path.name
        assert re.search(r"<script(?![^>]*\ssrc=)", text) is None, path.name
        assert "http://" not in text
        assert "https://" not in text


def test_the_pages_are_these_and_a_new_one_is_to_be_drawn_by_the_browser_tests_too() -> None:
    found = {
        str(pattern.pattern)
        for pattern in get_resolver().url_patterns
        if issubclass(view := getattr(getattr(pattern, "callback", None), "view_class", object), Page)
        and view.__module__.startswith("accounts.")
    }

    assert found == {
        "sign-up",
        "sign-up/<str:token>",
        "enrol",
        "enrol/<str:token>",
        "log-in",
        "recover",
        "welcome",
        "security",
        "leaving",
        "keep/<str:token>",
    }
