"""/raxx/v1/keys: a person makes, changes, rotates and revokes the keys of their accounts, in a browser."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, AuditEntry, Session, User
from accounts.models.api_key import Scope
from tests.api.conftest import refusal
from tests.factories.people import Browser, as_web, make_session, signed_in
from tests.factories.rows import NOON, SECRET, make_account, make_api_key, make_user
from tests.factories.sessions import every_owned_row
from trading.errors import RuleBroken
from trading.models import TradingAccount
from trading.services import keys as services
from trading.services.key_terms import KeyTerms

PATH = "/raxx/v1/keys"
UNAUTHORIZED, FORBIDDEN, MISSING = (401, 40110000), (403, 40310000), (404, 40410000)
STEP_UP, COOLING, ENROL = (401, 40110001), (403, 40310001), (403, 40310002)
INVALID, BROKEN = (422, 40010001), (422, 42210000)


@pytest.fixture
def browser(bot):
    """Return the browser of the bot's owner, who has just shown a passkey."""
    return signed_in(bot.account.user)


def wish(bot, **terms):
    return {"account_id": str(bot.account.pk), **terms}


def made(browser, bot, **terms):
    answer = browser.post(PATH, wish(bot, **terms))
    assert answer.status_code == 201, answer.content
    return answer.json()


def opens(body, path="/v2/account", method="get", data=None, **extra):
    headers = {"APCA-API-KEY-ID": body["key_id"], "APCA-API-SECRET-KEY": body["secret"]}
    with as_web():
        call = getattr(Client(), method)
        return call(path, data, headers=headers, content_type="application/json", **extra).status_code


def left_of(key_id):
    """Return how long a key is still good."""
    ends_at = ApiKey.objects.get(pk=key_id).expires_at
    assert ends_at is not None
    return ends_at - timezone.now()


def one(key_id, what=""):
    return f"{PATH}/{key_id}{what}"


# --- Making ----------------------------------------------------------------------------------------


def test_a_new_key_opens_its_account_and_its_secret_is_told_this_once(browser, bot):
    answer = browser.post(PATH, wish(bot, name="My bot"))

    body = answer.json()
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    assert body["token"] == f"{body['key_id']}.{body['secret']}"
    assert (body["name"], body["scopes"], body["status"]) == ("My bot", ["read", "trade", "data"], "active")
    assert (body["account_id"], body["expires_at"], body["addresses"]) == (str(bot.account.pk), None, [])
    assert body["key_id"].startswith("PK")  # paper's letters
    assert opens(body) == 200
    for later in (browser.get(PATH), browser.get(one(body["key_id"]))):
        assert body["secret"] not in later.content.decode()
    assert body["secret"] not in str(ApiKey.objects.values().get(pk=body["key_id"]))
    assert ApiKey.objects.get(pk=body["key_id"]).matches(body["secret"])


def test_a_key_is_for_the_account_that_was_named(browser, bot, market):
    second = make_account(bot.account.user, market=market)

    body = browser.post(PATH, {"account_id": str(second.pk)}).json()

    headers = {"APCA-API-KEY-ID": body["key_id"], "APCA-API-SECRET-KEY": body["secret"]}
    assert bot.call("get", "/v2/account", headers=headers).json()["id"] == str(second.pk)


def test_an_account_may_be_read_only_for_a_key(browser, bot):
    body = made(browser, bot, scopes=["data", "read"])
    order = {
        "symbol": "IBM",
        "qty": "1",
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "limit_price": 9,
    }

    assert body["scopes"] == ["read", "data"]
    assert opens(body) == 200
    assert opens(body, "/v2/orders", "post", order) == 403
    assert opens(body, "/v2/orders", "delete") == 403
    assert opens(body, "/v2/account/configurations", "patch", {"no_shorting": True}) == 403


