"""The admin over HTTP, served by the roles of life: what was not granted is not there, wherever one looks.

The default connection is the web role's, `support` a log-in of its own as raxx_support.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.contrib import admin
from django.db import connections
from django.test import Client
from django.utils import timezone
from django_otp_webauthn.models import WebAuthnCredential

from accounts import binding
from accounts.models import User
from accounts.models.audit import AuditEntry
from raxx.headers import POLICY
from tests.support.conftest import HOURS, grant
from tests.support.test_ways import ASKING, LIST, LOOKING, page
from trading.models import AccountGrant, StaffAct, TradingAccount
from trading.services.grants import end_grants

if TYPE_CHECKING:
    from tests.support.conftest import SignIn

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "support"])


def test_staff_sees_the_granted_account_and_what_is_in_it(
    sign_in: SignIn, staff: User, alice: TradingAccount, bob: TradingAccount
) -> None:
    grant(staff, alice)
    client = sign_in(staff)

    shown = client.get(LIST).content.decode()
    assert alice.number in shown
    assert alice.user.email in shown
    assert "1 trading account" in shown
    answer = client.get(page(alice))
    assert answer.status_code == 200
    assert list(answer.context["orders"]) == list(alice.orders.order_by("-submitted_at", "pk"))
    for name in ("positions", "orders", "fills", "events"):
        assert {row.account_id for row in answer.context[name]} == {alice.pk}


@pytest.mark.parametrize("what_happens", ["expired", "revoked", "demoted", "deactivated"])
def test_a_grant_that_is_over_opens_no_page(
    sign_in: SignIn, staff: User, alice: TradingAccount, what_happens: str
) -> None:
    (given,) = grant(staff, alice)
    client = sign_in(staff)
    before = client.get(page(alice)).status_code
    if what_happens == "expired":
        AccountGrant.ever.update(granted_at=given.granted_at - 2 * HOURS, expires_at=given.granted_at - HOURS)
    elif what_happens == "revoked":
        end_grants(staff=staff, account_id=alice.pk, owner_id=alice.user_id, now=given.granted_at)
    elif what_happens == "demoted":
        User.objects.filter(pk=staff.pk).update(is_staff=False)
    else:
        User.objects.filter(pk=staff.pk).update(is_active=False)

    assert before == 200
    answer = client.get(page(alice), follow=False)
    assert answer.status_code == 302
    assert alice.number not in client.get(LIST, follow=False).content.decode()


def test_each_look_is_written_into_the_account_s_audit_log_first(
    sign_in: SignIn, staff: User, alice: TradingAccount
) -> None:
    grant(staff, alice)
    client = sign_in(staff)
    answers = [client.get(page(alice)) for _ in range(2)]

    looks = AuditEntry.objects.filter(chain=alice.pk, action="account.viewed").order_by("seq")
    assert [(look.subject, look.actor_kind, look.actor_id, look.request_id) for look in looks] == [
        (alice.user_id, "staff", str(staff.pk), answer["X-Request-ID"]) for answer in answers
    ]
    assert AuditEntry.objects.exclude(chain=alice.pk).exclude(action="grant.given").count() == 0


def test_every_page_that_is_about_one_account_writes_the_look_down_its_history_and_an_act_s_page_too(
    sign_in: SignIn, staff: User, alice: TradingAccount
) -> None:
    grant(staff, alice)
    act = StaffAct.objects.create(kind="freeze", account=alice, staff_id=staff.pk, reason="odd orders")
    client = sign_in(staff)
    about = f"/admin/trading/staffact/{act.pk}"
    paths = [page(alice), f"{LIST}{alice.pk}/case/", f"{LIST}{alice.pk}/history/", f"{LIST}{alice.pk}/"]
    paths += [f"{about}/change/", f"{about}/history/", f"{about}/"]
    looks = AuditEntry.objects.filter(chain=alice.pk, subject=alice.user_id, action="account.viewed")
    counts = []
    for path in paths:
        answer = client.get(path, follow=True)
        assert (answer.status_code, alice.number in answer.content.decode()) == (200, True)
        counts.append(looks.count())

    assert counts == [1, 2, 3, 4, 5, 6, 7]
    pages = [look.body.split('"page":"')[1].split('"')[0] for look in looks.order_by("seq")]
    assert pages == ["admin.account", "admin.case", "admin.case", "admin.account", *["admin.act"] * 3]


def test_a_list_is_no_look_at_an_account_and_has_nothing_of_what_is_in_it(
    sign_in: SignIn, staff: User, alice: TradingAccount
) -> None:
    grant(staff, alice)
    StaffAct.objects.create(
        kind="adjust_cash",
        account=alice,
        staff_id=staff.pk,
        reason="ours",
        arguments={"amount": "-250.50", "note": "a private note"},
        status="done",
        done_at=timezone.now(),
        outcome="cash was moved by -250.50 dollars",
    )
    client = sign_in(staff)
    shown = client.get(LIST).content.decode() + client.get("/admin/trading/staffact/").content.decode()

    assert shown.count(alice.number) >= 2
    assert [word for word in ("250.5", "private note", "was moved") if word in shown] == []
    assert not AuditEntry.objects.filter(action="account.viewed").exists()


def test_what_cannot_be_written_down_is_not_shown(
    sign_in: SignIn, staff: User, alice: TradingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant(staff, alice)
    client = sign_in(staff, raise_request_exception=False)

    def broken(**_: object) -> None:
        raise RuntimeError("the log is away")

    monkeypatch.setattr("trading.services.grants.record", broken)
    answer = client.get(page(alice))

    assert answer.status_code == 500
    assert alice.number not in answer.content.decode()


def test_nothing_is_changed_by_a_page(sign_in: SignIn, staff: User, alice: TradingAccount) -> None:
    grant(staff, alice)
    client = sign_in(staff)

    answers = [
        client.post(page(alice), {"name": "mine", "cash": "1000000"}),
        client.post(f"{LIST}{alice.pk}/delete/", {"post": "yes"}),
        client.post(f"{LIST}add/", {"number": "T1"}),
        client.get(f"{LIST}add/"),
        client.get(f"{LIST}{alice.pk}/delete/"),
        client.post(LIST, {"action": "delete_selected", "_selected_action": [str(alice.pk)]}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403, 403, 403, 200]
    alice.refresh_from_db()
    assert (alice.name, alice.cash, TradingAccount.objects.count()) == ("", 1000, 1)


def test_no_table_of_the_site_has_a_form_that_adds_changes_or_deletes_not_even_for_a_superuser(
    sign_in: SignIn, overseer: User
) -> None:
    client = sign_in(overseer)
    answers = {}
    for model in admin.site._registry:
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}"
        answers[base] = [client.post(f"{base}/add/", {"name": "x"}).status_code]
        answers[base] += [client.post(f"{base}/{uuid4()}/delete/", {"post": "yes"}).status_code]
        request = client.get(f"{base}/").wsgi_request
        rights = admin.site._registry[model].get_model_perms(request)
        assert rights == {"add": False, "change": False, "delete": False, "view": True}
        assert admin.site._registry[model].get_actions(request) == {}

    assert len(answers) == 9
    assert {status for both in answers.values() for status in both} <= {302, 403}


def test_people_who_are_not_staff_are_turned_away(sign_in: SignIn, alice: TradingAccount) -> None:
    person = alice.user
    client = sign_in(person)

    assert client.get("/admin/login/").status_code == 403
    answers = [client.get(way(alice)) for way in ASKING.values()]
    answers += [client.get(path) for path in LOOKING.values()]
    assert {answer.status_code for answer in answers} == {302}
    assert all(answer["Location"].startswith("/admin/login/") for answer in answers)


def test_who_is_not_signed_in_is_sent_to_the_log_in_and_back() -> None:
    answer = Client().get("/admin/trading/tradingaccount/", follow=False)
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={LIST}")
    login = Client().get(answer["Location"])
    assert (login.status_code, login["Location"]) == (302, f"/log-in?next={LIST}")
    elsewhere = Client().get("/admin/login/?next=https://evil.example/")
    assert elsewhere["Location"] == "/log-in?next=/admin/"


def test_staff_with_a_session_goes_straight_on(sign_in: SignIn, staff: User) -> None:
    client = sign_in(staff)
    assert client.get(f"/admin/login/?next={LIST}")["Location"] == LIST
    assert client.get("/admin/login/?next=//evil.example/")["Location"] == "/admin/"


def test_a_passkey_that_is_gone_opens_nothing(sign_in: SignIn, staff: User) -> None:
    client = sign_in(staff)
    before = client.get("/admin/").status_code
    WebAuthnCredential.objects.filter(user=staff).delete()

    assert before == 200
    assert client.get("/admin/").status_code == 302


def test_logging_out_asks_for_no_passkey_and_ends_the_session(sign_in: SignIn, staff: User) -> None:
    client = sign_in(staff, shows_passkey=False)

    assert client.post("/admin/logout/").status_code == 200
    assert client.get("/admin/").status_code == 302


def test_forgery_is_refused(sign_in: SignIn, staff: User) -> None:
    client = sign_in(staff, enforce_csrf_checks=True)
    assert client.post("/admin/logout/").status_code == 403
    assert client.get("/admin/").status_code == 200


def test_every_page_has_the_strict_policy_and_is_not_kept(
    sign_in: SignIn, staff: User, alice: TradingAccount
) -> None:
    grant(staff, alice)
    client = sign_in(staff)
    for path in ("/admin/", LIST, page(alice), f"{LIST}{alice.pk}/case/", "/admin/trading/accountgrant/"):
        answer = client.get(path)

        assert answer.status_code == 200
        assert answer["Content-Security-Policy"] == POLICY
        assert "no-store" in answer["Cache-Control"]
        assert "<script>" not in answer.content.decode()
        assert " style=" not in answer.content.decode()


def test_pages_of_other_packages_are_left_out(sign_in: SignIn, overseer: User) -> None:
    assert {model._meta.label for model in admin.site._registry} == {
        "trading.TradingAccount", "trading.AccountGrant", "trading.AccountEntry", "trading.StaffAct",
        "trading.Asset", "trading.SimulationProfile", "trading.ScheduledRun",
        "broker_handoff.GateOverride", "broker_handoff.SwitchClosing",
    }  # fmt: skip
    client = sign_in(overseer)
    assert client.get("/admin/password_change/").status_code == 404
    assert client.get("/admin/auth/group/").status_code == 404


def test_no_query_for_a_page_goes_to_owned_rows_by_the_web_role(
    sign_in: SignIn, staff: User, alice: TradingAccount
) -> None:
    grant(staff, alice)
    client = sign_in(staff)
    asked: list[tuple[str, str]] = []

    def listen(execute, sql, params, many, context):
        asked.append((context["connection"].settings_dict["USER"], sql))
        return execute(sql, params, many, context)

    guard = binding._guard

    def both(execute, sql, params, many, context):
        return listen(lambda *a: guard(execute, *a), sql, params, many, context)

    with patch.object(binding, "_guard", both):
        connections["support"].close()
        assert client.get(page(alice)).status_code == 200

    of = {role: [sql for user, sql in asked if user == role] for role in ("raxx_app", "raxx_support")}
    assert of["raxx_app"]
    assert any("trading_order" in sql for sql in of["raxx_support"])
    assert [sql for sql in of["raxx_app"] if "trading_" in sql] == []


def test_an_installation_whose_admin_would_read_as_another_role_says_so(
    sign_in: SignIn, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in(staff)
    monkeypatch.setitem(connections["support"].settings_dict, "USER", "raxx_app")
    answer = client.get(LIST)

    assert answer.status_code == 503
    assert "RAXX_SUPPORT_DATABASE_URL" in answer.json()["message"]
