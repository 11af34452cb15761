"""/v2/account/portfolio/history: worked out by hand for a small tape and a few trades."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from alpaca.trading.models import PortfolioHistory as SdkHistory
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models.user import new_id
from matching.market.times import new_york, to_datetime
from matching.models import Market
from raxx import roles
from tests.api.conftest import refusal
from tests.factories.rows import make_journal, make_order, make_position, make_snapshot
from trading.errors import RuleBroken
from trading.marketdata import markets
from trading.models import EquitySnapshot, Fill, Journal, Position, Posting, TradingAccount
from trading.reference import calendar_of
from trading.services.snapshots import take_snapshots

PATH = "/v2/account/portfolio/history"
MONDAY, TUESDAY = date(2013, 10, 7), date(2013, 10, 8)
OPENED = to_datetime(new_york(MONDAY, 4))

# When a bar is complete, New York; and its close in dollars.
BARS = {
    MONDAY: {(9, 31): 100, (10, 30): 104, (15, 59): 110, (18, 0): 150},
    TUESDAY: {(9, 31): 112, (10, 0): 112, (11, 0): 120, (11, 50): 130},
}


@pytest.fixture
def tape(market, tmp_path):
    """Record IBM's two days and stand at noon of the second."""
    for on, closes in BARS.items():
        lines = ["time,open,high,low,close,volume"]
        for (hour, minute), close in closes.items():
            at = to_datetime(new_york(on, hour, minute)).strftime("%Y-%m-%dT%H:%M:%SZ")
            lines.append(f"{at},{close},{close},{close},{close},400")
        path = tmp_path / "IBM" / f"{on}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = {"folder": str(tmp_path), "dates": [str(MONDAY), str(TUESDAY)], "symbols": ["IBM"]}
    Market.objects.update(config=config, starts_at=OPENED)
    markets.forget()
    yield
    markets.forget()


@pytest.fixture
def trader(make_bot, tape):
    """Return an account of a Pro user that was opened on Monday morning with 100,000 dollars."""
    return opened(make_bot)


def opened(make_bot, tier="pro", created_at=OPENED):
    bot = make_bot(cash=0, created_at=created_at)
    bot.account.user.tier = tier
    bot.account.user.save(update_fields=["tier"])
    TradingAccount.objects.filter(pk=bot.account.pk).update(cash=100_000)
    make_journal(bot.account, amount=100_000, at=created_at)
    return bot


def trade(bot, asset, side, quantity, price, at, *, run=1, fee=0):
    """Book one fill by hand, as the matcher books it."""
    quantity, price, fee = Decimal(quantity), Decimal(price), Decimal(fee)
    money, sign = quantity * price, 1 if side == "buy" else -1
    owner = {"user_id": bot.account.user_id, "account_id": bot.account.pk}
    order = make_order(bot.account, asset, side=side, quantity=quantity, created_at=at)
    fill_id = new_id()
    with transaction.atomic():
        Fill.objects.create(
            id=fill_id, order=order, asset=asset, symbol=asset.symbol, side=side, quantity=quantity, price=price,
            at=at, run=run, seq=1, offer_seq=1, rule="L2", model_version=1, evidence={}, **owner,
        )  # fmt: skip
        lines = {"cash": -sign * money - fee, "securities": sign * money, "fees": fee}
        Posting.objects.bulk_create(
            [
                Posting(journal_id=fill_id, ledger=name, amount=each, **owner)
                for name, each in lines.items()
                if each
            ]
        )
        Journal.objects.create(id=fill_id, kind="fill", at=at, **owner)  # judged with its postings
    account = TradingAccount.objects.get(pk=bot.account.pk)
    TradingAccount.objects.filter(pk=account.pk).update(cash=account.cash + lines["cash"])
    held = Position.objects.filter(account=account, asset=asset).first() or make_position(
        account, asset, quantity=0, cost=0
    )
    held.quantity += sign * quantity
    held.cost += sign * money
    held.save()


def at(on, hour, minute=0):
    return to_datetime(new_york(on, hour, minute))


def stand_at(on, hour, minute=0):
    Market.objects.update(anchor_at=at(on, hour, minute))


def stamp(on, hour, minute=0):
    return int(at(on, hour, minute).timestamp())


def closed(on):
    """Return a trading day of the market, which need not be over yet."""
    day = calendar_of(Market.objects.get().pk).day(on)
    assert day is not None
    return day


