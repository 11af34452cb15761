"""A passkey's yes is to one form as it is filled in, for one account, once: the session's freshness changes nothing here."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib import admin
from django.utils import timezone

from accounts.models import Assertion, Session, User
from accounts.models.audit import AuditEntry
from accounts.sessions import living_session
from accounts.step_up import give_assertion
from broker_handoff.services.gate_overrides import ask_for_override
from broker_handoff.services.switches import close_as_staff
from tests.factories.rows import make_account
from tests.isolation.routes import every_route
from tests.isolation.test_admin_matrix import _ARGUMENT, _KIND
from tests.support.conftest import ACT, grant, make_staff, shown_by
from tests.support.test_acts import act_page
from trading.models import AccountGrant, StaffAct

if TYPE_CHECKING:
    from django.test import Client

    from tests.support.conftest import SignIn
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "support"])

ASK = {"Raxx-Step-Up": "ask"}
REFUSED = (401, "step_up_required")
WRONG = 422  # a form that cannot be


def say_yes(client: Client, path: str, form: dict[str, Any]) -> str:
    """Show the passkey for a form, as the page's script does; return the digest."""
    digest: str = client.post(path, form, headers=ASK).json()["digest"]
    session = living_session(client.cookies[settings.SESSION_COOKIE_NAME].value)
    assert session is not None
    give_assertion(session, bytes.fromhex(digest))
    return digest


