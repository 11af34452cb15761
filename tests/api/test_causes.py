"""The whole way of a request's id: from its header through the matcher to every event, journal and audit entry."""

from __future__ import annotations

import pytest
from django.db import connection

from accounts.models import AuditEntry, Tier
from tests.api.conftest import Bot, as_web
from tests.factories.rows import make_api_key, make_user
from tests.trading.stage import make_stage, quote, trade
from trading.models import Journal, Order, OrderEvent
from trading.services import own_accounts
from trading.services.settling import settle_accounts

TAPE = [
    quote(0, "10.00", 500, "10.02", 500),
    trade(0.1, "10.01", 100),
    quote(4, "10.25", 500, "10.27", 500),
    trade(4.1, "10.26", 500),
]
EVERYTHING = ["read", "trade", "data", "operator"]


class Asker:
    """A bot that gives each of its requests a name, before a real matcher."""

    def __init__(self, stage, bot):
        self.stage, self.bot = stage, bot

    def ask(self, name, method, path, body=None, *, status=200):
        send = self.bot.call if body is None else self.bot.send
        answer = send(method, path, body, headers={"X-Request-ID": name})
        assert answer.status_code == status, answer.content
        self.stage.round()
        return answer.json() if answer.content else None

    def place(self, name, **terms):
        order = {
            "symbol": "XYZ",
            "qty": "10",
            "side": "buy",
            "type": "limit",
            "time_in_force": "day",
            **terms,
        }
        return self.ask(name, "post", "/v2/orders", order)["id"]

    def events(self, order_id):
        """Tell an order's story: what happened, and whose request it was."""
        log = OrderEvent.objects.filter(account_id=self.bot.account.pk, order_id=order_id).order_by("seq")
        return [(event.kind, event.request_id) for event in log]

    def journals(self, kind, **more):
        mine = Journal.objects.filter(account_id=self.bot.account.pk, kind=kind, **more)
        return [journal.request_id for journal in mine]


@pytest.fixture
def asker(tmp_path, transactional_db, valkey, monkeypatch):
    stage = make_stage(tmp_path / "tape", TAPE)
    account = stage.account(user=make_user(tier=Tier.PRO))
    stage.go(1)
    yield Asker(stage, Bot(account, make_api_key(account, scopes=EVERYTHING)))
    stage.close()


def test_every_event_of_an_order_carries_the_request_that_caused_it(asker):
    filled = asker.place("buy-1", limit_price="10.05")
    resting = asker.place("buy-2", limit_price="9.00")
    asker.ask("cancel-2", "delete", f"/v2/orders/{resting}", status=204)
    replaced = asker.place("buy-3", limit_price="9.10")
    successor = asker.ask("replace-3", "patch", f"/v2/orders/{replaced}", {"limit_price": "9.20"})["id"]
    asker.ask("cancel-all", "delete", "/v2/orders", status=207)

    assert asker.events(filled) == [("pending_new", "buy-1"), ("new", "buy-1"), ("fill", "buy-1")]
    assert asker.events(resting) == [
        ("pending_new", "buy-2"),
        ("new", "buy-2"),
        ("pending_cancel", "cancel-2"),
        ("canceled", "cancel-2"),
    ]
    assert asker.events(replaced) == [
        ("pending_new", "buy-3"),
        ("new", "buy-3"),
        ("pending_replace", "replace-3"),
        ("replaced", "replace-3"),
    ]
    assert asker.events(successor)[-2:] == [("pending_cancel", "cancel-all"), ("canceled", "cancel-all")]
    assert {request_id for _, request_id in asker.events(successor)[:-2]} == {"replace-3"}


def test_an_order_s_own_end_is_not_put_down_to_a_cancel_that_came_too_late(asker):
    order = asker.place("buy-1", limit_price="9.00", time_in_force="day")
    asker.stage.go(7 * 3600)  # past the close
    asker.stage.round()

    assert asker.events(order)[-1] == ("expired", "buy-1")