def test_by_the_hour_a_profit_counts_from_the_close_before(trader, ibm):
    trade(trader, ibm, "buy", 10, 100, at(MONDAY, 10))

    answer = trader.get(PATH, period="1D", timeframe="1H").json()

    assert answer == {
        "timestamp": [stamp(TUESDAY, 9, 30), stamp(TUESDAY, 10, 30), stamp(TUESDAY, 11, 30)],
        "equity": [100_120.0, 100_200.0, 100_300.0],  # 99,000 in cash and ten at 112, 120, 130
        "profit_loss": [20.0, 100.0, 200.0],
        "profit_loss_pct": [0.0002, 0.001, 0.002],
        "base_value": 100_100.0,  # ten at 110
        "base_value_asof": "2013-10-07",
        "timeframe": "1H",
        "cashflow": {},
    }
    assert SdkHistory(**answer).equity == answer["equity"]


def test_by_the_day_a_profit_is_the_change_since_the_item_before(trader, ibm):
    trade(trader, ibm, "buy", 10, 100, at(MONDAY, 10))
    stand_at(TUESDAY, 20)

    answer = trader.get(PATH).json()

    assert answer == {
        "timestamp": [stamp(MONDAY, 20), stamp(TUESDAY, 20)],
        "equity": [100_100.0, 100_300.0],
        "profit_loss": [0.0, 200.0],
        "profit_loss_pct": [0.0, 0.002],
        "base_value": 100_100.0,
        "timeframe": "1D",
        "cashflow": {},
    }


def test_a_day_that_is_not_over_is_not_told_day_by_day(trader):
    assert trader.get(PATH).json()["timestamp"] == [stamp(MONDAY, 20)]


def test_a_sale_realizes_what_the_history_showed_and_a_fee_lowers_it(trader, ibm):
    trade(trader, ibm, "buy", 10, 100, at(MONDAY, 10))
    trade(trader, ibm, "sell", 10, 112, at(TUESDAY, 10, 15), fee="1.5")

    answer = trader.get(PATH, period="1D", timeframe="1H", cashflow_types="ALL").json()

    assert answer["equity"] == [100_118.5, 100_118.5, 100_118.5]
    assert answer["cashflow"] == {"FEE": [-1.5, 0.0, 0.0]}


def test_a_short_loses_what_the_price_gains(trader, ibm):
    trade(trader, ibm, "sell", 10, 110, at(MONDAY, 15, 59))

    answer = trader.get(PATH, period="1D", timeframe="1H").json()

    assert answer["profit_loss"] == [-20.0, -100.0, -200.0]


def test_profits_of_several_days_begin_anew_each_day_or_not(trader, ibm):
    trade(trader, ibm, "buy", 10, 100, at(MONDAY, 10))
    query = {"start": "2013-10-08", "timeframe": "1H"}

    anew = trader.get(PATH, period="2D", timeframe="1H").json()
    on = trader.get(PATH, period="2D", timeframe="1H", pnl_reset="no_reset").json()

    assert anew["equity"] == on["equity"]
    assert anew["profit_loss"][-3:] == trader.get(PATH, **query).json()["profit_loss"] == [20.0, 100.0, 200.0]
    assert on["profit_loss"][-3:] == [
        80.0,
        160.0,
        260.0,
    ]  # since Monday's first item: ten bought at 100, then at 104


def test_an_account_that_was_opened_in_between_counts_from_its_first_item(make_bot, tape):
    bot = opened(make_bot, created_at=at(TUESDAY, 10))

    answer = bot.get(PATH, period="2D", timeframe="1H", cashflow_types="CSD").json()

    assert answer["timestamp"][0] == stamp(TUESDAY, 9, 30)
    assert answer["equity"] == [100_000.0] * 3
    assert answer["profit_loss"] == [0.0] * 3
    assert answer["base_value"] == 100_000.0
    assert "base_value_asof" not in answer
    assert answer["cashflow"] == {"CSD": [100_000.0, 0.0, 0.0]}


def test_of_the_time_before_the_account_nothing_is_told(trader):
    answer = trader.get(PATH, start="2013-10-02", end="2013-10-04").json()

    assert answer == {
        "timestamp": [], "equity": [], "profit_loss": [], "profit_loss_pct": [], "base_value": None,
        "timeframe": "1Min", "cashflow": {},
    }  # fmt: skip
    assert SdkHistory(**answer).timestamp == []


def test_extended_hours_are_told_when_asked_for_by_either_word(trader):
    new = trader.get(PATH, period="1D", timeframe="1H", intraday_reporting="extended_hours").json()
    old = trader.get(PATH, period="1D", timeframe="1H", extended_hours="True").json()

    assert new == old
    assert new["timestamp"][0] == stamp(TUESDAY, 4)


