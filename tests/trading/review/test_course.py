"""An account's days, months and statements, from its daily closes and its ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from django.db import connection, transaction
from django.db.models import F

from accounts.models.user import new_id
from matching.market.times import to_datetime
from tests.factories.rows import (
    make_account,
    make_asset,
    make_fill,
    make_journal,
    make_market,
    make_order,
    make_snapshot,
)
from tests.trading.stage import store_season
from trading import reference
from trading.errors import NotFound
from trading.models import Journal, Posting, TradingAccount
from trading.principal import Principal
from trading.review.days import course_of
from trading.review.months import Month
from trading.review.performance import performance_of
from trading.review.statement import statement_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trading.models import Asset

pytestmark = pytest.mark.django_db(transaction=True)

D = Decimal
OPENED = datetime(2013, 9, 16, 12, tzinfo=UTC)  # before a Monday's open


@pytest.fixture
def account() -> Iterator[TradingAccount]:
    """Return an account of three weeks, with a close of each day: it gained one percent a day, and lost it in October."""
    reference.forget()
    store_season()
    market = make_market(starts_at=OPENED - timedelta(days=1))
    account = make_account(market=market, created_at=OPENED)
    make_journal(account, amount=10_000, at=OPENED)
    asset, equity = make_asset(), D(10_000)
    days = reference.calendar_of(market.pk).days(date(2013, 9, 16), date(2013, 10, 7))
    for day in days:
        if day.date == date(2013, 9, 24):
            make_journal(account, amount=5_000, at=to_datetime(day.open), note="a gift")
            equity += 5_000
        gain = (equity * D("0.01" if day.date.month == 9 else "-0.01")).quantize(D("0.01"))
        trade(account, asset, gain, to_datetime(day.close) - timedelta(hours=1))
        equity += gain
        if day.date == date(2013, 10, 3):
            pay_interest(account, "1.25", to_datetime(day.open))
            equity -= D("1.25")
        make_snapshot(
            account, date=day.date, at=to_datetime(day.close), cash=equity, equity=equity, run=market.run
        )
    TradingAccount.objects.filter(pk=account.pk).update(cash=equity)
    yield account
    reference.forget()


def pay_interest(account: TradingAccount, amount: str, at: datetime) -> None:
    """Let the account have been charged a night's interest."""
    owner = {"user_id": account.user_id, "account_id": account.pk}
    with transaction.atomic():
        journal = Journal.objects.create(id=new_id(), kind="interest", at=at, **owner)
        Posting.objects.bulk_create(
            [
                Posting(journal=journal, ledger="fees", amount=D(amount), **owner),
                Posting(journal=journal, ledger="cash", amount=-D(amount), **owner),
            ]
        )


def trade(account: TradingAccount, asset: Asset, gain: Decimal, at: datetime) -> None:
    """Let the account have gained so much by a share that it bought and sold."""
    order = make_order(account, asset, status="filled")
    for side, price, lines in (
        ("buy", D(1000), {"cash": D(-1000), "securities": D(1000)}),
        ("sell", 1000 + gain, {"cash": 1000 + gain, "securities": D(-1000), "realized": -gain}),
    ):
        fill = make_fill(account, order, side=side, quantity=1, price=price, at=at)
        with connection.cursor() as cursor:  # in one statement: a fill's journal is never without its lines
            cursor.execute(
                "with j as (insert into trading_journal (id, user_id, account_id, kind, at, note, request_id)"
                " values (%(id)s, %(user)s, %(account)s, 'fill', %(at)s, '', '') returning id)"
                " insert into trading_posting (journal_id, ledger, user_id, account_id, amount)"
                " select j.id, l.ledger, %(user)s, %(account)s, l.amount"
                " from j, unnest(%(ledgers)s::text[], %(amounts)s::numeric[]) as l(ledger, amount)",
                {
                    "id": fill.pk,
                    "user": account.user_id,
                    "account": account.pk,
                    "at": at,
                    "ledgers": list(lines),
                    "amounts": list(lines.values()),
                },
            )


def principal_of(account: TradingAccount) -> Principal:
    return Principal(
        user_id=account.user_id,
        account_id=account.pk,
        market_id=account.market_id,
        scopes=frozenset({"read"}),
        tier="pro",
        key_id=None,
    )


def test_a_gift_is_no_gain_and_months_are_told_apart(account: TradingAccount) -> None:
    found = performance_of(principal_of(account), "all")

    assert found.first == date(2013, 9, 16)
    assert found.flows == 5_000
    assert found.opening == 10_000
    (year,) = found.years
    september, october = year.months[8:10]
    assert september is not None
    assert october is not None
    assert september.growth is not None
    assert october.growth is not None
    assert abs(september.growth - (D("1.01") ** 11 - 1)) < D(
        "1e-4"
    )  # 11 days of one percent, and the gift is none
    assert abs(october.growth - (D("0.99") ** 5 - 1)) < D("2e-4")
    assert found.fall is not None
    assert (found.fall.high, found.fall.low) == (date(2013, 9, 30), date(2013, 10, 7))
    assert abs(found.fall.depth - (1 - D("0.99") ** 5)) < D("2e-4")
    assert [point.day for point in found.points] == sorted(point.day for point in found.points)


def test_a_period_begins_with_the_close_before_it(account: TradingAccount) -> None:
    course = course_of(principal_of(account), date(2013, 10, 1))

    assert course.marks[0].day == date(2013, 9, 30)
    assert course.marks[0].flow == 0
    assert [mark.day.day for mark in course.marks[1:-1]] == [1, 2, 3, 4, 7]
    assert course.marks[-1].day == date(2013, 10, 8)  # now


def test_statements_follow_each_other_without_a_gap(account: TradingAccount) -> None:
    principal = principal_of(account)
    september = statement_of(principal, Month.named("2013-09"))
    october = statement_of(principal, Month.named("2013-10"))

    assert (september.opening, september.paid_in) == (10_000, 5_000)
    assert not september.is_whole
    assert september.unrealized == october.unrealized == 0
    assert september.realized > 0 > october.realized
    assert (september.fills, september.bought) == (22, 11_000)
    assert not september.is_running
    assert september.closing == october.opening
    assert september.ends == october.begins
    assert october.is_whole
    assert october.is_running
    assert (september.previous, september.next) == (None, october.month)
    assert (october.previous, october.next) == (september.month, None)
    assert (october.fees, september.fees) == (D("1.25"), 0)
    for statement in (september, october):
        total = (
            statement.opening + statement.paid_in + statement.realized - statement.fees + statement.unrealized
        )
        assert total == statement.closing
    for name in ("2013-08", "2013-11"):
        with pytest.raises(NotFound):
            statement_of(principal, Month.named(name))


def test_a_deposit_of_now_changes_the_equity_and_not_the_return(account: TradingAccount) -> None:
    principal = principal_of(account)
    before = performance_of(principal, "all")
    now = reference.market_now(account.market_id)
    make_journal(account, amount=70_000, at=now)
    TradingAccount.objects.filter(pk=account.pk).update(cash=F("cash") + 70_000)
    after = performance_of(principal, "all")

    assert after.growth == before.growth
    assert after.profit == before.profit
    assert after.flows == before.flows + 70_000
