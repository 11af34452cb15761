"""/raxx/v1/privacy/erase: access ends at once, everything after thirty days, and nothing if they think better of it."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.conf import settings
from django.core import mail
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from accounts import links
from accounts.errors import LinkUnusable, RuleBroken
from accounts.models import ApiKey, AuditEntry, Erasure, Export, Session, User
from accounts.services import erasures, exports
from accounts.services.enrolment import begin_enrolment
from accounts.services.signing_in import Where
from accounts.signals import credentials_changed, person_erasure_asked
from accounts.tasks import erase_people
from raxx import roles
from tests.api.conftest import refusal
from tests.factories.people import CSRF, Browser, as_web, make_session, signed_in
from tests.factories.rows import make_account, make_api_key, make_order, make_user, make_webhook
from tests.factories.sessions import session
from tests.factories.whole_person import as_worker
from trading.models import Order, TradingAccount
from trading.services.leavers import end_orders_of_leavers
from trading.webhooks import delivery

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)

ERASE, CANCEL = "/raxx/v1/privacy/erase", "/raxx/v1/privacy/erase/cancel"
EXPORT = "/raxx/v1/privacy/export"
UNKNOWN, STALE, LEAVING, MISSING, BROKEN = (
    (401, 40110000),
    (401, 40110001),
    (403, 40310003),
    (404, 40410000),
    (422, 42210000),
)
KEEP_LINK = re.compile(r"/keep/(\S+)")


@pytest.fixture(autouse=True)
def _own_folder(settings: SettingsWrapper, tmp_path: Path) -> None:
    settings.EXPORTS = tmp_path / "exports"


@pytest.fixture
def browser() -> Browser:
    return signed_in()


def back_in(user: User, **fields: Any) -> Browser:
    """Return the browser of a person who has logged in again, by passkey."""
    return Browser(make_session(user, **fields), user)


def token_of(message: Any) -> str:
    found = KEEP_LINK.search(message.body)
    assert found is not None, message.body
    return found[1]


def keep(token: str) -> Any:
    """Press the button of the link's page, signed in as nobody."""
    client = Client(enforce_csrf_checks=True)
    client.cookies[settings.CSRF_COOKIE_NAME] = CSRF
    with as_web():
        return client.post(
            "/auth/keep", {"token": token}, content_type="application/json", headers={"X-CSRFToken": CSRF}
        )


def actions(user: User) -> list[str]:
    return list(
        AuditEntry.objects.filter(subject=user.pk, action__startswith="erasure.")
        .order_by("seq")
        .values_list("action", flat=True)
    )


# --- At once ---------------------------------------------------------------------------------------


def test_all_access_ends_in_the_request_that_asks(browser: Browser) -> None:
    account = make_account(browser.user)
    key = make_api_key(account)
    other = back_in(browser.user)
    rung, asked = [], []
    hear = lambda **_: rung.append(1)  # noqa: E731
    listen = lambda user_id, **_: asked.append((user_id, connection.in_atomic_block))  # noqa: E731
    credentials_changed.connect(hear)
    person_erasure_asked.connect(listen)
    before = timezone.now()
    try:
        answer = browser.post(ERASE)
    finally:
        credentials_changed.disconnect(hear)
        person_erasure_asked.disconnect(listen)

    assert answer.status_code == 202
    assert answer.json()["status"] == "waiting"
    erasure = Erasure.objects.get()
    assert timedelta(days=30) <= erasure.due_at - before < timedelta(days=30, minutes=5)
    assert answer.cookies[settings.SESSION_COOKIE_NAME].value == ""
    assert set(Session.objects.values_list("end_reason", flat=True)) == {"deactivated"}
    for each in (browser, other):
        assert refusal(each.get("/raxx/v1/sessions")) == UNKNOWN
    assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
    assert rung
    assert asked == [
        (browser.user.pk, True)
    ]  # within the transaction: it happens with the rest, or not at all
    assert User.objects.get().deactivated_at is not None
    assert TradingAccount.objects.get().status == "ACTIVE"
    assert actions(browser.user) == ["erasure.asked"]


def test_a_key_of_theirs_opens_nothing_even_if_it_was_made_meanwhile(browser: Browser) -> None:
    account = make_account(browser.user)
    browser.post(ERASE)
    key = make_api_key(account)

    with as_web(), connection.cursor() as cursor:
        cursor.execute("select count(*) from trading_principal(%s)", [key.pk])
        assert cursor.fetchone() == (0,)


def test_it_needs_a_passkey_shown_lately() -> None:
    stale = signed_in(is_fresh=False)

    assert refusal(stale.post(ERASE)) == STALE
    assert User.objects.get().deactivated_at is None
    assert refusal(stale.get(ERASE)) == MISSING
    assert refusal(stale.post(CANCEL)) == MISSING


