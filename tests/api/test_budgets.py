"""Budgets over HTTP: who spends them, what every answer tells of them, and what happens without Valkey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.urls import get_resolver

from accounts import budgets
from accounts.models import Tier
from tests.api.conftest import Bot, as_web, refusal
from tests.counters import NOON, StandingClock, count_at, own_valkey, silent_server
from tests.factories.people import signed_in
from tests.factories.rows import SECRET, make_api_key, make_user
from tests.factories.sessions import every_owned_row
from trading import principal
from trading.api import orders

if TYPE_CHECKING:
    from accounts.models import User

MANY, UNAUTHORIZED = (429, 42910000), (401, 40110000)
HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")

pytestmark = pytest.mark.usefixtures("budgets_on")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch, budgets_on: None) -> StandingClock:
    standing = StandingClock()
    standing.stand(monkeypatch)
    return standing


@pytest.fixture
def free(make_bot: Any) -> Bot:
    made: Bot = make_bot(user=make_user(tier=Tier.FREE))
    return made


def spend(user: User, times: int) -> None:
    for _ in range(times):
        budgets.spend(user.pk, user.tier, must_be_counted=True)


def told(answer: Any) -> tuple[str | None, ...]:
    return tuple(answer.headers.get(name) for name in HEADERS)


def test_each_answer_tells_where_the_caller_stands(free: Bot) -> None:
    first, second = free.get("/v2/account"), free.get("/v2/orders")

    assert told(first)[:2] == ("60", "59")
    assert told(second)[:2] == ("60", "58")
    resets_at = int(first.headers["X-RateLimit-Reset"])
    assert NOON < resets_at <= NOON + 60
    assert "Retry-After" not in first.headers


def test_one_request_too_many_is_refused_in_the_words_of_the_wire(free: Bot) -> None:
    spend(free.account.user, 60)
    before = every_owned_row()

    refused = free.order()

    wait_s = int(refused.headers["X-RateLimit-Reset"]) - NOON
    assert refused.status_code == 429
    assert refused.json() == {
        "code": 42910000,
        "message": "rate limit exceeded",
        "retry_after": wait_s,
        "request_id": refused.headers["X-Request-ID"],
    }
    assert refused.headers["Retry-After"] == str(wait_s)
    assert told(refused)[:2] == ("60", "0")
    assert every_owned_row() == before


def test_all_keys_and_sessions_of_a_person_spend_one_budget(make_bot: Any) -> None:
    user = make_user(tier=Tier.FREE)
    first, other_account = make_bot(user=user), make_bot(user=user)
    second = Bot(first.account, make_api_key(first.account))
    browser = signed_in(user)

    answers = [bot.get("/v2/account") for bot in (first, second, other_account, browser)]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["59", "58", "57", "56"]
    spend(user, 56)
    for bot in (first, second, other_account, browser):
        assert refusal(bot.get("/v2/account")) == MANY


def test_a_neighbour_has_a_budget_of_their_own(free: Bot, make_bot: Any) -> None:
    spend(free.account.user, 61)
    neighbour = make_bot(user=make_user(tier=Tier.FREE))

    assert told(neighbour.get("/v2/account"))[1] == "59"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/v2/orders/01a206b7-bd3b-75cc-90b2-57bc5c83bf58", 404),
        ("get", "/v2/orders/nonsense", 404),
        ("post", "/v2/account", 405),
        ("post", "/v2/orders", 422),
        ("post", "/raxx/v1/market/tape/play", 403),
    ],
)
def test_a_refusal_is_counted_and_tells_it_too(free: Bot, method: str, path: str, status: int) -> None:
    answer = free.send(method, path, {}) if method == "post" else free.get(path)

    assert (answer.status_code, *told(answer)[:2]) == (status, "60", "59")
    assert told(free.get("/v2/account"))[1] == "58"


def test_a_mistake_of_ours_is_counted_and_tells_it_too(free: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(orders, "listed", broken)

    with as_web():
        key = {"APCA-API-KEY-ID": free.key.pk, "APCA-API-SECRET-KEY": SECRET}
        answer = Client(raise_request_exception=False).get("/v2/orders", headers=key)

    assert (answer.status_code, *told(answer)[:2]) == (500, "60", "59")


def test_without_a_caller_there_is_nothing_to_tell() -> None:
    with as_web():
        answers = [Client().get(path) for path in ("/v2/account", "/v2/nowhere", "/health/live")]

    assert [answer.status_code for answer in answers] == [401, 404, 200]
    assert [told(answer) for answer in answers] == [(None, None, None)] * 3


def test_an_account_that_is_not_theirs_costs_a_session_as_much_as_one_that_is(
    bot: Bot, make_bot: Any
) -> None:
    browser = signed_in(make_bot(user=make_user(tier=Tier.FREE)).account.user)
    browser.headers["Raxx-Account-Id"] = str(bot.account.pk)

    answers = [browser.get("/v2/account") for _ in range(61)]

    assert [answer.status_code for answer in answers] == [404] * 60 + [429]
    assert told(answers[0])[1] == "59"


def test_another_tier_counts_from_the_next_request_on(free: Bot) -> None:
    spend(free.account.user, 60)
    assert refusal(free.get("/v2/account")) == MANY
    free.account.user.tier = Tier.PRO
    free.account.user.save()

    assert told(free.get("/v2/account"))[:2] == ("600", "599")


def test_64_at_once_at_the_limit_are_let_through_exactly_to_it(free: Bot) -> None:
    # In turn here; at once, over two processes, in test_budgets_of_processes.
    statuses = [free.get("/v2/clock").status_code for _ in range(64)]

    assert statuses == [200] * 60 + [429] * 4


READS = ["/v2/account", "/v2/orders", "/v2/positions", "/v2/clock", "/v2/assets", "/raxx/v1/accounts"]
ENTRY = [
    ("post", "/v2/orders"),
    ("patch", "/v2/orders/01a206b7-bd3b-75cc-90b2-57bc5c83bf58"),
    ("delete", "/v2/positions"),
    ("delete", "/v2/positions/IBM"),
]


def without_valkey(settings: Any, url: str) -> None:
    """Have everything that a web process asks Valkey for ask this one."""
    count_at(settings, url)
    settings.REDIS_URL = url


@pytest.mark.parametrize("who", ["key", "session"])
def test_with_valkey_stalled_reads_pass_and_orders_are_refused_at_once(
    settings: Any, make_bot: Any, who: str
) -> None:
    bot = make_bot()
    caller = bot if who == "key" else signed_in(bot.account.user)
    with silent_server() as server:
        count_at(settings, server.url)
        before = every_owned_row()

        refused = [caller.send(method, path, {}) for method, path in ENTRY]
        read = [caller.get(path) for path in READS]

        assert [refusal(answer) for answer in refused] == [MANY] * len(ENTRY)
        assert {answer.headers["Retry-After"] for answer in refused} == {"5"}
        assert {told(answer) for answer in refused} == {("600", "0", str(NOON + 5))}
        assert [answer.status_code for answer in read] == [200] * len(READS)
        assert [told(answer)[1] for answer in read] == [str(599 - number) for number in range(len(READS))]
        assert server.asked == 1
        assert every_owned_row() == before


def test_with_valkey_killed_nothing_answers_500(settings: Any, bot: Bot) -> None:
    with own_valkey() as server:
        without_valkey(settings, server.url)
        assert bot.order().status_code == 200
        server.kill()

        assert {bot.send(method, path, {}).status_code for method, path in ENTRY} == {429}
        assert {bot.get(path).status_code for path in READS} == {200}

        server.start()
        budgets.breaker.answered()
        assert bot.order().status_code == 200


def test_a_cancel_needs_no_valkey(settings: Any, bot: Bot) -> None:
    orders = [bot.order().json()["id"] for _ in range(2)]
    with silent_server() as server:
        count_at(settings, server.url)

        one, rest = bot.delete(f"/v2/orders/{orders[0]}"), bot.delete("/v2/orders")

    assert (one.status_code, rest.status_code) == (204, 207)
    assert [each["id"] for each in rest.json()] == [orders[1]]


def test_reads_without_valkey_are_limited_by_each_process(settings: Any, free: Bot) -> None:
    with silent_server() as server:
        count_at(settings, server.url)

        statuses = [free.get("/v2/account").status_code for _ in range(62)]

    assert statuses == [200] * 60 + [429] * 2


def test_whatever_places_orders_must_be_counted() -> None:
    entering = {
        (str(pattern.pattern), method)
        for pattern in get_resolver().url_patterns
        if str(pattern.pattern).startswith(("v2/orders", "v2/positions"))
        for method in ("POST", "PATCH", "PUT", "DELETE")
        if hasattr(pattern.callback.cls, method.lower()) and method not in pattern.callback.cls.needs_budget
        if (method, str(pattern.pattern).partition("/")[2][:6]) != ("DELETE", "orders")  # a cancel
    }

    assert entering == set()


BAD = [
    {"APCA-API-SECRET-KEY": "wrong"},
    {"APCA-API-KEY-ID": "PKNOBODYSKEYNOBODYSK"},
    {"APCA-API-KEY-ID": "-"},
]


@pytest.mark.parametrize("headers", BAD, ids=["secret", "unknown", "unreadable"])
def test_an_address_that_sends_wrong_keys_is_refused_before_the_database_is_asked(
    bot: Bot, headers: dict[str, str], django_assert_num_queries: Any
) -> None:
    for _ in range(30):
        assert refusal(bot.call("get", "/v2/account", headers=headers)) == UNAUTHORIZED

    with django_assert_num_queries(2):  # the test's own: to take the role, and to leave it
        refused = bot.call("get", "/v2/account", headers=headers)

    assert refusal(refused) == MANY
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert told(refused) == (None, None, None)


def test_a_blocked_address_is_blocked_for_good_keys_that_were_not_used_lately(bot: Bot) -> None:
    for _ in range(30):
        bot.call("get", "/v2/account", headers=BAD[1])

    assert refusal(bot.get("/v2/account")) == MANY


def test_a_key_in_use_is_not_shut_out_by_a_neighbour_s_wrong_ones(bot: Bot) -> None:
    assert bot.get("/v2/account").status_code == 200
    for _ in range(40):
        bot.call("get", "/v2/account", headers=BAD[1])

    assert bot.get("/v2/account").status_code == 200
    assert bot.order().status_code == 200
    assert refusal(bot.call("get", "/v2/account", headers=BAD[0])) == MANY
    principal.forget()
    assert refusal(bot.get("/v2/account")) == MANY


def test_wrong_keys_from_elsewhere_block_nobody_here(settings: Any, bot: Bot) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    for _ in range(40):
        bot.call("get", "/v2/account", headers={**BAD[1], "X-Forwarded-For": "192.0.2.7"})

    assert bot.call("get", "/v2/account", headers={"X-Forwarded-For": "192.0.2.8"}).status_code == 200
