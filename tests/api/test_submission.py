"""Group submission: what is answered is committed, whatever is lost on the way."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
from django.db import connections

from raxx import roles
from tests.api.conftest import refusal
from tests.factories.sessions import session, wait_until_blocked
from trading.models import Order, TradingAccount
from trading.services import submission

TOGETHER = 16


def at_once(*calls):
    """Run the calls in threads that start together, and return what they return."""
    start = threading.Barrier(len(calls))

    def run(call):
        start.wait()
        try:
            return call()
        finally:
            connections.close_all()  # a thread's own connection would keep the test's database busy

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def gathered(bot, monkeypatch):
    """Return the row that an order of the bot's would send, and send nothing."""
    rows = []

    def gather(row):
        rows.append(row)
        raise submission.not_sent()

    with monkeypatch.context() as patched:
        patched.setattr(submission, "submit", gather)
        bot.order()
    return rows[0]


def test_of_orders_with_one_name_sent_at_once_one_is_accepted(bot):
    answers = at_once(*[lambda: bot.order(client_order_id="once")] * TOGETHER)

    assert sorted(answer.status_code for answer in answers) == [200] + [422] * (TOGETHER - 1)
    assert Order.objects.count() == 1
    assert TradingAccount.objects.get().cash_held == 1000


def test_orders_sent_at_once_never_reserve_more_than_there_is(make_bot):
    bot = make_bot(cash=5_500)

    answers = at_once(*[bot.order] * TOGETHER)

    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [403] * (TOGETHER - 5)
    assert TradingAccount.objects.get().cash_held == 5_000
    assert Order.objects.count() == 5


def test_orders_of_many_owners_in_one_batch_are_each_their_owners(make_bot):
    bots = [make_bot() for _ in range(TOGETHER)]

    answers = at_once(*[bot.order for bot in bots])

    for bot, answer in zip(bots, answers, strict=True):
        assert answer.status_code == 200
        order = Order.objects.get(pk=answer.json()["id"])
        assert (order.account_id, order.user_id) == (bot.account.pk, bot.account.user_id)


def test_an_order_that_the_database_cannot_take_spoils_only_itself(bot, make_bot, monkeypatch):
    flusher = submission._start()
    good = make_bot()
    bad, fine = gathered(bot, monkeypatch), gathered(good, monkeypatch)
    batch = [submission._Waiting({**bad, "asset_id": "not a uuid"}), submission._Waiting(fine)]

    flusher._flush(batch)

    assert isinstance(batch[0].error, psycopg.errors.InvalidTextRepresentation)
    assert batch[1].outcome.denial is None
    assert list(Order.objects.values_list("account_id", flat=True)) == [good.account.pk]


def test_after_a_lost_connection_the_next_order_is_accepted(bot):
    assert bot.order().status_code == 200
    _end_flushers_connection()

    assert bot.order().status_code == 200
    assert Order.objects.count() == 2


def test_an_order_whose_answer_was_lost_after_the_commit_is_told_as_accepted_and_is_one(bot, monkeypatch):
    lost: list[bool] = []

    connected = submission.Flusher._connected

    def answer_lost(self):
        connection = connected(self)
        return connection if lost else _Deaf(connection, lost)

    monkeypatch.setattr(submission.Flusher, "_connected", answer_lost)

    answer = bot.order(client_order_id="mine")

    assert lost == ["committed"]
    assert answer.status_code == 200, answer.content
    order = Order.objects.get()
    assert answer.json()["id"] == str(order.pk)
    assert TradingAccount.objects.get().cash_held == 1000


def test_while_the_database_is_away_an_order_is_refused_as_certainly_not_accepted(bot, monkeypatch):
    def away(**_):
        raise psycopg.OperationalError("connection refused")

    monkeypatch.setattr(submission, "SEND_WITHIN_S", 0.3)
    monkeypatch.setattr(submission.psycopg, "connect", away)

    answer = bot.order()

    assert refusal(answer) == (503, 50310000)
    assert "was not accepted" in answer.json()["message"]
    assert not Order.objects.exists()


def test_while_somebody_holds_the_account_only_its_own_order_waits_and_is_refused(bot, make_bot, monkeypatch):
    other = make_bot()
    monkeypatch.setattr(submission, "SESSION", submission.SESSION.replace("'2s'", "'300ms'"))
    with session(roles.OWNER, autocommit=False) as holder:
        holder.execute(
            "select from trading_tradingaccount where account_id = %s for update", [bot.account.pk]
        )

        answers = at_once(bot.order, other.order)

    assert refusal(answers[0]) == (503, 50310000)
    assert "was not accepted" in answers[0].json()["message"]
    assert answers[1].status_code == 200
    assert list(Order.objects.values_list("account_id", flat=True)) == [other.account.pk]


