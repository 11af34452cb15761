"""Who may call: keys, scopes, and the wall between owners."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.binding import bound_user_id
from accounts.models import ApiKey, User
from raxx import roles
from tests.api.conftest import Bot, as_web, refusal
from tests.factories.rows import NOON, SECRET, make_account, make_api_key, make_order, make_position
from tests.factories.sessions import every_owned_row, session
from trading.models import Order

UNAUTHORIZED, FORBIDDEN, MISSING = (401, 40110000), (403, 40310000), (404, 40410000)

PATHS = ["/v2/account", "/v2/orders", "/v2/positions", "/v2/assets", "/v2/clock", "/v2/calendar"]


def basic(text):
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def anonymous(path, **headers):
    with as_web():
        return Client().get(path, headers=headers)


OURS = [
    "/raxx/v1/market/tape",
    "/raxx/v1/profiles",
    "/raxx/v1/account/profile",
    "/raxx/v1/orders/01a206b7-bd3b-75cc-90b2-57bc5c83bf58/explanation",
]


@pytest.mark.parametrize("path", [*PATHS, *OURS])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"APCA-API-KEY-ID": "PKNOBODYSKEYNOBODYSK", "APCA-API-SECRET-KEY": SECRET},
        {"APCA-API-KEY-ID": "", "APCA-API-SECRET-KEY": ""},
        {"APCA-API-SECRET-KEY": SECRET},
        {"APCA-API-KEY-ID": "' or true --", "APCA-API-SECRET-KEY": SECRET},
        {"APCA-API-KEY-ID": "K" * 5000, "APCA-API-SECRET-KEY": "s" * 5000},
        {"APCA-API-KEY-ID": "\xe9", "APCA-API-SECRET-KEY": "\xe9"},
        {"Authorization": "Bearer something"},
        {"Authorization": "Basic !!!"},
        basic("no colon"),
    ],
    ids=[
        "none",
        "unknown",
        "empty",
        "no id",
        "injection",
        "long",
        "not ASCII",
        "bearer",
        "not base64",
        "no colon",
    ],
)
def test_without_a_good_key_nothing_is_told(bot, path, headers):
    assert refusal(anonymous(path, **headers)) == UNAUTHORIZED


def test_a_wrong_secret_is_refused_even_for_a_key_just_used(bot):
    assert bot.order().status_code == 200

    assert refusal(bot.post("/v2/orders", {}, headers={"APCA-API-SECRET-KEY": "wrong"})) == UNAUTHORIZED
    assert refusal(bot.call("get", "/v2/account", headers={"APCA-API-SECRET-KEY": "wrong"})) == UNAUTHORIZED


def test_the_pair_may_come_as_http_basic(bot):
    assert anonymous("/v2/account", **basic(f"{bot.key.pk}:{SECRET}")).status_code == 200
    assert refusal(anonymous("/v2/account", **basic(f"{bot.key.pk}:wrong"))) == UNAUTHORIZED


@pytest.mark.parametrize(
    "end",
    [
        lambda: ApiKey.objects.update(revoked_at=timezone.now()),
        lambda: ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1)),
        lambda: User.objects.update(is_active=False),
        lambda: ApiKey.objects.all().delete(),
    ],
    ids=["revoked", "expired", "user inactive", "deleted"],
)
def test_a_key_that_has_ended_opens_nothing_from_that_moment(bot, end):
    order_id = bot.order().json()["id"]
    end()
    before = every_owned_row()

    calls = [
        bot.order(),
        bot.order(qty="nonsense"),  # that the key is dead is told first
        bot.patch(f"/v2/orders/{order_id}", {"qty": 5}),
        bot.delete(f"/v2/orders/{order_id}"),
        bot.delete("/v2/orders"),
        *(bot.get(path) for path in PATHS),
    ]

    assert [refusal(answer) for answer in calls] == [UNAUTHORIZED] * len(calls)
    assert every_owned_row() == before


def test_a_key_that_has_yet_to_expire_is_good(bot):
    ApiKey.objects.update(expires_at=timezone.now() + timedelta(hours=1))

    assert bot.order().status_code == 200


def test_each_scope_opens_what_it_names_and_nothing_else(make_bot):
    def answers(*scopes):
        bot = make_bot(scopes=list(scopes))
        calls = (
            bot.get("/v2/account"),
            bot.order(),
            bot.delete("/v2/orders"),
            bot.get("/raxx/v1/market/tape"),
            bot.post("/raxx/v1/market/tape/pause"),
        )
        return [200 if answer.status_code < 300 else refusal(answer) for answer in calls]

    no = FORBIDDEN
    assert answers("read") == [200, no, no, no, no]
    assert answers("trade") == [no, 200, 200, no, no]
    assert answers("data") == [no] * 5
    assert answers("read", "trade", "data") == [200, 200, 200, no, no]
    assert answers("operator") == [no, no, no, 200, 200]


@pytest.fixture
def strangers(make_bot, ibm):
    """Return somebody with an order and a position, and somebody else."""
    owner, stranger = make_bot(), make_bot()
    order = make_order(owner.account, ibm, status="new", client_order_id="mine")
    make_position(owner.account, ibm)
    return owner, stranger, order


def test_another_persons_rows_are_as_if_they_did_not_exist(strangers):
    owner, stranger, order = strangers
    for bot in (owner, stranger):
        bot.get("/v2/clock")  # from here on the last use of their keys is written down
    before = every_owned_row()

    assert owner.get(f"/v2/orders/{order.pk}").status_code == 200
    assert stranger.get("/v2/orders", status="all").json() == []
    assert stranger.get("/v2/positions").json() == []
    assert stranger.delete("/v2/orders").json() == []
    calls = [
        stranger.get(f"/v2/orders/{order.pk}"),
        stranger.get("/v2/orders:by_client_order_id", client_order_id="mine"),
        stranger.patch(f"/v2/orders/{order.pk}", {"qty": 5}),
        stranger.delete(f"/v2/orders/{order.pk}"),
        stranger.get("/v2/positions/IBM"),
    ]
    assert [refusal(answer) for answer in calls] == [MISSING] * len(calls)
    assert refusal(stranger.get("/v2/orders", after_order_id=order.pk)) == (422, 40010001)
    assert every_owned_row() == before


def test_what_is_not_there_and_what_is_anothers_are_answered_alike(strangers):
    _, stranger, order = strangers
    nobodys = "01a206b7-bd3b-75cc-90b2-57bc5c83bf58"

    for call in (stranger.get, stranger.delete, lambda path: stranger.patch(path, {"qty": 5})):
        theirs, none = (call(f"/v2/orders/{one}") for one in (order.pk, nobodys))
        their_text, no_text = (
            answer.content.decode().replace(answer.headers["X-Request-ID"], "") for answer in (theirs, none)
        )
        assert theirs.status_code == none.status_code
        assert their_text.replace(str(order.pk), nobodys) == no_text


def test_a_key_opens_one_account_of_its_user_and_not_the_other(bot, ibm, market):
    other = make_account(bot.account.user, market=market)
    order = make_order(other, ibm, client_order_id="elsewhere")

    assert bot.get("/v2/orders", status="all").json() == []
    assert refusal(bot.get(f"/v2/orders/{order.pk}")) == MISSING
    assert refusal(bot.delete(f"/v2/orders/{order.pk}")) == MISSING
    assert Bot(other, make_api_key(other)).get(f"/v2/orders/{order.pk}").status_code == 200


def test_without_its_filters_the_api_still_shows_only_its_callers_rows(strangers, monkeypatch):
    from accounts.querysets import OwnedQuerySet

    monkeypatch.setattr(OwnedQuerySet, "owned_by", lambda self, *_: self.all())
    owner, stranger, order = strangers

    assert [one["id"] for one in owner.get("/v2/orders").json()] == [str(order.pk)]
    assert stranger.get("/v2/orders", status="all").json() == []
    assert refusal(stranger.get(f"/v2/orders/{order.pk}")) == MISSING
    assert stranger.get("/v2/account").json()["id"] == str(stranger.account.pk)


def test_a_thread_forgets_its_caller_with_the_answer(bot):
    bot.get("/v2/account")
    assert bound_user_id() == ""

    bot.get("/v2/orders/not-there")
    assert bound_user_id() == ""


def test_an_order_is_written_by_the_role_that_sees_only_its_owner(bot):
    bot.order()

    with session(roles.APP) as nobody:
        assert nobody.execute("select * from trading_order").fetchall() == []
    assert Order.objects.get().submitted_at == NOON
