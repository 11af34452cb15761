"""Margin interest: a night's charge for cash that was owed, once, balanced, and told to its owner."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.models.audit import AuditEntry
from matching.market.times import to_ns
from matching.models import Market
from raxx.env import SettingError, fraction
from tests.factories.rows import SECRET, make_account, make_api_key, make_journal, make_market, make_user
from tests.factories.whole_person import as_worker
from trading import tasks
from trading.history.worth import worth_at
from trading.ledger_audit import audit_ledger
from trading.models import Journal, TradingAccount
from trading.services import interest
from trading.services.interest import accrue_due

pytestmark = pytest.mark.django_db(transaction=True)

D = Decimal
RATE = D("0.0625")
NOW = datetime(2013, 10, 9, 15, tzinfo=UTC)  # Wednesday, 11:00 in New York
LONG_AGO = NOW - timedelta(days=60)


@pytest.fixture
def market(monkeypatch: pytest.MonkeyPatch) -> Market:
    """Return a live market of always NOW."""
    monkeypatch.setattr(interest.reference, "market_now", lambda _: NOW)
    return make_market(feed=Market.FeedKind.SYNTHETIC, calendar="ALWAYS", paused=False, anchor_at=NOW)


def owing(market: Market, owed: str, since: datetime, **fields: Any) -> TradingAccount:
    """Return an account on margin that has owed so much since an instant; before it had 100 dollars."""
    account = make_account(market=market, **{"created_at": LONG_AGO, "multiplier": 2, **fields})
    make_journal(account, amount=100, at=LONG_AGO)
    make_journal(account, amount=-100 - D(owed), at=since)
    TradingAccount.objects.filter(pk=account.pk).update(cash=-D(owed))
    return account


def charges(account: TradingAccount) -> list[tuple[date, Decimal]]:
    rows = Journal.objects.across_owners().filter(account=account, kind="interest").order_by("at")
    return [((row.at - timedelta(hours=12)).date(), row.postings.get(ledger="cash").amount) for row in rows]


def accrue(rate: Decimal = RATE) -> int:
    with as_worker():
        return accrue_due(rate=rate)


def test_each_night_of_debt_is_charged_once_on_what_was_owed_then(market: Market) -> None:
    account = owing(market, "36000", datetime(2013, 10, 7, 15, tzinfo=UTC))  # Monday
    solvent = make_account(market=market, cash=500, multiplier=2, created_at=LONG_AGO)

    assert accrue() == 2
    assert accrue() == 0

    # 36,000 * 6.25 % / 360; the second night also on the first night's interest.
    assert charges(account) == [(date(2013, 10, 7), D("-6.25")), (date(2013, 10, 8), D("-6.25"))]
    account.refresh_from_db()
    assert account.cash == D("-36012.50")
    assert charges(solvent) == []
    entry = AuditEntry.objects.filter(action="account.interest_charged").order_by("seq")[0]
    assert entry.subject == account.user_id
    assert audit_ledger().balances


def test_a_week_that_nobody_worked_is_made_up_for_and_no_more(market: Market) -> None:
    account = owing(market, "36000", NOW - timedelta(days=30))

    assert accrue() == 7

    assert [day for day, _ in charges(account)] == [date(2013, 10, 2) + timedelta(days=n) for n in range(7)]


NOT_CHARGED: dict[str, dict[str, Any]] = {
    "a cash account": {"multiplier": 1},
    "a closed account": {"status": TradingAccount.Status.CLOSED},
    "an account that began anew since": {"reset_at": NOW, "generation": 2},
}


@pytest.mark.parametrize("fields", NOT_CHARGED.values(), ids=NOT_CHARGED)
def test_who_does_not_owe_on_margin_is_not_charged(market: Market, fields: dict[str, Any]) -> None:
    account = owing(market, "36000", NOW - timedelta(days=3), **fields)
    assert accrue() == 0
    assert charges(account) == []


def test_what_is_owed_since_midnight_a_rate_of_nothing_a_cent_s_fraction_and_a_tape_cost_nothing(
    market: Market,
) -> None:
    today = owing(market, "36000", datetime(2013, 10, 9, 4, 1, tzinfo=UTC))  # 00:01 in New York
    little = owing(market, "28", NOW - timedelta(days=3))
    owed = owing(market, "36000", NOW - timedelta(days=3))
    assert accrue(D(0)) == 0
    assert accrue() == 3
    assert (charges(today), charges(little), len(charges(owed))) == ([], [], 3)

    Market.objects.filter(pk=market.pk).update(feed=Market.FeedKind.REPLAY)
    taped = owing(market, "36000", NOW - timedelta(days=3))
    assert accrue() == 0
    assert charges(taped) == []


def test_its_owner_reads_it_and_what_the_account_was_worth_knows_of_it(market: Market, settings: Any) -> None:
    account = owing(market, "36000", datetime(2013, 10, 8, 15, tzinfo=UTC), user=make_user(tier="pro"))
    settings.MARGIN_INTEREST = RATE
    with as_worker():
        assert tasks.accrue_interest() == {"charged": 1}

    key = make_api_key(account)
    headers = {"APCA-API-KEY-ID": key.key_id, "APCA-API-SECRET-KEY": SECRET}
    [told] = Client().get("/v2/account/activities/INT", headers=headers).json()
    assert (told["activity_type"], told["net_amount"], told["date"]) == ("INT", "-6.25", "2013-10-09")
    assert told["description"] == "2013-10-08: 6.2500 % a year on 36,000.00 owed"

    before, after = (to_ns(NOW.replace(hour=hour)) for hour in (3, 5))
    worths = worth_at(
        principal=None, account_ids=[account.pk], market_id=market.pk, instants=[before, after], now=NOW
    )[account.pk]
    assert [worth.cash for worth in worths] == [D(-36000), D("-36006.25")]
    assert (worths[1].deposited, worths[1].fees) == (0, D("6.25"))  # a cost, and no money taken out


def test_a_rate_is_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAXX_MARGIN_INTEREST", "0.0625")
    assert fraction("RAXX_MARGIN_INTEREST", D(0)) == RATE
    for text in ("6.25", "-0.01", "nan"):
        monkeypatch.setenv("RAXX_MARGIN_INTEREST", text)
        with pytest.raises(SettingError, match="RAXX_MARGIN_INTEREST"):
            fraction("RAXX_MARGIN_INTEREST", D(0))
