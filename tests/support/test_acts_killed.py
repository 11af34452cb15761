"""A worker that dies between an act and its mail, or before its outcome is stored: what comes of it is told as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.mail import EmailMessage
from django.utils import timezone

from accounts.models import AuditEntry, Export, Session, User
from tests.factories.people import make_session
from tests.factories.rows import make_api_key
from tests.support.conftest import ACT, grant, make_staff
from tests.support.dying import Killed, let_another_try
from tests.support.test_acts import ACTS, GLOBAL, REASON, SAID, SEEN, act_page, performed
from trading.models import StaffAct, TradingAccount
from trading.services import staff_acts
from trading.services.deeds_before import MAILED

if TYPE_CHECKING:
    from tests.support.conftest import SignIn

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "support"])


def asked(sign_in: SignIn, account: TradingAccount, kind: str, **said: Any) -> StaffAct:
    """Return the act of a kind that somebody has asked for."""
    staff = make_staff(is_superuser=kind in GLOBAL)
    grant(staff, account, ACT)
    if kind == "thaw":
        TradingAccount.objects.filter(pk=account.pk).update(frozen_at=timezone.now())
    if kind == "cancel_orders":
        account.orders.update(status="new")
    page = f"{ACTS}ask/{kind}/" if kind in GLOBAL else act_page(account, kind)
    sign_in(staff).post(page, {**REASON, **(said or SAID.get(kind, lambda _: {})(account))})
    return StaffAct.objects.get()


def die_at(act: StaffAct, where: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Perform it, and end where something is called; return what that was called with."""
    given: list[Any] = []

    def dies(*words: Any, **_: Any) -> None:
        given.extend(words)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(where, name, dies)
        with pytest.raises(Killed):
            staff_acts.perform_act(act.pk)
    let_another_try(act)
    return given


@pytest.mark.parametrize("kind", list(SEEN))
def test_who_begins_an_act_anew_says_what_came_of_it_the_first_time(
    sign_in: SignIn,
    world: TradingAccount,
    kind: str,
    mailoutbox: list[EmailMessage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    act = asked(sign_in, world, kind)
    _, _, status, words = die_at(act, staff_acts, "_close", monkeypatch)
    seen, mails = SEEN[kind](world), len(mailoutbox)
    Export.objects.update(status="failed")  # it is not waiting any more

    performed(act)

    assert (act.status, act.outcome) == (status, words) == ("done", words)
    assert (len(mailoutbox), Export.objects.filter(status="waiting").count()) == (mails, 0)
    assert kind == "export" or SEEN[kind](world) == seen


@pytest.mark.parametrize(
    ("kind", "said", "subject", "outcome"),
    [
        pytest.param("revoke_keys", {}, "API keys were revoked", "2 keys were revoked", id="keys"),
        pytest.param(
            "end_sessions", {}, "you were signed out everywhere", "1 sessions were ended", id="sessions"
        ),
        pytest.param(
            "change_tier", {"tier": "pro"}, "your tier has changed", "the tier was free and is pro", id="tier"
        ),
        pytest.param(
            "change_tier",
            {"tier": "free"},
            "your tier will be",
            "the tier was pro and is pro; free from ",
            id="a downgrade that waits",
        ),
        pytest.param(
            "erase",
            SAID["erase"](None),  # type: ignore[arg-type] # it says the same of every account
            "you will be erased",
            "they are deactivated",
            id="erasure",
        ),
    ],
)
def test_an_act_whose_worker_died_before_the_mail_is_mailed_once_and_tells_what_it_did(
    sign_in: SignIn,
    world: TradingAccount,
    mailoutbox: list[EmailMessage],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    said: dict[str, Any],
    subject: str,
    outcome: str,
) -> None:
    make_api_key(world)
    if said.get("tier") == "free":
        User.objects.filter(pk=world.user_id).update(tier="pro")
    act = asked(sign_in, world, kind, **said)
    die_at(act, EmailMessage, "send", monkeypatch)
    assert (mailoutbox, AuditEntry.objects.filter(action=MAILED).count()) == ([], 0)

    performed(act)

    assert (act.status, act.outcome[: len(outcome)]) == ("done", outcome)
    assert [(mail.to, mail.subject.startswith(f"Raxx: {subject}")) for mail in mailoutbox] == [
        ([world.user.email], True)
    ]
    told = act.outcome
    StaffAct.objects.update(status="waiting", done_at=None, next_attempt_at=timezone.now())
    assert (performed(act).outcome, len(mailoutbox)) == (told, 1)
    assert AuditEntry.objects.filter(action=MAILED, chain=world.pk, actor_kind="staff").count() == 1


def test_who_signs_in_again_meanwhile_stays_signed_in(
    sign_in: SignIn, world: TradingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = asked(sign_in, world, "end_sessions")
    die_at(act, EmailMessage, "send", monkeypatch)
    make_session(world.user)

    performed(act)

    assert act.outcome == "1 sessions were ended"
    assert Session.objects.filter(user=world.user, ended_at=None).count() == 1


def test_a_mail_server_that_is_away_undoes_nothing_and_is_an_error_in_the_log(
    sign_in: SignIn, world: TradingAccount, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    act = asked(sign_in, world, "end_sessions")

    def away(_: EmailMessage) -> None:
        raise ConnectionRefusedError("nobody listens")

    monkeypatch.setattr(EmailMessage, "send", away)
    performed(act)

    assert (act.status, act.outcome) == ("done", "1 sessions were ended")
    assert f"act {act.pk} is done, and could not be mailed: nobody listens" in caplog.text
    assert not AuditEntry.objects.filter(action=MAILED).exists()