def outcome(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("error", "")


def test_a_yes_is_to_one_kind_of_act_on_one_account_in_these_words_and_once(
    sign_in: SignIn, staff: User, alice: TradingAccount, bob: TradingAccount
) -> None:
    for account in (alice, bob):
        grant(staff, account, ACT)
    client, other = (sign_in(staff, shows_passkey=False) for _ in range(2))
    page = act_page(alice, "adjust_cash")
    form = {"amount": "5", "note": "sorry", "reason": "a fee", "ticket": "", "act_id": str(uuid4())}
    digest = say_yes(client, page, form)

    refused = [
        outcome(client.post(page, {**form, "amount": "5000"})),  # changed after the passkey
        outcome(client.post(page, {**form, "reason": "none"})),
        outcome(client.post(page, {**form, "more": "x"})),
        outcome(client.post(act_page(bob, "adjust_cash"), form)),  # another tab, another account
        outcome(client.post(act_page(alice, "freeze"), form)),
        outcome(other.post(page, form)),  # the same person's other session
        outcome(client.post(page, form, headers=ASK)),  # who only asks has nothing done
    ]
    assert refused == [REFUSED] * 7
    assert not StaffAct.objects.exists()
    assert client.post(page, form).status_code == 302
    act = StaffAct.objects.get()
    assert (act.account_id, act.arguments["amount"]) == (alice.pk, "5")
    assert outcome(client.post(page, form)) == REFUSED
    assert not Assertion.objects.exists()
    asked = AuditEntry.objects.get(action="staff.asked")
    assert json.loads(asked.body)["after"]["digest"] == digest


def test_no_page_of_the_site_takes_anything_without_a_yes(
    sign_in: SignIn, overseer: User, alice: TradingAccount
) -> None:
    """Also one that is added tomorrow: the site asks, not the page. The session is fresh all the while."""
    client = sign_in(overseer, shows_passkey=False)
    assert Session.objects.exclude(fresh_until=None).exists()
    routes = [route for route in every_route() if route.kind == "admin" and "(?P" not in route.path]
    before = AuditEntry.objects.count()
    taken = [
        route.path
        for route in routes
        if route.name not in {"login", "logout"}
        and client.post(
            _KIND.sub("freeze", _ARGUMENT.sub(str(alice.pk), route.path)), {"reason": "r"}
        ).status_code
        not in {REFUSED[0], WRONG}
    ]
    assert len(routes) > 40
    assert taken == []
    assert not AccountGrant.ever.exists()
    assert AuditEntry.objects.count() == before


def test_nobody_shows_a_passkey_for_a_form_that_cannot_be(
    sign_in: SignIn, overseer: User, alice: TradingAccount, bob: TradingAccount
) -> None:
    """What is wrong is the answer, to the script that only asks as well; one that is in order is asked for its yes."""
    grant(overseer, alice, ACT)
    grant(overseer, bob)
    own = make_account(overseer)
    second = make_staff(is_superuser=True)
    override = ask_for_override(
        shown=shown_by(second), person_id=alice.user_id, reason="r", now=timezone.now()
    )
    mine = ask_for_override(shown=shown_by(overseer), person_id=bob.user_id, reason="r", now=timezone.now())
    closing = close_as_staff(operator=second, scope="global", reason="odd fills").closing
    act_id = uuid4()
    StaffAct.objects.create(pk=act_id, kind="freeze", account=alice, staff_id=overseer.pk, reason="another")
    entries, overrides = "/admin/trading/accountentry/", "/admin/broker_handoff/gateoverride/"
    switches, profiles = "/admin/broker_handoff/switchclosing/", "/admin/trading/simulationprofile/define/"
    said = {"reason": "r", "hours": "2", "permission": "view_account"}
    profile = {"reason": "r", "name": "calm"}
    cannot_be: list[tuple[str, dict[str, str], str]] = [
        (act_page(alice, "freeze"), {"reason": " "}, "This field is required"),
        (act_page(alice, "freeze"), {"reason": "r", "act_id": str(act_id)}, "said something else"),
        (act_page(bob, "freeze"), {"reason": "r"}, "was not granted to you"),
        ("/admin/trading/staffact/ask/suspend_asset/", {"reason": "r"}, "This field is required"),
        (f"{entries}{alice.pk}/grant/", {**said, "hours": "9999"}, "less than or equal to"),
        (f"{entries}{alice.pk}/grant/", {**said, "staff": "no@example.com"}, "no active member of staff"),
        (f"{entries}{own.pk}/grant/", said, "their own account"),
        (profiles, {**profile, "latency_ms": "-1"}, "latency_ms -1"),
        (f"{overrides}ask/", {"reason": "r", "email": "no@example.com"}, "nobody with this address"),
        (f"{overrides}ask/", {"reason": "r", "email": overseer.email}, "nobody asks for themselves"),
        (f"{overrides}{mine.pk}/change/", {"step": "approve"}, "it takes two of the staff"),
        (f"{overrides}{override.pk}/change/", {"step": "end"}, "This field is required"),
        (f"{switches}close/", {"scope": "user", "reason": "r"}, "which user?"),
        (
            f"{switches}close/",
            {"scope": "user", "reason": "r", "email": "no@example.com"},
            "nobody with this",
        ),
        (f"{switches}{closing.pk}/change/", {"step": "open", "reason": "r"}, "nobody has asked"),
        (f"{switches}{closing.pk}/change/", {"step": "ask", "reason": ""}, "This field is required"),
    ]
    can_be: list[tuple[str, dict[str, str]]] = [
        (act_page(alice, "freeze"), {"reason": "r"}),
        ("/admin/trading/staffact/ask/suspend_asset/", {"reason": "r", "symbol": "IBM"}),
        (f"{entries}{alice.pk}/grant/", said),
        (profiles, profile),
        (f"{overrides}ask/", {"reason": "r", "email": alice.user.email}),
        (f"{overrides}{override.pk}/change/", {"step": "approve"}),
        (f"{overrides}{override.pk}/change/", {"step": "end", "reason": "r"}),
        (f"{switches}close/", {"scope": "global", "reason": "r"}),
        (f"{switches}{closing.pk}/change/", {"step": "ask", "reason": "r"}),
    ]
    before = AuditEntry.objects.count()
    client = sign_in(overseer, shows_passkey=False)

    for path, form, words in cannot_be:
        for headers in (ASK, {}):
            answer = client.post(path, form, headers=headers)
            assert (path, form, answer.status_code) == (path, form, WRONG)
            assert words in answer.content.decode(), (path, form)
    assert [outcome(client.post(path, form, headers=ASK)) for path, form in can_be] == [REFUSED] * len(can_be)
    marked = {path.replace(str(alice.pk), "…") for path, *_ in can_be}
    assert len(marked) == 8 == _judged_views()
    assert AuditEntry.objects.count() == before
    assert (StaffAct.objects.count(), Assertion.objects.count()) == (1, 0)


def _judged_views() -> int:
    """Return how many views of the site judge before the passkey."""
    classes = {type(one) for one in admin.site._registry.values()}
    return sum(hasattr(view, "judge") for one in classes for view in vars(one).values())


def test_somebody_who_reads_is_told_in_a_page_what_was_not_done(
    sign_in: SignIn, staff: User, alice: TradingAccount
) -> None:
    grant(staff, alice, ACT)
    client = sign_in(staff, shows_passkey=False)
    answer = client.post(act_page(alice, "freeze"), {"reason": "r"}, headers={"Accept": "text/html"})

    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (401, "text/html")
    assert "insufficient_user_authentication" in answer.headers["WWW-Authenticate"]
    assert "Your passkey was not shown for this form as it was sent" in answer.content.decode()
    assert not StaffAct.objects.exists()


def test_who_has_just_recovered_their_access_does_nothing_here_but_stop_what_runs(
    sign_in: SignIn, overseer: User, alice: TradingAccount
) -> None:
    given = grant(overseer, alice, ACT)
    client = sign_in(overseer)
    User.objects.filter(pk=overseer.pk).update(restricted_until=timezone.now() + timedelta(hours=1))

    acts = [
        client.post(act_page(alice, "freeze"), {"reason": "r"}),
        client.post(f"/admin/trading/accountentry/{alice.pk}/grant/", {"reason": "r"}),
        client.post("/admin/broker_handoff/gateoverride/ask/", {"reason": "r", "email": alice.user.email}),
    ]
    assert [(answer.status_code, "recovered lately" in answer.json()["message"]) for answer in acts] == [
        (403, True)
    ] * 3
    assert not StaffAct.objects.exists()
    closing = {"scope": "global", "email": "", "connection": "", "reason": "odd fills"}
    assert client.post("/admin/broker_handoff/switchclosing/close/", closing).status_code == 302
    assert client.post(f"/admin/trading/accountgrant/{given[0].pk}/end/").status_code == 302
    assert not AccountGrant.objects.exists()