def test_however_many_orders_wait_for_a_locked_account_a_stranger_waits_for_one_of_them(
    bot, make_bot, monkeypatch
):
    flusher = submission._start()
    locked = [gathered(bot, monkeypatch) for _ in range(TOGETHER)]
    batch = [submission._Waiting(row) for row in [*locked, gathered(make_bot(), monkeypatch)]]
    monkeypatch.setattr(submission, "SESSION", submission.SESSION.replace("'2s'", "'300ms'"))
    sent = []
    send = flusher._send

    def counted(orders, **options):
        sent.append([waiting.row["account_id"] for waiting in orders])
        send(orders, **options)

    monkeypatch.setattr(flusher, "_send", counted)
    with session(roles.OWNER, autocommit=False) as holder:
        holder.execute(
            "select from trading_tradingaccount where account_id = %s for update", [bot.account.pk]
        )

        flusher._flush(batch)

    assert [len(orders) for orders in sent] == [TOGETHER + 1, TOGETHER, 1]
    assert {str(waiting.error) for waiting in batch[:-1]} == {
        "the account is busy; the order was not accepted, send it again"
    }
    assert batch[-1].outcome.denial is None
    assert flusher._connection.execute("show lock_timeout").fetchone() == ("300ms",)
    assert Order.objects.get().pk == batch[-1].row["id"]


def test_an_order_still_on_its_way_when_patience_ends_is_told_as_unknown_and_how_to_look_it_up(
    bot, monkeypatch
):
    monkeypatch.setattr(submission, "PATIENCE_S", 0.5)
    with session(roles.OWNER, autocommit=False) as holder:
        holder.execute(
            "select from trading_tradingaccount where account_id = %s for update", [bot.account.pk]
        )

        answer = bot.order(client_order_id="mine")

    assert refusal(answer) == (503, 50310000)
    assert answer.json()["client_order_id"] == "mine"
    assert "look its client_order_id up" in answer.json()["message"]
    submission.shut_down()  # waits for what is on its way
    assert bot.get("/v2/orders:by_client_order_id", client_order_id="mine").status_code == 200


def test_an_order_that_never_left_when_patience_ends_is_never_sent(bot, make_bot, monkeypatch):
    first, second = bot, make_bot()
    monkeypatch.setattr(submission, "PATIENCE_S", 1.0)
    with session(roles.OWNER, autocommit=False) as holder, session(roles.APP) as watcher:
        holder.execute(
            "select from trading_tradingaccount where account_id = %s for update", [first.account.pk]
        )
        blocking = threading.Thread(target=lambda: (first.order(), connections.close_all()))
        blocking.start()
        wait_until_blocked(watcher, _flushers_backend(watcher))

        answer = second.order()
        blocking.join()

    assert refusal(answer) == (503, 50310000)
    assert "was not accepted" in answer.json()["message"]
    submission.shut_down()
    assert not Order.objects.filter(account_id=second.account.pk).exists()


def test_a_forked_process_starts_a_flusher_of_its_own(bot, monkeypatch):
    bot.order()
    parents = submission._flusher
    monkeypatch.setattr(submission.os, "getpid", lambda: -1)

    bot.order()

    assert submission._flusher[0] == -1
    assert submission._flusher[1] is not parents[1]
    submission.shut_down()
    monkeypatch.undo()
    parents[1].close()
    assert Order.objects.count() == 2


class _Deaf:
    """A connection that is cut just after the server has committed."""

    def __init__(self, connection, lost):
        self._connection, self._lost = connection, lost

    def execute(self, statement, *args, **options):
        self._connection.execute(statement, *args, **options)
        self._lost.append("committed")
        self._connection.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")


def _flushers_backend(watcher):
    active = "select pid from pg_stat_activity where query like 'select n, denial%' and state = 'active'"
    while (row := watcher.execute(active).fetchone()) is None:
        pass  # PostgreSQL tells nobody that a statement has begun: one has to look
    return row["pid"]


def _end_flushers_connection():
    with session(roles.APP) as app:
        rows = app.execute(
            "select pg_terminate_backend(pid) as ended from pg_stat_activity "
            "where usename = 'raxx_app' and query like 'select n, denial%' and pid <> pg_backend_pid()"
        ).fetchall()
    assert [row["ended"] for row in rows] == [True]
