"""The table of first steps, and what is kept of them."""

from __future__ import annotations

from itertools import product

import pytest

from accounts.models import RecoveryCodes
from accounts.sessions import living_session
from tests.factories.people import make_session, signed_in
from tests.factories.rows import make_account, make_api_key, make_order, make_user, make_watchlist
from trading.dashboard.start_words import PROFILE_WORDS, QUESTION_WORDS
from trading.errors import ValueInvalid
from trading.first_steps import INVESTOR_PROFILES, QUESTIONS, checked, profile_for, score
from trading.models import FirstSteps, SimulationProfile, TradingAccount
from trading.services.first_steps import Progress, first_steps_of, keep_first_steps, progress_of

EVERY = [dict(zip(QUESTIONS, answers, strict=True)) for answers in product(*QUESTIONS.values())]
PATH = "/raxx/v1/first-steps"


def answers_worth(*worth):
    return {name: QUESTIONS[name][one] for name, one in zip(QUESTIONS, worth, strict=True)}


@pytest.mark.parametrize(
    ("worth", "profile"),
    [
        ((0, 0, 0, 0), "trial"),
        ((1, 0, 1, 0), "trial"),
        ((1, 1, 1, 0), "income_builder"),
        ((1, 2, 1, 1), "income_builder"),
        ((2, 2, 1, 1), "diversifier"),
        ((2, 2, 2, 2), "diversifier"),
    ],
    ids=["nought", "two", "three", "five", "six", "eight"],
)
def test_the_answers_are_added_up_and_the_sum_chooses(worth, profile):
    assert score(answers_worth(*worth)) == sum(worth)
    assert profile_for(answers_worth(*worth)).name == profile


def test_a_higher_answer_never_comes_to_less_and_every_profile_is_come_to():
    cash = {tuple(each.values()): profile_for(each).cash for each in EVERY}

    for each in EVERY:
        for name, known in QUESTIONS.items():
            higher = known[known.index(each[name]) + 1 :]
            assert all(
                cash[tuple({**each, name: other}.values())] >= cash[tuple(each.values())] for other in higher
            )
    assert {profile_for(each).name for each in EVERY} == {profile.name for profile in INVESTOR_PROFILES}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mood": "good"}, "there is no question 'mood'"),
        ({"fall": "panic"}, "the answer to 'fall' is not one of sell, wait, hold"),
        ({"fall": None}, "the answer to 'fall' is missing"),
    ],
    ids=["a question", "an answer", "none"],
)
def test_what_is_no_answer_is_refused_by_its_name(change, words):
    given = {name: value for name, value in {**EVERY[0], **change}.items() if value is not None}

    with pytest.raises(ValueInvalid, match=words):
        checked(given)


def test_the_three_profiles_are_those_that_were_agreed_on():
    agreed = {
        "trial": (10_000, "conservative"),
        "income_builder": (50_000, "mid"),
        "diversifier": (100_000, "aggressive"),
    }

    assert {one.name: (int(one.cash), one.simulation) for one in INVESTOR_PROFILES} == agreed


@pytest.mark.django_db
def test_each_simulation_is_there_to_be_chosen_and_stricter_than_the_next():
    strict, mid, easy = (
        SimulationProfile.objects.get(name=one.simulation, is_offered=True) for one in INVESTOR_PROFILES
    )

    assert strict.model == mid.model == easy.model == "displayed"
    assert strict.latency_ms > mid.latency_ms > easy.latency_ms
    assert strict.slippage_bps > mid.slippage_bps > easy.slippage_bps
    assert strict.commission > mid.commission == easy.commission == 0


def test_every_question_and_profile_has_words():
    assert {name: tuple(words["answers"]) for name, words in QUESTION_WORDS.items()} == QUESTIONS
    assert set(PROFILE_WORDS) == {one.name for one in INVESTOR_PROFILES}


@pytest.mark.django_db
def test_progress_is_read_from_what_a_person_has():
    user = make_user()
    session = living_session(make_session(user))
    assert session is not None
    nothing = Progress(account=False, watchlist=False, order=False, way_back=False, key=False)
    assert progress_of(session) == nothing

    stranger = make_account()
    make_watchlist(stranger)
    make_order(stranger)
    make_api_key(stranger)
    assert progress_of(session) == nothing

    account = make_account(user)
    make_watchlist(account, asset_ids=[])
    assert progress_of(session) == Progress(
        account=True, watchlist=False, order=False, way_back=False, key=False
    )

    order = make_order(account)
    make_watchlist(account, asset_ids=[order.asset_id])
    RecoveryCodes.objects.create(user=user, digests=[b"a" * 32])
    make_api_key(account)
    assert progress_of(session).is_done

    TradingAccount.objects.update(status=TradingAccount.Status.CLOSED)
    assert not progress_of(session).account


@pytest.mark.django_db(transaction=True)
def test_a_person_keeps_answers_profile_and_dismissal_each_by_itself():
    browser = signed_in()
    answers = answers_worth(1, 1, 1, 0)

    assert browser.get(PATH).json() == {
        "answers": {},
        "comes_to": None,
        "profile": None,
        "is_dismissed": False,
        "done": {"account": False, "watchlist": False, "order": False, "way_back": False, "key": False},
    }
    assert not FirstSteps.objects.exists()  # to look keeps nothing
    kept = browser.send("put", PATH, {"answers": answers}).json()
    assert kept["comes_to"] == {"name": "income_builder", "cash": "50000", "profile": "mid", "multiplier": 2}
    assert kept["profile"] is None
    browser.send("put", PATH, {"profile": "trial"})
    browser.send("put", PATH, {"is_dismissed": True})

    now = browser.get(PATH).json()
    assert (now["answers"], now["profile"], now["is_dismissed"]) == (answers, "trial", True)
    assert browser.send("put", PATH, {"answers": {}}).json()["comes_to"] is None
    assert signed_in().get(PATH).json()["answers"] == {}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "body",
    [{"answers": {"fall": "wait"}}, {"profile": "whale"}, {"profile": "t' or 1"}],
    ids=["too few", "no profile", "strange"],
)
def test_what_cannot_be_kept_is_refused_and_keeps_nothing(body):
    answer = signed_in().send("put", PATH, body)

    assert (answer.status_code, answer.json()["code"]) == (422, 40010001)
    assert not FirstSteps.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_tabs_that_begin_at_once_are_one_person():
    session = living_session(make_session(make_user()))
    assert session is not None

    keep_first_steps(session=session, is_dismissed=True)
    keep_first_steps(session=session, answers=EVERY[0])

    kept = first_steps_of(session)
    assert (kept.answers, kept.is_dismissed, FirstSteps.objects.count()) == (EVERY[0], True, 1)
