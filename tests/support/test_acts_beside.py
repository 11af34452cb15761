"""What the staff do beside acts on one account: profiles, which belong to nobody, a colleague's grant, and what is another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accounts.models.audit import AuditEntry
from tests.factories.rows import make_market, make_order
from tests.support.conftest import ACT, VIEW, grant
from tests.support.test_acts import REASON, act_page, performed, told, webhook_of
from trading.models import AccountGrant, StaffAct

if TYPE_CHECKING:
    from django.test import Client

    from accounts.models import User
    from tests.support.conftest import SignIn
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "support"])


def test_a_superuser_defines_the_next_version_of_a_profile(
    sign_in: SignIn, overseer: User, staff: User
) -> None:
    make_market()
    page, said = (
        "/admin/trading/simulationprofile/define/",
        {"name": "slow", "latency_ms": "250", "reason": "asked"},
    )
    client: Client = sign_in(overseer)

    assert client.post(page, said).status_code == 302
    assert "slow" in client.get("/admin/trading/simulationprofile/").content.decode()
    assert told() == [("profile.defined", f"staff:{overseer.pk}")]
    assert client.post(page, {**said, "latency_ms": "-1"}).status_code == 422
    assert sign_in(staff).post(page, {**said, "latency_ms": "9"}).status_code == 403
    assert len(told()) == 1


def test_a_superuser_lets_a_colleague_in_and_takes_it_back(
    sign_in: SignIn, overseer: User, staff: User, alice: TradingAccount
) -> None:
    client = sign_in(overseer)
    form = f"/admin/trading/accountentry/{alice.pk}/grant/"
    said = {"reason": "on call", "ticket": "", "permission": ACT.value, "hours": "2"}

    assert client.post(form, {**said, "staff": "nobody@example.com"}).status_code == 422
    assert client.post(form, {**said, "staff": staff.email}).status_code == 302
    given = AccountGrant.objects.filter(user=staff)
    assert {one.what for one in given} == {VIEW, ACT}
    to_look = given.get(permission__codename=VIEW)
    assert client.post(f"/admin/trading/accountgrant/{to_look.pk}/end/").status_code == 302
    assert not AccountGrant.objects.exists()
    ends = AuditEntry.objects.filter(chain=alice.pk, action="grant.revoked")
    assert {one.actor_id for one in ends} == {str(overseer.pk)}


def test_orders_of_a_stranger_s_webhook_are_not_sent_again(
    sign_in: SignIn, staff: User, alice: TradingAccount, bob: TradingAccount
) -> None:
    grant(staff, alice, ACT)
    make_order(bob)
    sign_in(staff).post(act_page(alice, "replay_webhook"), {**REASON, **webhook_of(bob)})

    act = performed(StaffAct.objects.get())
    assert (act.status, act.outcome.partition(" for ")[0]) == ("refused", "webhook not found")