@pytest.mark.parametrize("what", ["all", "entry", "exit"])
def test_whatever_of_a_class_a_cancel_ends_carries_the_cancel_s_request(asker, what):
    bracket = {
        "order_class": "bracket",
        "take_profit": {"limit_price": "11"},
        "stop_loss": {"stop_price": "8"},
    }
    entry = asker.place("bracket-1", limit_price="9.00" if what != "exit" else "10.05", **bracket)
    exit_ = Order.objects.get(parent=entry, role="stop_loss").pk
    path = {"all": "", "entry": f"/{entry}", "exit": f"/{exit_}"}[what]
    asker.ask("cancel-1", "delete", f"/v2/orders{path}", status=207 if what == "all" else 204)

    ended = [event for event in _all_events(asker) if event[1] == "canceled"]
    assert len(ended) == (2 if what == "exit" else 3)
    assert {request_id for _, _, request_id in ended} == {"cancel-1"}
    assert asker.events(entry)[0] == ("pending_new", "bracket-1")


def test_an_exit_that_the_other_one_s_fill_ends_is_not_put_down_to_anybody_s_cancel(asker):
    exits = {"take_profit": {"limit_price": "10.20"}, "stop_loss": {"stop_price": "8"}}
    entry = asker.place("bracket-1", limit_price="10.05", order_class="bracket", **exits)
    asker.stage.go(5)

    ended = [event for event in _all_events(asker) if event[1] in {"canceled", "fill"}]
    assert [kind for _, kind, _ in ended] == ["fill", "fill", "canceled"]
    assert {request_id for _, _, request_id in ended} == {"bracket-1"}
    assert asker.events(entry)[-1] == ("fill", "bracket-1")


def test_closing_a_position_is_an_order_with_the_request_s_id(asker):
    asker.place("buy-1", limit_price="10.05")
    order = asker.ask("close-1", "delete", "/v2/positions/XYZ")

    assert {request_id for _, request_id in asker.events(order["id"])} == {"close-1"}
    assert asker.events(order["id"])[-1] == ("fill", "close-1")


def test_a_reset_s_id_stands_on_the_cancels_the_journals_and_the_audit_log_though_a_task_ends_it(
    asker, monkeypatch
):
    monkeypatch.setattr(own_accounts, "SETTLED_WITHIN_S", 0.0)
    asker.place("buy-1", limit_price="10.05")
    resting = asker.place("buy-2", limit_price="9.00")

    asker.ask("reset-1", "post", f"/raxx/v1/accounts/{asker.bot.account.pk}/reset", {}, status=202)
    assert settle_accounts() == 1

    assert asker.events(resting)[-2:] == [("pending_cancel", "reset-1"), ("canceled", "reset-1")]
    assert asker.journals("reset") == ["reset-1"]
    assert asker.journals("deposit", generation=2) == ["reset-1"]
    audited = AuditEntry.objects.filter(chain=asker.bot.account.pk, action__startswith="account.")
    assert [entry.request_id for entry in audited] == ["reset-1"] * len(audited)


def test_an_account_that_is_opened_and_archived_says_by_which_request(asker, monkeypatch):
    monkeypatch.setattr(own_accounts, "SETTLED_WITHIN_S", 0.0)
    opened = asker.ask("open-1", "post", "/raxx/v1/accounts", {"name": "second"}, status=201)
    resting = asker.place("buy-1", limit_price="9.00")
    asker.ask("archive-1", "post", f"/raxx/v1/accounts/{asker.bot.account.pk}/archive", status=202)

    journals = Journal.objects.filter(account_id=opened["id"])
    assert [(journal.kind, journal.request_id) for journal in journals] == [("deposit", "open-1")]
    assert asker.events(resting)[-2:] == [("pending_cancel", "archive-1"), ("canceled", "archive-1")]


def test_the_role_that_serves_people_may_note_who_asked_for_a_cancel_and_web_does_so(asker):
    order = asker.place("buy-1", limit_price="9.00")

    with as_web():
        answer = asker.bot.call("delete", f"/v2/orders/{order}", headers={"X-Request-ID": "cancel-1"})

    assert answer.status_code == 204
    with connection.cursor() as cursor:
        cursor.execute("select request_id, cancel_request_id from trading_order where id = %s", [order])
        assert cursor.fetchone() == ("buy-1", "cancel-1")


def _all_events(asker):
    log = OrderEvent.objects.filter(account_id=asker.bot.account.pk).order_by("seq")
    return [(event.order_id, event.kind, event.request_id) for event in log]
