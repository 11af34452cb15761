"""`verify_ledger` over classes, shorts, commissions and triggers: silent when they are right, exact when they are not."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from accounts.models.user import new_id
from tests.trading.ledger_world import tamper
from tests.trading.stage import make_stage, quote, stored, trade, use_profile
from trading.ledger_audit import audit_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.django_db(transaction=True)

TAPE = [
    quote(0, "10.00", 300, "10.02", 200),
    quote(1, "10.00", 300, "10.02", 100),
    quote(2, "10.20", 50, "10.22", 900),
    quote(3, "10.00", 300, "10.02", 200),
    trade(4, "10.01", 1),
]
TARGET = {"side": "sell", "type": "limit", "limit_price": "10.20", "role": "take_profit"}
STOP = {"side": "sell", "type": "stop", "stop_price": "9.80", "role": "stop_loss"}
ENTRY: dict[str, Any] = {"role": "entry", "quantity": "300", "limit_price": "10.02"}


@pytest.fixture
def named(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Return ids by what they are an example of, of books that the matcher kept through the whole tape."""
    stage = make_stage(tmp_path / "tape", TAPE)
    ann, bob, cat = (stage.account(multiplier=2) for _ in range(3))
    use_profile(ann, commission=Decimal("0.0050"))
    use_profile(bob, commission=Decimal("0.0001"))
    stage.go(0.5)
    ids: dict[str, Any] = {"ann": ann.pk, "ann user": ann.user_id, "bob": bob.pk, "new": new_id()}
    ids["entry"], ids["target"], ids["stop"] = stage.submit(ann, TARGET, STOP, order_class="bracket", **ENTRY)
    (ids["short"],) = stage.submit(
        bob, side="sell", limit_price="10.00", reserve_price="10.33", quantity="300"
    )
    stage.submit(cat, quantity="200", limit_price="10.02")
    stage.go(1.5)  # the bracket is entered
    (ids["cover"],) = stage.submit(bob, limit_price="9.00", quantity="40")
    (ids["more short"],) = stage.submit(
        bob, side="sell", limit_price="10.50", reserve_price="10.50", quantity="7"
    )
    oco = {**TARGET, "order_class": "oco", "quantity": "150"}
    ids["oco target"], ids["oco stop"] = stage.submit(cat, {**STOP, "stop_price": "9.00"}, **oco)
    stage.go(2.5)  # fifty of each take-profit
    ids["nearer target"] = stage.replace(cat, ids["oco target"], limit_price="10.40")
    stage.go(3.5)
    waiting = {**ENTRY, "limit_price": "10.01", "time_in_force": "gtc"}
    ids["oto entry"], ids["oto stop"] = stage.submit(ann, STOP, order_class="oto", **waiting)
    (ids["triggered"],) = stage.submit(
        cat, side="sell", type="stop", limit_price=None, stop_price="10.01", quantity="10"
    )
    stage.go(4.5)
    yield ids
    stage.close()


def test_books_of_every_class_balance(named: dict[str, Any]) -> None:
    assert [str(each) for each in audit_ledger().differences] == []
    assert [stored(named[one]).status for one in ("target", "stop", "oto stop", "nearer target", "triggered")] == [
        "partially_filled", "held", "held", "new", "filled",
    ]  # fmt: skip


