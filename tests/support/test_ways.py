"""Every way by which somebody of the staff might come upon an account that was not granted to them.

Over HTTP, served by the roles of life; in a browser: tests/browser/test_admin.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote
from uuid import uuid4

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.models.audit import AuditEntry
from broker_handoff.models import SwitchClosing
from tests.support.conftest import ACT, HOURS, grant
from trading.models import AccountGrant, StaffAct, TradingAccount
from trading.services.grants import end_grants

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.conftest import SignIn

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "support"])

LIST = "/admin/trading/tradingaccount/"


def page(account: TradingAccount) -> str:
    return f"{LIST}{account.pk}/change/"


AUTOCOMPLETE = "/admin/autocomplete/?app_label={}&model_name={}&field_name={}&term={}"
# Every way to ask for one account: by the account that is meant.
ASKING: dict[str, Callable[[TradingAccount], str]] = {
    "search by number": lambda one: f"{LIST}?q={one.number}",
    "search by address": lambda one: f"{LIST}?q={quote(one.user.email)}",
    "search by id": lambda one: f"{LIST}?q={one.pk}",
    "filter by id": lambda one: f"{LIST}?id__exact={one.pk}",
    "filter by owner": lambda one: f"{LIST}?user__id__exact={one.user_id}",
    "filter by address": lambda one: f"{LIST}?user__email__startswith={quote(one.user.email)}",
    "filter by number": lambda one: f"{LIST}?number__in={one.number}",
    "filter across its grants": lambda one: f"{LIST}?staff_grants__content_object__number={one.number}",
    "popup": lambda one: f"{LIST}?_popup=1&_to_field=number&q={one.number}",
    "page": page,
    "page in a popup": lambda one: f"{page(one)}?_popup=1&_to_field=id",
    "case": lambda one: f"{LIST}{one.pk}/case/",
    "act": lambda one: f"{LIST}{one.pk}/act/freeze/",
    "act of no kind": lambda one: f"{LIST}{one.pk}/act/nothing/",
    "old address": lambda one: f"{LIST}{one.pk}/",
    "history": lambda one: f"{LIST}{one.pk}/history/",
    "deletion": lambda one: f"{LIST}{one.pk}/delete/",
    "autocompletion": lambda one: AUTOCOMPLETE.format("trading", "order", "account", one.number),
    "autocompletion of acts": lambda one: AUTOCOMPLETE.format("trading", "staffact", "account", one.number),
    "autocompletion of grants": lambda one: AUTOCOMPLETE.format(
        "trading", "accountgrant", "content_object", one.number
    ),
    "autocompletion of people": lambda one: AUTOCOMPLETE.format(
        "trading", "tradingaccount", "user", quote(one.user.email)
    ),
    "view on site": lambda one: f"/admin/r/1/{one.pk}/",
    "acts, searched": lambda one: f"/admin/trading/staffact/?q={one.number}",
    "acts, filtered": lambda one: f"/admin/trading/staffact/?account__id__exact={one.pk}",
    "acts, by its owner": lambda one: (
        f"/admin/trading/staffact/?account__user__email={quote(one.user.email)}"
    ),
    "grants, filtered": lambda one: f"/admin/trading/accountgrant/?content_object__id__exact={one.pk}",
    "closings, filtered": lambda one: f"/admin/broker_handoff/switchclosing/?user__id__exact={one.user_id}",
    "closings, by address": lambda one: (
        f"/admin/broker_handoff/switchclosing/?user__email__contains={quote(one.user.email)}"
    ),
    "entry": lambda one: f"/admin/trading/accountentry/{one.pk}/change/",
    "entry's form": lambda one: f"/admin/trading/accountentry/{one.pk}/grant/",
    "entries, searched": lambda one: f"/admin/trading/accountentry/?q={quote(one.user.email)}",
}
# And those that ask for no account in particular.
LOOKING = {
    "list": LIST,
    "whole list": f"{LIST}?all=",
    "filter": f"{LIST}?status__exact=ACTIVE",
    "filter by cash": f"{LIST}?cash__gte=0",
    "counts of the filters": f"{LIST}?_facets=True",
    "years": f"{LIST}?created_at__year=2026",
    "ordering": f"{LIST}?o=-1.2.3",
    "ordering by what is not shown": f"{LIST}?o=user__email.-99",
    "second page": f"{LIST}?p=2",
    "grants": "/admin/trading/accountgrant/",
    "acts": "/admin/trading/staffact/?o=2.-1",
    "closings": "/admin/broker_handoff/switchclosing/?o=2",
    "entries": "/admin/trading/accountentry/",
    "index": "/admin/",
    "app": "/admin/trading/",
    "words": "/admin/jsi18n/",
}
BULK = {"action": "delete_selected", "select_across": "1", "index": "0"}


def test_no_way_leads_to_an_account_that_was_not_granted(
    sign_in: SignIn, staff: User, alice: TradingAccount, bob: TradingAccount
) -> None:
    """A list, an address, a search, a filter, an order, an autocompletion, a history, a post: none tells of it."""
    grant(staff, alice)
    StaffAct.objects.create(kind="freeze", account=bob, staff_id=staff.pk, reason="when it was granted")
    SwitchClosing.objects.create(
        scope="user", user=bob.user, is_own=False, reason="odd fills", closed_by=staff.pk
    )
    client = sign_in(staff)
    told = []
    for way, asked in {**LOOKING, **{way: ask(bob) for way, ask in ASKING.items()}}.items():
        bulk = {**BULK, "_selected_action": str(bob.pk)}
        for answer in (client.get(asked, follow=True), client.post(asked, bulk, follow=True)):
            text = answer.content.decode()
            hers = (bob.number, bob.user.email, str(bob.pk), "when it was granted", "odd fills")
            told += [(way, secret) for secret in hers if secret not in unquote(asked) and secret in text]
            if (
                "?" in asked and b"result_list" in answer.content
            ):  # what was searched for stands in its box alone
                found = answer.context["cl"].result_list
                told += [(way, one) for one in found if one.pk != alice.pk and asked.startswith(LIST)]

    assert told == []
    assert TradingAccount.objects.filter(pk=bob.pk).exists()
    assert not AuditEntry.objects.filter(chain=bob.pk).exists()


def test_what_was_not_granted_answers_as_what_does_not_exist(
    sign_in: SignIn, staff: User, alice: TradingAccount, bob: TradingAccount
) -> None:
    """Status, place and every word of the answer: two accounts of which one exists are not to be told apart.

    Nor are they by how long it takes: the same statements are asked of the database, and the same templates rendered.
    """
    grant(staff, alice)
    StaffAct.objects.create(kind="freeze", account=bob, staff_id=staff.pk, reason="r")
    nobody = User(pk=uuid4(), email="nobody@example.com")
    nobody_s = TradingAccount(pk=uuid4(), number="PA99NOBODY99", user=nobody, status="X")
    client = sign_in(staff)
    support = connections["support"]
    client.get("/admin/")  # what a process asks once

    def answers(ask: Callable[[TradingAccount], str], account: TradingAccount) -> list[tuple[Any, ...]]:
        told: list[tuple[Any, ...]] = []
        said = (
            str(account.pk),
            account.number,
            account.user.email,
            quote(account.user.email),
            str(account.user_id),
        )
        for send in (client.get, client.post):
            with CaptureQueriesContext(client.app) as own, CaptureQueriesContext(support) as asked:
                answer = send(ask(account))
            statements = [
                (connection is own, _LITERAL.sub("…", query["sql"]))
                for connection in (own, asked)
                for query in connection.captured_queries
            ]
            assert any(is_own for is_own, _ in statements)  # else nothing was heard
            templates = [template.name for template in answer.templates]
            where = answer.get("Location", "")
            text = (
                answer.content.decode() + client.get("/admin/").content.decode()
            )  # which shows what it was told
            for word in said:
                where, text = where.replace(word, "…"), text.replace(word, "…")
            told.append((answer.status_code, where, _OF_THE_ANSWER.sub("", text), statements, templates))
        return told

    differing = [way for way, ask in ASKING.items() if answers(ask, bob) != answers(ask, nobody_s)]
    assert differing == []


_LITERAL = re.compile(r"'[^']*'(::\w+)?|\b\d+\b")
_OF_THE_ANSWER = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"|"request_id":"[^"]*"')


@pytest.mark.parametrize("what_ends", ["the grant is ended", "the grant expires"])
def test_a_form_that_was_open_when_its_grant_ended_asks_for_nothing_and_says_no_more_than_of_nobody_s(
    sign_in: SignIn, staff: User, alice: TradingAccount, what_ends: str
) -> None:
    given = grant(staff, alice, ACT)
    client = sign_in(staff)
    form = ASKING["act"](alice)
    said = {"reason": "odd orders", "act_id": str(client.get(form).context["form"]["act_id"].value())}
    if what_ends == "the grant is ended":
        end_grants(staff=staff, account_id=alice.pk, owner_id=alice.user_id)
    else:
        over = given[0].granted_at - HOURS
        AccountGrant.ever.update(granted_at=over - HOURS, expires_at=over)

    answer = client.post(form, said)
    of_none = client.post(form.replace(str(alice.pk), str(uuid4())), said)

    assert answer.status_code == of_none.status_code == 403
    assert _OF_THE_ANSWER.sub("", answer.content.decode()) == _OF_THE_ANSWER.sub("", of_none.content.decode())
    assert not StaffAct.objects.exists()
    assert not AuditEntry.objects.filter(action__startswith="staff.").exists()
