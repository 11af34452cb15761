"""The matcher on PostgreSQL: what it decides is in the books, once, wherever it is cut off."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo
from redis import Redis

from accounts.models import User
from accounts.models.user import new_id
from matching.market import rows
from matching.market.feeds import open_feed
from matching.market.market_clock import MarketClock
from matching.market.plain_csv import HEADER
from matching.matcher import Matcher
from matching.models import Market, Shard
from matching.ports import Fenced
from tests.factories.calendar import store_season
from trading.adapters.journal import PostgresJournal
from trading.bookkeeping import Books, BooksDisagree
from trading.ledger_audit import audit_ledger
from trading.models import Asset, Fill, Order, OrderEvent, Position, Posting, TradingAccount
from trading.services.accounts import open_account
from trading.services.markets import activate_market, symbols_of

pytestmark = pytest.mark.django_db(transaction=True)

DAY = "2013-10-08"
OPEN = f"{DAY}T13:30"
MOMENT = timedelta(milliseconds=100)
ROWS = [
    f"{OPEN}:00.000Z,quote,10.00,300,10.02,200,,,",
    f"{OPEN}:01.000Z,quote,10.00,300,10.03,100,,,",
    f"{OPEN}:02.000Z,trade,,,,,10.00,400,",
    f"{OPEN}:03.000Z,quote,10.01,100,10.02,500,,,",
    f"{OPEN}:04.000Z,trade,,,,,9.99,100,",
    f"{OPEN}:05.000Z,quote,9.97,100,9.98,700,,,",
    f"{OPEN}:06.000Z,quote,9.90,10,9.98,700,,,",
    f"{OPEN}:07.000Z,quote,5.00,1000,5.02,1000,,,",
    f"{OPEN}:08.000Z,quote,20.00,100,21.00,1000,,,",
]


_journals: list[PostgresJournal] = []


@pytest.fixture(autouse=True)
def no_session_left():
    """Close every journal: an open session would keep the test database from being dropped."""
    yield
    while _journals:
        _journals.pop().close()


class Rung:
    def wait(self, timeout):
        pass


@pytest.fixture
def market(tmp_path):
    # The whole calendar takes seconds to compute: a season is enough, and is found to be there.
    store_season()
    folder = tmp_path / "tape" / "XYZ"
    folder.mkdir(parents=True)
    (folder / f"{DAY}.csv").write_text("\n".join([",".join(HEADER), *ROWS]) + "\n")
    return activate_market(feed="replay", tape=str(tmp_path / "tape"), date=DAY, paused=True)


@pytest.fixture
def account(market):
    owner = User.objects.create_user("ann@example.com")
    return open_account(owner=owner, market=market, cash=Decimal(10_000), now=market.starts_at)


def matcher_of(market, **options):
    state = rows.market_state(market.pk)
    params = settings.DATABASES["default"]
    info = make_conninfo(
        "",
        dbname=params["NAME"],
        user=params["USER"],
        password=params["PASSWORD"],
        host=params["HOST"],
        port=params.get("PORT") or None,
    )
    journal = PostgresJournal(info, market_id=market.pk, symbols=list(symbols_of(state)), **options)
    matcher = Matcher(
        journal=journal,
        open_feed=lambda progress: open_feed(state, Redis()),
        clock=MarketClock(market.pk),
        bell=Rung(),
    )
    _journals.append(journal)
    return matcher


def advance(market, text):
    Market.objects.filter(pk=market.pk).update(anchor_at=datetime.fromisoformat(text), paused=True)


def submit(account, **terms):
    asset = Asset.objects.get(symbol="XYZ")
    order = {
        "n": 0,
        "id": str(new_id()),
        "user_id": str(account.user_id),
        "account_id": str(account.pk),
        "market_id": account.market_id,
        "asset_id": str(asset.pk),
        "symbol": "XYZ",
        "client_order_id": str(new_id()),
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "order_class": "",
        "extended_hours": False,
        "quantity": "100",
        "limit_price": "10.00",
        "position_intent": "",
        "reserve_price": "10.00",
        "cash_held": "1000",
        "quantity_held": "0",
        "request_id": "r",
    } | terms
    with connection.cursor() as cursor:
        cursor.execute("select denial from trading_submit_orders(%s)", [json.dumps([order])])
        assert cursor.fetchall() == [(None,)]
    return UUID(order["id"])


def kinds(account):
    return list(OrderEvent.objects.filter(account=account).order_by("seq").values_list("seq", "kind"))


def test_a_resting_buy_waits_for_its_queue_and_then_fills_at_its_limit(market, account):
    matcher = matcher_of(market)
    matcher.recover()
    advance(market, f"{OPEN}:00.5Z")
    matcher.round()
    order = submit(account)
    matcher.round()
    assert Order.objects.get(pk=order).status == "new"
    advance(market, f"{OPEN}:02.5Z")  # the print of 400 uses up the 300 ahead, and fills 100
    matcher.round()

    fill = Fill.objects.get(order_id=order)
    assert (fill.price, fill.quantity, fill.rule) == (Decimal("10.00"), Decimal(100), "R3")
    assert fill.at == datetime(2013, 10, 8, 13, 30, 2, tzinfo=UTC)
    account.refresh_from_db()
    assert (account.cash, account.cash_held, account.event_seq) == (Decimal(9_000), Decimal(0), 3)
    assert kinds(account) == [(1, "pending_new"), (2, "new"), (3, "fill")]
    position = Position.objects.get(account=account)
    assert (position.quantity, position.cost) == (Decimal(100), Decimal(1_000))
    assert sum(Posting.objects.filter(journal_id=fill.pk).values_list("amount", flat=True)) == 0


def test_the_same_orders_give_the_same_books_when_the_matcher_is_cut_off_after_every_round(market, account):
    advance(market, f"{OPEN}:00.5Z")
    matcher_cut(market)
    buy = submit(
        account, quantity="400", cash_held="4008", type="market", limit_price=None, reserve_price="10.02"
    )
    for second in (0.7, 1.5, 2.5, 3.5):
        matcher_cut(market)
        advance(market, f"{OPEN}:0{second}00Z")
        matcher_cut(market)
    assert list(
        Fill.objects.filter(order_id=buy).order_by("at").values_list("price", "quantity", "rule")
    ) == [
        (Decimal("10.02"), Decimal(200), "L2"),
        (Decimal("10.03"), Decimal(100), "L2"),
        (Decimal("10.02"), Decimal(100), "L2"),
    ]
    account.refresh_from_db()
    assert account.cash == Decimal(10_000) - Decimal(4009)
    assert account.cash_held == 0


def matcher_cut(market):
    matcher = matcher_of(market)
    matcher.recover()
    matcher.round()
    _journals.pop().close()


def test_a_cancel_before_the_matcher_saw_the_order_ends_it_and_returns_the_hold(market, account):
    order = submit(account)
    with connection.cursor() as cursor:
        cursor.execute(
            "select * from trading_cancel_orders(%s, %s, %s, 'r')", [account.user_id, account.pk, order]
        )
    matcher_cut(market)
    account.refresh_from_db()
    assert Order.objects.get(pk=order).status == "canceled"
    assert account.cash_held == 0
    assert [kind for _, kind in kinds(account)] == ["pending_new", "pending_cancel", "canceled"]


def test_a_replacement_opens_what_the_new_total_leaves(market, account):
    advance(market, f"{OPEN}:00.5Z")
    matcher = matcher_of(market)
    matcher.recover()
    matcher.round()
    order = submit(account, limit_price="10.02", quantity="300", reserve_price="10.02", cash_held="3006")
    matcher.round()  # 200 of 300 at the touch
    successor = new_id()
    with connection.cursor() as cursor:
        cursor.execute(
            "select denial from trading_replace_order(%s)",
            [
                json.dumps(
                    {
                        "id": str(successor),
                        "user_id": str(account.user_id),
                        "account_id": str(account.pk),
                        "order_id": str(order),
                        "client_order_id": "c2",
                        "quantity": "400",
                        "limit_price": "10.01",
                        "reserve_price": "10.01",
                        "time_in_force": None,
                        "request_id": "r",
                    }
                )
            ],
        )
        assert cursor.fetchone() == (None,)
    matcher.round()
    old, new = Order.objects.get(pk=order), Order.objects.get(pk=successor)
    assert (old.status, old.filled_quantity, old.replaced_by) == ("replaced", Decimal(200), successor)
    assert (new.status, new.quantity, new.cash_held) == ("new", Decimal(200), Decimal(2002))
    account.refresh_from_db()
    assert account.cash_held == Decimal(2002)
    assert [kind for _, kind in kinds(account)] == [
        "pending_new",
        "new",
        "partial_fill",
        "pending_replace",
        "pending_new",
        "replaced",
        "new",
    ]


def ask_to_replace(account, order, **terms):
    successor = new_id()
    wish = {
        "id": str(successor),
        "user_id": str(account.user_id),
        "account_id": str(account.pk),
        "order_id": str(order),
        "client_order_id": str(successor),
        "quantity": None,
        "limit_price": None,
        "reserve_price": terms.get("limit_price"),
        "time_in_force": None,
        "request_id": "r",
    }
    with connection.cursor() as cursor:
        cursor.execute("select denial from trading_replace_order(%s)", [json.dumps(wish | terms)])
        assert cursor.fetchone() == (None,)
    return successor


def test_canceling_a_successor_that_was_never_taken_ends_the_order_it_was_to_replace(market, account):
    advance(market, f"{OPEN}:00.5Z")
    matcher_cut(market)
    order = submit(account)
    matcher_cut(market)
    successor = ask_to_replace(account, order, limit_price="9.99")
    with connection.cursor() as cursor:
        cursor.execute(
            "select * from trading_cancel_orders(%s, %s, %s, 'r')", [account.user_id, account.pk, successor]
        )
    matcher_cut(market)
    assert set(Order.objects.values_list("status", flat=True)) == {"canceled"}
    account.refresh_from_db()
    assert account.cash_held == 0
    assert audit_ledger().balances


def test_a_replacement_that_fills_leave_nothing_is_rejected_and_the_order_works_on(market, account):
    advance(market, f"{OPEN}:00.5Z")
    matcher = matcher_of(market)
    matcher.recover()
    matcher.round()
    order = submit(account, limit_price="10.03", quantity="600", reserve_price="10.03", cash_held="6018")
    matcher.round()  # 200 at 10.02
    successor = ask_to_replace(account, order, quantity="250")
    advance(market, f"{OPEN}:01.5Z")
    inbox, matcher._journal.inbox = matcher._journal.inbox, list  # the market moves before it is read
    matcher.round()  # 100 at 10.03: 300 of what is to be 250
    matcher._journal.inbox = inbox
    matcher.round()
    old, new = Order.objects.get(pk=order), Order.objects.get(pk=successor)
    assert (old.status, old.filled_quantity, new.status) == ("partially_filled", Decimal(300), "rejected")
    assert [kind for _, kind in kinds(account)][-3:] == ["partial_fill", "order_replace_rejected", "rejected"]
    assert audit_ledger().balances


def test_a_second_matcher_is_refused_while_the_first_lives_and_a_zombie_cannot_commit(market, account):
    first = matcher_of(market)
    first.recover()
    with pytest.raises(Fenced):
        matcher_of(market, patience=MOMENT).recover()
    with psycopg.connect(first._journal._conninfo, autocommit=True) as other:
        other.execute("update matching_shard set updated_at = now() - interval '1 hour'")
    with pytest.raises(Fenced, match="could not be taken over"):
        matcher_of(market, patience=MOMENT).recover()  # a session so young is about to tell of itself
    second = matcher_of(market, lease=MOMENT)
    second.recover()
    submit(account)
    with pytest.raises((Fenced, psycopg.OperationalError)):
        first.round()
    second.round()
    assert Order.objects.get().status in {"accepted", "new"}


def test_an_owner_that_recovers_for_long_keeps_its_lease(market, monkeypatch):
    monkeypatch.setattr("trading.adapters.lease.BEAT_S", 0.01)
    first = matcher_of(market)
    open_orders = first._journal.open_orders

    def slow():  # as if nothing had been committed for an hour; a beat is heard before it goes on
        long_ago = Shard.objects.get().updated_at - timedelta(hours=1)
        Shard.objects.update(updated_at=long_ago)
        assert heard(lambda: Shard.objects.get().updated_at > long_ago)
        with pytest.raises(Fenced):
            matcher_of(market, patience=MOMENT).recover()
        return open_orders()

    monkeypatch.setattr(first._journal, "open_orders", slow)
    first.recover()
    first.round()


def heard(is_so):
    """Return whether it becomes so while a patient test waits."""
    waiting = threading.Event()
    return any(is_so() or waiting.wait(0.02) for _ in range(1_000))


def test_a_beat_after_the_shard_was_taken_over_changes_nothing(market, monkeypatch, caplog):
    monkeypatch.setattr("trading.adapters.lease.BEAT_S", 0.01)
    first = matcher_of(market)
    first.recover()
    Shard.objects.update(epoch=99)
    before = Shard.objects.get().updated_at
    lease = first._journal.lease_kept()
    with lease:
        lease._thread.join(20)

    assert Shard.objects.get().updated_at == before
    assert "has another owner" in caplog.text


def test_a_tape_that_starts_over_cancels_what_is_open(market, account):
    advance(market, f"{OPEN}:00.5Z")
    matcher = matcher_of(market)
    matcher.recover()
    matcher.round()
    order = submit(account)
    matcher.round()
    Market.objects.filter(pk=market.pk).update(run=2, anchor_at=market.starts_at)
    matcher.round()
    assert Order.objects.get(pk=order).status == "canceled"
    assert Shard.objects.get().run == 2
    assert TradingAccount.objects.get().cash_held == 0


def test_an_order_of_a_live_market_never_happens_before_it_was_placed(market, account):
    advance(market, f"{OPEN}:00.5Z")
    matcher = matcher_of(market)
    matcher.recover()
    matcher.round()
    order = submit(account, limit_price="10.02", reserve_price="10.02", cash_held="1002")
    later = datetime.fromisoformat(f"{OPEN}:00.9Z")  # as if the last item had come late
    Order.objects.update(submitted_at=later, updated_at=later)
    matcher.round()
    assert Order.objects.get(pk=order).filled_at == later
    assert Fill.objects.get().at == later
    assert {event.at for event in OrderEvent.objects.filter(seq__gt=1)} == {later}


def go_on(matcher, market, second):
    advance(market, f"{OPEN}:0{second}00Z")
    matcher.round()


def started_at(market, second):
    matcher = matcher_of(market)
    matcher.recover()
    go_on(matcher, market, second)
    return matcher


def buy_at_market(account, quantity, reserve_price):
    return submit(
        account,
        type="market",
        limit_price=None,
        quantity=str(quantity),
        reserve_price=reserve_price,
        cash_held=str(quantity * Decimal(reserve_price)),
    )


def test_a_notional_sale_into_a_fall_gives_the_shares_it_holds_and_no_more(market, account):
    matcher = started_at(market, 0.5)
    buy_at_market(account, 100, "10.02")
    matcher.round()
    go_on(matcher, market, 6.5)
    terms = {
        "quantity": None,
        "notional": "990",
        "quantity_held": "100",
        "cash_held": "0",
        "reserve_price": "0",
    }
    sale = submit(account, side="sell", type="market", limit_price=None, **terms)
    matcher.round()  # ten shares at 9.90
    go_on(matcher, market, 7.5)  # at 5.00 the rest of the money is more shares than there are
    assert (Order.objects.get(pk=sale).status, Position.objects.get().quantity) == ("filled", 0)
    assert audit_ledger().balances


def test_a_market_buy_waits_rather_than_pay_more_than_its_collar(market, account):
    matcher = started_at(market, 7.5)
    order = buy_at_market(account, 1100, "5.02")
    matcher.round()  # 1000 are offered
    go_on(matcher, market, 8.5)  # and the next hundred cost four times as much
    assert (Order.objects.get(pk=order).status, Order.objects.get(pk=order).filled_quantity) == (
        "partially_filled",
        1000,
    )
    account.refresh_from_db()
    assert (account.cash, account.cash_held) == (Decimal(10_000) - 5_020, Decimal(502))


def two_resting_buys(market, account):
    """Return a matcher that works one order of this account and one of another's."""
    other = open_account(
        owner=User.objects.create_user("bob@example.com"),
        market=market,
        cash=Decimal(10_000),
        now=market.starts_at,
    )
    matcher = started_at(market, 0.5)
    broken, whole = submit(account, limit_price="9.98"), submit(other, limit_price="9.98")
    matcher.round()
    return matcher, broken, whole


