"""Whatever stands in a page's address, the page answers: never with a bug, and never with what was sent as markup."""

from __future__ import annotations

from uuid import uuid4

import pytest

from accounts.models import Tier
from tests.api.conftest import _web_process, desk, ibm, market, show  # noqa: F401 - fixtures
from tests.factories.people import signed_in
from tests.factories.rows import make_account, make_order, make_position, make_user
from trading.dashboard.urls import urlpatterns

MARKUP = "<i>\"'&"
HOSTILE = [MARKUP, "\x00", "9" * 5_000, "-1", "٣", "../../etc", "\ud83d\ude00", "{{7*7}}", "[" * 4_000]
PARAMETERS = [
    "account", "after", "direction", "format", "from", "next", "order", "outcome", "page", "part", "period", "q", "qty",
    "side", "sort", "status", "symbol", "to", "type", "number", "day", "profile", "since",
]  # fmt: skip
PAGES = sorted({str(route.pattern) for route in urlpatterns})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("route", PAGES)
def test_no_parameter_breaks_a_page_or_comes_back_as_markup(market, ibm, show, route):  # noqa: F811 - fixtures
    show(bid="99", ask="101", last="100", close="98")
    person = signed_in(make_user(tier=Tier.PRO))
    account = make_account(person.user, market=market, cash=10_000)
    make_position(account, ibm)
    order = make_order(account, ibm, status="new")
    here = {"<slug:number>": account.number, "<str:symbol>": "IBM", "<uuid:order_id>": str(order.pk), "<str:month>": "2026-03"}
    path = f"/{route}"
    for name, value in here.items():
        path = path.replace(name, value)
    found = []
    for value in HOSTILE:
        for query in [{name: value} for name in PARAMETERS] + [
            {"part": part, "order": value, "q": value} for part in ("estimate", "suggestions", "order_rows", "budget", "holding")
        ]:
            try:
                answer = person.get(path, **query)
            except Exception as e:
                found.append((query.keys(), value[:10], repr(e)[:200]))
                continue
            text = b"".join(answer.streaming_content).decode() if answer.streaming else answer.content.decode()
            if answer.status_code >= 500 or "<i>" in text:
                found.append((query.keys(), value[:10], answer.status_code))
    for name in here:
        if name in route and name != "<uuid:order_id>":
            for value in HOSTILE:
                p = "/" + route
                for n, v in here.items():
                    p = p.replace(n, value if n == name else v)
                try:
                    answer = person.get(p)
                except Exception as e:
                    found.append((name, value[:10], repr(e)[:200]))
                    continue
                if answer.status_code >= 500 or "<i>" in answer.content.decode():
                    found.append((name, value[:10], answer.status_code))
    assert found == []
