"""Every event once at least, in order, whatever the receiver and our own workers do."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts import tracing
from raxx import roles
from tests.factories.rows import make_account, make_asset, make_event, make_order
from tests.metering import counted
from trading.models import TradingAccount, WebhookDelivery, WebhookEndpoint
from trading.webhooks import delivery
from trading.webhooks.signing import secret_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.webhooks.receiver import Receiver
    from trading.models import Order

pytestmark = pytest.mark.django_db

TOLD = ("new", "canceled", "expired")


@pytest.fixture
def account() -> TradingAccount:
    return make_account(cash=1_000)


@pytest.fixture
def order(account: TradingAccount) -> Order:
    return make_order(account, make_asset("IBM"))


@pytest.fixture
def endpoint(account: TradingAccount, receiver: Receiver) -> WebhookEndpoint:
    return WebhookEndpoint.objects.create(
        user_id=account.user_id, account=account, url=f"http://bot.example:{receiver.port}/hook", cursor=0
    )


@pytest.fixture
def happen(account: TradingAccount, order: Order) -> Any:
    """Return a function that appends events of these kinds to the account's log."""

    def append(*kinds: str) -> None:
        for kind in kinds:
            account.event_seq += 1
            make_event(account, order, seq=account.event_seq, kind=kind, status="new")
        account.save(update_fields=["event_seq"])

    return append


@pytest.fixture(autouse=True)
def as_worker(request: pytest.FixtureRequest) -> Iterator[None]:
    """Do the work as the role of the worker, after the rows have been made."""
    for name in ("endpoint", "happen"):
        request.getfixturevalue(name)
    yield
    with connection.cursor() as cursor:
        cursor.execute("reset role")


def deliver(endpoint: WebhookEndpoint) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"set role {roles.WORKER}")
        try:
            return delivery.deliver(endpoint.pk)
        finally:
            cursor.execute("reset role")


def wait_no_longer(endpoint: WebhookEndpoint) -> None:
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(next_attempt_at=timezone.now())


def sequences(receiver: Receiver) -> list[int]:
    return [json.loads(one.body)["sequence"] for one in receiver.received]


def test_events_are_sent_in_order_and_the_cursor_follows(
    endpoint: WebhookEndpoint, receiver: Receiver, happen: Any, order: Order
) -> None:
    happen("pending_new", "new", "pending_cancel", "canceled")
    told = counted("raxx_event_lag_seconds_count", transport="webhook")
    sent = counted("raxx_webhook_attempts_total", outcome="delivered")

    assert deliver(endpoint) == 3

    assert counted("raxx_event_lag_seconds_count", transport="webhook") == told + 3
    assert counted("raxx_webhook_attempts_total", outcome="delivered") == sent + 3
    assert sequences(receiver) == [2, 3, 4]  # nobody is told of pending_new
    endpoint.refresh_from_db()
    assert (endpoint.cursor, endpoint.failures, endpoint.lease, endpoint.leased_until) == (4, 0, None, None)
    body = json.loads(receiver.received[0].body)
    assert (body["type"], body["data"]["event"], body["data"]["order"]["id"]) == (
        "trade_update", "new", str(order.pk),
    )  # fmt: skip
    assert body["id"] == receiver.received[0].headers["Raxx-Event-Id"] == f"{endpoint.account_id}-2"


def test_a_receiver_can_check_who_sent_it_and_when(
    endpoint: WebhookEndpoint, receiver: Receiver, happen: Any
) -> None:
    happen("new")
    before = int(timezone.now().timestamp())
    deliver(endpoint)

    [got] = receiver.received
    fields = dict(part.split("=", 1) for part in got.headers["Raxx-Signature"].split(","))
    secret = secret_of(endpoint.pk, endpoint.secret_version)
    signed = hmac.new(secret.encode(), f"{fields['t']}.".encode() + got.body, hashlib.sha256).hexdigest()
    assert fields["v1"] == signed
    assert before <= int(fields["t"]) <= before + 60
    assert secret_of(endpoint.pk, 2) != secret


