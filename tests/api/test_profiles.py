"""/raxx/v1/profiles and /raxx/v1/account/profile: what there is, what an account has, and what orders keep."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.api.conftest import refusal
from trading.models import Order, SimulationProfile, TradingAccount
from trading.services.profiles import define_profile, withdraw_profile

PROFILES, MINE = "/raxx/v1/profiles", "/raxx/v1/account/profile"


@pytest.fixture
def careful(market):
    """Return a profile in two versions."""
    define_profile(name="careful", changes={"slippage_bps": 2, "latency_ms": 50})
    return define_profile(name="careful", changes={"commission": 1, "description": "Slow and dear."}).profile


def names(answer):
    return [(each["name"], each["version"]) for each in answer.json()]


def test_the_newest_offered_version_of_each_profile_is_listed(bot, careful):
    plain = [(name, 1) for name in ("aggressive", "bars", "conservative", "displayed", "instant", "mid")]
    assert names(bot.get(PROFILES)) == sorted([*plain, ("careful", 2)])

    withdraw_profile(name="careful")

    assert names(bot.get(PROFILES)) == plain
    assert ("careful", 1) in names(bot.get(PROFILES, all="true"))
    assert ("careful", 2) in names(bot.get(PROFILES, all="true"))


def test_a_profile_is_shown_with_all_that_makes_it_fill_as_it_does(bot, careful):
    shown = bot.get(f"{PROFILES}/careful").json()

    assert shown.pop("created_at").endswith("Z")
    assert shown == {
        "name": "careful",
        "version": 2,
        "model": "displayed",
        "parameters": {
            "participation": "0.1",
            "slippage_bps": 2,
            "latency_ms": 50,
            "commission": "1",
            "reject_rate": "0",
            "partial_rate": "0",
        },
        "description": "Slow and dear.",
        "is_offered": True,
    }
    assert bot.get(f"{PROFILES}/careful", version=1).json()["parameters"]["commission"] == "0"


def test_a_version_that_is_not_offered_any_more_can_still_be_read(bot, careful):
    withdraw_profile(name="careful")

    assert bot.get(f"{PROFILES}/careful", version=2).json()["is_offered"] is False
    assert refusal(bot.get(f"{PROFILES}/careful")) == (404, 40410000)


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("nothing", {}, (404, 40410000)),
        ("careful", {"version": 9}, (404, 40410000)),
        ("careful", {"version": "x"}, (422, 40010001)),
        ("careful", {"version": 99_999}, (422, 40010001)),
        ("%00", {}, (404, 40410000)),
    ],
)
def test_a_profile_that_is_not_there_is_refused_in_the_api_s_words(bot, careful, path, query, expected):
    assert refusal(bot.get(f"{PROFILES}/{path}", **query)) == expected


def test_a_list_that_is_not_asked_for_in_booleans_is_refused(bot):
    assert refusal(bot.get(PROFILES, all="maybe")) == (422, 40010001)


def test_an_account_that_named_nothing_has_the_model_displayed(bot):
    mine = bot.get(MINE).json()

    assert (mine["name"], mine["version"], mine["newest_version"]) == ("displayed", 1, 1)


def test_a_chosen_profile_is_frozen_onto_new_orders_and_older_ones_keep_theirs(bot, careful, show):
    show(bid="99", ask="101")
    before = bot.order().json()["id"]

    chosen = bot.patch(MINE, {"name": "careful"})
    after = bot.order().json()["id"]

    assert chosen.status_code == 200
    assert (chosen.json()["name"], chosen.json()["version"]) == ("careful", 2)
    profiles = dict(Order.objects.values_list("pk", "profile__name"))
    assert (profiles[UUID(before)], profiles[UUID(after)]) == ("displayed", "careful")


def test_an_account_stays_with_its_version_until_it_chooses_again(bot, careful):
    bot.patch(MINE, {"name": "careful"})
    define_profile(name="careful", changes={"latency_ms": 10})

    stayed = bot.get(MINE).json()
    moved = bot.patch(MINE, {"name": "careful"}).json()

    assert (stayed["version"], stayed["newest_version"]) == (2, 3)
    assert (moved["version"], moved["newest_version"]) == (3, 3)


def test_an_account_keeps_a_profile_that_is_withdrawn(bot, careful):
    bot.patch(MINE, {"name": "careful"})
    withdraw_profile(name="careful")

    mine = bot.get(MINE).json()

    assert (mine["version"], mine["is_offered"], mine["newest_version"]) == (2, False, None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "nothing"}, (422, 40010001)),
        ({"name": ""}, (422, 40010001)),
        ({}, (422, 40010001)),
        ({"name": "a\0b"}, (422, 40010001)),
        ({"name": 7}, (400, 40010000)),
        ("not JSON", (400, 40010000)),
    ],
)
def test_what_is_no_profile_changes_nothing(bot, body, expected):
    assert refusal(bot.patch(MINE, body)) == expected
    assert bot.get(MINE).json()["name"] == "displayed"


def test_a_key_that_only_reads_may_look_and_not_choose(make_bot):
    reader = make_bot(scopes=["read"])

    assert reader.get(PROFILES).status_code == reader.get(MINE).status_code == 200
    assert refusal(reader.patch(MINE, {"name": "instant"})) == (403, 40310000)
    assert reader.get(MINE).json()["name"] == "displayed"


def test_one_account_s_choice_is_not_another_s(bot, make_bot, market):
    other = make_bot()

    bot.patch(MINE, {"name": "instant"})

    assert other.get(MINE).json()["name"] == "displayed"
    assert TradingAccount.objects.get(pk=bot.account.pk).profile.name == "instant"


def test_a_closed_account_chooses_nothing(bot):
    TradingAccount.objects.update(status=TradingAccount.Status.CLOSED)

    assert refusal(bot.patch(MINE, {"name": "instant"})) == (422, 42210000)
    assert bot.get(MINE).json()["name"] == "displayed"


def test_many_versions_are_listed_with_the_queries_of_few(bot, careful):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert bot.get(PROFILES, all="true").status_code == 200
        return len(captured)

    queries()  # fills what a process keeps
    few = queries()
    for step in range(20):
        define_profile(name=f"many-{step}", changes={})

    assert queries() == few
    assert SimulationProfile.objects.count() == 28