@pytest.mark.parametrize(
    "term",
    [{"expires_in_days": 30}, {"expires_at": (timezone.now() + timedelta(days=30)).isoformat()}],
    ids=["days", "instant"],
)
def test_a_key_ends_when_it_was_told_to(browser, bot, term):
    body = made(browser, bot, **term)
    assert timedelta(days=29) < left_of(body["key_id"]) <= timedelta(days=30)
    assert opens(body) == 200

    ApiKey.objects.update(expires_at=timezone.now())

    assert opens(body) == 401
    assert browser.get(one(body["key_id"])).json()["status"] == "expired"


def test_a_key_opens_nothing_from_where_it_may_not_be_used(browser, bot):
    body = made(browser, bot, addresses=["203.0.113.0/24", "2001:DB8::1"])

    assert body["addresses"] == ["2001:db8::1/128", "203.0.113.0/24"]
    assert opens(body, REMOTE_ADDR="203.0.113.9") == 200
    assert opens(body, REMOTE_ADDR="198.51.100.1") == 401


def test_a_key_that_is_remembered_places_no_order_from_where_it_may_not_be_used_any_more(browser, bot, ibm):
    order = {
        "symbol": "IBM",
        "qty": "1",
        "side": "buy",
        "type": "limit",
        "limit_price": "10",
        "time_in_force": "day",
    }
    key = made(browser, bot)

    def from_here():
        return opens(key, "/v2/orders", "post", order, REMOTE_ADDR="203.0.113.7")

    assert from_here() == 200
    assert browser.patch(one(key["key_id"]), {"addresses": ["10.0.0.0/8"]}).status_code == 200
    assert from_here() == 401
    assert browser.patch(one(key["key_id"]), {"addresses": ["203.0.113.0/24"]}).status_code == 200
    assert from_here() == 200


def test_who_is_about_to_leave_gets_no_key(browser, bot):
    User.objects.filter(pk=bot.account.user_id).update(deactivated_at=timezone.now())

    with pytest.raises(RuleBroken, match="about to leave"):
        services.create_own_key(owner=bot.account.user, account_id=bot.account.pk, terms=KeyTerms())

    assert ApiKey.objects.filter(user_id=bot.account.user_id).count() == 1


def test_its_last_use_is_shown_to_its_owner(browser, bot):
    body = made(browser, bot)
    assert browser.get(one(body["key_id"])).json()["last_used_at"] is None

    opens(body)

    assert browser.get(one(body["key_id"])).json()["last_used_at"] is not None


WRONG = {
    "no account": ({"account_id": None}, (400, 40010000)),
    "unreadable account": ({"account_id": "nonsense"}, (400, 40010000)),
    "nobody's account": ({"account_id": "01a206b7-bd3b-75cc-90b2-57bc5c83bf58"}, MISSING),
    "no scopes": ({"scopes": []}, INVALID),
    "unknown scope": ({"scopes": ["read", "live"]}, INVALID),
    "operator": ({"scopes": ["read", "operator"]}, FORBIDDEN),
    "no network": ({"addresses": ["home"]}, INVALID),
    "too many networks": ({"addresses": [f"10.0.0.{n}" for n in range(51)]}, INVALID),
    "long name": ({"name": "n" * 65}, INVALID),
    "line end in the name": ({"name": "a\nb"}, INVALID),
    "over already": ({"expires_at": NOON.isoformat()}, INVALID),
    "no zone": ({"expires_at": "2999-01-01T00:00:00"}, INVALID),
    "too far away": ({"expires_at": "2999-01-01T00:00:00Z"}, INVALID),
    "no days": ({"expires_in_days": 0}, INVALID),
    "too many days": ({"expires_in_days": 3651}, INVALID),
    "two ends": ({"expires_in_days": 9, "expires_at": "2030-01-01T00:00:00Z"}, INVALID),
}