def test_nothing_of_the_tapes_future_is_told(trader, ibm):
    trade(trader, ibm, "buy", 10, 100, at(MONDAY, 10))
    stand_at(MONDAY, 11)

    intraday = trader.get(PATH, period="1D", timeframe="15Min", date_end="2013-10-09").json()

    assert intraday["timestamp"][-1] <= stamp(MONDAY, 11)
    assert max(intraday["equity"]) == 100_040.0  # ten at 104: the prices of 110 and more are still to come
    assert trader.get(PATH).json()["timestamp"] == []


def test_who_sees_the_market_with_a_delay_sees_their_worth_with_it(make_bot, ibm, tape):
    bot = opened(make_bot, tier="free")
    trade(bot, ibm, "buy", 10, 100, at(MONDAY, 10))

    answer = bot.get(PATH, period="1D", timeframe="1H").json()

    assert answer["equity"][-1] == 100_200.0  # the price of 130 is ten minutes old


def test_another_run_of_the_tape_has_another_history(trader, ibm):
    trade(trader, ibm, "buy", 10, 100, at(TUESDAY, 15), run=1)
    Market.objects.update(run=2)

    answer = trader.get(PATH, period="1D", timeframe="1H").json()

    assert answer["equity"][0] == 100_120.0  # bought in the first run: there from the second's beginning on
    assert answer["base_value"] == 100_100.0


def test_a_tape_that_began_anew_tells_of_its_own_days_alone(make_bot, tape):
    bot = opened(make_bot, created_at=at(TUESDAY, 15))  # in an earlier run
    Market.objects.update(run=2)

    answer = bot.get(PATH, period="1W", timeframe="1H").json()

    assert answer["timestamp"][0] == stamp(MONDAY, 9, 30)
    assert set(answer["equity"]) == {100_000.0}


def test_where_no_price_is_kept_the_accounts_own_stand_in(make_bot, ibm):
    bot = opened(make_bot)
    trade(bot, ibm, "buy", 10, 100, at(MONDAY, 10))
    trade(bot, ibm, "buy", 10, 120, at(TUESDAY, 10))

    answer = bot.get(PATH, period="1D", timeframe="1H").json()

    assert answer["base_value"] == 100_100.0  # ten at 110, which the shares cost on average
    assert answer["equity"] == [100_200.0] * 3
    assert not EquitySnapshot.objects.exists()


def test_a_days_worth_is_kept_when_it_is_settled(trader, ibm):
    trade(trader, ibm, "buy", 10, 100, at(MONDAY, 10))
    first = trader.get(PATH).json()

    [kept] = EquitySnapshot.objects.all()
    assert (kept.date, kept.run, kept.cash, kept.long_market_value, kept.equity) == (
        MONDAY,
        1,
        99_000,
        1_100,
        100_100,
    )
    assert trader.get(PATH).json() == first
    assert EquitySnapshot.objects.count() == 1


def test_what_was_kept_is_told_even_where_prices_are_forgotten(trader):
    make_snapshot(trader.account, equity=123_456, cash=123_456)

    assert trader.get(PATH).json()["equity"] == [123_456.0]


def test_snapshots_are_taken_of_every_account_and_taking_them_again_changes_nothing(make_bot, trader, ibm):
    other = opened(make_bot)
    trade(trader, ibm, "buy", 10, 100, at(MONDAY, 10))
    day = closed(MONDAY)

    first = take_snapshots(market_id=trader.account.market_id, day=day)
    before = list(EquitySnapshot.objects.order_by("account_id").values_list())
    second = take_snapshots(market_id=trader.account.market_id, day=day)

    assert (first.taken, first.known, first.unpriced) == (2, 0, 0)
    assert (second.taken, second.known, second.unpriced) == (0, 2, 0)
    assert list(EquitySnapshot.objects.order_by("account_id").values_list()) == before
    worth = dict(EquitySnapshot.objects.values_list("account_id", "equity"))
    assert worth == {trader.account.pk: 100_100, other.account.pk: 100_000}


def test_the_workers_role_may_take_snapshots(trader, ibm):
    trade(trader, ibm, "buy", 10, 100, at(MONDAY, 10))
    day = closed(MONDAY)

    with connection.cursor() as cursor:
        cursor.execute(f"set role {roles.WORKER}")
        try:
            taken = take_snapshots(market_id=trader.account.market_id, day=day)
        finally:
            cursor.execute("reset role")

    assert taken.taken == 1


