"""The laws of order classes: whose legs they are, and that the exits never trade more than their entry did."""

from __future__ import annotations

from trading.ledger_check import IS_WAITING_SUCCESSOR, TERMINAL, Check

# What the entries of each class have filled, and its exits after them.
GROUPS = """
  select m.group_id, bool_or(m.role = 'entry') as is_entered,
         coalesce(sum(m.filled_quantity) filter (where m.role = 'entry'), 0) as entered,
         coalesce(sum(m.filled_quantity) filter (where m.role <> 'entry'), 0) as exited
    from trading_order m where {of m} and m.group_id is not null group by m.group_id"""

_WORKING_EXIT = f"""o.role in ('take_profit', 'stop_loss') and o.status not in ({TERMINAL})
  and not ({IS_WAITING_SUCCESSOR})"""

GROUP_CHECKS = (
    Check(
        rule="member_of_a_class_has_its_group",
        breaches="""
        select o.account_id, 'order ' || o.id,
               case when o.order_class in ('bracket', 'oco', 'oto') then 'a role, and a group of its owner''s order'
                    else 'neither group nor role' end,
               'group ' || coalesce(o.group_id::text, 'none') || ' of account ' || coalesce(g.account_id::text, 'none')
                 || ', role ' || coalesce(nullif(o.role, ''), 'none')
          from trading_order o left join trading_order g on g.id = o.group_id
         where {of o} and case when o.order_class in ('bracket', 'oco', 'oto')
           then o.role = '' or (g.account_id, g.user_id, g.asset_id, g.order_class)
                               is distinct from (o.account_id, o.user_id, o.asset_id, o.order_class)
           else o.role <> '' or o.group_id is not null end""",
    ),
    Check(
        # The parent is the newest of the orders that replaced the first one.
        rule="leg_has_its_parent",
        breaches="""
        select o.account_id, 'order ' || o.id, 'a parent of the same class that nobody replaced',
               coalesce('order ' || p.id || ' of group ' || coalesce(p.group_id::text, 'none') || ', ' || p.status, 'none')
          from trading_order o left join trading_order p on p.id = o.parent
         where {of o} and o.parent is not null
           and ((p.account_id, p.user_id, p.group_id) is distinct from (o.account_id, o.user_id, o.group_id)
                or p.parent is not null or p.status = 'replaced')""",
    ),
    Check(
        rule="exits_trade_no_more_than_their_entry",
        breaches=f"""
        select o.account_id, 'group ' || o.group_id, 'at most ' || trim_scale(g.entered), trim_scale(g.exited)::text
          from trading_order o join ({GROUPS}) g on g.group_id = o.group_id
         where {{of o}} and o.id = o.group_id and g.is_entered and g.exited > g.entered""",
    ),
    Check(
        rule="exits_work_for_what_their_entry_filled",
        breaches=f"""
        select o.account_id, 'order ' || o.id, trim_scale(g.entered - g.exited)::text,
               trim_scale(o.quantity - o.filled_quantity)::text
          from trading_order o join ({GROUPS}) g on g.group_id = o.group_id and g.is_entered
         where {{of o}} and {_WORKING_EXIT} and o.quantity - o.filled_quantity <> g.entered - g.exited
           and not exists (select from trading_order e where e.group_id = o.group_id and e.role = 'entry'
                              and e.status not in ({TERMINAL}))""",
    ),
    Check(
        rule="exits_of_a_pair_have_the_same_left",
        breaches=f"""
        select o.account_id, 'order ' || o.id, trim_scale(s.quantity - s.filled_quantity) || ', as order ' || s.id,
               trim_scale(o.quantity - o.filled_quantity)::text
          from trading_order o join trading_order s on s.group_id = o.group_id and s.role = 'stop_loss'
         where {{of o}} and o.role = 'take_profit' and {_WORKING_EXIT}
           and s.status not in ({TERMINAL}) and not ({IS_WAITING_SUCCESSOR.replace("o.", "s.")})
           and o.quantity - o.filled_quantity <> s.quantity - s.filled_quantity""",
    ),
)
