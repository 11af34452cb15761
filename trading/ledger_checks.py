"""The laws of the ledger that SQL can state: each query yields a row for every breach.

What needs the order of events (a position's average cost) is replayed by `trading.ledger_replay` instead.
"""

from __future__ import annotations

from trading.ledger_check import IS_WAITING_SUCCESSOR, OPEN, TERMINAL, Check
from trading.ledger_events import EVENT_CHECKS
from trading.ledger_generations import GENERATION_CHECKS
from trading.ledger_groups import GROUP_CHECKS, GROUPS
from trading.ledger_openings import OPENING_CHECKS

# A successor that the matcher has not taken yet holds only what it asks for beyond the order that
# it replaces: see trading/sql/0005_replace_order.sql. `b` is that order, as it was at the request.
# What opens a position reserves cash, what closes one shares.
_CASH_HELD = f"""case
  when o.status in ({TERMINAL}) or o.position_intent not in ('buy_to_open', 'sell_to_open') then 0
  when o.notional is not null then greatest(o.notional - o.filled_money, 0)
  when {IS_WAITING_SUCCESSOR} then
    greatest(o.reserve_price * o.quantity - b.reserve_price * (b.quantity - o.replaced_filled_quantity), 0)
  else o.reserve_price * (o.quantity - o.filled_quantity) end"""
# A sale by notional reserves shares by a price of its moment, which no rule recomputes later. Of two
# exits the take-profit holds for both; exits hold what their entry filled, `g`, before they work, too.
_QUANTITY_HELD = f"""case
  when o.status in ({TERMINAL}) or o.position_intent in ('buy_to_open', 'sell_to_open') then 0
  when o.role = 'stop_loss' and o.order_class in ('bracket', 'oco') then 0
  when o.notional is not null then o.quantity_held
  when {IS_WAITING_SUCCESSOR} then
    case o.role when '' then greatest(o.quantity - (b.quantity - o.replaced_filled_quantity), 0) else 0 end
  when o.order_class in ('bracket', 'oto') then g.entered - g.exited
  else o.quantity - o.filled_quantity end"""

