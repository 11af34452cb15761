"""The laws of what stands for detail that is no longer kept: opening journals, opening lots, and the cut of the log."""

from __future__ import annotations

from trading.ledger_check import Check

# The generation that the kept history of account `a` begins in.
_BEGINS_IN = """(select coalesce(max(r.generation), 1) from trading_accountreset r
                  where r.account_id = a.account_id and r.event_seq <= a.history_seq)"""

OPENING_CHECKS = (
    Check(
        rule="opening_journal_is_of_trades_of_the_past",
        breaches=f"""
        select j.account_id, 'journal ' || j.id,
               'at most cash, fees, realized, securities, of a generation up to ' || {_BEGINS_IN} || ', behind event '
                 || greatest(a.history_seq, 1),
               coalesce(string_agg(p.ledger, ', ' order by p.ledger), 'nothing') || ', of generation ' || j.generation
          from trading_journal j join trading_tradingaccount a on a.account_id = j.account_id
          left join trading_posting p on p.journal_id = j.id
         where {{of j}} and j.kind = 'opening' group by j.id, a.account_id
        having bool_or(p.ledger not in ('cash', 'securities', 'realized', 'fees'))
            or a.history_seq = 0 or j.generation > {_BEGINS_IN}""",
    ),
    Check(
        rule="opening_lot_is_of_where_history_begins",
        breaches=f"""
        select l.account_id, 'opening lot in asset ' || l.asset_id,
               'generation ' || {_BEGINS_IN} || ', behind event ' || greatest(a.history_seq, 1),
               'generation ' || l.generation || ', behind event ' || a.history_seq
          from trading_openinglot l join trading_tradingaccount a on a.account_id = l.account_id
         where {{of l}} and (a.history_seq = 0 or l.generation <> {_BEGINS_IN})""",
    ),
    Check(
        # By an opening journal, or by fills behind the cut whose orders are still needed.
        rule="opening_lots_are_what_was_booked",
        breaches=f"""
        select a.account_id, 'opening lots',
               concat_ws(', ', 'securities ' || trim_scale(coalesce(b.securities, 0)), 'realized ' || trim_scale(coalesce(b.realized, 0)),
                         'fees ' || trim_scale(coalesce(b.fees, 0))),
               concat_ws(', ', 'securities ' || trim_scale(coalesce(l.cost, 0)), 'realized ' || trim_scale(coalesce(l.realized, 0)),
                         'fees ' || trim_scale(coalesce(l.fees, 0)))
          from trading_tradingaccount a
          left join (
            select l.account_id, sum(l.cost) as cost, sum(l.realized) as realized, sum(l.fees) as fees
              from trading_openinglot l where {{of l}} group by l.account_id) l on l.account_id = a.account_id
          left join lateral (
            select sum(p.amount) filter (where p.ledger = 'securities') as securities,
                   sum(p.amount) filter (where p.ledger = 'realized') as realized,
                   sum(p.amount) filter (where p.ledger = 'fees') as fees
              from (select j.id from trading_journal j
                     where j.account_id = a.account_id and j.kind = 'opening' and j.generation = {_BEGINS_IN}
                       and a.history_seq > 0
                    union all
                    select e.fill_id from trading_orderevent e join trading_order o on o.id = e.order_id
                     where e.account_id = a.account_id and e.seq <= a.history_seq and e.fill_id is not null
                       and o.generation = {_BEGINS_IN}) j
              join trading_posting p on p.journal_id = j.id) b on true
         where {{of a}} and (coalesce(l.cost, 0), coalesce(l.realized, 0), coalesce(l.fees, 0))
               is distinct from (coalesce(b.securities, 0), coalesce(b.realized, 0), coalesce(b.fees, 0))""",
    ),
)
