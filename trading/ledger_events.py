"""The laws of the event log: whole from where history begins, in order, and telling of every order what its row says."""

from __future__ import annotations

from trading.ledger_check import OPEN, Check

EVENT_CHECKS = (
    Check(
        rule="events_have_no_gap",
        breaches="""
        select a.account_id, 'event sequence', a.history_seq + 1 || ' to ' || a.event_seq,
               coalesce(e.total || ' events, ' || e.lowest || ' to ' || e.highest, 'no event')
          from trading_tradingaccount a left join (
            select e.account_id, count(*) as total, min(e.seq) as lowest, max(e.seq) as highest
              from trading_orderevent e join trading_tradingaccount b on b.account_id = e.account_id
             where {of e} and e.seq > b.history_seq group by e.account_id) e on e.account_id = a.account_id
         where {of a} and (a.event_seq - a.history_seq <> coalesce(e.total, 0)
                           or coalesce(e.highest, a.event_seq) <> a.event_seq
                           or coalesce(e.lowest, a.history_seq + 1) <> a.history_seq + 1)""",
    ),
    Check(
        rule="event_has_its_order",
        breaches="""
        select e.account_id, 'event ' || e.seq, 'an order of the same owner',
               coalesce('an order of account ' || o.account_id || ', user ' || o.user_id, 'none')
          from trading_orderevent e left join trading_order o on o.id = e.order_id
         where {of e} and (o.account_id, o.user_id) is distinct from (e.account_id, e.user_id)""",
    ),
    Check(
        # A wish that stands while the matcher goes on (new, partial_fill) keeps the order's status.
        rule="last_event_agrees_with_its_order",
        breaches=f"""
        select o.account_id, 'order ' || o.id,
               coalesce(e.status || ', filled ' || trim_scale(e.filled_quantity) || ' for ' || trim_scale(e.filled_money),
                        'an event'),
               o.status || ', filled ' || trim_scale(o.filled_quantity) || ' for ' || trim_scale(o.filled_money)
          from trading_order o left join (
            select distinct on (e.order_id) e.* from trading_orderevent e where {{of e}}
             order by e.order_id, e.seq desc) e on e.order_id = o.id
         where {{of o}} and (
           (e.filled_quantity, e.filled_money) is distinct from (o.filled_quantity, o.filled_money)
           or (e.status <> o.status and not (
             o.status in ('pending_cancel', 'pending_replace') and e.status in ({OPEN})
             and exists (select from trading_orderevent w where w.order_id = o.id and w.account_id = o.account_id
                            and w.status = o.status))))""",
    ),
    Check(
        rule="event_counts_the_executions_so_far",
        breaches="""
        select account_id, 'event ' || seq, trim_scale(quantity_so_far) || ' for ' || trim_scale(money_so_far),
               trim_scale(filled_quantity) || ' for ' || trim_scale(filled_money)
          from (select e.*, coalesce(sum(e.quantity) over so_far, 0) as quantity_so_far,
                       coalesce(sum(e.quantity * e.price) over so_far, 0) as money_so_far
                  from trading_orderevent e where {of e}
                window so_far as (partition by e.account_id, e.order_id order by e.seq)) e
         where (filled_quantity, filled_money) is distinct from (quantity_so_far, money_so_far)""",
    ),
    Check(
        rule="fill_has_one_event",
        breaches="""
        select coalesce(f.account_id, e.account_id), 'fill ' || coalesce(f.id, e.fill_id),
               'one event with its order, quantity and price',
               case when f.id is null then 'event ' || e.first || ' without a fill'
                    when e.total is null then 'none' when e.total > 1 then e.total || ' events'
                    else 'event ' || e.first || ': ' || trim_scale(e.quantity) || ' at ' || trim_scale(e.price) end
          from (select * from trading_fill f where {of f}) f full join (
            select e.account_id, e.fill_id, count(*) as total, min(e.seq) as first,
                   (array_agg(e.order_id))[1] as order_id, min(e.quantity) as quantity, min(e.price) as price
              from trading_orderevent e where {of e} and e.fill_id is not null group by e.account_id, e.fill_id) e
            on e.fill_id = f.id and e.account_id = f.account_id
         where (e.total, e.order_id, e.quantity, e.price) is distinct from (1, f.order_id, f.quantity, f.price)""",
    ),
    Check(
        rule="event_names_the_rule_of_its_fill",
        breaches="""
        select e.account_id, 'event ' || e.seq, f.rule, e.rule
          from trading_orderevent e join trading_fill f on f.id = e.fill_id and f.account_id = e.account_id
         where {of e} and e.rule not in ('', f.rule)""",
    ),
    Check(
        # A fill, a restatement and a successor's start change what an order asks for, and say so.
        rule="event_tells_what_its_order_asks_for",
        breaches="""
        select o.account_id, 'order ' || o.id, trim_scale(e.order_quantity)::text, trim_scale(o.quantity)::text
          from trading_order o join (
            select distinct on (e.order_id) e.* from trading_orderevent e
             where {of e} and e.order_quantity is not null order by e.order_id, e.seq desc) e on e.order_id = o.id
         where {of o} and o.quantity is distinct from e.order_quantity""",
    ),
    Check(
        # A successor may have been triggered as the order that it replaced.
        rule="trigger_is_told_once_with_its_evidence",
        breaches="""
        select o.account_id, 'order ' || o.id,
               case when o.is_triggered then 'one event with evidence and rule' else 'no event of a trigger' end,
               coalesce(e.total, 0) || ' events, ' || coalesce(e.proven, 0) || ' with evidence and rule'
          from trading_order o left join (
            select e.order_id, count(*) as total,
                   count(*) filter (where e.evidence is not null and e.rule <> '') as proven
              from trading_orderevent e where {of e} and e.kind = 'triggered' group by e.order_id) e on e.order_id = o.id
         where {of o} and (coalesce(e.total, 0) <> coalesce(e.proven, 0)
           or coalesce(e.total, 0) > case when o.is_triggered then 1 else 0 end
           or (o.is_triggered and o.replaces is null and e.total is null))""",
    ),
)
