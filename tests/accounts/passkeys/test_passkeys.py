"""Several passkeys with names, and never none; and what a session that may only enrol may do: enrol."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.urls import URLPattern, get_resolver
from django.utils import timezone
from django_otp_webauthn.models import WebAuthnCredential

from accounts.models import AuditEntry, Session, User
from accounts.services.passkeys import PASSKEYS_MAX
from accounts.web.urls import urlpatterns as ways_in
from raxx.middleware import API_PREFIXES
from tests.accounts.authenticator import Authenticator
from tests.accounts.passkeys.browser import Page, reason_of
from tests.factories.people import make_passkey

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/raxx/v1/passkeys"


@pytest.fixture
def person() -> Page:
    """Return the browser of somebody who has just signed up."""
    page = Page()
    page.sign_up(name="my phone")
    mail.outbox.clear()
    return page


def listed(page: Page) -> list[dict[str, Any]]:
    return page.get(PATH).json()


def test_a_second_passkey_is_added_listed_and_lets_in(person: Page) -> None:
    other = Page(device=Authenticator())
    answer = person.add_passkey(other.device, "the blue key")

    assert answer.status_code == 201
    assert [(each["name"], each["is_on"], each["is_current"]) for each in listed(person)] == [
        ("my phone", True, True), ("the blue key", True, False),
    ]  # fmt: skip
    assert other.log_in().status_code == 200
    assert other.device.keys[0].handle == person.device.keys[0].handle
    assert [message.subject for message in mail.outbox] == ["Raxx: a passkey was added"]
    assert "the blue key" not in AuditEntry.objects.filter(action="passkey.added").latest("seq").body


def test_a_device_that_has_a_passkey_of_the_person_s_makes_no_second(person: Page) -> None:
    with pytest.raises(LookupError):
        person.add_passkey(person.device)


def test_a_passkey_without_a_name_is_called_as_its_browser(person: Page) -> None:
    answer = person.post(f"{PATH}/begin").json()
    made = {"credential": Authenticator().create(answer)}
    firefox = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"}
    assert person.post(f"{PATH}/complete", made, **firefox).json()["name"] == "Firefox on Linux"


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\nb", "a\x00b"])
def test_a_name_that_is_none_is_refused(person: Page, name: str) -> None:
    (only,) = listed(person)
    assert person.send("patch", f"{PATH}/{only['id']}", {"name": name}).status_code == 422
    assert listed(person)[0]["name"] == "my phone"


def test_a_passkey_gets_another_name(person: Page) -> None:
    (only,) = listed(person)
    answer = person.send("patch", f"{PATH}/{only['id']}", {"name": " old phone "})

    assert (answer.status_code, answer.json()["name"]) == (200, "old phone")
    assert AuditEntry.objects.filter(action="passkey.renamed").exists()


def test_the_last_passkey_stays(person: Page) -> None:
    (only,) = listed(person)
    refused = person.send("delete", f"{PATH}/{only['id']}")

    assert reason_of(refused) == (422, "the last passkey cannot be removed: add another first")
    assert [each["id"] for each in listed(person)] == [only["id"]]


def test_one_that_is_off_is_no_other(person: Page) -> None:
    off = make_passkey(User.objects.get(), confirmed=False)
    (only,) = [each for each in listed(person) if each["is_on"]]

    assert person.send("delete", f"{PATH}/{only['id']}").status_code == 422
    assert person.send("delete", f"{PATH}/{off.pk}").status_code == 204


def test_removing_the_session_s_own_passkey_signs_out(person: Page) -> None:
    other = Page(device=Authenticator())
    person.add_passkey(other.device)
    own = next(each["id"] for each in listed(person) if each["is_current"])

    answer = person.send("delete", f"{PATH}/{own}")

    assert answer.status_code == 204
    assert answer.cookies[settings.SESSION_COOKIE_NAME].value == ""
    assert not person.is_in()
    assert other.log_in().status_code == 200
    assert AuditEntry.objects.filter(action="passkey.removed").exists()


def test_a_person_has_no_end_of_passkeys(person: Page) -> None:
    for _ in range(PASSKEYS_MAX - 1):
        make_passkey(User.objects.get())
    assert person.post(f"{PATH}/begin").status_code == 422


@pytest.mark.parametrize(
    "lies", [{"verifies": False}, {"origin": "http://localhost:1"}, {"rp_id": "a.example"}]
)
def test_a_passkey_that_was_made_otherwise_is_refused(person: Page, lies: Any) -> None:
    assert person.add_passkey(Authenticator(), **lies).status_code == 422
    assert len(listed(person)) == 1


def test_a_passkey_of_somebody_s_id_is_refused(person: Page) -> None:
    other = Page()
    other.sign_up("other@example.com")
    theirs = other.device.keys[0]
    device = Authenticator()
    options = person.post(f"{PATH}/begin").json()
    device.create(options)
    device.keys[0].credential_id = theirs.credential_id
    forged = _registered(device, options)

    assert person.post(f"{PATH}/complete", {"credential": forged, "name": "x"}).status_code == 422
    assert WebAuthnCredential.objects.filter(user__email="other@example.com").count() == 1


def _registered(device: Authenticator, options: dict[str, Any]) -> dict[str, Any]:
    """Return the making of the device's first key once more, with the id that it has by now."""
    from unittest import mock

    with mock.patch("tests.accounts.authenticator.Key", return_value=device.keys[0]):
        return device.create(options)


