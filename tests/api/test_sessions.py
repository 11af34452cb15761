"""/raxx/v1/sessions: where a person is signed in, and the end of it, as a browser asks for it."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from accounts.models import AuditEntry, Session, User
from accounts.models.user import new_id
from tests.api.conftest import refusal
from tests.factories.people import CSRF, Browser, make_passkey, make_session, session_with, signed_in
from tests.factories.rows import make_user

PATH, CURRENT = "/raxx/v1/sessions", "/raxx/v1/sessions/current"
UNAUTHORIZED, FORBIDDEN, MISSING, ENROL = (
    (401, 40110000),
    (403, 40310000),
    (404, 40410000),
    (403, 40310002),
)
EVERY = [("get", PATH), ("delete", PATH), ("get", CURRENT), ("delete", CURRENT)]


@pytest.fixture
def browser():
    return signed_in()


def another(browser, **fields):
    return Browser(make_session(browser.user, **fields), browser.user)


def one(browser):
    return f"{PATH}/{browser.session_id}"


# --- Reading ---------------------------------------------------------------------------------------


def test_a_session_is_told_with_all_that_its_person_may_know_and_nothing_that_opens_it(browser):
    row = session_with(browser.key)

    answer = browser.get(CURRENT)

    assert answer.status_code == 200
    body = answer.json()
    assert body["id"] == str(row.pk)
    assert {name: body[name] for name in ("is_current", "status", "device", "address_prefix")} == {
        "is_current": True,
        "status": "living",
        "device": "Firefox on Linux",
        "address_prefix": "192.0.2.0/24",
    }
    assert body["passkey"] == {"id": row.passkey.pk, "name": row.passkey.name}
    assert (body["ended_at"], body["end_reason"]) == (None, None)
    assert body["idle_after_s"] == row.idle_s
    assert browser.key not in answer.content.decode()
    assert bytes(row.key_hash).hex() not in answer.content.decode()
    assert browser.get(one(browser)).json() == body


def test_the_living_are_listed_first_and_each_part_newest_first(browser):
    phone, tablet, ended = another(browser), another(browser), another(browser)
    order = [browser, phone, tablet, ended]
    for minutes, each in enumerate(order):
        Session.objects.filter(pk=each.session_id).update(
            created_at=timezone.now() - timedelta(hours=1) + timedelta(minutes=minutes)
        )
    ended.delete(CURRENT)

    found = browser.get(PATH).json()

    assert [each["id"] for each in found] == [str(x.session_id) for x in (tablet, phone, browser, ended)]
    assert [each["status"] for each in found] == ["living"] * 3 + ["ended"]
    assert [each["is_current"] for each in found] == [False, False, True, False]
    assert found[-1]["end_reason"] == "logged_out"
    assert found[-1]["ended_at"] is not None


@pytest.mark.parametrize(("days", "is_listed"), [(29, True), (31, False)], ids=["29 days ago", "31 days ago"])
def test_what_ended_within_thirty_days_is_still_listed(browser, days, is_listed):
    old = another(browser, ended_at=timezone.now() - timedelta(days=days), end_reason="revoked")

    assert (str(old.session_id) in [each["id"] for each in browser.get(PATH).json()]) == is_listed


@pytest.mark.parametrize(
    ("fields", "reason", "is_dated"),
    [
        ({"expires_at": timezone.now() - timedelta(hours=1)}, "expired", True),
        ({"last_seen_at": timezone.now() - timedelta(days=8)}, "expired", True),
        ({"epoch": 7}, "revoked", False),
    ],
    ids=["absolute", "idle", "epoch"],
)
def test_what_has_ended_by_itself_is_told_so_before_any_sweep(browser, fields, reason, is_dated):
    dead = another(browser, **fields)

    body = browser.get(one(dead)).json()

    assert (body["status"], body["end_reason"], body["ended_at"] is not None) == ("ended", reason, is_dated)


def test_the_list_costs_as_many_queries_for_three_sessions_as_for_one(browser, django_assert_max_num_queries):
    with django_assert_max_num_queries(10) as one_session:
        browser.get(PATH)
    another(browser)
    another(browser)
    with django_assert_max_num_queries(10) as three_sessions:
        assert len(browser.get(PATH).json()) == 3

    assert len(three_sessions) == len(one_session)


# --- Ending ----------------------------------------------------------------------------------------


def test_an_ended_session_is_out_at_its_very_next_request(browser):
    phone = another(browser)
    assert phone.get(CURRENT).status_code == 200

    answer = browser.delete(one(phone))

    assert (answer.status_code, answer.content) == (204, b"")
    assert [refusal(phone.call(method, path)) for method, path in EVERY] == [UNAUTHORIZED] * 4
    assert browser.get(CURRENT).status_code == 200
    assert session_with(phone.key).end_reason == "revoked"
    entry = AuditEntry.objects.get(action="session.ended")
    assert (entry.chain, entry.actor_kind, entry.request_id) == (
        browser.user.pk,
        "user",
        answer["X-Request-ID"],
    )


def test_signing_out_everywhere_else_spares_the_session_at_hand_and_other_people(browser):
    others = [another(browser), another(browser)]
    stranger = signed_in()

    answer = browser.delete(PATH)

    assert answer.status_code == 200
    assert sorted(answer.json()["ended"]) == sorted(str(each.session_id) for each in others)
    assert [refusal(each.get(CURRENT)) for each in others] == [UNAUTHORIZED] * 2
    assert [each.get(CURRENT).status_code for each in (browser, stranger)] == [200, 200]
    assert browser.delete(PATH).json() == {"ended": []}


@pytest.mark.parametrize("path", [lambda _: CURRENT, one], ids=["current", "by its id"])
def test_logging_out_ends_the_session_and_takes_the_cookie_back(browser, path):
    answer = browser.delete(path(browser))

    assert answer.status_code == 204
    cookie = answer.cookies[settings.SESSION_COOKIE_NAME]
    assert (cookie.value, cookie["max-age"]) == ("", 0)
    assert refusal(browser.get(CURRENT)) == UNAUTHORIZED
    assert session_with(browser.key).end_reason == "logged_out"


def test_ending_another_session_leaves_the_cookie_of_this_one(browser):
    assert settings.SESSION_COOKIE_NAME not in browser.delete(one(another(browser))).cookies


def test_ending_it_again_changes_nothing(browser):
    phone = another(browser)
    browser.delete(one(phone))
    before = Session.objects.values().get(pk=phone.session_id)

    assert browser.delete(one(phone)).status_code == 204
    assert Session.objects.values().get(pk=phone.session_id) == before
    assert AuditEntry.objects.filter(action="session.ended").count() == 1


def test_none_of_it_asks_for_a_passkey_shown_lately(browser):
    tired = another(browser, is_fresh=False)

    assert [tired.delete(one(browser)).status_code, tired.delete(CURRENT).status_code] == [204, 204]


# --- Nobody else ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "delete"])
def test_a_stranger_s_session_and_none_at_all_are_answered_alike(browser, method):
    stranger = signed_in()
    nobodys = new_id()

    theirs, none = (browser.call(method, f"{PATH}/{each}") for each in (stranger.session_id, nobodys))

    assert refusal(theirs) == refusal(none) == MISSING
    bodies = [
        {name: value for name, value in answer.json().items() if name != "request_id"}
        for answer in (theirs, none)
    ]
    assert bodies[0]["message"].replace(str(stranger.session_id), str(nobodys)) == bodies[1]["message"]
    assert bodies[0].keys() == bodies[1].keys()
    assert stranger.get(CURRENT).status_code == 200
    assert str(stranger.session_id) not in browser.get(PATH).content.decode()


def test_without_its_filters_the_api_still_shows_and_ends_only_its_caller_s(browser, monkeypatch):
    from accounts.querysets import OwnedQuerySet

    stranger = signed_in()
    monkeypatch.setattr(OwnedQuerySet, "owned_by", lambda self, *_, **__: self.all())

    assert [each["id"] for each in browser.get(PATH).json()] == [str(browser.session_id)]
    assert browser.delete(PATH).json() == {"ended": []}
    assert refusal(browser.delete(f"{PATH}/{stranger.session_id}")) == MISSING


@pytest.mark.parametrize(("method", "path"), EVERY)
def test_no_api_key_comes_near_sessions(bot, method, path):
    assert refusal(bot.call(method, path)) == UNAUTHORIZED


@pytest.mark.parametrize(("method", "path"), EVERY)
def test_a_session_from_a_recovery_sees_and_ends_nothing(method, path):
    user = make_user()
    other = signed_in(user)
    enrolling = Browser(make_session(user, is_enrol_only=True, is_fresh=False), user)

    assert refusal(enrolling.call(method, path)) == ENROL
    assert other.get(CURRENT).status_code == 200


@pytest.mark.parametrize(
    "end",
    [
        lambda: Session.objects.update(expires_at=timezone.now()),
        lambda: Session.objects.update(last_seen_at=timezone.now() - timedelta(days=8)),
        lambda: User.objects.update(auth_epoch=1),
        lambda: User.objects.update(is_active=False),
        lambda: session_passkeys().delete(),
        lambda: session_passkeys().update(confirmed=False),
    ],
    ids=["absolute", "idle", "epoch", "inactive", "passkey removed", "passkey off"],
)
def test_whatever_ends_a_session_its_next_request_is_refused_on_every_path(bot, market, end):
    browser = signed_in(bot.account.user)
    paths = (CURRENT, "/v2/account", "/raxx/v1/keys")
    assert [browser.get(path).status_code for path in paths] == [200] * 3

    end()

    assert [refusal(browser.get(path)) for path in paths] == [UNAUTHORIZED] * 3


def session_passkeys():
    from django_otp_webauthn.models import WebAuthnCredential

    return WebAuthnCredential.objects.all()


# --- Requests from elsewhere ------------------------------------------------------------------------

FORGERIES = {
    "no token": {"X-CSRFToken": None},
    "another token": {"X-CSRFToken": CSRF.upper()},
    "a page of another site": {"Origin": "https://evil.example"},
    "a page of nobody's": {"Origin": "null"},
}


@pytest.mark.parametrize("headers", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_cookie_alone_changes_nothing(bot, market, headers):
    browser = signed_in(bot.account.user)
    order = {"symbol": "IBM", "qty": "1", "side": "buy", "type": "limit", "time_in_force": "day"}
    calls = [
        browser.delete(CURRENT, headers=headers),
        browser.delete(PATH, headers=headers),
        browser.post("/raxx/v1/keys", {"account_id": str(bot.account.pk)}, headers=headers),
        browser.post("/v2/orders", {**order, "limit_price": "100"}, headers=headers),
    ]

    assert [refusal(answer) for answer in calls] == [FORBIDDEN] * len(calls)
    assert browser.get(CURRENT, headers=headers).status_code == 200  # who only reads needs no token


def test_a_cookie_with_its_token_trades_from_a_page_of_ours(bot, market):
    browser = signed_in(bot.account.user)
    order = {"symbol": "IBM", "qty": "1", "side": "buy", "type": "limit", "time_in_force": "day"}

    for headers in ({}, {"Origin": settings.ORIGINS[0]}):
        answer = browser.post("/v2/orders", {**order, "limit_price": "100"}, headers=headers)
        assert answer.status_code == 200, answer.content


def test_a_key_needs_no_token(bot):
    assert bot.order().status_code == 200


def test_a_key_shown_beside_a_cookie_is_whom_the_request_speaks_for(bot, make_bot):
    browser = signed_in(make_bot().account.user)

    headers = {"APCA-API-KEY-ID": bot.key.pk, "APCA-API-SECRET-KEY": "wrong", "X-CSRFToken": None}
    assert refusal(browser.get("/v2/account", headers=headers)) == UNAUTHORIZED


# --- Accounts ---------------------------------------------------------------------------------------


def test_a_session_opens_the_accounts_of_its_person_and_no_other(make_bot):
    first, stranger = make_bot(), make_bot()
    second = make_bot(user=first.account.user)
    browser = signed_in(first.account.user)

    def account(named=None):
        headers = {"Raxx-Account-Id": None if named is None else str(named)}
        return browser.get("/v2/account", headers=headers)

    assert account().json()["id"] == str(first.account.pk)
    assert account(second.account.pk).json()["id"] == str(second.account.pk)
    for none in (stranger.account.pk, new_id(), "nonsense"):
        assert refusal(account(none)) == MISSING


def test_a_person_who_reads_is_never_taken_for_an_operator(bot):
    person = signed_in(bot.account.user)
    staff = signed_in(make_user(is_staff=True))

    assert refusal(person.post("/raxx/v1/market/tape/pause")) == FORBIDDEN
    assert "operator" not in str(person.get(CURRENT).json())
    assert staff.get(CURRENT).status_code == 200


def test_numbers_of_sessions_in_a_row_stay_apart():
    people = [signed_in() for _ in range(3)]

    for here, there in itertools.product(people, people):
        answer = here.get(one(there))
        assert answer.status_code == (200 if here is there else 404)


def test_two_passkeys_of_a_person_are_told_apart(browser):
    key = make_passkey(browser.user, name="the key in the drawer")
    other = Browser(make_session(browser.user, key), browser.user)

    assert browser.get(one(other)).json()["passkey"] == {"id": key.pk, "name": "the key in the drawer"}
