"""/raxx/v1/live/gate, as a browser asks for it of the web process's own role."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import AuditEntry
from broker_handoff.models import GateNomination, GateOverride, GateVerdict
from broker_handoff.services.gate import verdict_of
from tests.broker_handoff.records import NOW
from tests.factories.people import signed_in
from tests.factories.rows import SECRET, make_account, make_api_key, make_market, make_user
from tests.factories.whole_person import as_worker

if TYPE_CHECKING:
    from tests.broker_handoff.records import Trader

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/raxx/v1/live/gate"


def test_who_has_no_account_that_counts_is_told_what_is_asked(trader: Trader) -> None:
    shown = signed_in().get(PATH).json()

    assert shown == {
        "is_open": False,
        "opened_by": None,
        "override": None,
        "verdict": None,
        "rules": {
            "months": 3,
            "closed_trades_min": 20,
            "trading_days_min": 15,
            "return_above": "0",
            "drawdown_below": "0.25",
        },
        "account": None,
        "report": None,
        "present_month": None,
    }


def test_a_record_is_shown_by_criterion_with_its_figure_and_what_is_missing(trader: Trader) -> None:
    trader.good_record()
    shown = signed_in(trader.account.user).get(PATH).json()

    assert (shown["is_open"], shown["verdict"]) == (False, None)  # nobody has judged it yet
    assert shown["account"]["account_number"] == trader.account.number
    assert (shown["report"]["in_a_row"], shown["report"]["is_open"]) == (3, True)
    assert [month["month"] for month in shown["report"]["months"]] == ["2026-04", "2026-03", "2026-02"]
    assert shown["present_month"]["criteria"][3] == {
        "name": "closed trades",
        "required": "at least 20",
        "figure": "0",
        "missing": "20 more",
        "is_met": False,
    }
    assert GateVerdict.objects.count() == 0


def test_a_verdict_opens_the_gate_and_is_listed_with_its_inputs(trader: Trader) -> None:
    trader.good_record()
    with as_worker():
        verdict = verdict_of(user_id=trader.account.user_id, now=NOW)
    assert verdict is not None
    browser = signed_in(trader.account.user)

    shown, listed = browser.get(PATH).json(), browser.get(f"{PATH}/verdicts").json()

    assert (shown["is_open"], shown["opened_by"]) == (True, "record")
    assert shown["verdict"]["id"] == str(verdict.pk)
    assert [each["inputs"] for each in listed] == [verdict.inputs]
    assert signed_in().get(f"{PATH}/verdicts").json() == []


def test_an_override_that_lives_opens_the_gate(trader: Trader) -> None:
    until = NOW + timedelta(days=3650)  # of the wall's time
    GateOverride.objects.create(
        user=trader.account.user,
        reason="a demonstration",
        asked_by=uuid4(),
        approved_by=uuid4(),
        approved_at=until - timedelta(days=90),
        expires_at=until,
    )

    shown = signed_in(trader.account.user).get(PATH).json()

    assert (shown["is_open"], shown["opened_by"]) == (True, "override")
    assert shown["override"]["reason"] == "a demonstration"
    assert signed_in().get(PATH).json()["is_open"] is False


def test_an_account_is_named_once_and_written_down(trader: Trader) -> None:
    person = trader.account.user
    other = make_account(person, market=trader.account.market)
    browser = signed_in(person)

    shown = [browser.call("put", f"{PATH}/accounts/{other.pk}").json()["account"] for _ in range(2)]

    assert shown[0] == shown[1]
    assert (shown[0]["id"], shown[0]["named_at"] is None) == (str(other.pk), False)
    assert GateNomination.objects.count() == 1
    (entry,) = AuditEntry.objects.filter(action="gate.account_named")
    assert (entry.subject, entry.actor_id) == (person.pk, str(person.pk))


def test_to_name_the_account_that_one_is_judged_by_changes_nothing(trader: Trader) -> None:
    answer = signed_in(trader.account.user).call("put", f"{PATH}/accounts/{trader.account.pk}")

    assert (answer.status_code, answer.json()["account"]["named_at"]) == (200, None)
    assert GateNomination.objects.count() == 0


def test_what_cannot_be_named_is_refused(trader: Trader) -> None:
    person = trader.account.user
    closed = make_account(person, market=trader.account.market, status="ACCOUNT_CLOSED")
    elsewhere = make_account(person, market=make_market(feed="synthetic", is_active=False))
    a_stranger_s = make_account(make_user(), market=trader.account.market)
    browser = signed_in(person)

    answers = {
        account: browser.call("put", f"{PATH}/accounts/{account}").status_code
        for account in (closed.pk, elsewhere.pk, a_stranger_s.pk, uuid4())
    }

    assert list(answers.values()) == [422, 422, 404, 404]
    assert GateNomination.objects.count() == 0


def test_an_api_key_never_reaches_it(trader: Trader) -> None:
    key = make_api_key(trader.account)
    headers = {"APCA-API-KEY-ID": key.pk, "APCA-API-SECRET-KEY": SECRET}

    answers = [Client().get(path, headers=headers) for path in (PATH, f"{PATH}/verdicts")]

    assert [answer.status_code for answer in answers] == [401, 401]