COMMISSION = "(select id from trading_fill where order_id = %(short)s)"
BREAKAGES: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "a take-profit holds less than its class has": (
        ("update trading_order set quantity_held = quantity_held - 1 where id = %(target)s",),
        {"order_holds_what_its_terms_ask", "quantity_held_is_the_sum_over_open_orders"},
    ),
    "both exits hold": (
        ("update trading_order set quantity_held = 250 where id = %(stop)s",
         "update trading_position set quantity_held = quantity_held + 250 where account_id = %(ann)s"),
        {"order_holds_what_its_terms_ask", "a_position_holds_no_more_than_it_has"},
    ),
    "a covering order holds cash": (
        ("update trading_order set cash_held = 360 where id = %(cover)s",
         "update trading_tradingaccount set cash_held = cash_held + 360 where account_id = %(bob)s"),
        {"order_holds_what_its_terms_ask"},
    ),
    "a short sale reserves nothing": (
        ("update trading_order set cash_held = 0 where id = %(more short)s",),
        {"order_holds_what_its_terms_ask", "cash_held_is_the_sum_over_open_orders"},
    ),
    "more short shares are held than there are": (
        ("update trading_position set quantity_held = 301 where account_id = %(bob)s",),
        {"a_position_holds_no_more_than_it_has", "quantity_held_is_the_sum_over_open_orders"},
    ),
    "a short that cost a step more": (
        ("update trading_position set cost = cost + 0.0000000000001 where account_id = %(bob)s",),
        {"position_follows_from_its_fills", "securities_are_the_sum_of_position_costs"},
    ),
    "a commission that nobody agreed to": (
        (f"update trading_posting set amount = amount + 1 where ledger = 'fees' and journal_id = {COMMISSION}",
         f"update trading_posting set amount = amount - 1 where ledger = 'cash' and journal_id = {COMMISSION}",
         "update trading_tradingaccount set cash = cash - 1 where account_id = %(bob)s"),
        {"fill_is_booked_at_average_cost"},
    ),
    "a short sale that was to close": (
        ("update trading_order set position_intent = 'sell_to_close' where id = %(short)s",),
        {"fill_opens_or_closes_as_its_order_says"},
    ),
    "a leg of another class": (
        ("update trading_order set group_id = %(oto entry)s where id = %(stop)s",),
        {"member_of_a_class_has_its_group", "leg_has_its_parent"},
    ),
    "a leg of nobody": (
        ("update trading_order set parent = %(new)s where id = %(stop)s",),
        {"leg_has_its_parent"},
    ),
    "a leg of an order that was replaced": (
        ("update trading_order set parent = %(oco target)s where id = %(oco stop)s",),
        {"leg_has_its_parent"},
    ),
    "a member without a role": (
        ("update trading_order set role = '' where id = %(oto stop)s",),
        {"member_of_a_class_has_its_group"},
    ),
    "an order alone with a role": (
        ("update trading_order set role = 'entry' where id = %(short)s",),
        {"member_of_a_class_has_its_group"},
    ),
    "an exit that works for more than was entered": (
        ("update trading_order set quantity = quantity + 1, quantity_held = quantity_held + 1 where id = %(target)s",
         "update trading_position set quantity_held = quantity_held + 1 where account_id = %(ann)s"),
        {"order_holds_what_its_terms_ask", "exits_work_for_what_their_entry_filled", "exits_of_a_pair_have_the_same_left",
         "event_tells_what_its_order_asks_for", "a_position_holds_no_more_than_it_has"},
    ),
    "an exit that did not follow the other": (
        ("update trading_order set quantity = quantity + 1 where id = %(oco stop)s",),
        {"exits_of_a_pair_have_the_same_left", "event_tells_what_its_order_asks_for"},
    ),
    "a trigger without evidence": (
        ("update trading_orderevent set evidence = null where order_id = %(triggered)s and kind = 'triggered'",),
        {"trigger_is_told_once_with_its_evidence"},
    ),
    "a trigger that nobody was told of": (
        ("update trading_order set is_triggered = true where id = %(stop)s",),
        {"trigger_is_told_once_with_its_evidence"},
    ),
    "a trigger that the order forgot": (
        ("update trading_order set is_triggered = false where id = %(triggered)s",),
        {"trigger_is_told_once_with_its_evidence"},
    ),
    "an execution by another rule": (
        ("update trading_orderevent set rule = 'R3' where order_id = %(short)s and kind = 'fill'",),
        {"event_names_the_rule_of_its_fill"},
    ),
    "exits that sold what was never bought": (
        ("update trading_order set filled_quantity = 0 where id = %(entry)s",),
        {"exits_trade_no_more_than_their_entry", "exits_work_for_what_their_entry_filled",
         "order_holds_what_its_terms_ask", "order_is_filled_by_its_fills", "filled_order_is_filled_whole",
         "last_event_agrees_with_its_order"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("statements", "rules"), BREAKAGES.values(), ids=BREAKAGES.keys())
def test_each_breakage_is_named(named: dict[str, Any], statements: tuple[str, ...], rules: set[str]) -> None:
    tamper(*statements, **named)

    assert {difference.rule for difference in audit_ledger().differences} == rules
