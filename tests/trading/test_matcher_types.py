"""Stops, trails, auctions, shorts and profiles through the real journal, wherever the matcher is cut off."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from matching.models import Market, Watermark
from tests.trading.stage import Stage, at, holdings, make_stage, quote, stored, story, trade, use_profile
from trading.ledger_audit import audit_ledger
from trading.models import Fill, Order, OrderEvent, Position, Posting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db(transaction=True)

TAPE = [
    quote(0, "10.00", 300, "10.02", 500),
    trade(1, "10.05", 1),
    trade(2, "10.20", 1),  # the high
    trade(3, "10.10", 1),
    trade(4, "10.15", 1),
    trade(5, "9.96", 1),
    quote(6, "9.90", 900, "9.92", 900),
    quote(7, "9.70", 900, "9.72", 40),
    quote(8, "9.70", 900, "9.72", 900),
    {"time": 9, "kind": "auction", "price": "10.00", "size": 150, "conditions": "opening"},
]


@pytest.fixture(params=[False, True], ids=["at one go", "cut off before each round"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    stage = make_stage(tmp_path / "tape", TAPE)
    stage.is_cut = request.param
    yield stage
    stage.close()


@pytest.fixture
def account(stage: Stage) -> TradingAccount:
    return stage.account(multiplier=2)


def bought(stage: Stage, account: TradingAccount, quantity: str = "100") -> None:
    """Have the account buy at the offer of the open."""
    stage.go(0.5)
    stage.submit(account, quantity=quantity, limit_price="10.02")
    stage.round()


TRAIL = {"side": "sell", "type": "trailing_stop", "limit_price": None, "reserve_price": "0"}


def test_a_trailing_stop_follows_what_was_printed_since_it_works_and_no_restart_forgets_it(
    stage: Stage, account: TradingAccount
) -> None:
    bought(stage, account)
    (early,) = stage.submit(account, quantity="50", trail_price="0.20", **TRAIL)
    stage.round()
    stage.go(2.5)
    (late,) = stage.submit(account, quantity="40", trail_percent="1", **TRAIL)
    stage.round()
    stage.go(4.5)

    # The early one saw 10.20, the late one 10.10 and then 10.15; no order's row was written for it.
    steps = Watermark.objects.order_by("seq").values_list("side", "price")
    assert list(steps) == [("sell", 102_000), ("sell", 101_500)]
    assert [stored(one).hwm for one in (early, late)] == [None, None]

    stage.go(5.5)  # 9.96 is below 10.00 and below 10.05
    assert [(stored(one).status, stored(one).hwm) for one in (early, late)] == [
        ("filled", Decimal("10.20")), ("filled", Decimal("10.15")),
    ]  # fmt: skip
    told = {event.order_id: event.evidence for event in OrderEvent.objects.filter(kind="triggered")}
    assert {one: (told[one]["watermark"], told[one]["stop_price"]) for one in told} == {
        early: (102_000, 100_000), late: (101_500, 100_500),
    }  # fmt: skip
    assert holdings(account) == (10, 0, 0)
    assert audit_ledger().differences == ()


def test_a_replaced_trailing_stop_keeps_its_watermark_in_its_row(
    stage: Stage, account: TradingAccount
) -> None:
    bought(stage, account)
    (order,) = stage.submit(account, trail_price="0.50", **TRAIL)
    stage.go(2.5)
    successor = stage.replace(account, order, trail="0.20")
    stage.round()
    assert stored(successor).hwm == Decimal("10.20")

    stage.go(4.5)
    assert stored(successor).status == "new"
    stage.go(5.5)
    assert story(successor)[:2] == [("new", "C0"), ("triggered", "T3")]
    assert audit_ledger().differences == ()


def test_a_buy_stop_becomes_a_collared_limit_and_stays_triggered_through_a_restart(
    stage: Stage, account: TradingAccount
) -> None:
    stage.go(0.5)
    terms = {"type": "stop", "limit_price": None, "stop_price": "10.15", "reserve_price": "10.55"}
    (order,) = stage.submit(account, quantity="600", **terms)
    stage.go(2.5)  # 500 are offered

    assert (stored(order).status, stored(order).filled_quantity, stored(order).is_triggered) == (
        "partially_filled", 500, True,
    )  # fmt: skip
    assert holdings(account) == (500, 0, 1055)
    stage.go(6.5)
    assert [kind for kind, _ in story(order)] == ["new", "triggered", "partial_fill", "fill"]
    assert audit_ledger().differences == ()


def test_a_short_is_opened_and_covered_with_its_commission(stage: Stage, account: TradingAccount) -> None:
    use_profile(account, commission=Decimal("0.005"))
    stage.go(0.5)
    (short,) = stage.submit(account, side="sell", limit_price="10.00", reserve_price="10.33", quantity="100")
    stage.round()
    assert (stored(short).status, stored(short).position_intent) == ("filled", "sell_to_open")
    position = Position.objects.get()
    assert (position.quantity, position.cost) == (-100, -1000)
    assert Order.objects.get(pk=short).cash_held == 0

    stage.go(7.5)
    (cover,) = stage.submit(account, quantity="100", limit_price="9.72")
    assert stored(cover).position_intent == "buy_to_close"
    assert holdings(account) == (-100, 100, 0)
    stage.round()  # forty are offered
    assert holdings(account) == (-60, 60, 0)
    assert stage.ask(account, quantity="61", limit_price="9.00")[0] == "insufficient_quantity"
    stage.go(8.5)

    position = Position.objects.get()
    assert (position.quantity, position.cost, position.quantity_held) == (0, 0, 0)
    lines = {ledger: sum(of) for ledger, of in _amounts(account).items()}
    assert lines == {"capital": -10_000, "cash": 10_027, "securities": 0, "realized": -28, "fees": 1}
    assert {fill.evidence["commission"] for fill in Fill.objects.all()} == {
        5 * 10**12,
        2 * 10**12,
        3 * 10**12,
    }
    assert audit_ledger().differences == ()


def _amounts(account: TradingAccount) -> dict[str, list[Decimal]]:
    found: dict[str, list[Decimal]] = {}
    for ledger, amount in Posting.objects.filter(account=account).values_list("ledger", "amount"):
        found.setdefault(ledger, []).append(amount)
    return found


def test_a_short_bracket_covers_what_its_entry_sold(stage: Stage, account: TradingAccount) -> None:
    stage.go(0.5)
    target = {"side": "buy", "type": "limit", "limit_price": "9.92", "role": "take_profit"}
    stop = {"side": "buy", "type": "stop", "stop_price": "10.50", "role": "stop_loss"}
    entry, target_id, stop_id = stage.submit(
        account, target, stop, side="sell", limit_price="10.00", reserve_price="10.33", order_class="bracket",
        role="entry", quantity="400",
    )  # fmt: skip
    stage.round()
    assert holdings(account) == (-300, 300, 1033)
    stage.cancel(account, entry)
    stage.round()
    assert [(stored(one).status, stored(one).quantity) for one in (target_id, stop_id)] == [
        ("new", 300),
        ("held", 300),
    ]
    stage.go(6.5)
    assert [stored(one).status for one in (entry, target_id, stop_id)] == ["canceled", "filled", "canceled"]
    assert holdings(account) == (0, 0, 0)
    assert audit_ledger().differences == ()


def read_after_the_market_moved(stage: Stage, second: float) -> None:
    """Let the matcher follow the market first, and read its inbox then."""
    if stage.is_cut:
        stage.start()
    journal = stage.matcher._journal
    inbox, journal.inbox = journal.inbox, list
    stage.advance_clock(second)
    stage.matcher.round()
    journal.inbox = inbox
    stage.matcher.round()


def test_a_replacement_that_was_withdrawn_after_the_cut_off_leaves_the_order_as_it_was(
    stage: Stage, account: TradingAccount
) -> None:
    stage.go(0.5)
    terms = {"type": "limit", "time_in_force": "cls", "cut_off_at": at(3).isoformat()}
    (order,) = stage.submit(account, limit_price="9.00", **terms)
    stage.round()
    successor = stage.replace(account, order, limit_price="9.10", reserve_price="9.10")
    stage.cancel(account, successor)
    read_after_the_market_moved(stage, 4.5)

    assert [stored(one).status for one in (order, successor)] == ["new", "canceled"]
    assert story(order) == [("new", "C0"), ("order_replace_rejected", "C0")]
    assert holdings(account) == (0, 0, 900)
    assert audit_ledger().differences == ()


def test_a_cancel_after_the_cut_off_of_its_auction_is_refused_and_the_order_is_what_it_was(
    stage: Stage, account: TradingAccount
) -> None:
    stage.go(0.5)
    (order,) = stage.submit(
        account, type="limit", time_in_force="cls", limit_price="9.00", cut_off_at=at(3).isoformat()
    )
    stage.round()
    assert stored(order).status == "new"
    stage.cancel(account, order)
    read_after_the_market_moved(stage, 4.5)

    assert stored(order).status == "new"
    assert story(order) == [("new", "C0"), ("order_cancel_rejected", "S3")]
    assert stored(order).cash_held == 900
    assert audit_ledger().differences == ()


def test_a_refused_cancel_leaves_the_order_in_its_place_through_a_restart(
    stage: Stage, account: TradingAccount
) -> None:
    stage.go(0.5)
    terms = {"time_in_force": "opg", "limit_price": "10.00", "cut_off_at": at(3).isoformat()}
    first, second = (stage.submit(account, quantity="100", **terms)[0] for _ in range(2))
    stage.round()
    stage.cancel(account, first)
    read_after_the_market_moved(stage, 4.5)
    stage.start()
    stage.go(9.5)  # the auction has 150 for the account

    assert story(first) == [("new", "C0"), ("order_cancel_rejected", "S3"), ("fill", "S3")]
    assert [stored(one).filled_quantity for one in (first, second)] == [100, 50]
    assert audit_ledger().differences == ()


def test_a_canceled_trailing_stop_keeps_how_far_it_had_come(stage: Stage, account: TradingAccount) -> None:
    bought(stage, account)
    (order,) = stage.submit(account, trail_price="0.50", **TRAIL)
    stage.go(2.5)
    stage.cancel(account, order)
    stage.go(4.5)

    assert (stored(order).status, stored(order).hwm) == ("canceled", Decimal("10.20"))


def test_a_tape_that_starts_over_forgets_how_far_the_last_one_had_come(
    stage: Stage, account: TradingAccount
) -> None:
    bought(stage, account)
    (order,) = stage.submit(account, trail_price="0.50", **TRAIL)
    stage.go(2.5)
    assert Watermark.objects.count() == 1

    Market.objects.update(run=2, anchor_at=stage.market.starts_at)
    stage.round()

    assert stored(order).status == "canceled"
    assert not Watermark.objects.exists()
    assert holdings(account) == (100, 0, 0)
    assert audit_ledger().differences == ()


def test_chance_is_drawn_with_the_account_s_seed_and_the_frozen_profile(
    stage: Stage, account: TradingAccount
) -> None:
    use_profile(account, partial_rate=10_000)
    type(account).objects.filter(pk=account.pk).update(seed=7)
    stage.go(0.5)
    (order,) = stage.submit(account, quantity="400", limit_price="10.02")
    stage.start()
    (command,) = stage.matcher._journal.inbox()
    assert (command.order.profile.seed, command.order.profile.partial_rate) == (7, 10_000)

    stage.round()
    first = Fill.objects.get()
    assert first.quantity < 400
    assert first.evidence["is_cut"] is True
    (working,) = stage.matcher._journal.open_orders()
    assert working.profile == command.order.profile
    assert working.order_id == order


def test_latency_counts_from_acceptance_through_a_restart(stage: Stage, account: TradingAccount) -> None:
    use_profile(account, latency_ms=1_200)
    stage.go(0.5)
    (order,) = stage.submit(account, quantity="10", limit_price="10.02")
    stage.round()
    assert (stored(order).status, stored(order).working_seq) == ("accepted", None)
    stage.go(1.1)  # half a second later something is printed
    assert stored(order).status == "accepted"
    stage.go(2.5)
    assert story(order) == [("accepted", "M1"), ("new", "M1"), ("fill", "L2")]
    assert audit_ledger().differences == ()