def test_a_day_that_is_not_over_has_no_snapshot(trader):
    day = closed(TUESDAY)

    with pytest.raises(RuleBroken):
        take_snapshots(market_id=trader.account.market_id, day=day)
    assert not EquitySnapshot.objects.exists()


def test_an_account_whose_shares_nobody_prices_is_counted_and_left_out(make_bot, ibm):
    bot = opened(make_bot)
    trade(bot, ibm, "buy", 10, 100, at(MONDAY, 10))
    day = closed(MONDAY)

    taken = take_snapshots(market_id=bot.account.market_id, day=day)

    assert (taken.taken, taken.unpriced) == (0, 1)


def test_the_command_takes_the_last_day_that_has_closed(trader, capsys):
    call_command("snapshot")
    call_command("snapshot", "--date", "2013-10-07")

    assert capsys.readouterr().out.splitlines() == [
        "2013-10-07: 1 snapshots taken, 0 known before, 0 left out for want of a price",
        "2013-10-07: 0 snapshots taken, 1 known before, 0 left out for want of a price",
    ]
    assert EquitySnapshot.objects.count() == 1


@pytest.mark.parametrize(
    "query",
    [
        {"period": "1Y"},
        {"timeframe": "2Min"},
        {"period": "2M", "timeframe": "1H"},
        {"period": "1D", "start": "2013-10-07", "end": "2013-10-08"},
        {"intraday_reporting": "always"},
        {"pnl_reset": "never"},
        {"extended_hours": "maybe"},
        {"start": "yesterday"},
        {"date_end": "tomorrow"},
        {"cashflow_types": "NOPE"},
    ],
)
def test_a_bad_parameter_is_refused(trader, query):
    assert refusal(trader.get(PATH, **query)) == (422, 40010001)


@pytest.mark.parametrize("words", ["NONE", "", "DIV", "FEE"])
def test_flows_that_are_not_asked_for_or_never_were_are_left_out(trader, words):
    assert trader.get(PATH, cashflow_types=words).json()["cashflow"] == {}


def test_a_history_takes_as_many_queries_for_500_fills_as_for_one(trader, ibm):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert trader.get(PATH, period="2D", timeframe="1H", cashflow_types="ALL").status_code == 200
            assert trader.get(PATH).status_code == 200
        return len(captured)

    trade(trader, ibm, "buy", 1, 100, at(MONDAY, 10))
    queries()
    for_one = queries()
    owner = {"user_id": trader.account.user_id, "account_id": trader.account.pk}
    order = make_order(trader.account, ibm)
    Fill.objects.bulk_create(
        Fill(
            id=new_id(),
            order=order,
            asset=ibm,
            symbol="IBM",
            side="buy",
            quantity=1,
            price=100,
            at=datetime(2013, 10, 7, 14 + number // 100, number % 60, tzinfo=UTC),
            run=1,
            seq=number,
            offer_seq=1,
            rule="L2",
            model_version=1,
            evidence={},
            **owner,
        )
        for number in range(500)
    )

    assert queries() == for_one


def test_nothing_is_told_of_the_time_before_the_newest_fill_that_is_no_longer_kept(trader, ibm) -> None:
    trade(trader, ibm, "buy", 10, 110, to_datetime(new_york(MONDAY, 15, 59)))
    whole = trader.get(PATH, period="2D", timeframe="1H").json()
    gone_at = to_datetime(new_york(TUESDAY, 9, 30))
    TradingAccount.objects.update(history_run=1, history_at=gone_at)

    kept = trader.get(PATH, period="2D", timeframe="1H").json()

    assert 0 < len(kept["timestamp"]) < len(whole["timestamp"])
    assert kept["timestamp"] == whole["timestamp"][-len(kept["timestamp"]) :]
    assert kept["equity"] == whole["equity"][-len(kept["equity"]) :]

    TradingAccount.objects.update(history_run=0)  # of an earlier run: it is no part of this one
    assert trader.get(PATH, period="2D", timeframe="1H").json() == whole


def test_no_snapshot_is_taken_of_a_close_that_cannot_be_told_any_more(trader, ibm) -> None:
    monday = calendar_of(trader.account.market_id).day(MONDAY)
    assert monday is not None
    TradingAccount.objects.update(history_run=1, history_at=to_datetime(monday.close + 1_000))
    assert take_snapshots(market_id=trader.account.market_id, day=monday).taken == 0

    TradingAccount.objects.update(history_at=to_datetime(monday.close))
    assert take_snapshots(market_id=trader.account.market_id, day=monday).taken == 1
