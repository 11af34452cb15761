"""The laws of resets: a generation ends with nothing left of it, and what it had stays its own."""

from __future__ import annotations

from trading.ledger_check import OPEN, Check

GENERATION_CHECKS = (
    Check(
        rule="account_has_begun_its_generations",
        breaches="""
        select a.account_id, 'generation', (1 + count(r.at))::text || case a.status when 'ACCOUNT_UPDATED' then ' and one to come' else '' end,
               a.generation || ' of status ' || a.status || ', with ' || count(r.at) || ' resets up to '
                 || coalesce(max(r.generation) filter (where r.at is not null), 1) || ', and '
                 || count(*) filter (where r.generation is not null and r.at is null) || ' that wait'
          from trading_tradingaccount a left join trading_accountreset r on r.account_id = a.account_id
         where {of a} group by a.account_id
        having a.generation <> 1 + count(r.at)
            or a.generation <> coalesce(max(r.generation) filter (where r.at is not null), 1)
            or count(*) filter (where r.generation = a.generation + 1 and r.at is null)
               <> case a.status when 'ACCOUNT_UPDATED' then 1 else 0 end""",
    ),
    Check(
        rule="generation_ends_with_nothing_left",
        breaches="""
        select s.account_id, 'generation ' || s.generation, 'nothing',
               trim_scale(s.cash) || ' cash, ' || trim_scale(s.securities) || ' securities'
          from trading_tradingaccount a join (
            select p.account_id, coalesce(o.generation, j.generation) as generation,
                   coalesce(sum(p.amount) filter (where p.ledger = 'cash'), 0) as cash,
                   coalesce(sum(p.amount) filter (where p.ledger = 'securities'), 0) as securities
              from trading_posting p join trading_journal j on j.id = p.journal_id
              left join trading_fill f on f.id = j.id left join trading_order o on o.id = f.order_id
             where {of p} and p.account_id in (select r.account_id from trading_accountreset r)
             group by 1, 2) s on s.account_id = a.account_id
         where {of a} and s.generation < a.generation and (s.cash, s.securities) <> (0, 0)""",
    ),
    Check(
        rule="reset_has_its_journals",
        breaches="""
        select coalesce(r.account_id, j.account_id), coalesce('reset to generation ' || r.generation, 'journal ' || j.id),
               case when r.generation is null then 'a reset that it closes'
                    else trim_scale(r.cash) || ' paid in, after the end of generation ' || r.generation - 1 end,
               coalesce(j.kind || ' of generation ' || j.generation, 'no journal of its end') || ', '
                 || coalesce(trim_scale(d.cash)::text, 'nothing') || ' paid in'
          from (select * from trading_accountreset r where {of r} and r.at is not null) r
          full join (select * from trading_journal j where {of j} and j.kind = 'reset') j on j.id = r.closing_id
          left join (
            select j.account_id, j.generation, sum(p.amount) as cash
              from trading_journal j join trading_posting p on p.journal_id = j.id and p.ledger = 'cash'
             where {of j} and j.kind = 'deposit' group by j.account_id, j.generation) d
            on d.account_id = r.account_id and d.generation = r.generation
         where r.generation is null or d.cash is distinct from r.cash
            or (r.closing_id is not null
                and (j.account_id, j.user_id, j.generation) is distinct from (r.account_id, r.user_id, r.generation - 1))""",
    ),
    Check(
        rule="reset_is_cash_and_securities_against_capital",
        breaches="""
        select j.account_id, 'journal ' || j.id, 'capital, cash, securities', string_agg(p.ledger, ', ' order by p.ledger)
          from trading_journal j join trading_posting p on p.journal_id = j.id
         where {of j} and j.kind = 'reset' group by j.id
        having bool_or(p.ledger not in ('capital', 'cash', 'securities'))""",
    ),
    Check(
        rule="open_order_is_of_an_open_account_and_its_present_generation",
        breaches=f"""
        select o.account_id, 'order ' || o.id, 'generation ' || a.generation || ' of an open account',
               'generation ' || o.generation || ' of status ' || a.status
          from trading_order o join trading_tradingaccount a on a.account_id = o.account_id
         where {{of o}} and o.status in ({OPEN}) and (o.generation <> a.generation or a.status = 'ACCOUNT_CLOSED')""",
    ),
    Check(
        rule="order_has_its_events_in_its_generation",
        breaches="""
        select o.account_id, 'order ' || o.id, 'events of generation ' || o.generation || ': after '
                 || coalesce(b.event_seq::text, 'nothing that began it') || coalesce(', up to ' || n.event_seq, ''),
               e.first || ' to ' || e.last
          from (select o.*, case o.generation when 1 then 0 end as began from trading_order o
                 where {of o} and (o.generation <> 1
                   or exists (select from trading_accountreset r where r.account_id = o.account_id))) o
          join (select e.account_id, e.order_id, min(e.seq) as first, max(e.seq) as last
                  from trading_orderevent e where {of e} group by 1, 2) e
            on e.order_id = o.id and e.account_id = o.account_id
          left join trading_accountreset b on b.account_id = o.account_id and b.generation = o.generation
          left join trading_accountreset n on n.account_id = o.account_id and n.generation = o.generation + 1
         where coalesce(b.event_seq, o.began) is null or e.first <= coalesce(b.event_seq, o.began) or e.last > n.event_seq""",
    ),
)
