"""One way to break each law of the ledger: the statements that do it, and the rules that must notice.

Names in the statements are those of `test_ledger_audit`: an order by what it is an example of.
"""

from __future__ import annotations

ALICE = "where account_id = %(alice)s"
BREAKAGES: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "cash too high": (
        (f"update trading_tradingaccount set cash = cash + 0.0000000000001 {ALICE}",),
        {"cash_is_the_sum_of_its_postings"},
    ),
    "cash held too low": (
        (f"update trading_tradingaccount set cash_held = cash_held - 1 {ALICE}",),
        {"cash_held_is_the_sum_over_open_orders"},
    ),
    "an order holds too little": (
        ("update trading_order set cash_held = cash_held - 1 where id = %(waiting)s",),
        {"order_holds_what_its_terms_ask", "cash_held_is_the_sum_over_open_orders"},
    ),
    "a terminal order still holds": (
        ("update trading_order set cash_held = 1 where id = %(canceled)s",),
        {"order_holds_what_its_terms_ask"},
    ),
    "a successor holds all of its own": (
        ("update trading_order set cash_held = reserve_price * quantity where id = %(successor)s",),
        {"order_holds_what_its_terms_ask", "cash_held_is_the_sum_over_open_orders"},
    ),
    "a sale holds too few shares": (
        ("update trading_order set quantity_held = quantity_held - 1 where id = %(sold in part)s",),
        {"order_holds_what_its_terms_ask", "quantity_held_is_the_sum_over_open_orders"},
    ),
    "shares held for nobody": (
        ("update trading_position set quantity_held = quantity_held + 1 where asset_id = %(asset)s and account_id = %(alice)s",),
        {"quantity_held_is_the_sum_over_open_orders"},
    ),
    "a position has more shares": (
        ("update trading_position set quantity = quantity + 0.000000001 where asset_id = %(asset)s and account_id = %(alice)s",),
        {"position_follows_from_its_fills"},
    ),
    "a position cost one step more": (
        ("update trading_position set cost = cost + 0.0000000000001 where asset_id = %(asset)s and account_id = %(alice)s",),
        {"position_follows_from_its_fills", "securities_are_the_sum_of_position_costs"},
    ),
    "a position is gone": (
        ("delete from trading_position where asset_id = %(asset)s and account_id = %(alice)s",),
        {"position_follows_from_its_fills", "securities_are_the_sum_of_position_costs",
         "quantity_held_is_the_sum_over_open_orders"},
    ),
    "a position from nowhere": (
        (("insert into trading_position (user_id, account_id, asset_id, symbol, quantity, cost, quantity_held, updated_at)"
         " values (%(alice user)s, %(alice)s, %(new)s, 'NEW', 1, 0, 0, now())"),),
        {"position_follows_from_its_fills"},
    ),
    "an order filled more than its fills": (
        ("update trading_order set filled_quantity = filled_quantity + 1 where id = %(working by money)s",),
        {"order_is_filled_by_its_fills", "last_event_agrees_with_its_order"},
    ),
    "an order filled for more money": (
        ("update trading_order set filled_money = filled_money + 1 where id = %(canceled)s",),
        {"order_is_filled_by_its_fills", "last_event_agrees_with_its_order"},
    ),
    "a filled order asked for more": (
        ("update trading_order set quantity = quantity + 1 where id = %(bought)s",),
        {"filled_order_is_filled_whole"},
    ),
    "a fill at another price": (
        ("update trading_fill set price = price + 0.0001 where order_id = %(sold)s",),
        {"order_is_filled_by_its_fills", "fill_has_one_event", "fill_is_booked_at_average_cost"},
    ),
    "a fill of another side": (
        ("update trading_fill set side = 'buy' where order_id = %(sold)s",),
        {"fill_has_its_order", "fill_is_booked_at_average_cost", "position_follows_from_its_fills",
         "event_tells_the_position_after_its_fill", "fill_opens_or_closes_as_its_order_says"},
    ),
    "a fill of nobody's order": (
        ("update trading_fill set order_id = %(new)s where order_id = %(sold)s",),
        {"fill_has_its_order", "order_is_filled_by_its_fills", "fill_has_one_event"},
    ),
    "a fill is lost": (
        ("delete from trading_fill where order_id = %(of bob)s",),
        {"order_is_filled_by_its_fills", "fill_has_its_journal", "fill_has_one_event",
         "position_follows_from_its_fills", "event_tells_the_position_after_its_fill"},
    ),
    "a fill's journal is lost": (
        ("delete from trading_journal where id in (select id from trading_fill where order_id = %(sold)s)",),
        {"fill_has_its_journal", "posting_has_its_journal"},
    ),
    "a journal of another kind": (
        ("update trading_journal set kind = 'deposit' where id in (select id from trading_fill where order_id = %(sold)s)",),
        {"fill_has_its_journal", "deposit_is_cash_against_capital"},
    ),
    "a journal of interest that is no cost": (
        ("update trading_journal set kind = 'interest' where kind = 'deposit' and account_id = %(alice)s",),
        {"interest_is_cash_against_fees"},
    ),
    "a posting too much": (
        ("update trading_posting set amount = amount + 1 where ledger = 'capital' and account_id = %(alice)s",),
        {"journal_sums_to_zero"},
    ),
    "a journal without postings": (
        (("insert into trading_journal (id, user_id, account_id, kind, at, note, request_id)"
         " values (%(new)s, %(alice user)s, %(alice)s, 'deposit', now(), '', '')"),),
        {"journal_sums_to_zero", "deposit_is_cash_against_capital"},
    ),
    "profit booked as cost": (
        (("update trading_posting set amount = amount + 1 where ledger = 'realized' and journal_id in"
         " (select id from trading_fill where order_id = %(sold)s)"),
         ("update trading_posting set amount = amount - 1 where ledger = 'securities' and journal_id in"
         " (select id from trading_fill where order_id = %(sold)s)")),
        {"fill_is_booked_at_average_cost", "securities_are_the_sum_of_position_costs"},
    ),
    "an event is lost": (
        ("delete from trading_orderevent where account_id = %(alice)s and seq = 1",),
        {"events_have_no_gap"},
    ),
    "the sequence ran ahead": (
        (f"update trading_tradingaccount set event_seq = event_seq + 1 {ALICE}",),
        {"events_have_no_gap"},
    ),
    "an event of nobody's order": (
        ("update trading_orderevent set order_id = %(new)s where account_id = %(alice)s and seq = 1",),
        {"event_has_its_order"},
    ),
    "an event of another person's order": (
        ("update trading_orderevent set order_id = %(of bob)s where account_id = %(alice)s and seq = 1",),
        {"event_has_its_order"},
    ),
    "an execution was told to nobody": (
        ("update trading_orderevent set fill_id = null where order_id = %(sold)s and kind = 'fill'",),
        {"fill_has_one_event", "event_tells_the_position_after_its_fill"},
    ),
    "an execution was told with another price": (
        ("update trading_orderevent set price = price + 1 where order_id = %(sold)s and kind = 'fill'",),
        {"fill_has_one_event", "event_counts_the_executions_so_far"},
    ),
    "the position was told wrongly": (
        ("update trading_orderevent set position_quantity = 0 where order_id = %(sold)s and kind = 'fill'",),
        {"event_tells_the_position_after_its_fill"},
    ),
    "a status that no event tells": (
        ("update trading_order set status = 'expired' where id = %(canceled)s",),
        {"last_event_agrees_with_its_order"},
    ),
    "a wish that nobody uttered": (
        ("update trading_order set status = 'pending_cancel' where id = %(working by money)s",),
        {"last_event_agrees_with_its_order"},
    ),
    "an order without an event": (
        ("delete from trading_orderevent where order_id = %(waiting)s",),
        {"last_event_agrees_with_its_order", "events_have_no_gap"},
    ),
    "postings of another user": (
        ("update trading_posting set user_id = %(bob user)s where ledger = 'capital' and account_id = %(alice)s",),
        {"posting_has_its_journal", "row_belongs_to_its_account"},
    ),
    "a journal of another user": (
        ("update trading_journal set user_id = %(bob user)s where kind = 'deposit' and account_id = %(alice)s",),
        {"posting_has_its_journal", "row_belongs_to_its_account"},
    ),
    "a fill of another user": (
        ("update trading_fill set user_id = %(bob user)s where order_id = %(sold)s",),
        {"fill_has_its_order", "fill_has_its_journal", "row_belongs_to_its_account"},
    ),
}  # fmt: skip
