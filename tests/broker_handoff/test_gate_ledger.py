"""What the gate reads of the ledger and the daily snapshots, month by month, and the verdict on it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings as settings_of, strategies as st

from broker_handoff.gate.record import MonthRecord
from broker_handoff.gate.stored import report_as_json
from broker_handoff.models import GateMonth, GateOverride, GateVerdict
from broker_handoff.records import nominated_by, records_of
from broker_handoff.services.gate import is_gate_open, judge_due, judgement_of, recomputed, verdict_of
from broker_handoff.services.gate_nominations import nominate
from broker_handoff.tasks import judge_records
from matching.models import Market
from raxx import schedule
from tests.broker_handoff.records import (
    APRIL,
    FEBRUARY,
    LONG_AGO,
    MARCH,
    MAY,
    MONTHS,
    NOW,
    Trader,
    at,
    make_deposit,
    sessions_of,
)
from tests.factories.rows import make_account, make_event, make_fill, make_order, make_reset
from tests.factories.whole_person import as_worker
from trading.services.snapshots import take_due_snapshots
from trading.tasks import take_snapshots

if TYPE_CHECKING:
    from broker_handoff.gate.record import Month

pytestmark = pytest.mark.django_db(transaction=True)


def record_of(trader: Trader, month: Month) -> MonthRecord:
    """Return what is read of one month."""
    nominated = nominated_by(trader.account.user)
    assert nominated is not None
    (found,) = records_of(trader.account.user, nominated, [month])
    return found


def judged(trader: Trader) -> GateVerdict:
    """Return the verdict of a worker, now."""
    with as_worker():
        verdict = verdict_of(user_id=trader.account.user_id, now=NOW)
    assert verdict is not None
    return verdict


def move_to(**moment: int) -> None:
    """Let the market's time go on."""
    Market.objects.update(anchor_at=NOW + timedelta(**moment))


def test_a_month_is_read_as_it_was(trader: Trader) -> None:
    march = sessions_of(MARCH)
    trader.close(sessions_of(FEBRUARY)[-1], "100000.5")
    trader.closes(MARCH, 100_000, 102_100)
    trader.close(sessions_of(APRIL)[0], 5)
    trader.fill("buy", "3", at(march[0].date))
    trader.fill("sell", "3", at(march[1].date), in_pieces=3)  # one trade, however many fills
    trader.fill("buy", "2", at(march[1].date, 12))
    trader.fill("sell", "1", at(march[2].date))  # not flat yet
    trader.round_trip(at(sessions_of(APRIL)[0].date))

    record = record_of(trader, MARCH)

    assert record == MonthRecord(
        month=MARCH,
        is_nominated=True,
        opening=Decimal("100000.5"),
        closes=tuple(Decimal(100_000 + 100 * number) for number in range(22)),
        sessions=22,
        flows=0,
        closed_trades=1,
        trading_days=3,
    )


def test_a_month_begins_and_ends_at_midnight_in_new_york(trader: Trader) -> None:
    first = sessions_of(APRIL)[0].date  # a Wednesday; the day before is one of March's
    trader.fill("buy", "1", at(first, 0) - timedelta(seconds=1))
    trader.fill("sell", "1", at(first, 0))

    march, april = record_of(trader, MARCH), record_of(trader, APRIL)

    assert [(each.trading_days, each.closed_trades) for each in (march, april)] == [(1, 0), (1, 1)]


def test_a_fill_on_a_day_without_a_session_makes_no_trading_day(trader: Trader) -> None:
    trader.round_trip(at(sessions_of(MARCH)[4].date + timedelta(days=1)))  # a Saturday

    assert (record_of(trader, MARCH).trading_days, record_of(trader, MARCH).closed_trades) == (0, 1)


def test_money_that_comes_after_the_opening_close_is_a_flow_of_both_months(trader: Trader) -> None:
    evening = at(sessions_of(MARCH)[-1].date, 17)  # in April's first close, and not in March's last
    make_deposit(trader.account, 500, evening)

    assert [record_of(trader, month).flows for month in MONTHS] == [0, 1, 1]


def test_a_reset_that_was_only_asked_for_is_a_flow(trader: Trader) -> None:
    make_reset(trader.account, asked_at=at(sessions_of(MARCH)[3].date))

    assert [record_of(trader, month).flows for month in MONTHS] == [0, 1, 0]