def test_to_ask_again_changes_nothing(browser: Browser) -> None:
    first = browser.post(ERASE).json()
    again = back_in(browser.user)

    assert again.post(ERASE).json() == first
    assert Erasure.objects.count() == 1
    assert actions(browser.user) == ["erasure.asked"]
    assert again.get(ERASE).status_code == 200


def test_whoever_hears_of_it_and_fails_undoes_all_of_it(browser: Browser) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("the vault cannot be reached")

    person_erasure_asked.connect(fail)
    try:
        with pytest.raises(RuntimeError, match="the vault"):  # the test client lets a bug through
            browser.post(ERASE)
    finally:
        person_erasure_asked.disconnect(fail)

    assert User.objects.get().deactivated_at is None
    assert not Erasure.objects.exists()
    assert browser.get("/raxx/v1/sessions").status_code == 200
    assert mail.outbox == []


# --- Meanwhile -------------------------------------------------------------------------------------


def test_who_waits_to_be_erased_may_log_in_and_do_four_things(browser: Browser) -> None:
    account = make_account(browser.user)
    browser.post(ERASE)
    again = back_in(browser.user)

    for method, path in (
        ("get", "/raxx/v1/sessions"),
        ("delete", "/raxx/v1/sessions"),
        ("get", "/raxx/v1/passkeys"),
        ("post", "/raxx/v1/passkeys/begin"),
        ("get", "/raxx/v1/recovery-codes"),
        ("post", "/raxx/v1/recovery-codes"),
        ("get", "/raxx/v1/keys"),
        ("get", "/raxx/v1/accounts"),
        ("get", "/v2/account"),
        ("post", "/v2/orders"),
        ("get", "/v2/orders"),
        ("delete", "/v2/positions"),
    ):
        assert refusal(again.call(method, path)) == LEAVING, path
    assert again.get(ERASE).json()["status"] == "waiting"
    assert again.post(EXPORT).status_code == 202
    assert again.get("/raxx/v1/privacy/exports").status_code == 200
    assert again.get("/raxx/v1/sessions/current").status_code == 200
    assert again.get("/security").headers["Location"] == "/leaving"
    assert again.get("/admin/").status_code == 302
    assert browser.user.email in again.get("/leaving").content.decode()
    assert account.pk == TradingAccount.objects.get().pk
    assert again.delete("/raxx/v1/sessions/current").status_code == 204


def test_a_member_of_the_staff_who_leaves_is_let_into_the_admin_no_more() -> None:
    staff = signed_in(make_user(is_staff=True, is_superuser=True))
    assert staff.get("/admin/").status_code == 200
    staff.post(ERASE)

    assert back_in(staff.user).get("/admin/").status_code == 302


def test_no_stream_hears_a_session_of_theirs(browser: Browser) -> None:
    browser.post(ERASE)
    session_id = back_in(browser.user).session_id
    with as_web(), connection.cursor() as cursor:
        cursor.execute("select count(*) from trading_living_sessions(%s::uuid[])", [[session_id]])
        assert cursor.fetchone() == (0,)


def test_their_open_orders_are_canceled_and_nobody_else_s(browser: Browser) -> None:
    mine, other = make_account(browser.user), make_account()
    orders = [make_order(account, status="new") for account in (mine, other)]
    with as_worker():
        assert end_orders_of_leavers() == 0
    browser.post(ERASE)

    with as_worker():
        assert end_orders_of_leavers() == 1
        assert end_orders_of_leavers() == 0

    statuses = [Order.objects.get(pk=order.pk).status for order in orders]
    assert statuses == ["pending_cancel", "new"]


def test_orders_in_a_market_that_nobody_runs_wait(browser: Browser) -> None:
    account = make_account(browser.user)
    order = make_order(account, status="new")
    account.market.is_active = False
    account.market.save()
    browser.post(ERASE)

    with as_worker():
        assert end_orders_of_leavers() == 0
    account.market.is_active = True
    account.market.save()
    with as_worker():
        assert end_orders_of_leavers() == 1
    assert Order.objects.get(pk=order.pk).status == "pending_cancel"


def test_nothing_more_is_sent_to_their_webhooks(browser: Browser) -> None:
    account = make_account(browser.user, event_seq=5)
    endpoint = make_webhook(account)
    assert delivery.due() == [endpoint.pk]

    browser.post(ERASE)

    assert delivery.due() == []


# --- The change of mind ----------------------------------------------------------------------------


