"""Pages that cost much have budgets of their own: who has used one up still sees the light ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from accounts.models import Tier
from accounts.throttling import ADDRESS_LIMITS, count_failure
from tests.api.conftest import _web_process, ibm, market, show  # noqa: F401 - fixtures
from tests.factories.people import signed_in
from tests.factories.rows import make_account, make_user

if TYPE_CHECKING:
    from accounts.throttling import Kind

pytestmark = pytest.mark.django_db

ORDER = json.dumps({"symbol": "IBM", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"})
# By the budget that it is taken from: the path behind the account's, and its query.
HEAVY: dict[Kind, list[tuple[str, dict[str, str]]]] = {
    "file": [(f"/{name}", {"format": "csv"}) for name in ("orders", "activities", "trades")],
    "estimate": [("/symbols/IBM", {"part": "estimate", "order": ORDER})],
    "review": [("/performance", {}), ("/trades", {}), ("/statements/2026-01", {})],
}
LIGHT: list[tuple[str, dict[str, str]]] = [
    ("", {}),
    ("/orders", {}),
    ("/symbols/IBM", {}),
    ("/symbols/IBM", {"part": "estimate"}),
]


@pytest.fixture
def here(market, ibm, show, budgets_on):  # noqa: F811 - fixtures
    show(bid="99", ask="101", last="100", close="98")
    person = signed_in(make_user(tier=Tier.PRO))
    return person, f"/paper/{make_account(person.user, market=market, cash=10_000).number}"


@pytest.mark.parametrize("kind", list(HEAVY))
def test_a_heavy_page_is_refused_by_a_budget_of_its_own_and_the_light_ones_are_shown(here, kind):
    person, account = here
    before = [person.get(account + path, **query).status_code for path, query in HEAVY[kind]]
    for _ in range(ADDRESS_LIMITS[kind].rate.limit - len(HEAVY[kind]) + 1):
        count_failure(kind, str(person.user.pk))

    refused = [person.get(account + path, **query) for path, query in HEAVY[kind]]

    assert 429 not in before
    assert [answer.status_code for answer in refused] == [429] * len(refused)
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert [person.get(account + path, **query).status_code for path, query in LIGHT] == [200] * len(LIGHT)
    assert ADDRESS_LIMITS[kind].rate.limit < ADDRESS_LIMITS["page"].rate.limit / 4
