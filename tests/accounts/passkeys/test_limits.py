"""Who fails too often from one address waits: separate limits for log-in, sign-up and recovery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail

from accounts import throttling
from accounts.models import Ceremony
from accounts.throttling import ADDRESS_LIMITS
from tests.accounts.passkeys.browser import Page, token_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Count here instead of on Valkey, whose counting tests/accounts/test_budgets* prove."""
    counts: dict[str, int] = {}

    def count_failure(kind: Any, _address: str) -> None:
        counts[kind] = counts.get(kind, 0) + 1

    def refuse_if_blocked(kind: Any, _address: str) -> None:
        if counts.get(kind, 0) >= ADDRESS_LIMITS[kind].rate.limit:
            raise throttling.RateLimited(throttling.EXCEEDED, retry_after=7)

    def attempt(kind: Any, address: str) -> None:
        refuse_if_blocked(kind, address)
        count_failure(kind, address)

    monkeypatch.setattr(throttling, "attempt_mail", lambda _email: None)  # test_sign_up has it
    for stand_in in (count_failure, refuse_if_blocked, attempt):
        monkeypatch.setattr(throttling, stand_in.__name__, stand_in)
    return counts


def failing_log_in(page: Page) -> Any:
    page.post("/auth/log-in/begin")
    return page.post("/auth/log-in/complete", {"credential": {}})


def failing_enrolment(page: Page) -> Any:
    return page.post("/auth/enrol/begin", {"token": "x"})


def failing_recovery(page: Page) -> Any:
    return page.post("/auth/recover", {"email": "person@example.com", "code": "x"})


@pytest.mark.parametrize(
    ("kind", "act"),
    [("log_in", failing_log_in), ("log_in", failing_enrolment), ("recovery", failing_recovery)],
    ids=["log-in", "link", "code"],
)
def test_failures_of_an_address_are_counted_until_it_waits(
    counted: dict[str, int], kind: Any, act: Callable[[Page], Any]
) -> None:
    page = Page()
    limit = ADDRESS_LIMITS[kind].rate.limit

    assert {act(page).status_code for _ in range(limit)} == {422}
    refused = act(page)

    assert (refused.status_code, refused["Retry-After"]) == (429, "7")
    assert (counted.pop("ceremony", 0) <= limit, counted) == (True, {kind: limit})


def test_mails_to_join_are_limited_whether_or_not_they_succeed(counted: dict[str, int]) -> None:
    page = Page()
    limit = ADDRESS_LIMITS["sign_up"].rate.limit
    statuses = [
        page.post("/auth/sign-up", {"email": f"person{n}@example.com"}).status_code for n in range(limit + 1)
    ]
    assert statuses == [202] * limit + [429]
    assert len(mail.outbox) == limit


@pytest.mark.parametrize("path", ["/auth/log-in/begin", "/auth/enrol/begin"])
def test_challenges_are_limited_for_each_leaves_a_row(counted: dict[str, int], path: str) -> None:
    page = Page()
    page.post("/auth/sign-up", {"email": "person@example.com"})
    body = {"token": token_of("person@example.com")}  # a log-in asks for none, and reads none
    counted["ceremony"] = ADDRESS_LIMITS["ceremony"].rate.limit - 1

    assert [page.post(path, body).status_code for _ in range(2)] == [200, 429]
    assert Ceremony.objects.count() == 1


def test_who_succeeds_is_not_counted(counted: dict[str, int]) -> None:
    page = Page()
    page.sign_up()
    codes = page.post("/raxx/v1/recovery-codes").json()["codes"]
    assert page.log_in().status_code == 200
    Page().post("/auth/recover", {"email": "person@example.com", "code": codes[0]})
    assert counted == {"sign_up": 1, "ceremony": 2}


def test_a_log_in_is_refused_where_nobody_can_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise throttling.RateLimited(throttling.EXCEEDED, retry_after=5)

    monkeypatch.setattr(throttling, "refuse_if_blocked", away)
    page = Page()
    for path, body in (
        ("/auth/log-in/begin", {}),
        ("/auth/log-in/complete", {"credential": {}}),
        ("/auth/enrol/begin", {"token": "x"}),
        ("/auth/recover", {"email": "a@example.com", "code": "x"}),
    ):
        refused = page.post(path, body)
        assert (refused.status_code, refused.json()["code"]) == (429, 42910000)
