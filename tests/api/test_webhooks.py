"""/raxx/v1/webhooks as its owner meets it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.utils import timezone

from tests.api.conftest import refusal
from tests.factories.rows import make_user
from trading.models import WebhookDelivery, WebhookEndpoint
from trading.webhooks.signing import secret_of

if TYPE_CHECKING:
    from tests.api.conftest import Bot

PATH = "/raxx/v1/webhooks"
URL = "https://bot.example/hook"


def make(bot: Bot, **fields: Any) -> Any:
    return bot.post(PATH, {"url": URL, **fields})


def test_an_endpoint_is_made_with_a_secret_that_is_told_once(bot: Bot) -> None:
    answer = make(bot, description="my bot")

    made = answer.json()
    assert answer.status_code == 201
    assert made["secret"] == secret_of(WebhookEndpoint.objects.get().pk, 1)
    assert (made["url"], made["description"], made["enabled"], made["last_sequence"]) == (
        URL,
        "my bot",
        True,
        0,
    )
    [listed] = bot.get(PATH).json()
    assert listed == {name: value for name, value in made.items() if name != "secret"}
    assert bot.get(f"{PATH}/{made['id']}").json() == listed


def test_it_hears_what_comes_after_it(bot: Bot) -> None:
    bot.order()
    assert make(bot).json()["last_sequence"] == 1


def test_a_tier_has_so_many_and_no_more(make_bot: Any) -> None:
    free = make_bot(user=make_user())
    first = make(free)
    second = make(free)
    assert (first.status_code, refusal(second)) == (201, (422, 42210000))
    assert second.json()["message"] == "your tier allows 1 webhook endpoints for an account"
    free.delete(f"{PATH}/{first.json()['id']}")
    assert make(free).status_code == 201


@pytest.mark.parametrize("url", ["", None, "ftp://bot.example/", "https://me@bot.example/", "https://"])
def test_a_wrong_address_is_refused(bot: Bot, url: str | None) -> None:
    assert refusal(bot.post(PATH, {"url": url})) == (422, 40010001)
    assert bot.get(PATH).json() == []


def test_an_endpoint_is_changed_disabled_and_enabled_again(bot: Bot) -> None:
    path = f"{PATH}/{make(bot).json()['id']}"

    changed = bot.patch(path, {"url": "https://other.example/", "description": "x"}).json()
    assert (changed["url"], changed["description"]) == ("https://other.example/", "x")
    off = bot.patch(path, {"enabled": False}).json()
    assert (off["enabled"], off["disabled_reason"]) == (False, "disabled by its owner")
    assert refusal(bot.post(f"{path}/test")) == (422, 42210000)
    WebhookEndpoint.objects.update(failures=7, next_attempt_at=timezone.now() + timedelta(hours=1))
    on = bot.patch(path, {"enabled": True}).json()
    assert (on["enabled"], on["failures"], on["next_attempt_at"]) == (True, 0, None)
    assert WebhookEndpoint.objects.get().next_attempt_at <= timezone.now()


def test_a_secret_is_rotated(bot: Bot) -> None:
    made = make(bot).json()
    rotated = bot.post(f"{PATH}/{made['id']}/rotate").json()
    assert rotated["secret"].startswith("whsec_")
    assert rotated["secret"] != made["secret"]


def test_a_test_message_is_asked_for(bot: Bot) -> None:
    made = make(bot).json()
    assert bot.post(f"{PATH}/{made['id']}/test").status_code == 202
    assert WebhookEndpoint.objects.get().pinged_at is not None


def test_a_deleted_endpoint_is_as_if_it_had_never_been(bot: Bot) -> None:
    path = f"{PATH}/{make(bot).json()['id']}"
    assert bot.delete(path).status_code == 204
    assert bot.get(PATH).json() == []
    for answer in (bot.get(path), bot.delete(path), bot.patch(path, {}), bot.post(f"{path}/rotate")):
        assert refusal(answer) == (404, 40410000)


def test_deliveries_are_listed_newest_first_and_paged(bot: Bot) -> None:
    made = make(bot).json()
    found = WebhookEndpoint.objects.get()
    for number in range(1, 6):
        WebhookDelivery.objects.create(
            user_id=found.user_id, account_id=found.account_id, endpoint=found, seq=number, attempt=1,
            at=timezone.now(), duration_ms=3, status_code=200 if number % 2 else 500,
            error="" if number % 2 else "answered 500",
        )  # fmt: skip
    path = f"{PATH}/{made['id']}/deliveries"

    first = bot.get(path, limit=2).json()
    assert [(one["sequence"], one["delivered"], one["error"]) for one in first] == [
        (5, True, None), (4, False, "answered 500"),
    ]  # fmt: skip
    rest = bot.get(path, before=first[-1]["id"]).json()
    assert [one["sequence"] for one in rest] == [3, 2, 1]
    assert refusal(bot.get(path, limit="many")) == (422, 40010001)


def test_its_owner_has_messages_sent_again_from_one_on(bot: Bot) -> None:
    made = make(bot).json()
    path = f"{PATH}/{made['id']}/replay"
    for _ in range(3):
        bot.order()
    lease = timezone.now() + timedelta(seconds=60)
    mine = WebhookEndpoint.objects.filter(pk=made["id"])
    mine.update(cursor=3, failures=2, lease=uuid4(), leased_until=lease)

    answer = bot.post(path, {"from_sequence": 2})

    assert (answer.status_code, answer.json()["replays"], answer.json()["last_sequence"]) == (202, 2, 1)
    row = mine.get()
    assert (row.cursor, row.failures, row.lease, row.leased_until) == (1, 0, None, None)
    for sequence in (0, 3):  # what was not delivered yet comes anyway
        assert refusal(bot.post(path, {"from_sequence": sequence})) == (422, 40010001)
    assert refusal(bot.post(path, {}))[0] == 400
    bot.patch(f"{PATH}/{made['id']}", {"enabled": False})
    assert refusal(bot.post(path, {"from_sequence": 1})) == (422, 42210000)
    assert mine.get().cursor == 1


def test_nobody_elses_endpoint_is_there(make_bot: Any) -> None:
    hers, his = make_bot(), make_bot()
    path = f"{PATH}/{make(hers).json()['id']}"

    for answer in (
        his.get(path), his.patch(path, {"enabled": False}), his.delete(path), his.post(f"{path}/rotate"),
        his.post(f"{path}/test"), his.get(f"{path}/deliveries"), his.post(f"{path}/replay", {"from_sequence": 1}),
    ):  # fmt: skip
        assert refusal(answer) == (404, 40410000)
    assert his.get(PATH).json() == []
    assert hers.get(path).json()["enabled"]


def test_a_key_that_may_only_read_changes_nothing(make_bot: Any) -> None:
    reader = make_bot(scopes=["read"])
    assert reader.get(PATH).json() == []
    assert refusal(make(reader))[0] == 403