@pytest.mark.parametrize(("terms", "refused"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_is_refused_and_makes_no_key(browser, bot, terms, refused):
    before = every_owned_row()

    assert refusal(browser.post(PATH, wish(bot, **terms))) == refused
    assert every_owned_row() == before


def test_a_stranger_s_account_is_answered_as_none(browser, make_bot):
    stranger = make_bot()
    before = every_owned_row()

    answer = browser.post(PATH, wish(stranger))

    assert refusal(answer) == MISSING
    assert answer.json()["message"] == f"account not found for {stranger.account.pk}"
    assert every_owned_row() == before


@pytest.mark.parametrize("status", ["DISABLE_PENDING", "ACCOUNT_CLOSED"])
def test_a_closed_account_may_be_read_by_a_key_and_no_more(browser, bot, status):
    TradingAccount.objects.update(status=status)

    for scopes in (["read", "trade"], ["trade"]):
        assert refusal(browser.post(PATH, wish(bot, scopes=scopes))) == BROKEN
    assert opens(made(browser, bot, scopes=["read", "data"]), "/v2/orders") == 200


def test_an_account_has_so_many_living_keys_and_no_more(browser, bot, monkeypatch):
    monkeypatch.setattr(services, "LIVING_MAX", 3)
    ApiKey.objects.all().delete()
    make_api_key(bot.account, revoked_at=NOON)
    make_api_key(bot.account, expires_at=NOON)
    bodies = [made(browser, bot) for _ in range(3)]

    assert refusal(browser.post(PATH, wish(bot))) == BROKEN
    browser.delete(one(bodies[0]["key_id"]))
    assert browser.post(PATH, wish(bot)).status_code == 201


def test_successors_that_overlap_count_too(browser, bot, monkeypatch):
    monkeypatch.setattr(services, "LIVING_MAX", 3)
    ApiKey.objects.all().delete()
    key_id = made(browser, bot)["key_id"]
    rotations = [browser.post(one(key_id, "/rotate"), {"overlap_s": 300}).status_code for _ in range(2)]
    before = every_owned_row()

    # The old key is good for a while yet, and could have one successor after another.
    assert (rotations, refusal(browser.post(one(key_id, "/rotate"), {"overlap_s": 300}))) == (
        [201] * 2,
        BROKEN,
    )
    assert every_owned_row() == before
    assert browser.post(one(key_id, "/rotate"), {}).status_code == 201  # one for another


def test_the_scope_of_operators_is_for_staff_and_the_database_says_so_too(bot, market):
    staff = make_user(is_staff=True)
    account = make_account(staff, market=market)
    body = signed_in(staff).post(PATH, {"account_id": str(account.pk), "scopes": ["operator"]}).json()

    assert body["scopes"] == ["operator"]
    assert opens(body, "/raxx/v1/market/tape") == 200


def test_paper_only_for_ever():
    assert {*Scope.values} == {"read", "trade", "data", "operator"}
    assert {field.name for field in ApiKey._meta.get_fields()} == {
        "key_id",
        "user",
        "account_id",  # of a paper account: a foreign key in the database says which table
        "name",
        "secret_hash",
        "scopes",
        "addresses",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    }


# --- Reading ---------------------------------------------------------------------------------------


def test_keys_are_listed_newest_first_with_those_that_are_over(browser, bot, market):
    second = make_account(bot.account.user, market=market)
    revoked = make_api_key(bot.account, revoked_at=NOON)
    expired = make_api_key(second, expires_at=NOON)

    found = browser.get(PATH).json()

    assert [(key["key_id"], key["status"]) for key in found] == [
        (expired.pk, "expired"),
        (revoked.pk, "revoked"),
        (bot.key.pk, "active"),
    ]
    of_second = browser.get(PATH, account_id=str(second.pk)).json()
    assert [key["key_id"] for key in of_second] == [expired.pk]
    assert refusal(browser.get(PATH, account_id="nonsense")) == INVALID


# --- Changing --------------------------------------------------------------------------------------


def test_a_key_is_renamed_and_limited_and_what_is_absent_stays(browser, bot):
    body = made(browser, bot, name="old")

    limited = browser.patch(one(body["key_id"]), {"addresses": ["203.0.113.7"]}).json()
    assert (limited["name"], limited["addresses"]) == ("old", ["203.0.113.7/32"])
    assert opens(body) == 401

    renamed = browser.patch(one(body["key_id"]), {"name": "new"}).json()
    assert (renamed["name"], renamed["addresses"]) == ("new", ["203.0.113.7/32"])


def test_what_a_key_may_do_is_settled_when_it_is_made(browser, bot):
    body = made(browser, bot, scopes=["read"])

    browser.patch(one(body["key_id"]), {"scopes": ["trade"], "account_id": "x", "revoked_at": None})

    assert ApiKey.objects.get(pk=body["key_id"]).scopes == ["read"]


def test_a_rotated_key_ends_and_its_successor_may_the_same(browser, bot):
    old = made(browser, bot, scopes=["read"], name="a", addresses=["127.0.0.1"], expires_in_days=9)

    answer = browser.post(one(old["key_id"], "/rotate"), {})

    new = answer.json()
    assert answer.status_code == 201
    assert (opens(old), opens(new)) == (401, 200)
    for same in ("account_id", "scopes", "addresses", "expires_at", "name"):
        assert new[same] == old[same]


def test_both_keys_work_while_they_overlap(browser, bot):
    old = made(browser, bot)
    new = browser.post(one(old["key_id"], "/rotate"), {"overlap_s": 300}).json()

    assert (opens(old), opens(new)) == (200, 200)
    assert timedelta(minutes=4) < left_of(old["key_id"]) <= timedelta(minutes=5)
    for overlap_s in (-1, 7 * 24 * 3600 + 1):
        assert refusal(browser.post(one(new["key_id"], "/rotate"), {"overlap_s": overlap_s})) == INVALID


def test_a_revoked_key_opens_nothing_from_its_next_request_on(browser, bot):
    body = made(browser, bot)
    assert opens(body) == 200

    answer = browser.delete(one(body["key_id"]))

    assert (answer.status_code, answer.json()["status"]) == (200, "revoked")
    assert opens(body) == 401
    again = browser.delete(one(body["key_id"]))
    assert again.json()["revoked_at"] == answer.json()["revoked_at"]


def test_a_key_that_is_over_is_never_put_to_work_again(browser, bot):
    body = made(browser, bot)
    browser.delete(one(body["key_id"]))

    assert refusal(browser.patch(one(body["key_id"]), {"name": "back"})) == BROKEN
    assert refusal(browser.post(one(body["key_id"], "/rotate"), {})) == INVALID
    assert opens(body) == 401


def test_the_streams_are_told_after_each_end_of_a_key(browser, bot, monkeypatch):
    rung = []
    monkeypatch.setattr(
        services, "ring_credentials", lambda: rung.append(ApiKey.objects.exclude(revoked_at=None).count())
    )
    first = made(browser, bot)
    assert rung == []

    second = browser.post(one(first["key_id"], "/rotate"), {}).json()
    browser.delete(one(second["key_id"]))

    assert rung == [1, 2]


# --- Who may ---------------------------------------------------------------------------------------


def writes(bot):
    key_id = bot.key.pk
    return {
        "make": ("post", PATH, wish(bot)),
        "change": ("patch", one(key_id), {"name": "mine"}),
        "rotate": ("post", one(key_id, "/rotate"), {}),
        "revoke": ("delete", one(key_id), None),
    }


def answers(browser, bot, names=("make", "change", "rotate", "revoke")):
    return [refusal(browser.send(*writes(bot)[name])) for name in names]


def test_each_change_asks_for_a_passkey_shown_lately_and_reading_does_not(bot):
    tired = Browser(make_session(bot.account.user, is_fresh=False), bot.account.user)
    before = every_owned_row()

    assert answers(tired, bot) == [STEP_UP] * 4
    answer = tired.post(PATH, wish(bot))
    assert answer["WWW-Authenticate"] == 'Session error="insufficient_user_authentication", max_age=300'
    assert answer.json()["error"] == "step_up_required"
    assert [tired.get(path).status_code for path in (PATH, one(bot.key.pk))] == [200, 200]
    assert every_owned_row() == before


def test_after_a_recovery_keys_wait_but_may_be_revoked(browser, bot):
    User.objects.update(restricted_until=timezone.now() + timedelta(hours=1))

    assert answers(browser, bot, ("make", "change", "rotate")) == [COOLING] * 3
    assert browser.delete(one(bot.key.pk)).status_code == 200


def test_no_key_makes_or_reads_keys_whatever_its_scopes(make_bot):
    bot = make_bot(scopes=["read", "trade", "data", "operator"])
    before = every_owned_row()

    calls = [bot.send(*call) for call in writes(bot).values()] + [bot.get(PATH), bot.get(one(bot.key.pk))]

    assert [refusal(answer) for answer in calls] == [UNAUTHORIZED] * 6
    assert every_owned_row() == before


def test_a_session_from_a_recovery_comes_near_no_key(bot):
    enrolling = Browser(make_session(bot.account.user, is_enrol_only=True, is_fresh=False), bot.account.user)

    assert answers(enrolling, bot) == [ENROL] * 4
    assert refusal(enrolling.get(PATH)) == ENROL


def test_an_ended_session_makes_no_key(browser, bot):
    Session.objects.update(ended_at=timezone.now())
    assert answers(browser, bot) == [UNAUTHORIZED] * 4


def test_a_stranger_s_key_and_none_at_all_are_answered_alike(bot, make_bot):
    stranger = signed_in(make_bot().account.user)
    before = every_owned_row()

    def told(key_id):
        calls = [
            stranger.get(one(key_id)),
            stranger.patch(one(key_id), {"name": "mine"}),
            stranger.post(one(key_id, "/rotate"), {}),
            stranger.delete(one(key_id)),
        ]
        assert [refusal(answer) for answer in calls] == [MISSING] * 4
        return [answer.json()["message"].replace(key_id, "KEY") for answer in calls]

    assert told(bot.key.pk) == told("PKNOBODYSKEYNOBODYSK")
    assert bot.key.pk not in stranger.get(PATH).content.decode()
    assert bot.key.pk not in stranger.get(PATH, account_id=str(bot.account.pk)).content.decode()
    assert every_owned_row() == before
    assert bot.get("/v2/account").status_code == 200


def test_without_its_filters_the_api_still_shows_and_changes_only_its_caller_s(bot, make_bot, monkeypatch):
    from accounts.querysets import OwnedQuerySet

    other = make_bot()
    stranger = signed_in(other.account.user)
    monkeypatch.setattr(OwnedQuerySet, "owned_by", lambda self, *_, **__: self.all())

    assert [key["key_id"] for key in stranger.get(PATH).json()] == [other.key.pk]
    assert refusal(stranger.delete(one(bot.key.pk))) == MISSING
    assert refusal(stranger.post(PATH, wish(bot))) == MISSING
    assert ApiKey.objects.get(pk=bot.key.pk).matches(SECRET)


# --- The audit log ----------------------------------------------------------------------------------


def test_each_change_is_written_down_with_its_actor_and_without_the_secret(browser, bot):
    first = made(browser, bot, name="the name")
    browser.patch(one(first["key_id"]), {"name": "another name"})
    second = browser.post(one(first["key_id"], "/rotate"), {}).json()
    answer = browser.delete(one(second["key_id"]))

    entries = list(AuditEntry.objects.filter(chain=bot.account.pk).order_by("seq"))
    assert [entry.action for entry in entries] == [
        "api_key.created",
        "api_key.changed",
        "api_key.rotated",
        "api_key.revoked",
    ]
    assert {(entry.subject, entry.actor_kind) for entry in entries} == {(bot.account.user_id, "user")}
    assert entries[-1].request_id == answer["X-Request-ID"]
    assert first["key_id"] in entries[0].body
    assert second["key_id"] in entries[2].body
    told = "".join(entry.body for entry in entries)
    for secret in (first["secret"], second["secret"], "the name", "another name"):
        assert secret not in told


def test_a_refused_change_leaves_no_entry(browser, bot):
    browser.post(PATH, wish(bot, scopes=["live"]))
    browser.delete(one("PKNOBODYSKEYNOBODYSK"))

    assert not AuditEntry.objects.exists()
