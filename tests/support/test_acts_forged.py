"""Wishes of the staff that somebody's browser sends twice, or that were written past the admin's forms, or too long ago."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from accounts.models import Erasure, User
from accounts.models.audit import AuditEntry
from tests.factories.rows import make_asset
from tests.support.conftest import ACT, grant
from tests.support.test_acts import REASON, act_page, performed
from trading.models import Asset, Journal, StaffAct

if TYPE_CHECKING:
    from tests.support.conftest import SignIn
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "support"])


def test_a_form_that_is_sent_twice_is_one_act_and_moves_the_money_once(
    sign_in: SignIn, staff: User, alice: TradingAccount
) -> None:
    grant(staff, alice, ACT)
    client, page = sign_in(staff), act_page(alice, "adjust_cash")
    shown = client.get(page)
    form = shown.context["form"]
    assert 'type="hidden" name="act_id"' in shown.content.decode()
    said = {**REASON, "amount": "5", "note": "sorry", "act_id": str(form["act_id"].value())}

    first, again = (client.post(page, said)["Location"] for _ in range(2))
    act = performed(StaffAct.objects.get())
    late = client.post(page, said)["Location"]
    other = client.post(page, {**said, "amount": "500"})

    assert first == again == late
    assert act.status == performed(act).status == "done"
    alice.refresh_from_db()
    assert (alice.cash, Journal.objects.filter(kind="adjustment").count()) == (1005, 1)
    asked = AuditEntry.objects.get(action="staff.asked")
    assert ('"amount":"5' in asked.body, "sorry" in asked.body) == (True, False)  # the note can be erased
    assert other.status_code == 422
    assert "said something else" in other.content.decode()
    assert StaffAct.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "has_account"),
    [
        pytest.param("suspend_asset", True, id="what concerns everybody, as if it were about one account"),
        pytest.param("freeze", False, id="what concerns one account, about none"),
    ],
)
def test_a_wish_of_the_wrong_sort_is_refused_by_the_worker_too(
    overseer: User, alice: TradingAccount, kind: str, *, has_account: bool
) -> None:
    """The database takes any kind of wish from who may act on its account: to suspend a symbol is more than that."""
    make_asset("IBM")
    grant(overseer, alice, ACT)
    wish = StaffAct.objects.create(
        kind=kind,
        account=alice if has_account else None,
        staff_id=overseer.pk,
        arguments={"symbol": "IBM"},
        reason="none",
    )

    act = performed(wish)

    assert (act.status, act.attempts) == ("refused", 1)
    assert Asset.objects.get(symbol="IBM").suspended_at is None
    alice.refresh_from_db()
    assert alice.frozen_at is None


def test_a_wish_that_waited_for_more_than_a_day_is_not_done_any_more(
    overseer: User, alice: TradingAccount
) -> None:
    grant(overseer, alice, ACT)
    asked_at = timezone.now() - timedelta(hours=25)
    wish = StaffAct.objects.create(
        kind="freeze", account=alice, staff_id=overseer.pk, reason="none", asked_at=asked_at
    )

    act = performed(wish)

    assert (act.status, act.outcome) == ("refused", "it was asked for more than 24 hours ago: ask again")
    alice.refresh_from_db()
    assert alice.frozen_at is None


def test_nobody_of_the_staff_is_erased_by_a_colleague(
    sign_in: SignIn, staff: User, alice: TradingAccount
) -> None:
    User.objects.filter(pk=alice.user_id).update(is_staff=True, is_superuser=True)
    grant(staff, alice, ACT)
    sign_in(staff).post(act_page(alice, "erase"), {**REASON, "confirmation": "erase this person"})

    act = performed(StaffAct.objects.get())

    assert (act.status, "dismisses them first" in act.outcome) == ("refused", True)
    assert User.objects.get(pk=alice.user_id).is_active
    assert not Erasure.objects.exists()
