"""Exceptions from the gate's record, in the admin: two who oversee the staff, each with a passkey."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.errors import NotFound, RuleBroken, ValueInvalid
from accounts.models.audit import AuditEntry
from broker_handoff.models import GateOverride
from broker_handoff.services.gate import is_gate_open
from broker_handoff.services.gate_overrides import approve_override, ask_for_override, end_override
from raxx import roles
from tests.support.conftest import grant, make_staff, shown_by
from tests.trading.walls import bind, refused, sql

if TYPE_CHECKING:
    from accounts.models import User
    from tests.support.conftest import SignIn
    from tests.trading.walls import AsRole
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "support"])

LIST = "/admin/broker_handoff/gateoverride/"


def asked(by: User, of: TradingAccount, **given: Any) -> GateOverride:
    terms = {"reason": "a demonstration", "now": timezone.now(), **given}
    return ask_for_override(shown=shown_by(by), person_id=of.user_id, **terms)


def told(override: GateOverride) -> list[tuple[str, str]]:
    entries = AuditEntry.objects.filter(subject=override.user_id, action__startswith="gate.")
    return [(entry.action, entry.actor_id) for entry in entries.order_by("seq")]


def test_one_asks_and_another_approves_in_the_admin(
    sign_in: SignIn, overseer: User, alice: TradingAccount
) -> None:
    second = make_staff(is_superuser=True)
    first_client, second_client = sign_in(overseer), sign_in(second)
    form = {"email": alice.user.email.upper(), "reason": "a demonstration"}

    page = first_client.post(f"{LIST}ask/", form)
    override = GateOverride.objects.get()
    assert (page.status_code, page["Location"]) == (302, f"{LIST}{override.pk}/change/")
    assert "a demonstration" in first_client.get(LIST).content.decode()
    own = first_client.post(page["Location"], {"step": "approve"})
    assert (own.status_code, is_gate_open(alice.user_id)) == (422, False)
    assert "it takes two of the staff" in own.content.decode()

    assert second_client.post(page["Location"], {"step": "approve"}).status_code == 302

    override.refresh_from_db()
    assert (override.asked_by, override.approved_by) == (overseer.pk, second.pk)
    assert is_gate_open(alice.user_id)
    shown = first_client.get(page["Location"]).content.decode()
    assert "End it" in shown
    assert "Open the gate" not in shown
    ended = first_client.post(page["Location"], {"step": "end", "reason": "it is over"})
    assert (ended.status_code, is_gate_open(alice.user_id)) == (302, False)
    assert told(override) == [
        ("gate.override_asked", str(overseer.pk)),
        ("gate.override_approved", str(second.pk)),
        ("gate.override_ended", str(overseer.pk)),
    ]


def test_both_show_a_passkey(sign_in: SignIn, overseer: User, alice: TradingAccount) -> None:
    override = asked(overseer, alice)
    second = make_staff(is_superuser=True)
    client = sign_in(second, shows_passkey=False)

    answers = [
        client.post(f"{LIST}ask/", {"email": alice.user.email, "reason": "r"}),
        client.post(f"{LIST}{override.pk}/change/", {"step": "approve"}),
    ]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert [row.approved_at for row in GateOverride.objects.all()] == [None]


def test_staff_who_do_not_oversee_have_no_part_in_it(
    sign_in: SignIn, staff: User, overseer: User, alice: TradingAccount
) -> None:
    grant(staff, alice)
    override = asked(overseer, alice)
    client = sign_in(staff)

    pages = [client.get(LIST), client.get(f"{LIST}ask/"), client.get(f"{LIST}{override.pk}/change/")]
    writes = [
        client.post(f"{LIST}ask/", {"email": alice.user.email, "reason": "r"}),
        client.post(f"{LIST}{override.pk}/change/", {"step": "approve"}),
        client.post(f"{LIST}{override.pk}/change/", {"step": "end", "reason": "r"}),
    ]

    assert all(answer.status_code in {302, 403, 404} for answer in (*pages, *writes))
    assert all("a demonstration" not in answer.content.decode() for answer in (*pages, *writes))
    with pytest.raises(RuleBroken, match="oversees"):
        approve_override(shown=shown_by(staff), override_id=override.pk, now=timezone.now())
    assert list(GateOverride.objects.values_list("approved_at", "ended_at")) == [(None, None)]


def test_nobody_has_a_part_in_their_own(overseer: User, alice: TradingAccount) -> None:
    override = asked(overseer, alice)
    type(alice.user).objects.filter(pk=alice.user_id).update(is_staff=True, is_superuser=True)
    alice.user.refresh_from_db()

    with pytest.raises(RuleBroken, match="themselves"):
        asked(alice.user, alice)
    with pytest.raises(RuleBroken, match="two of the staff"):
        approve_override(shown=shown_by(alice.user), override_id=override.pk, now=timezone.now())


def test_an_override_ends_by_itself(overseer: User, alice: TradingAccount) -> None:
    override, now = asked(overseer, alice), timezone.now()
    second = shown_by(make_staff(is_superuser=True))
    with pytest.raises(ValueInvalid, match="90 days"):
        approve_override(shown=second, override_id=override.pk, now=now, lasts=timedelta(days=91))
    approve_override(shown=second, override_id=override.pk, now=now - timedelta(days=90))

    assert not is_gate_open(alice.user_id)


def test_what_has_ended_is_not_approved_any_more(overseer: User, alice: TradingAccount) -> None:
    override, now = asked(overseer, alice), timezone.now()
    end_override(override_id=override.pk, reason="a mistake", now=now)
    second = shown_by(make_staff(is_superuser=True))

    with pytest.raises(RuleBroken, match="ended"):
        approve_override(shown=second, override_id=override.pk, now=now)
    with pytest.raises(NotFound):
        end_override(override_id=uuid4(), reason="r", now=now)
    with pytest.raises(ValueInvalid):
        end_override(override_id=override.pk, reason=" ", now=now)
    assert not is_gate_open(alice.user_id)


ROW = "insert into broker_handoff_gateoverride (id, user_id, reason, asked_by, asked_at, end_reason) values"


def test_the_database_takes_only_what_is_in_the_writer_s_own_name(
    as_role: AsRole, overseer: User, staff: User, alice: TradingAccount
) -> None:
    override = asked(overseer, alice)
    with transaction.atomic(), as_role(roles.SUPPORT):
        bind(staff.pk)
        assert sql("select id from broker_handoff_gateoverride") == []
        with refused("violates row-level security policy"):
            sql(f"{ROW} (%s, %s, 'r', %s, now(), '')", uuid4(), alice.user_id, staff.pk)
        bind(overseer.pk)
        with refused("violates row-level security policy"):
            sql(f"{ROW} (%s, %s, 'r', %s, now(), '')", uuid4(), alice.user_id, staff.pk)
        approve = (
            "update broker_handoff_gateoverride set approved_by = %s, approved_at = now(),"
            " expires_at = now() + interval '1 day' where id = %s"
        )
        with refused("violates row-level security policy"):
            sql(approve, staff.pk, override.pk)
        with refused("gate_override_takes_two"):
            sql(approve, overseer.pk, override.pk)
        with refused("permission denied"):
            sql("update broker_handoff_gateoverride set asked_by = %s", UUID(int=1))
        with refused("permission denied"):
            sql("delete from broker_handoff_gateoverride")