def test_who_withdraws_it_has_everything_but_keys_and_sessions(browser: Browser) -> None:
    account = make_account(browser.user, cash=1_000)
    key = make_api_key(account)
    browser.post(ERASE)
    again = back_in(browser.user, is_fresh=False)  # no step-up: it takes nothing away

    answer = again.post(CANCEL)

    assert answer.status_code == 200
    assert answer.json()["status"] == "canceled"
    assert User.objects.get().deactivated_at is None
    assert again.get("/v2/positions").json() == []
    assert TradingAccount.objects.get().cash == 1_000
    assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
    assert refusal(again.post(CANCEL)) == MISSING
    assert actions(browser.user) == ["erasure.asked", "erasure.canceled"]
    with as_worker():
        assert erasures.erase_due(now=timezone.now() + timedelta(days=60)) == erasures.Report(
            erased=[], waiting=[]
        )
    assert back_in(browser.user).post(ERASE).status_code == 202  # and may change it again


def test_the_mailed_link_withdraws_it_once_and_lets_nobody_in(browser: Browser) -> None:
    browser.post(ERASE)
    token = token_of(mail.outbox[-1])
    page = Client().get(f"/keep/{token}")
    assert browser.user.email in page.content.decode()
    assert User.objects.get().deactivated_at is not None  # to open it does nothing

    answer = keep(token)

    assert answer.status_code == 204
    assert settings.SESSION_COOKIE_NAME not in answer.cookies
    assert User.objects.get().deactivated_at is None
    assert "you will not be erased" in mail.outbox[-1].subject
    back_in(browser.user).post(ERASE)
    assert refusal(keep(token)) == BROKEN
    assert User.objects.get().deactivated_at is not None
    assert browser.user.email not in Client().get(f"/keep/{token}").content.decode()


def test_that_link_opens_no_enrolment_and_no_other_link_withdraws_anything(browser: Browser) -> None:
    browser.post(ERASE)
    token, user = token_of(mail.outbox[-1]), browser.user
    reset = links.make(links.Purpose.RESET, email=user.email, user_id=user.pk, epoch=user.auth_epoch)
    sessions = Session.objects.count()

    with pytest.raises(LinkUnusable):
        begin_enrolment(token=token, session=None, binding=b"b" * 32, where=Where(headers={}))
    assert Session.objects.count() == sessions
    for other in (reset, links.make(links.Purpose.SIGN_UP, email=user.email), "nonsense"):
        assert refusal(keep(other)) == BROKEN
    assert User.objects.get().deactivated_at is not None


def test_the_link_is_void_when_their_epoch_is_another(browser: Browser) -> None:
    browser.post(ERASE)
    User.objects.update(auth_epoch=1)

    assert refusal(keep(token_of(mail.outbox[-1]))) == BROKEN


def test_what_has_begun_cannot_be_withdrawn(browser: Browser) -> None:
    browser.post(ERASE)
    token = token_of(mail.outbox[-1])
    ago = timezone.now() - timedelta(days=31)
    Erasure.objects.update(asked_at=ago, due_at=ago + timedelta(days=30), begun_at=timezone.now())

    with pytest.raises(RuleBroken, match="has begun"):
        erasures.cancel_erasure(owner=browser.user)
    assert keep(token).status_code == 422
    assert Erasure.objects.get().canceled_at is None


def test_of_the_change_of_mind_and_the_deletion_one_wins(browser: Browser) -> None:
    browser.post(ERASE)
    ago = timezone.now() - timedelta(days=31)
    Erasure.objects.update(asked_at=ago, due_at=ago + timedelta(days=30))
    barrier = threading.Barrier(2)
    withdrawn: list[bool] = []

    def cancel() -> None:
        barrier.wait()
        try:
            erasures.cancel_erasure(owner=browser.user)
            withdrawn.append(True)
        except (RuleBroken, erasures.NotFound):
            withdrawn.append(False)
        finally:
            connections.close_all()

    thread = threading.Thread(target=cancel)
    thread.start()
    barrier.wait()
    with as_worker():
        erased = erasures.erase(browser.user.pk)
    thread.join()

    assert withdrawn == [not erased]
    assert User.objects.filter(pk=browser.user.pk).exists() is not erased


# --- Afterwards ------------------------------------------------------------------------------------


def test_the_task_erases_who_is_due_and_nobody_else(browser: Browser) -> None:
    other = signed_in()
    for each in (browser, other):
        each.post(ERASE)
    ago = timezone.now() - timedelta(days=31)
    Erasure.objects.filter(user=browser.user).update(asked_at=ago, due_at=ago + timedelta(days=30))

    with as_worker():
        erase_people()

    assert list(User.objects.all()) == [other.user]
    assert list(Erasure.objects.values_list("user_id", flat=True)) == [other.user.pk]


def test_an_erased_person_s_address_is_free_and_their_pseudonym_is_nobody(browser: Browser) -> None:
    browser.post(ERASE)
    Erasure.objects.update(asked_at=timezone.now(), due_at=timezone.now())
    with as_worker():
        assert erasures.erase(browser.user.pk)

    assert make_user(email=browser.user.email).pk != browser.user.pk


