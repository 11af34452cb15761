"""Order classes through the real journal: what fills, what is held for whom, what ends, wherever the matcher is cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from matching.models import Market, Shard
from tests.trading.stage import Stage, holdings, make_stage, quote, stored, story, trade, use_profile
from trading.bookkeeping import Books, BooksDisagree
from trading.ledger_audit import audit_ledger
from trading.models import Fill, Order, OrderEvent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matching.engine.types import Decision
    from matching.ports import Batch
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db(transaction=True)

TAPE = [
    quote(0, "10.00", 300, "10.02", 200),
    quote(1, "10.00", 300, "10.02", 100),
    quote(2, "10.00", 300, "10.03", 900),
    quote(3, "10.20", 100, "10.22", 900),  # comes to the take-profit
    quote(4, "9.90", 100, "9.92", 900),
    trade(5, "9.80", 10),  # reaches the stop
    quote(6, "9.78", 900, "9.80", 900),
]
TARGET = {"side": "sell", "type": "limit", "limit_price": "10.20", "role": "take_profit"}
STOP = {"side": "sell", "type": "stop", "stop_price": "9.80", "role": "stop_loss"}
BRACKET: dict[str, Any] = {
    "order_class": "bracket",
    "role": "entry",
    "quantity": "300",
    "limit_price": "10.02",
}


@pytest.fixture(params=[False, True], ids=["at one go", "cut off before each round"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    stage = make_stage(tmp_path / "tape", TAPE)
    stage.is_cut = request.param
    yield stage
    stage.close()


@pytest.fixture
def account(stage: Stage) -> TradingAccount:
    return stage.account()


def test_a_bracket_holds_for_its_exits_what_its_entry_fills_and_ends_when_they_have_traded_it(
    stage: Stage, account: TradingAccount
) -> None:
    stage.go(0.5)
    entry, target, stop = stage.submit(account, TARGET, STOP, **BRACKET)

    stage.round()  # 200 are offered
    assert (stored(entry).status, stored(target).status) == ("partially_filled", "held")
    assert holdings(account) == (200, 200, 1002)
    assert stage.ask(account, side="sell", quantity="1", limit_price="11")[0] == "insufficient_quantity"

    stage.go(1.5)  # the other hundred
    assert [stored(one).status for one in (entry, target, stop)] == ["filled", "new", "held"]
    assert (holdings(account), stored(target).quantity_held, stored(stop).quantity_held) == (
        (300, 300, 0),
        300,
        0,
    )

    stage.go(3.5)  # a hundred reach the take-profit
    assert [(stored(one).quantity, stored(one).filled_quantity) for one in (target, stop)] == [
        (300, 100),
        (200, 0),
    ]
    assert holdings(account) == (200, 200, 0)

    stage.go(5.5)  # the stop sells what the standing bid takes
    stage.go(6.5)
    assert [stored(one).status for one in (entry, target, stop)] == ["filled", "canceled", "filled"]
    assert holdings(account) == (0, 0, 0)
    assert story(target) == [("new", "C1"), ("partial_fill", "R2"), ("restated", "C2"), ("canceled", "C2")]
    assert story(stop) == [
        ("restated", "C2"), ("triggered", "T1"), ("new", "T1"), ("partial_fill", "L2"), ("fill", "L2"),
    ]  # fmt: skip
    assert audit_ledger().differences == ()


def test_a_trigger_and_a_restatement_tell_their_evidence(stage: Stage, account: TradingAccount) -> None:
    stage.go(0.5)
    _, _, stop = stage.submit(account, TARGET, STOP, **BRACKET)
    stage.go(5.5)

    restated = OrderEvent.objects.get(order_id=stop, kind="restated")
    triggered = OrderEvent.objects.get(order_id=stop, kind="triggered")
    assert (restated.order_quantity, restated.rule, restated.status) == (200, "C2", "held")
    assert (triggered.rule, triggered.status) == ("T1", "held")
    assert {name: triggered.evidence[name] for name in ("price", "is_print", "stop_price", "bid", "ask")} == {
        "price": 98_000, "is_print": True, "stop_price": 98_000, "bid": 99_000, "ask": 99_200,
    }  # fmt: skip
    assert stored(stop).is_triggered
    assert stored(stop).working_seq == triggered.feed_seq


def test_canceling_a_part_filled_entry_lets_the_exits_work_for_what_it_filled(
    stage: Stage, account: TradingAccount
) -> None:
    stage.go(0.5)
    entry, target, stop = stage.submit(account, TARGET, STOP, **BRACKET)
    stage.round()
    stage.cancel(account, entry)
    stage.round()

    assert [(stored(one).status, stored(one).quantity) for one in (entry, target, stop)] == [
        ("canceled", 300), ("new", 200), ("held", 200),
    ]  # fmt: skip
    assert holdings(account) == (200, 200, 0)
    assert story(target) == [("restated", "C1"), ("new", "C1")]
    assert audit_ledger().differences == ()


def test_canceling_an_exit_cancels_its_group(stage: Stage, account: TradingAccount) -> None:
    stage.go(0.5)
    ids = stage.submit(account, TARGET, STOP, **{**BRACKET, "limit_price": "9.99"})
    stage.round()
    stage.cancel(account, ids[2])
    stage.round()

    assert [stored(one).status for one in ids] == ["canceled"] * 3
    assert holdings(account) == (0, 0, 0)
    assert audit_ledger().differences == ()


@pytest.mark.parametrize("named", [0, 1, 2], ids=["entry", "take-profit", "stop-loss"])
def test_a_class_that_is_canceled_before_it_was_taken_ends_whole(
    stage: Stage, account: TradingAccount, named: int
) -> None:
    stage.go(0.5)
    ids = stage.submit(account, TARGET, STOP, **BRACKET)
    stage.cancel(account, ids[named])
    stage.round()

    assert [stored(one).status for one in ids] == ["canceled"] * 3
    assert [story(one) for one in ids] == [[("canceled", "C0")]] * 3
    assert holdings(account) == (0, 0, 0)
    assert audit_ledger().differences == ()


def test_everything_of_a_class_may_be_canceled_at_once(stage: Stage, account: TradingAccount) -> None:
    stage.go(0.5)
    ids = stage.submit(account, TARGET, STOP, **BRACKET)
    stage.round()
    stage.cancel(account, ids[1], ids[2], ids[0])
    stage.round()

    assert [stored(one).status for one in ids] == ["canceled"] * 3
    assert [kind for one in ids for kind, _ in story(one)].count("canceled") == 3
    assert holdings(account) == (200, 0, 0)
    assert audit_ledger().differences == ()


def test_a_replaced_entry_hands_its_legs_to_its_successor(stage: Stage, account: TradingAccount) -> None:
    stage.go(0.5)
    entry, target, stop = stage.submit(account, TARGET, STOP, **BRACKET)
    stage.round()
    successor = stage.replace(account, entry, limit_price="10.03", reserve_price="10.03")
    stage.round()

    assert (stored(entry).status, stored(successor).status) == ("replaced", "new")
    assert (stored(successor).quantity, stored(successor).role) == (100, "entry")
    assert [stored(one).parent for one in (target, stop)] == [successor, successor]
    assert holdings(account) == (200, 200, 1003)
    stage.go(1.5)
    assert [stored(one).status for one in (successor, target)] == ["filled", "new"]
    assert holdings(account) == (300, 300, 0)
    assert audit_ledger().differences == ()


def test_an_entry_that_fills_in_the_moment_of_its_replacement_gives_to_its_exits(
    stage: Stage, account: TradingAccount
) -> None:
    stage.go(0.5)
    entry, target, _ = stage.submit(account, TARGET, STOP, **{**BRACKET, "limit_price": "9.99"})
    stage.round()
    successor = stage.replace(account, entry, limit_price="10.02", reserve_price="10.02")
    stage.round()

    assert (stored(successor).filled_quantity, stored(target).quantity_held) == (200, 200)
    assert holdings(account) == (200, 200, 1002)
    assert audit_ledger().differences == ()


def test_a_replaced_held_exit_stays_held_and_keeps_the_shares(stage: Stage, account: TradingAccount) -> None:
    stage.go(0.5)
    entry, target, stop = stage.submit(account, TARGET, STOP, **BRACKET)
    stage.round()
    nearer = stage.replace(account, target, limit_price="10.10")
    lower = stage.replace(account, stop, stop_price="9.70")
    stage.round()

    assert [stored(one).status for one in (target, stop, nearer, lower)] == ["replaced"] * 2 + ["held"] * 2
    assert [stored(one).quantity_held for one in (target, stop, nearer, lower)] == [0, 0, 200, 0]
    assert [story(one) for one in (nearer, lower)] == [[("held", "C0")], [("held", "C0")]]
    assert stored(nearer).parent == entry
    stage.go(1.5)
    stage.go(3.5)
    assert [stored(one).status for one in (nearer, lower)] == ["partially_filled", "held"]
    assert Fill.objects.get(order_id=nearer).price == stored(nearer).limit_price
    assert audit_ledger().differences == ()


def test_a_working_exit_that_was_restated_is_replaced_for_what_it_has_left(
    stage: Stage, account: TradingAccount
) -> None:
    stage.go(0.5)
    _, target, stop = stage.submit(account, TARGET, STOP, **BRACKET)
    stage.go(3.5)  # entered, and a hundred of the take-profit are done
    successor = stage.replace(account, target, limit_price="10.30")
    stage.round()

    assert (stored(successor).quantity, stored(successor).quantity_held, stored(successor).status) == (
        200,
        200,
        "new",
    )
    assert OrderEvent.objects.get(order_id=successor, kind="new").order_quantity == 200
    assert stored(stop).parent == stored(target).parent
    assert holdings(account) == (200, 200, 0)
    assert audit_ledger().differences == ()


def bought(stage: Stage, account: TradingAccount, quantity: str = "200") -> None:
    """Have the account buy at the offer of the open."""
    stage.submit(account, quantity=quantity, limit_price="10.02")
    stage.round()


OCO: dict[str, Any] = {**TARGET, "order_class": "oco", "quantity": "200"}


def test_an_oco_holds_its_shares_once_and_one_exit_takes_from_the_other(
    stage: Stage, account: TradingAccount
) -> None:
    stage.go(0.5)
    bought(stage, account)
    target, stop = stage.submit(account, STOP, **OCO)
    stage.round()
    assert [stored(one).status for one in (target, stop)] == ["new", "held"]
    assert holdings(account) == (200, 200, 0)

    stage.go(3.5)
    assert [(stored(one).quantity, stored(one).quantity_held) for one in (target, stop)] == [
        (200, 100),
        (100, 0),
    ]
    stage.go(5.5)
    assert [stored(one).status for one in (target, stop)] == ["canceled", "filled"]
    assert holdings(account) == (0, 0, 0)
    assert audit_ledger().differences == ()


def test_a_replaced_oco_take_profit_becomes_the_stop_loss_s_parent(
    stage: Stage, account: TradingAccount
) -> None:
    stage.go(0.5)
    bought(stage, account)
    target, stop = stage.submit(account, STOP, **OCO)
    stage.round()
    successor = stage.replace(account, target, limit_price="10.50")
    stage.round()

    assert (stored(stop).parent, stored(stop).status, stored(successor).status) == (successor, "held", "new")
    assert holdings(account) == (200, 200, 0)
    stage.cancel(account, successor)
    stage.round()
    assert holdings(account) == (200, 0, 0)
    assert audit_ledger().differences == ()


def test_the_only_exit_of_an_oto_works_when_the_entry_is_filled_and_holds_by_itself(
    stage: Stage, account: TradingAccount
) -> None:
    stage.go(0.5)
    entry, stop = stage.submit(account, STOP, **{**BRACKET, "order_class": "oto"})
    stage.round()
    assert (stored(stop).status, stored(stop).quantity_held) == ("held", 200)
    stage.go(1.5)
    assert (stored(stop).status, stored(stop).quantity_held, story(stop)) == ("new", 300, [("new", "C3")])
    stage.go(6.5)
    assert [stored(one).status for one in (entry, stop)] == ["filled", "filled"]
    assert holdings(account) == (0, 0, 0)
    assert audit_ledger().differences == ()


def test_a_class_whose_entry_is_rejected_ends_with_it(stage: Stage, account: TradingAccount) -> None:
    use_profile(account, reject_rate=10_000)
    stage.go(0.5)
    ids = stage.submit(account, TARGET, STOP, **BRACKET)
    stage.round()

    assert [stored(one).status for one in ids] == ["rejected", "canceled", "canceled"]
    assert (stored(ids[0]).reason, stored(ids[1]).reason) == ("M2", "C1")
    assert holdings(account) == (0, 0, 0)
    assert audit_ledger().differences == ()


def test_a_class_that_the_engine_cannot_work_is_rejected_whole_and_stops_nobody(
    stage: Stage, account: TradingAccount
) -> None:
    stage.go(0.5)
    ids = stage.submit(account, {**TARGET, "limit_price": "9.00"}, STOP, **BRACKET)
    plain = stage.submit(account, limit_price="10.00")
    stage.round()

    assert [stored(one).status for one in (*ids, *plain)] == ["rejected", "canceled", "canceled", "new"]
    assert audit_ledger().differences == ()


def test_a_tape_that_starts_over_ends_a_class_and_returns_what_it_held(
    stage: Stage, account: TradingAccount
) -> None:
    stage.go(0.5)
    stage.submit(account, TARGET, STOP, **BRACKET)
    stage.round()
    Market.objects.update(run=2, anchor_at=stage.market.starts_at)
    stage.round()

    assert set(Order.objects.across_owners().values_list("status", flat=True)) == {"canceled"}
    assert holdings(account) == (200, 0, 0)
    assert audit_ledger().differences == ()


def test_a_matcher_that_dies_while_a_tape_starts_over_leaves_the_rest_to_the_next(
    stage: Stage, account: TradingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matching.matcher.ENDS_PER_COMMIT", 1)
    stage.go(0.5)
    ids = stage.submit(account, TARGET, STOP, **{**BRACKET, "limit_price": "9.99"})
    stage.round()
    Market.objects.update(run=2, anchor_at=stage.market.starts_at)
    stage.start_without_recovery()
    journal, commits = stage.journals[-1], 0

    def dies_after_two(batch: Batch) -> None:
        nonlocal commits
        commits += 1
        if commits > 2:
            raise ConnectionError
        type(journal).commit(journal, batch)

    monkeypatch.setattr(journal, "commit", dies_after_two)
    with pytest.raises(ConnectionError):
        stage.matcher.recover()
    assert [stored(one).status for one in ids] == ["canceled", "canceled", "held"]
    assert Shard.objects.get().run == 1

    stage.start()
    assert [stored(one).status for one in ids] == ["canceled"] * 3
    assert (Shard.objects.get().run, Shard.objects.get().seq) == (2, 0)
    assert audit_ledger().differences == ()


def test_an_entry_that_cannot_be_booked_is_taken_out_with_its_exits(
    stage: Stage, account: TradingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.go(0.5)
    ids = stage.submit(account, TARGET, STOP, **BRACKET)
    stage.round()  # 200 of 300, so that its end lets the exits work
    enter = Books.enter

    def fails(books: Books, decision: Decision) -> None:
        is_last_fill = decision.order_id == ids[0] and decision.event == "fill"
        if is_last_fill or decision.event == "restated":
            raise BooksDisagree("planted")
        enter(books, decision)

    monkeypatch.setattr(Books, "enter", fails)
    stage.advance_clock(1.5)
    rounds = iter([False, False, True])
    stage.matcher.run(lambda: next(rounds))

    assert [stored(one).status for one in ids] == ["canceled"] * 3
    assert stored(ids[0]).reason == "Q0"
    assert holdings(account) == (200, 0, 0)