def test_nothing_of_another_account_is_read(trader: Trader) -> None:
    other = Trader(
        trader.app,
        trader.worker,
        make_account(trader.account.user, market=trader.account.market),
        trader.asset,
    )
    make_deposit(other.account, 1_000, at(sessions_of(MARCH)[0].date))
    other.good_month(MARCH, 100_000, 200_000)

    assert record_of(trader, MARCH) == replace(
        record_of(trader, MARCH), opening=None, closes=(), flows=0, closed_trades=0, trading_days=0
    )


def test_three_good_months_open_the_gate_and_the_verdict_can_be_computed_again(trader: Trader) -> None:
    trader.good_record()
    assert not is_gate_open(trader.account.user_id)

    verdict = judged(trader)

    assert (verdict.is_open, verdict.through, verdict.report["in_a_row"]) == (True, "2026-04", 3)
    shown = {each["name"]: each["figure"] for each in verdict.report["months"][0]["criteria"]}
    assert shown == {
        "account named before": "yes",
        "whole month": "21",
        "no reset or transfer": "0",
        "closed trades": "20",
        "trading days": "15",
        "return": "0.9803 %",  # 103,000 after 102,000
        "maximum drawdown": "0.0000 %",
    }
    stored = GateVerdict.objects.get(pk=verdict.pk)
    assert report_as_json(recomputed(stored)) == stored.report
    assert is_gate_open(trader.account.user_id)


FLOWS = {
    "before February's opening close": (at(sessions_of(FEBRUARY.previous)[-1].date, 15), 3),
    "in the evening before February": (at(sessions_of(FEBRUARY.previous)[-1].date, 17), 2),
    "in February": (at(sessions_of(FEBRUARY)[9].date), 2),
    "in the evening before March": (at(sessions_of(FEBRUARY)[-1].date, 17), 1),
    "in March": (at(sessions_of(MARCH)[0].date, 3), 1),
    "on April's last day": (at(sessions_of(APRIL)[-1].date, 23), 0),
    "in May": (at(sessions_of(MAY)[0].date, 9), 3),
}


def test_money_from_outside_never_improves_a_record_whenever_it_comes(trader: Trader) -> None:
    trader.good_record()
    found = {}
    for name, (moment, _) in FLOWS.items():
        for amount in (50_000, -50_000):
            with transaction.atomic():
                make_deposit(trader.account, amount, moment)
                judgement = judgement_of(trader.account.user)
                assert judgement is not None
                found[name, amount] = judgement.report.in_a_row
                transaction.set_rollback(True)

    assert found == {(name, amount): row for name, (_, row) in FLOWS.items() for amount in (50_000, -50_000)}


def test_a_verdict_is_stored_once_and_a_new_one_when_something_has_changed(trader: Trader) -> None:
    trader.good_record()
    first, second = judged(trader), judged(trader)
    assert (second.pk, GateVerdict.objects.count()) == (first.pk, 1)

    make_account(trader.account.user, market=trader.account.market, cash=1)
    GateMonth.objects.all().delete()
    make_deposit(trader.account, 1, at(sessions_of(MARCH)[3].date))
    third = judged(trader)

    assert (third.is_open, third.report["in_a_row"]) == (False, 1)
    assert not is_gate_open(trader.account.user_id)


def test_a_verdict_holds_until_the_next_month_is_over(trader: Trader) -> None:
    trader.good_record()
    judged(trader)

    move_to(days=27)  # the 31st of May
    assert is_gate_open(trader.account.user_id)
    move_to(days=28)
    assert not is_gate_open(trader.account.user_id)


def test_a_verdict_by_other_rules_opens_nothing(trader: Trader, settings: Any) -> None:
    trader.good_record()
    judged(trader)
    settings.GATE_MONTHS = 4

    assert not is_gate_open(trader.account.user_id)


def test_a_market_that_counts_no_longer_opens_nothing(trader: Trader, settings: Any) -> None:
    trader.good_record()
    judged(trader)
    settings.GATE_FEEDS = ["alpaca"]

    assert not is_gate_open(trader.account.user_id)
    assert verdict_of(user_id=trader.account.user_id, now=NOW) is None