def test_one_who_cannot_be_erased_keeps_nobody_waiting(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = signed_in()
    for each in (browser, other):
        each.post(ERASE)
    Erasure.objects.update(asked_at=timezone.now(), due_at=timezone.now())
    erase = erasures.erase

    def fail_for_one(user_id: Any) -> bool:
        if user_id == browser.user.pk:
            raise RuntimeError("a bug")
        return erase(user_id)

    monkeypatch.setattr(erasures, "erase", fail_for_one)
    with as_worker():
        report = erasures.erase_due(now=timezone.now())

    assert report == erasures.Report(erased=[other.user.pk], waiting=[browser.user.pk])


def test_the_audit_log_stays_under_the_pseudonym_for_two_years(browser: Browser) -> None:
    make_account(browser.user)
    browser.post(ERASE)
    Erasure.objects.update(asked_at=timezone.now(), due_at=timezone.now())
    with as_worker():
        erasures.erase(browser.user.pk)
        assert erasures.forget_chains() == 0
    assert AuditEntry.objects.filter(subject=browser.user.pk).exists()
    kept = signed_in()
    kept.delete("/raxx/v1/sessions/current")
    with connection.cursor() as cursor:
        cursor.execute("alter table accounts_auditentry disable trigger audit_no_update")
        cursor.execute("update accounts_auditentry set at = at - interval '731 days'")
        cursor.execute("alter table accounts_auditentry enable always trigger audit_no_update")

    with as_worker():
        assert erasures.forget_chains() == 1
        assert erasures.forget_chains() == 0

    assert not AuditEntry.objects.filter(subject=browser.user.pk).exists()
    assert AuditEntry.objects.filter(subject=kept.user.pk).exists()  # who is still there keeps theirs


def test_the_schedule_does_all_of_it() -> None:
    from raxx.celery import app

    app.loader.import_default_modules()
    wanted = {
        "accounts.make_exports",
        "accounts.sweep_exports",
        "accounts.erase_people",
        "accounts.forget_chains",
        "trading.end_orders_of_leavers",
    }
    assert wanted <= {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert wanted <= set(app.tasks)


# --- The walls -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        "now(), now() + interval '29 days', null, null, 'person'",
        "now(), now() + interval '31 days', null, now(), 'person'",
        "now(), now() + interval '31 days', now(), null, 'person'",
        "now(), now() + interval '31 days', null, null, 'operator'",
    ],
    ids=["sooner", "begun", "canceled", "by an operator"],
)
def test_who_serves_people_cannot_hasten_it(browser: Browser, values: str) -> None:
    with session(roles.APP) as app:
        app.execute("select set_config('raxx.user_id', %s, false)", [str(browser.user.pk)])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(
                "insert into accounts_erasure (id, user_id, asked_at, due_at, canceled_at, begun_at, by)"
                f" values (gen_random_uuid(), '{browser.user.pk}', {values})"
            )


@pytest.mark.parametrize("role", [roles.APP, roles.WORKER])
@pytest.mark.parametrize(
    "statement",
    [
        "update accounts_erasure set due_at = now()",
        "update accounts_erasure set begun_at = now()",
        "delete from accounts_erasure",
        "delete from accounts_user",
        "select accounts_require_erasure(raxx_uid())",
    ],
)
def test_neither_who_serves_people_nor_the_worker_decides_whose_day_has_come(
    browser: Browser, role: str, statement: str
) -> None:
    browser.post(ERASE)
    with session(role) as them:
        them.execute("select set_config('raxx.user_id', %s, false)", [str(browser.user.pk)])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            them.execute(statement)


@pytest.mark.parametrize(
    "call",
    [
        "accounts_begin_erasure(raxx_uid())",
        "accounts_erase_person(raxx_uid())",
        "trading_erase_rows(raxx_uid(), 1)",
        "broker_handoff_erase_rows(raxx_uid(), 1)",
    ],
)
@pytest.mark.parametrize("role", [roles.APP, roles.SUPPORT])
def test_only_the_worker_deletes(browser: Browser, role: str, call: str) -> None:
    with session(role) as them:
        them.execute("select set_config('raxx.user_id', %s, false)", [str(browser.user.pk)])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            them.execute(f"select {call}")


def test_an_erasure_of_another_person_s_is_nobody_s_to_see_or_withdraw(browser: Browser) -> None:
    other = signed_in()
    other.post(ERASE)

    assert refusal(browser.get(ERASE)) == MISSING
    assert refusal(browser.post(CANCEL)) == MISSING
    assert Erasure.objects.get().canceled_at is None


def test_an_archive_that_waits_is_made_for_who_leaves(browser: Browser) -> None:
    browser.post(EXPORT)
    browser.post(ERASE)

    with as_worker():
        assert exports.make_exports() == 1

    assert Export.objects.get().status == "ready"
