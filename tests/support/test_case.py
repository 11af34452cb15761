"""The case page: all of one granted account, each look written down, by as many queries for many rows as for one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from django.db import connections
from django.utils import timezone

from accounts import binding
from accounts.models import Session
from accounts.models.audit import AuditEntry
from broker_handoff.services.switches import close_own
from tests.broker_handoff.guarding.conftest import make_intent
from tests.broker_handoff.people import make_connection
from tests.factories.people import make_session
from tests.factories.rows import (
    make_api_key,
    make_delivery,
    make_event,
    make_order,
    make_position,
)
from tests.support.conftest import ACT, grant
from trading.models import StaffAct
from trading.services.freezing import freeze

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from accounts.models import User
    from tests.support.conftest import SignIn
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "support"])


def case(account: TradingAccount, more: str = "") -> str:
    return f"/admin/trading/tradingaccount/{account.pk}/case/{more}"


def one_of_each(account: TradingAccount, number: int) -> None:
    """Add a row to every section that has rows of its own."""
    order = make_order(account, status="new")
    make_event(account, order, seq=100 + number)
    make_position(account)
    make_api_key(account, key_id=f"PKCASE{number}")
    make_session(account.user)
    StaffAct.objects.create(kind="freeze", account=account, staff_id=account.user_id, reason="r")
    make_delivery(account)


def asked_of(client: Client, path: str) -> list[tuple[str, str]]:
    """Return who asks what of the database for a page."""
    found: list[tuple[str, str]] = []
    guard = binding._guard

    def listen(execute, sql, params, many, context):
        found.append((context["connection"].settings_dict["USER"], sql))
        return guard(execute, sql, params, many, context)

    connections["support"].close()
    with patch.object(binding, "_guard", listen):
        assert client.get(path).status_code == 200
        connections["support"].close()
    return found


def test_a_case_shows_what_its_owner_sees_and_what_was_done(
    sign_in: SignIn, staff: User, alice: TradingAccount, bob: TradingAccount
) -> None:
    live = make_connection(alice.user)
    intent = make_intent(live)
    freeze(account_id=alice.pk, reason="a ticket")
    make_session(alice.user)
    one_of_each(alice, 1)
    close_own(owner=alice.user, reason="on holiday")
    grant(staff, alice, ACT)
    client: Client = sign_in(staff)
    answer = client.get(case(alice))
    shown = {each.section.name: each.rows for each in answer.context["sections"]}
    page = answer.content.decode()

    assert all(shown.values())
    for name in shown:
        assert f'id="{name}"' in page
        assert f'href="#{name}"' in page
    cells = {name: {cell for row in rows for cell in row.cells} for name, rows in shown.items()}
    assert str(alice.orders.earliest("pk").pk) in cells["orders"]
    assert all(row.story[0] for row in shown["orders"])
    assert "account.frozen" in cells["audit"]
    assert str(live.pk) in cells["connections"]
    assert str(intent.pk) in cells["intents"]
    assert "Freeze" in page
    for secret in (bob.number, bob.user.email, str(bob.pk), Session.objects.earliest("pk").key_hash.hex()):
        assert secret not in page


def test_each_look_at_a_case_is_written_down_before_it_is_shown(
    sign_in: SignIn, staff: User, alice: TradingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant(staff, alice)
    client = sign_in(staff, raise_request_exception=False)
    client.get(case(alice))
    look = AuditEntry.objects.get(chain=alice.pk, action="account.viewed")
    assert ('"page":"admin.case"' in look.body, look.actor_id) == (True, str(staff.pk))

    def broken(**_: object) -> None:
        raise RuntimeError("the log is away")

    monkeypatch.setattr("trading.services.grants.record", broken)
    answer = client.get(case(alice))
    assert answer.status_code == 500
    assert alice.number not in answer.content.decode()


def test_many_rows_cost_as_many_queries_as_few_and_are_shown_page_by_page(
    sign_in: SignIn, staff: User, alice: TradingAccount
) -> None:
    grant(staff, alice)
    client = sign_in(staff)

    one_of_each(alice, 0)
    client.get(case(alice))  # what is kept of the market is read once
    few = len(asked_of(client, case(alice)))
    for number in range(1, 25):
        one_of_each(alice, number)
    assert len(asked_of(client, case(alice))) == few

    first = {each.section.name: each for each in client.get(case(alice)).context["sections"]}
    assert {len(first[name].rows) for name in ("orders", "events", "keys", "positions", "acts")} == {20}
    second = {each.section.name: each for each in client.get(case(alice, "?orders=1")).context["sections"]}
    assert first["orders"].older == 1
    assert (second["orders"].newer, second["orders"].older) == (0, None)
    orders = [row.cells[-1] for each in (first, second) for row in each["orders"].rows]
    assert sorted(orders) == sorted(str(pk) for pk in alice.orders.values_list("pk", flat=True))
    assert client.get(case(alice, "?orders=-1&keys=x&acts=99999999")).status_code == 200


def test_no_query_of_a_case_goes_to_owned_rows_by_the_web_role(
    sign_in: SignIn, staff: User, alice: TradingAccount
) -> None:
    grant(staff, alice)
    make_connection(alice.user)
    client = sign_in(staff)
    asked = asked_of(client, case(alice))

    owned = ("from trading_", 'from "trading_', "broker_handoff_")
    by_web = [sql for user, sql in asked if user == "raxx_app" and any(one in sql.lower() for one in owned)]
    assert by_web == []
    assert any("trading_order" in sql for user, sql in asked if user == "raxx_support")


@pytest.mark.parametrize("what_ends", ["it expires", "it is ended"])
def test_a_case_whose_grant_is_over_is_not_there(
    sign_in: SignIn, staff: User, alice: TradingAccount, what_ends: str
) -> None:
    (given,) = grant(staff, alice)
    client = sign_in(staff)
    before = client.get(case(alice)).status_code
    change: dict[str, Callable[[], dict]] = {
        "it expires": lambda: {
            "granted_at": given.granted_at - timedelta(days=2),
            "expires_at": timezone.now() - timedelta(seconds=1),
        },
        "it is ended": lambda: {"ended_at": timezone.now()},
    }
    type(given).ever.update(**change[what_ends]())

    answer = client.get(case(alice))
    assert (before, answer.status_code) == (200, 302)