def test_a_month_that_was_kept_outlives_its_fills_and_snapshots(trader: Trader) -> None:
    trader.good_record()
    before = judged(trader)
    with transaction.atomic(), connection.cursor() as cursor:  # as a purge does
        cursor.execute("select set_config('raxx.forgets', %s, true)", [str(trader.account.pk)])
        for table in ("orderevent", "fill", "equitysnapshot"):
            cursor.execute(f"delete from trading_{table}")
            assert cursor.rowcount > 0

    after = judged(trader)

    assert [row.month for row in GateMonth.objects.order_by("month")] == ["2026-02", "2026-03", "2026-04"]
    assert (after.pk, after.report) == (before.pk, before.report)


def test_a_month_of_which_something_is_gone_already_is_not_kept(trader: Trader) -> None:
    trader.good_record()
    trader.account.history_at = at(sessions_of(MARCH)[2].date)
    trader.account.save()

    judged(trader)

    assert [row.month for row in GateMonth.objects.all()] == ["2026-04"]


def test_only_what_was_named_before_counts(trader: Trader) -> None:
    lucky = Trader(trader.app, trader.worker, make_account(
        trader.account.user, market=trader.account.market, created_at=trader.account.created_at
    ), trader.asset)  # fmt: skip
    make_deposit(lucky.account, 100_000, trader.account.created_at)
    lucky.good_record()
    assert judged(trader).report["in_a_row"] == 0  # by the older account

    assert nominate(owner=trader.account.user, account_id=lucky.account.pk)

    judgement = judgement_of(trader.account.user)
    assert judgement is not None
    assert (judgement.nominated.account_id, judgement.report.in_a_row) == (lucky.account.pk, 0)
    missing = {
        criterion.name
        for each in judgement.report.months
        for criterion in each.criteria
        if not criterion.is_met
    }
    assert missing == {"account named before"}


def test_to_archive_the_oldest_account_does_not_choose_another(trader: Trader) -> None:
    make_account(trader.account.user, market=trader.account.market, cash=1)
    trader.account.status = trader.account.Status.CLOSED
    trader.account.save()

    nominated = nominated_by(trader.account.user)

    assert nominated is not None
    assert nominated.account_id == trader.account.pk


def test_everybody_who_traded_in_the_last_month_is_judged_once(trader: Trader) -> None:
    trader.good_record()
    idle = Trader.begin(trader.app, trader.worker, trader.account.market)
    with as_worker():
        judged_first, judged_again = judge_due(now=NOW), judge_due(now=NOW)

    assert (judged_first, judged_again) == (1, 0)
    assert {row.user_id for row in GateVerdict.objects.all()} == {trader.account.user_id}
    assert not is_gate_open(idle.account.user_id)


def test_who_had_the_gate_open_is_judged_though_they_traded_no_more(trader: Trader) -> None:
    trader.good_record()
    judged(trader)
    move_to(days=30)  # June
    with as_worker():
        assert judge_due(now=NOW + timedelta(days=30)) == 1

    newest = GateVerdict.objects.order_by("-computed_at").first()
    assert newest is not None
    assert (newest.is_open, newest.through) == (False, "2026-05")


def test_a_close_that_comes_late_is_looked_for_for_a_week(trader: Trader) -> None:
    trader.close(sessions_of(FEBRUARY.previous)[-1], 100_000)
    for number, month in enumerate(MONTHS[:2]):
        trader.good_month(month, 100_100 + 1_000 * number, 101_000 + 1_000 * number)
    trader.trades(APRIL)
    late = sessions_of(APRIL)[-1]
    for day in sessions_of(APRIL)[:-1]:
        trader.close(day, 102_500)
    with as_worker():
        assert judge_due(now=NOW) == 1
    assert not is_gate_open(trader.account.user_id)

    trader.close(late, 103_000)
    with as_worker():
        assert judge_due(now=NOW + timedelta(hours=1)) == 1

    assert is_gate_open(trader.account.user_id)


def test_the_role_that_serves_people_reads_the_gate_and_judges_nobody(trader: Trader) -> None:
    trader.good_record()
    verdict = judged(trader)
    trader.app.execute("select set_config('raxx.user_id', %s, false)", [str(trader.account.user_id)])

    rows = trader.app.execute("select id, is_open from broker_handoff_gateverdict").fetchall()

    assert rows == [{"id": verdict.pk, "is_open": True}]
    may = trader.app.execute(
        "select t, p from unnest(array['gateverdict', 'gatemonth', 'gateoverride', 'gatenomination']) t,"
        " unnest(array['insert', 'update']) p where has_any_column_privilege('broker_handoff_' || t, p)"
    )
    assert [tuple(row.values()) for row in may] == [("gatenomination", "insert")]


