"""The kill switch and the great cut in the admin: closed by one, opened by two, counted, and judged by the database."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models.audit import AuditEntry
from broker_handoff import adapters
from broker_handoff.models import BrokerConnection, SwitchClosing
from tests.broker_handoff.conftest import keys, oauth  # noqa: F401 - fixtures
from tests.broker_handoff.people import make_connection
from tests.support.conftest import ACT, VIEW, grant, make_staff
from tests.support.test_acts import ACTS, performed
from trading.models import StaffAct

if TYPE_CHECKING:
    from accounts.models import User
    from broker_handoff.adapters.local_keys import LocalKeys
    from tests.broker_handoff.peer.oauth import OAuthServer
    from tests.support.conftest import SignIn
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "support"])

LIST = "/admin/broker_handoff/switchclosing/"
CLOSE = f"{LIST}close/"
CUT = f"{ACTS}ask/cut_everybody/"
FORM = {"scope": "global", "email": "", "connection": "", "reason": "odd fills"}


def page(closing: SwitchClosing) -> str:
    return f"{LIST}{closing.pk}/change/"


def told() -> list[tuple[str, str]]:
    entries = AuditEntry.objects.filter(action__startswith="live_switch.").order_by("at")
    return [(entry.action.partition(".")[2], entry.actor_id) for entry in entries]


def test_one_closes_and_two_others_open(sign_in: SignIn, staff: User) -> None:
    second = make_staff()
    first_client, second_client = sign_in(staff), sign_in(second)

    answer = first_client.post(CLOSE, FORM)
    closing = SwitchClosing.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, page(closing))
    assert (closing.scope, closing.closed_by, closing.opened_at) == ("global", staff.pk, None)
    assert "odd fills" in second_client.get(LIST).content.decode()

    opening = {"step": "open", "reason": "looked into"}
    assert first_client.post(page(closing), opening).status_code == 422  # nobody has asked
    assert (
        first_client.post(page(closing), {"step": "ask", "reason": "the broker is back"}).status_code == 302
    )
    alone = first_client.post(page(closing), opening)
    assert "takes two of the staff" in alone.content.decode()
    assert SwitchClosing.objects.get().opened_at is None
    assert second_client.post(page(closing), {"step": "open", "reason": ""}).status_code == 422
    assert second_client.post(page(closing), opening).status_code == 302

    opened = SwitchClosing.objects.get()
    assert (opened.asked_by, opened.opened_by) == (staff.pk, second.pk)
    assert told() == [
        ("closed", str(staff.pk)), ("opening_asked", str(staff.pk)), ("opened", str(second.pk)),
    ]  # fmt: skip
    assert "Open it" not in first_client.get(page(closing)).content.decode()


@pytest.mark.parametrize("step", ["close", "ask", "open"])
def test_each_step_asks_for_the_passkey(sign_in: SignIn, staff: User, step: str) -> None:
    second = make_staff()
    if step != "close":
        sign_in(second).post(CLOSE, FORM)
    if step == "open":
        sign_in(second).post(page(SwitchClosing.objects.get()), {"step": "ask", "reason": "r"})
    before = told()
    where = CLOSE if step == "close" else page(SwitchClosing.objects.get())
    answer = sign_in(staff, shows_passkey=False).post(where, {**FORM, "step": step})

    assert (answer.status_code, answer.json()["error"]) == (401, "step_up_required")
    assert told() == before


def test_an_asking_of_yesterday_opens_nothing(sign_in: SignIn, staff: User) -> None:
    sign_in(staff).post(CLOSE, FORM)
    closing = SwitchClosing.objects.get()
    sign_in(staff).post(page(closing), {"step": "ask", "reason": "r"})
    SwitchClosing.objects.update(asked_at=timezone.now() - timedelta(hours=25))

    answer = sign_in(make_staff()).post(page(closing), {"step": "open", "reason": "r"})
    assert (answer.status_code, SwitchClosing.objects.get().opened_at) == (422, None)


def test_staff_stops_a_person_for_whom_they_may_act_and_no_other(
    sign_in: SignIn, staff: User, overseer: User, alice: TradingAccount, bob: TradingAccount
) -> None:
    theirs = make_connection(alice.user)
    grant(staff, alice, ACT)
    grant(staff, bob, VIEW)
    client = sign_in(staff)

    assert client.post(CLOSE, {**FORM, "scope": "user", "email": bob.user.email}).status_code == 422
    assert client.post(CLOSE, {**FORM, "scope": "user", "email": "no@example.com"}).status_code == 422
    assert not SwitchClosing.objects.exists()
    assert (
        client.post(CLOSE, {**FORM, "scope": "connection", "connection": str(theirs.pk)}).status_code == 302
    )
    assert client.post(CLOSE, {**FORM, "scope": "user", "email": alice.user.email.upper()}).status_code == 302
    assert set(SwitchClosing.objects.values_list("scope", "user_id")) == {
        ("connection", alice.user_id), ("user", alice.user_id),
    }  # fmt: skip
    # Who oversees stops anybody, and sees all of them; a colleague who was granted nothing sees none.
    assert (
        sign_in(overseer).post(CLOSE, {**FORM, "scope": "user", "email": bob.user.email}).status_code == 302
    )
    assert sign_in(overseer).get(LIST).context["cl"].result_count == 3
    colleague = sign_in(make_staff())
    assert colleague.get(LIST).context["cl"].result_count == 0
    for closing in SwitchClosing.objects.all():
        assert colleague.get(page(closing)).status_code == 302


@pytest.mark.parametrize("named", ["a person", "a connection"])
def test_who_names_a_person_or_a_connection_does_not_stop_everybody(
    sign_in: SignIn, overseer: User, alice: TradingAccount, named: str
) -> None:
    of_theirs = {
        "a person": {"email": alice.user.email},
        "a connection": {"connection": str(make_connection(alice.user).pk)},
    }
    answer = sign_in(overseer).post(CLOSE, {**FORM, **of_theirs[named]})

    assert answer.status_code == 422
    assert f"the scope global takes no {named.split()[1]}" in answer.content.decode()
    assert not SwitchClosing.objects.exists()


def test_nobody_forges_the_asking_of_a_colleague(sign_in: SignIn, staff: User) -> None:
    from django.db import DatabaseError, connections, transaction

    from accounts.binding import acting_for

    sign_in(staff).post(CLOSE, FORM)
    with acting_for(staff.pk), transaction.atomic("support"), pytest.raises(DatabaseError):
        connections["support"].cursor().execute(
            "update broker_handoff_switchclosing set asked_by = gen_random_uuid(), asked_at = now(),"
            " asked_reason = 'r', opened_by = raxx_uid(), opened_at = now()"
        )
    assert SwitchClosing.objects.get().opened_at is None


def test_everybody_is_cut_off_by_an_act_that_goes_on_until_the_broker_has_answered(
    sign_in: SignIn,
    overseer: User,
    oauth: OAuthServer,  # noqa: F811
    keys: LocalKeys,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(adapters, "key_service", lambda: keys)
    for number in range(3):
        make_connection(token=f"token {number}", keys=keys)
    oauth.failing = 503
    client = sign_in(overseer)
    said = {"reason": "the broker lost its keys", "ticket": ""}

    assert "3 live connections would end" in client.get(CUT).content.decode()
    assert client.post(CUT, said).status_code == 422
    assert client.post(CUT, {**said, "confirmation": "yes"}).status_code == 422
    assert client.post(CUT, {**said, "confirmation": "disconnect everybody"}).status_code == 302
    act = performed(StaffAct.objects.get())
    assert (act.status, act.outcome) == (
        "waiting", "3 disconnected: 0 revoked at the broker, 0 failed there, 0 not asked, 3 left",
    )  # fmt: skip
    assert set(BrokerConnection.objects.values_list("status", flat=True)) == {"disconnected"}
    assert "3 left" in client.get(f"{ACTS}{act.pk}/change/").content.decode()

    oauth.failing = None
    StaffAct.objects.update(next_attempt_at=timezone.now())
    performed(act)
    assert (act.status, act.outcome) == (
        "done", "3 disconnected: 3 revoked at the broker, 0 failed there, 0 not asked, 0 left",
    )  # fmt: skip
    assert sorted(oauth.revoked) == ["token 0", "token 1", "token 2"]
    assert len(mail.outbox) == 3