def test_an_event_that_was_refused_is_sent_again_and_none_is_left_out(
    endpoint: WebhookEndpoint, receiver: Receiver, happen: Any
) -> None:
    receiver.statuses = [200, 500, 302, 200]
    happen(*TOLD)
    failed = counted("raxx_webhook_attempts_total", outcome="failed")

    assert deliver(endpoint) == 1
    assert counted("raxx_webhook_attempts_total", outcome="failed") == failed + 1
    assert deliver(endpoint) == 0  # not before its time
    wait_no_longer(endpoint)
    assert deliver(endpoint) == 0
    wait_no_longer(endpoint)
    assert deliver(endpoint) == 2

    assert sequences(receiver) == [1, 2, 2, 2, 3]
    attempts = list(
        WebhookDelivery.objects.order_by("pk").values_list("seq", "attempt", "status_code", "error")
    )
    assert attempts == [
        (1, 1, 200, ""),
        (2, 1, 500, "answered 500"),
        (2, 2, 302, "answered 302"),
        (2, 3, 200, ""),
        (3, 1, 200, ""),
    ]


def test_each_failure_waits_longer_and_the_last_disables(
    endpoint: WebhookEndpoint, receiver: Receiver, happen: Any
) -> None:
    receiver.statuses = [503]
    happen("new")
    waits = []
    for _ in range(delivery.FAILURES_MAX):
        wait_no_longer(endpoint)
        before = timezone.now()
        deliver(endpoint)
        endpoint.refresh_from_db()
        waits.append((endpoint.next_attempt_at - before).total_seconds())

    assert 4 <= waits[0] <= 7
    assert 8 <= waits[1] <= 13
    assert all(wait <= delivery.WAIT_MAX.total_seconds() * 1.2 + 60 for wait in waits)
    assert endpoint.disabled_at is not None
    assert endpoint.disabled_reason == "failed 20 times in a row; the last: answered 503"
    wait_no_longer(endpoint)
    assert deliver(endpoint) == 0
    assert len(receiver.received) == delivery.FAILURES_MAX


def test_a_receiver_that_is_gone_is_asked_no_more(
    endpoint: WebhookEndpoint, receiver: Receiver, happen: Any
) -> None:
    receiver.statuses = [410]
    happen("new")
    deliver(endpoint)
    endpoint.refresh_from_db()
    assert endpoint.disabled_at is not None


def test_two_workers_at_once_do_the_work_of_one(
    endpoint: WebhookEndpoint, receiver: Receiver, happen: Any
) -> None:
    happen("new")
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(leased_until=timezone.now() + timedelta(seconds=5))

    assert delivery.due() == []
    assert deliver(endpoint) == 0
    assert receiver.received == []


def test_what_a_dead_worker_had_taken_is_sent_by_the_next(
    endpoint: WebhookEndpoint, receiver: Receiver, happen: Any
) -> None:
    happen("new")
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(leased_until=timezone.now() - timedelta(seconds=1))

    assert delivery.due() == [endpoint.pk]
    assert deliver(endpoint) == 1


def test_who_takes_longer_than_the_lease_leaves_no_trace(
    endpoint: WebhookEndpoint, receiver: Receiver, happen: Any
) -> None:
    happen("new", "canceled")
    other = "00000000-0000-0000-0000-000000000001"
    real = delivery.sending.post

    def slow(*arguments: Any) -> int:
        status: int = real(*arguments)
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(lease=other)  # somebody else has it by now
        return status

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery.sending, "post", slow)
        assert deliver(endpoint) == 0

    endpoint.refresh_from_db()
    assert (endpoint.cursor, str(endpoint.lease), WebhookDelivery.objects.count()) == (0, other, 0)
    assert len(receiver.received) == 1


def test_due_are_those_with_news_who_may_be_asked_now(endpoint: WebhookEndpoint, happen: Any) -> None:
    assert delivery.due() == []
    happen("new")
    assert delivery.due() == [endpoint.pk]
    later = timezone.now() + timedelta(minutes=1)
    for field, value in (
        ("next_attempt_at", later),
        ("disabled_at", later),
        ("deleted_at", later),
        ("cursor", 1),
    ):
        was = getattr(endpoint, field)
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**{field: value})
        assert delivery.due() == [], field
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**{field: was})