@pytest.mark.parametrize(
    ("method", "path"), [("post", "/begin"), ("post", "/complete"), ("patch", "/1"), ("delete", "/1")]
)
def test_every_change_needs_a_passkey_shown_lately(person: Page, method: str, path: str) -> None:
    Session.objects.update(fresh_until=timezone.now() - timedelta(seconds=1))
    refused = person.send(method, PATH + path, {})
    assert (refused.status_code, refused.json()["error"]) == (401, "step_up_required")


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_another_person_s_passkey_is_not_there(person: Page, method: str) -> None:
    other = Page()
    other.sign_up("other@example.com")
    theirs = WebAuthnCredential.objects.get(user__email="other@example.com")

    for passkey_id in (theirs.pk, 2**63 - 1, 2**70):
        refused = person.send(method, f"{PATH}/{passkey_id}", {"name": "mine"})
        assert reason_of(refused) == (404, "passkey not found")
    theirs.refresh_from_db()
    assert theirs.name != "mine"


def test_a_key_of_the_api_comes_nowhere_near() -> None:
    from tests.factories.rows import SECRET, make_account, make_api_key

    key = make_api_key(make_account(), scopes=["read", "trade", "data", "operator"])
    headers = {"APCA-API-KEY-ID": key.key_id, "APCA-API-SECRET-KEY": SECRET}
    page = Page()
    for method, path in (("get", PATH), ("post", f"{PATH}/begin"), ("post", "/raxx/v1/recovery-codes")):
        assert page.send(method, path, {}, **headers).status_code == 401


# --- A session that may only enrol -------------------------------------------------------------------


def recovering(person: Page) -> Page:
    """Return a browser in which a recovery code has just been used."""
    codes = person.post("/raxx/v1/recovery-codes").json()["codes"]
    page = Page()
    assert page.post("/auth/recover", {"email": "person@example.com", "code": codes[0]}).status_code == 200
    return page


# What it may: enrol, see itself, leave; and what anybody may, who has no session at all.
ENROLLING = {"/auth/enrol/begin", "/auth/enrol/complete", "/auth/session", "/auth/log-out"}
OF_NOBODY = {
    "/auth/sign-up",
    "/auth/recover",
    "/auth/log-in/begin",
    "/auth/log-in/complete",
    "/auth/keep",  # with a link that was mailed
}


def test_a_session_that_may_only_enrol_opens_nothing_else_of_auth(person: Page) -> None:
    page = recovering(person)
    paths = {f"/{pattern.pattern}" for pattern in ways_in}

    for path in sorted(paths - ENROLLING - OF_NOBODY):
        refused = page.post(path, {"credential": {}})
        assert (path, *reason_of(refused)) == (path, 403, "enrol a passkey first")
    assert paths >= ENROLLING | OF_NOBODY
    assert page.who().json()["session"]["is_enrol_only"] is True


def test_a_session_that_may_only_enrol_opens_no_path_of_the_api(person: Page) -> None:
    page = recovering(person)
    patterns = [each for each in get_resolver().url_patterns if isinstance(each, URLPattern)]
    views = [
        (each, each.callback.cls)
        for each in patterns
        if hasattr(each.callback, "cls") and f"/{each.pattern}".startswith(API_PREFIXES)
    ]

    statuses = {
        (method, str(each.pattern)): page.send(method, _path_of(str(each.pattern)), {}).status_code
        for each, view in views
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(view, method)
    }

    assert len(statuses) > 50
    assert {asked: status for asked, status in statuses.items() if status not in {401, 403}} == {}


def _path_of(route: str) -> str:
    """Return a path that a route serves."""
    path = "/" + route
    while "<" in path:
        start, _, rest = path.partition("<")
        kind = rest.partition(">")[0]
        path = start + ("00000000-0000-7000-8000-000000000000" if kind.startswith("uuid") else "1")
        path += rest.partition(">")[2]
    return path


def test_a_session_that_may_only_enrol_is_nobody_to_django_s_own_pages(person: Page) -> None:
    page = recovering(person)
    User.objects.update(is_staff=True, is_superuser=True)
    assert page.get("/admin/").status_code in {302, 403}


def test_a_session_that_may_only_enrol_lives_half_an_hour(person: Page) -> None:
    page = recovering(person)
    Session.objects.filter(is_enrol_only=True).update(expires_at=timezone.now())
    assert page.enrol().status_code == 401
    left = Session.objects.get(is_enrol_only=True)
    assert left.idle_s == 30 * 60
