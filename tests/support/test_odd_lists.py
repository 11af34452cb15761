"""What is asked of the admin's lists by hand: filters that no list offers, and values that no column takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib import admin
from django.db import connections
from django.test.utils import CaptureQueriesContext

from accounts.admin import SupportAdmin
from tests.support.conftest import grant
from tests.support.test_ways import AUTOCOMPLETE, LIST

if TYPE_CHECKING:
    from accounts.models import User
    from tests.support.conftest import SignIn
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "support"])

NUL = "%00"
# What any list is asked, whether or not it has such a field: nothing of it reaches the database.
NOT_OFFERED = ["reason__regex=(", "number=" + NUL, "pk__in=x"]
# And what it does know: the values are odd.
ODD = [f"q={NUL}", "o=x.-99.1e", "p=99999999999999999999", "e=1&_facets=True"]


def lists() -> dict[str, list[str]]:
    """Return every list of the site, each with the filters that it offers."""
    found = {}
    for model, page in admin.site._registry.items():
        assert isinstance(page, SupportAdmin)
        offered = [str(one[0] if isinstance(one, tuple) else one) for one in page.list_filter]
        found[f"/admin/{model._meta.app_label}/{model._meta.model_name}/"] = offered
    return found


def test_an_odd_filter_is_answered_as_a_request_that_cannot_be_and_never_as_a_fault(
    sign_in: SignIn, overseer: User
) -> None:
    client = sign_in(overseer)  # which raises what the site does not answer
    client.get("/admin/")  # with the addresses the pages are imported
    told: dict[tuple[str, str], tuple[int, int]] = {}
    for path, offered in lists().items():
        told |= {(path, asked): (client.get(f"{path}?{asked}").status_code, 400) for asked in NOT_OFFERED}
        values = [f"{field}{lookup}={NUL}" for field in offered for lookup in ("", "__exact", "__isnull")]
        told |= {
            (path, asked): (client.get(f"{path}?{asked}", follow=True).status_code, 200)
            for asked in [*ODD, *values]
        }

    assert len(told) > 9 * len([*NOT_OFFERED, *ODD])
    assert {asked: status for asked, (status, wanted) in told.items() if status != wanted} == {}


def test_a_value_that_no_column_takes_leads_to_the_whole_list_and_says_so(
    sign_in: SignIn, staff: User, alice: TradingAccount
) -> None:
    grant(staff, alice)
    answer = sign_in(staff).get(f"{LIST}?e=1&status__exact={NUL}", follow=True)

    assert answer.redirect_chain == [(LIST, 302)]
    assert [one.number for one in answer.context["cl"].result_list] == [alice.number]
    assert [str(message) for message in answer.context["messages"]] == [
        "What you asked this list for cannot be: here is all of it."
    ]


def test_what_is_in_an_account_is_not_found_out_by_asking_a_list_for_it(
    sign_in: SignIn, staff: User, alice: TradingAccount
) -> None:
    """By halves a filter would tell its cash, or an act's note, and nothing of it would be written down."""
    grant(staff, alice)
    client = sign_in(staff)
    with CaptureQueriesContext(connections["support"]) as asked:
        answers = [
            client.get(f"{LIST}?{guess}").status_code
            for guess in ("cash__gte=500", "orders__symbol=IBM", "name=x")
        ]
        answers.append(client.get("/admin/trading/staffact/?arguments__note=x").status_code)

    assert answers == [400] * 4
    assert [query for query in asked.captured_queries if "trading_" in query["sql"].split("where")[0]] == []


def test_a_search_for_what_no_text_has_finds_nothing(
    sign_in: SignIn, staff: User, alice: TradingAccount
) -> None:
    grant(staff, alice)
    found = sign_in(staff).get(AUTOCOMPLETE.format("trading", "order", "account", NUL))

    assert (found.status_code, found.json()["results"]) == (200, [])