CHECKS = (
    Check(
        rule="a_position_holds_no_more_than_it_has",
        breaches="""
        select p.account_id, p.symbol || ' held', 'at most ' || trim_scale(abs(p.quantity)), trim_scale(p.quantity_held)::text
          from trading_position p where {of p} and p.quantity_held > abs(p.quantity)""",
    ),
    Check(
        rule="journal_sums_to_zero",
        breaches="""
        select j.account_id, 'journal ' || j.id, '2 or more postings that sum to 0',
               count(p.ledger) || ' that sum to ' || trim_scale(coalesce(sum(p.amount), 0))
          from trading_journal j left join trading_posting p on p.journal_id = j.id
         where {of j} group by j.id having count(p.ledger) < 2 or sum(p.amount) <> 0""",
    ),
    Check(
        rule="posting_has_its_journal",
        breaches="""
        select p.account_id, 'posting ' || p.ledger || ' of journal ' || p.journal_id, 'a journal of the same owner',
               coalesce('a journal of account ' || j.account_id || ', user ' || j.user_id, 'none')
          from trading_posting p left join trading_journal j on j.id = p.journal_id
         where {of p} and (j.account_id, j.user_id) is distinct from (p.account_id, p.user_id)""",
    ),
    Check(
        rule="deposit_is_cash_against_capital",
        breaches="""
        select j.account_id, 'journal ' || j.id, 'capital, cash', coalesce(string_agg(p.ledger, ', ' order by p.ledger), 'nothing')
          from trading_journal j left join trading_posting p on p.journal_id = j.id
         where {of j} and j.kind in ('deposit', 'adjustment')
         group by j.id having string_agg(p.ledger, ', ' order by p.ledger) is distinct from 'capital, cash'""",
    ),
    Check(
        rule="interest_is_cash_against_fees",
        breaches="""
        select j.account_id, 'journal ' || j.id, 'cash, fees', coalesce(string_agg(p.ledger, ', ' order by p.ledger), 'nothing')
          from trading_journal j left join trading_posting p on p.journal_id = j.id
         where {of j} and j.kind = 'interest'
         group by j.id having string_agg(p.ledger, ', ' order by p.ledger) is distinct from 'cash, fees'""",
    ),
    Check(
        rule="cash_is_the_sum_of_its_postings",
        breaches="""
        select a.account_id, 'cash', trim_scale(coalesce(s.total, 0))::text, trim_scale(a.cash)::text
          from trading_tradingaccount a left join (
            select p.account_id, sum(p.amount) as total from trading_posting p
             where {of p} and p.ledger = 'cash' group by p.account_id) s on s.account_id = a.account_id
         where {of a} and a.cash <> coalesce(s.total, 0)""",
    ),
    Check(
        rule="securities_are_the_sum_of_position_costs",
        breaches="""
        select a.account_id, 'securities', trim_scale(coalesce(c.total, 0))::text, trim_scale(coalesce(s.total, 0))::text
          from trading_tradingaccount a
          left join (select p.account_id, sum(p.amount) as total from trading_posting p
                      where {of p} and p.ledger = 'securities' group by p.account_id) s on s.account_id = a.account_id
          left join (select q.account_id, sum(q.cost) as total from trading_position q
                      where {of q} group by q.account_id) c on c.account_id = a.account_id
         where {of a} and coalesce(s.total, 0) <> coalesce(c.total, 0)""",
    ),
    Check(
        rule="fill_has_its_order",
        breaches="""
        select f.account_id, 'fill ' || f.id, 'an order of the same owner, asset and side',
               coalesce(o.side || ' ' || o.symbol || ' of account ' || o.account_id, 'none')
          from trading_fill f left join trading_order o on o.id = f.order_id
         where {of f} and (o.account_id, o.user_id, o.asset_id, o.symbol, o.side)
               is distinct from (f.account_id, f.user_id, f.asset_id, f.symbol, f.side)""",
    ),
    Check(
        rule="order_is_filled_by_its_fills",
        breaches="""
        select o.account_id, 'order ' || o.id,
               trim_scale(coalesce(f.quantity, 0)) || ' for ' || trim_scale(coalesce(f.money, 0)),
               trim_scale(o.filled_quantity) || ' for ' || trim_scale(o.filled_money)
          from trading_order o left join (
            select f.order_id, sum(f.quantity) as quantity, sum(f.quantity * f.price) as money
              from trading_fill f where {of f} group by f.order_id) f on f.order_id = o.id
         where {of o} and (o.filled_quantity, o.filled_money)
               is distinct from (coalesce(f.quantity, 0), coalesce(f.money, 0))""",
    ),
    Check(
        rule="filled_order_is_filled_whole",
        breaches="""
        select o.account_id, 'order ' || o.id, trim_scale(o.quantity)::text, trim_scale(o.filled_quantity)::text
          from trading_order o
         where {of o} and o.status = 'filled' and o.quantity is not null and o.filled_quantity <> o.quantity""",
    ),
    Check(
        rule="fill_has_its_journal",
        breaches="""
        select coalesce(f.account_id, j.account_id), 'fill ' || coalesce(f.id, j.id), 'one journal of the fill''s id and owner',
               case when f.id is null then 'a journal without a fill' when j.id is null then 'none'
                    else j.kind || ' of account ' || j.account_id || ', user ' || j.user_id end
          from (select * from trading_fill f where {of f}) f
          full join (select * from trading_journal j where {of j} and j.kind = 'fill') j on j.id = f.id
         where (j.account_id, j.user_id) is distinct from (f.account_id, f.user_id)""",
    ),
    Check(
        rule="order_holds_what_its_terms_ask",
        breaches=f"""
        select account_id, 'order ' || id, trim_scale(cash_wanted) || ' dollars, ' || trim_scale(quantity_wanted) || ' shares',
               trim_scale(cash_held) || ' dollars, ' || trim_scale(quantity_held) || ' shares'
          from (select o.*, {_CASH_HELD} as cash_wanted, {_QUANTITY_HELD} as quantity_wanted
                  from trading_order o left join trading_order b on b.id = o.replaces
                  left join ({GROUPS}) g on g.group_id = o.group_id and o.role <> 'entry' where {{of o}}) o
         where (cash_held, quantity_held) is distinct from (cash_wanted, quantity_wanted)""",
    ),
    Check(
        rule="cash_held_is_the_sum_over_open_orders",
        breaches=f"""
        select a.account_id, 'cash held', trim_scale(coalesce(o.total, 0))::text, trim_scale(a.cash_held)::text
          from trading_tradingaccount a left join (
            select o.account_id, sum(o.cash_held) as total from trading_order o
             where {{of o}} and o.status in ({OPEN}) group by o.account_id) o on o.account_id = a.account_id
         where {{of a}} and a.cash_held <> coalesce(o.total, 0)""",
    ),
    Check(
        rule="quantity_held_is_the_sum_over_open_orders",
        breaches=f"""
        select account_id, 'position in asset ' || asset_id, trim_scale(coalesce(o.total, 0))::text,
               trim_scale(coalesce(p.quantity_held, 0))::text
          from (select * from trading_position p where {{of p}}) p full join (
            select o.account_id, o.asset_id, sum(o.quantity_held) as total from trading_order o
             where {{of o}} and o.status in ({OPEN}) group by o.account_id, o.asset_id) o using (account_id, asset_id)
         where coalesce(p.quantity_held, 0) <> coalesce(o.total, 0)""",
    ),
    *GROUP_CHECKS,
    *EVENT_CHECKS,
    *GENERATION_CHECKS,
    *OPENING_CHECKS,
)

# Tables whose key to the account is declared and not enforced, as the catalogue knows them.
UNENFORCED_TABLES = """
select r.relname from pg_constraint c join pg_class r on r.oid = c.conrelid
 where c.contype = 'f' and not c.conenforced and c.confrelid = 'trading_tradingaccount'::regclass order by 1"""


def owner_check(table: str) -> Check:
    """Return the law that the key of `table` to its account would enforce."""
    return Check(
        rule="row_belongs_to_its_account",
        breaches=f"""
        select t.account_id, '{table} of user ' || t.user_id, 'an account of this user',
               count(*) || ' rows; ' || coalesce('the account is of user ' || a.user_id, 'no such account')
          from {table} t left join trading_tradingaccount a on a.account_id = t.account_id
         where {{of t}} and a.user_id is distinct from t.user_id
         group by t.account_id, t.user_id, a.user_id""",
    )