def test_events_that_nobody_is_told_of_are_passed_over(
    endpoint: WebhookEndpoint, receiver: Receiver, happen: Any
) -> None:
    happen("pending_new", "held", "triggered")
    assert deliver(endpoint) == 0
    endpoint.refresh_from_db()
    assert (endpoint.cursor, receiver.received, delivery.due()) == (3, [], [])


def test_a_test_message_comes_first_and_is_not_repeated(
    endpoint: WebhookEndpoint, receiver: Receiver, happen: Any
) -> None:
    happen("new")
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(pinged_at=timezone.now())

    assert deliver(endpoint) == 2
    assert [json.loads(one.body)["type"] for one in receiver.received] == ["ping", "trade_update"]


def test_a_test_message_that_fails_is_told_once(endpoint: WebhookEndpoint, receiver: Receiver) -> None:
    receiver.statuses = [404]
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(pinged_at=timezone.now())
    deliver(endpoint)
    wait_no_longer(endpoint)
    assert deliver(endpoint) == 0
    assert len(receiver.received) == 1
    [met] = WebhookDelivery.objects.values_list("seq", "status_code", "error")
    assert met == (None, 404, "answered 404")


@pytest.mark.parametrize("first", ["a test", "an event", "an event that fails", "a test that fails"])
def test_a_test_that_is_asked_for_while_a_message_is_sent_is_still_to_come(
    endpoint: WebhookEndpoint, receiver: Receiver, happen: Any, first: str
) -> None:
    if first.startswith("a test"):
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(pinged_at=timezone.now())
    else:
        happen("new")
    if first.endswith("fails"):
        receiver.statuses = [500, 200]
    real = delivery.sending.post

    def while_it_is_asked_for(*arguments: Any) -> int:
        status: int = real(*arguments)
        if len(receiver.received) == 1:
            now = timezone.now()
            WebhookEndpoint.objects.filter(pk=endpoint.pk).update(pinged_at=now, next_attempt_at=now)
        return status

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery.sending, "post", while_it_is_asked_for)
        deliver(endpoint)
        if first.endswith("fails"):
            assert delivery.due() == [endpoint.pk]  # at once, whatever a message that failed waits for
            deliver(endpoint)

    kinds = [json.loads(one.body)["type"] for one in receiver.received]
    told = "ping" if first.startswith("a test") else "trade_update"
    assert kinds[:2] == [told, "ping"]
    endpoint.refresh_from_db()
    assert endpoint.pinged_at is None


def test_an_owner_who_disables_it_meanwhile_is_heard(
    endpoint: WebhookEndpoint, receiver: Receiver, happen: Any
) -> None:
    happen(*TOLD)
    receiver.before_answer = None
    real = delivery.sending.post

    def and_then_disabled(*arguments: Any) -> int:
        status: int = real(*arguments)
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(disabled_at=timezone.now())
        return status

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery.sending, "post", and_then_disabled)
        deliver(endpoint)
    assert sequences(receiver) == [1]


def test_old_attempts_are_forgotten_and_young_ones_kept(
    endpoint: WebhookEndpoint, receiver: Receiver, happen: Any
) -> None:
    happen("new", "canceled")
    deliver(endpoint)
    first = WebhookDelivery.objects.order_by("pk").first()
    assert first is not None
    WebhookDelivery.objects.filter(pk=first.pk).update(
        at=timezone.now() - delivery.KEPT - timedelta(seconds=1)
    )
    with connection.cursor() as cursor:
        cursor.execute(f"set role {roles.WORKER}")
    assert delivery.forget_old() == 1
    assert WebhookDelivery.objects.count() == 1


def test_a_message_names_the_request_that_caused_its_event(
    endpoint: WebhookEndpoint, receiver: Receiver, account: TradingAccount, order: Order
) -> None:
    for seq, request_id in enumerate(("mine.1", ""), start=1):
        make_event(account, order, seq=seq, kind="new", status="new", request_id=request_id)
    account.event_seq = 2
    account.save(update_fields=["event_seq"])

    with tracing.tracing(request_id="sweep-1"):
        assert deliver(endpoint) == 2
        assert tracing.current().request_id == "sweep-1"

    assert [message.headers["X-Request-ID"] for message in receiver.received] == ["mine.1", "sweep-1"]
