"""Whatever stands in a page's address, the page answers: never with a bug, and never with what was sent as markup."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from accounts.models import Tier
from tests.api.conftest import _web_process, desk, ibm, market, show  # noqa: F401 - fixtures
from tests.factories.people import signed_in
from tests.factories.rows import make_account, make_order, make_position, make_user
from trading.dashboard.urls import urlpatterns

MARKUP = "<i>\"'&"
HOSTILE = (MARKUP, "\x00", "9" * 5_000, "\u0663")  # the last one is a digit, to str.isdigit
PARAMETERS = (
    "account",
    "after",
    "from",
    "order",
    "outcome",
    "page",
    "period",
    "q",
    "qty",
    "side",
    "symbol",
    "to",
)
HERE = {"<str:symbol>": "IBM", "<str:month>": "2026-03"}
PAGES = sorted(str(route.pattern) for route in urlpatterns)


@pytest.mark.django_db(transaction=True)
def test_nothing_in_an_address_breaks_a_page_or_comes_back_as_markup(market, ibm, show):  # noqa: F811 - fixtures
    show(bid="99", ask="101", last="100", close="98")
    person = signed_in(make_user(tier=Tier.PRO))
    account = make_account(person.user, market=market, cash=10_000)
    make_position(account, ibm)
    here = {
        **HERE,
        "<slug:number>": account.number,
        "<uuid:order_id>": str(make_order(account, ibm, status="new").pk),
    }
    asked: list[tuple[str, dict[str, Any]]] = []
    for route in PAGES:
        path = _filled(route, here)
        for value in HOSTILE:
            asked.append((path, dict.fromkeys(PARAMETERS, value)))
            asked += [(_filled(route, {**here, name: value}), {}) for name in HERE if name in route]
        asked.append((path, {"part": MARKUP}))
    asked += [
        (_filled("paper/<slug:number>/symbols/IBM", here), {"part": "estimate", "order": value})
        for value in HOSTILE
    ]

    bad = []
    for path, query in asked:
        answer = person.get(path, **query)
        if answer.status_code >= 500 or b"<i>" in answer.content:
            bad.append((path[:80], query, answer.status_code))

    assert bad == []


def _filled(route, names):
    for name, value in names.items():
        route = route.replace(name, quote(value, safe=""))
    return f"/{route}"