def test_the_present_month_shows_how_far_it_is(trader: Trader) -> None:
    trader.close(sessions_of(APRIL)[-1], 100_000)
    trader.close(sessions_of(MAY)[0], 100_500)
    judgement = judgement_of(trader.account.user)

    assert judgement is not None
    shown = {
        criterion.name: (criterion.figure, criterion.missing) for criterion in judgement.present.criteria
    }
    assert shown["whole month"] == ("1", "19 daily closes")
    assert shown["return"] == ("0.5000 %", None)
    assert shown["closed trades"] == ("0", "20 more")


def run(*words: str) -> str:
    """Return what `manage.py gate` prints."""
    printed = StringIO()
    call_command("gate", *words, stdout=printed)
    return printed.getvalue()


def test_an_operator_sees_judges_and_computes_again(trader: Trader) -> None:
    trader.good_record()
    email = trader.account.user.email

    shown = run("show", "--email", email)
    assert "the gate is not open" in shown
    assert "3 of 3 months in a row" in shown
    judged_now = json.loads(run("judge", "--email", email.upper(), "--json"))

    assert (judged_now["is_open"], judged_now["opened_by"]) == (True, "the record")
    assert run("recompute") == "1 verdicts are as they were stored\n"
    GateVerdict.objects.update(is_open=False)
    with pytest.raises(CommandError, match=f"1 differ: {judged_now['verdict']}"):
        run("recompute", "--email", email)


def test_an_operator_ends_an_override(trader: Trader) -> None:
    override = GateOverride.objects.create(user=trader.account.user, reason="for a day", asked_by=uuid4())
    assert run("overrides") == f"{override.pk}  {trader.account.user_id}  waits  for a day\n"

    run("end-override", "--id", str(override.pk), "--reason", "a mistake")

    assert run("overrides") == "no exception lives, and none waits\n"
    with pytest.raises(CommandError, match="no override"):
        run("end-override", "--id", str(uuid4()), "--reason", "a mistake")


def test_the_closes_are_written_down_in_the_background_and_made_up_for(trader: Trader) -> None:
    with as_worker():
        taken = take_due_snapshots()
        again = take_due_snapshots()

    week = [day.date for day in sessions_of(APRIL)[-4:]] + [sessions_of(MAY)[0].date]  # Monday's is to come
    assert [(each.date, each.taken) for each in taken] == [(date, 1) for date in week]
    assert [(each.taken, each.known) for each in again] == [(0, 1)] * 5
    assert schedule.BY_NAME["take-snapshots"].task == take_snapshots.name
    assert schedule.BY_NAME["judge-records"].task == judge_records.name


def test_a_tape_that_nobody_plays_has_no_closes_though_its_clock_goes_on(trader: Trader) -> None:
    market = Market.objects.filter(pk=trader.account.market_id)
    market.update(feed="replay", starts_at=LONG_AGO, ends_at=NOW, paused=False, is_active=False)
    assert take_due_snapshots() == []

    market.update(is_active=True)
    assert [each.taken for each in take_due_snapshots()] == [1] * 5


shares = st.sampled_from([Decimal(-2), Decimal(-1), Decimal("-0.5"), Decimal("0.5"), Decimal(1), Decimal(2)])


@given(st.lists(st.tuples(st.integers(0, 1), shares), max_size=12))
@settings_of(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_closed_trades_agree_with_a_slow_walk_along_each_position(
    trader: Trader, executions: list[tuple[int, Decimal]]
) -> None:
    held = [Decimal(0), Decimal(0)]
    closed, day = 0, sessions_of(MARCH)[0].date
    with transaction.atomic():
        order = make_order(trader.account, trader.asset, status="new")
        for number, (which, quantity) in enumerate(executions, start=2):
            before, held[which] = held[which], held[which] + quantity
            was_long_or_short = before != 0
            is_over = held[which] == 0 or (before > 0) != (held[which] > 0)
            closed += was_long_or_short and is_over
            side, size = ("buy" if quantity > 0 else "sell"), abs(quantity)
            fill = make_fill(trader.account, order, side=side, quantity=size, at=at(day))
            make_event(trader.account, order, seq=number, kind="fill", status="filled", fill_id=fill.pk,
                       position_quantity=held[which])  # fmt: skip

        record = record_of(trader, MARCH)
        transaction.set_rollback(True)

    assert (record.closed_trades, record.trading_days) == (closed, min(1, len(executions)))