def test_an_order_that_cannot_be_booked_is_taken_out_and_everybody_else_goes_on(market, account, monkeypatch):
    matcher, broken, whole = two_resting_buys(market, account)
    enter = Books.enter

    def fails_once_filled(books, decision):
        if decision.order_id == broken and decision.event == "fill":
            raise BooksDisagree("planted")
        enter(books, decision)

    monkeypatch.setattr(Books, "enter", fails_once_filled)
    advance(market, f"{OPEN}:05.5Z")
    rounds = iter([False, False, True])
    matcher.run(lambda: next(rounds))

    assert (Order.objects.get(pk=broken).status, Order.objects.get(pk=broken).reason) == ("canceled", "Q0")
    assert Order.objects.get(pk=whole).status == "filled"
    assert audit_ledger().balances


def test_an_account_whose_rows_the_database_refuses_stops_nobody_else(market, account):
    matcher, broken, whole = two_resting_buys(market, account)
    with connection.cursor() as cursor:
        cursor.execute(
            f"alter table trading_fill add constraint planted check (account_id <> '{account.pk}')"
        )
    try:
        advance(market, f"{OPEN}:05.5Z")
        rounds = iter([False, False, True])
        matcher.run(lambda: next(rounds))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("alter table trading_fill drop constraint planted")

    assert Order.objects.get(pk=broken).status == "canceled"
    assert Order.objects.get(pk=whole).status == "filled"
    assert audit_ledger().balances
