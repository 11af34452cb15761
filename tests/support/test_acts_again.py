"""Acts whose worker died, whose clocks differ, and whose person has another account: done once, and to that account alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from accounts.models import ApiKey
from broker_handoff.models import BrokerConnection, SwitchClosing
from tests.broker_handoff.people import make_connection
from tests.factories.rows import make_account, make_one_of_everything
from tests.isolation.belongings import kept_of, traces_of
from tests.support.conftest import ACT, grant, make_staff
from tests.support.dying import die_before_it_is_told, let_another_try
from tests.support.test_acts import REASON, act_page, performed
from tests.trading.walls import sql
from trading.models import AccountGrant, StaffAct, TradingAccount

if TYPE_CHECKING:
    from accounts.models import User
    from tests.support.conftest import SignIn

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "support"])


def test_a_connection_that_a_dead_worker_has_ended_is_done_and_what_was_connected_since_stays(
    sign_in: SignIn, staff: User, alice: TradingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_connection(alice.user)
    grant(staff, alice, ACT)
    client = sign_in(staff)
    client.post(act_page(alice, "disconnect_live"), REASON)
    act = StaffAct.objects.get()
    die_before_it_is_told(act, monkeypatch)
    let_another_try(act)
    second = make_connection(alice.user)

    performed(act)

    assert (act.status, act.outcome.startswith(f"connection {first.pk} is over")) == ("done", True)
    assert BrokerConnection.objects.get(pk=second.pk).status == "active"
    # Another wish, sent with the request id of the first one, is another wish.
    client.post(act_page(alice, "disconnect_live"), REASON, headers={"X-Request-ID": act.request_id})
    again = StaffAct.objects.exclude(pk=act.pk).get()
    StaffAct.objects.filter(pk=again.pk).update(attempts=1)
    assert (again.request_id, performed(again).status) == (act.request_id, "done")
    assert BrokerConnection.objects.get(pk=second.pk).status == "disconnected"
    third = StaffAct.objects.create(kind="disconnect_live", account=alice, staff_id=staff.pk, reason="r")
    assert performed(third).outcome == "there is no live connection that is not over"


@pytest.mark.parametrize("skew", [timedelta(minutes=3), timedelta(minutes=-3)], ids=["ahead", "behind"])
def test_a_web_process_whose_clock_differs_grants_ends_opens_and_has_done_as_any_other(
    sign_in: SignIn, overseer: User, alice: TradingAccount, monkeypatch: pytest.MonkeyPatch, skew: timedelta
) -> None:
    real = timezone.now

    def runs(by: timedelta) -> None:
        def now() -> datetime:
            return real() + by

        monkeypatch.setattr(timezone, "now", now)

    form = {"reason": "on call", "ticket": "", "permission": ACT.value, "hours": "2"}
    runs(skew)
    client, second = sign_in(overseer), sign_in(make_staff(is_superuser=True))
    assert client.post(f"/admin/trading/accountentry/{alice.pk}/grant/", form).status_code == 302
    assert client.post(act_page(alice, "freeze"), REASON).status_code == 302
    runs(-skew)  # the worker's differs the other way
    assert performed(StaffAct.objects.get()).status == "done"
    runs(skew)
    given = AccountGrant.objects.latest("pk")
    assert client.post(f"/admin/trading/accountgrant/{given.pk}/end/").status_code == 302
    assert AccountGrant.objects.count() < 2
    closing_form = {"scope": "global", "email": "", "connection": "", "reason": "odd fills"}
    where = client.post("/admin/broker_handoff/switchclosing/close/", closing_form)["Location"]
    assert client.post(where, {"step": "ask", "reason": "looked into"}).status_code == 302
    sql("update broker_handoff_switchclosing set asked_at = now() - interval '23 hours 58 minutes'")
    assert second.post(where, {"step": "open", "reason": "so it is"}).status_code == 302
    assert SwitchClosing.objects.get().opened_at is not None


def test_nothing_of_the_person_s_other_account_is_seen_or_touched(
    sign_in: SignIn, staff: User, alice: TradingAccount
) -> None:
    other = make_account(alice.user, cash=1000)
    make_one_of_everything(other)
    TradingAccount.objects.update(event_seq=5)  # the events that were made have the ones before
    hers = ApiKey.objects.get(account_id=other.pk)
    grant(staff, alice, ACT)
    client = sign_in(staff)
    before = kept_of(alice.user_id, other.pk)
    said: dict[str, dict[str, Any]] = {
        "freeze": {},
        "thaw": {},
        "cancel_orders": {},
        "adjust_cash": {"amount": "5", "note": "sorry"},
        "revoke_keys": {},
    }

    pages = [
        "/admin/trading/tradingaccount/",
        f"/admin/trading/tradingaccount/{alice.pk}/change/",
        f"/admin/trading/tradingaccount/{alice.pk}/case/",
        "/admin/trading/staffact/",
        "/admin/broker_handoff/switchclosing/",
    ]
    for kind, more in said.items():
        pages.append(client.post(act_page(alice, kind), {**REASON, **more})["Location"])
        assert performed(StaffAct.objects.latest("asked_at")).status == "done"
    told = "".join(client.get(path).content.decode() for path in pages)
    client.post(act_page(alice, "revoke_keys"), {**REASON, "key_id": hers.pk})
    of_another = performed(StaffAct.objects.latest("asked_at"))

    assert (of_another.status, of_another.outcome) == ("refused", f"this account has no key {hers.pk}")
    assert kept_of(alice.user_id, other.pk) == before
    telling = {other.number, str(other.pk), *traces_of(alice.user_id, other.pk)}
    assert [word for word in telling if word in told] == []
    assert TradingAccount.objects.get(pk=alice.pk).cash == 1005
