-- Make one batch of a matcher's decisions durable: orders, fills, journals, positions, events,
-- accounts and the shard's progress, all or nothing, set by set. The journal adapter has computed
-- every figure; nothing is derived here that another writer could change, but for the event
-- sequences (from the locked account) and a cancel or replace that was asked for meanwhile.
--
-- Raises RX001 when the shard has another owner (the fence), RX002 when an order is not in the
-- state from which the matcher decided: then nothing is written and the matcher must start anew.
create function trading_commit_decisions(
  p_market bigint, p_shard int, p_epoch bigint, p_run int, p_seq bigint, p_at bigint,
  p_orders jsonb, p_fills jsonb, p_postings jsonb, p_positions jsonb, p_accounts jsonb, p_events jsonb,
  p_queues jsonb)
returns void language plpgsql as $$
#variable_conflict use_column
declare
  v_late uuid[];
  v_count int;
begin
  update matching_shard s set run = p_run, seq = p_seq, at = p_at, updated_at = clock_timestamp()
   where s.market_id = p_market and s.number = p_shard and s.epoch = p_epoch;
  if not found then
    raise exception 'shard %/% is owned by another matcher', p_market, p_shard using errcode = 'RX001';
  end if;

  -- Accounts, then orders, then positions: the order in which every writer locks.
  perform from trading_tradingaccount a
    where a.account_id in (select x.account_id from jsonb_to_recordset(p_accounts) as x(account_id uuid))
    order by a.account_id for no key update;

  if p_queues is not null then
    -- Their accounts are not locked, so in the order in which a cancel of all locks its orders.
    perform from trading_order o
      where o.id in (select q.id from jsonb_to_recordset(p_queues) as q(id uuid)) and o.market_id = p_market
      order by o.submitted_at, o.id for no key update;
    update trading_order o set queue_ahead = q.queue_ahead
      from jsonb_to_recordset(p_queues) as q(id uuid, queue_ahead numeric)
     where o.id = q.id and o.market_id = p_market;
  end if;
  if p_orders is null and p_events is null then
    return;
  end if;

  -- An owner may have asked for a cancel or a replace since the matcher looked: a decision that
  -- leaves the order open leaves that wish standing, one that ends it wins.
  with d as (
    select * from jsonb_to_recordset(p_orders) as x(
      id uuid, prior_filled numeric, status text, keeps_wish boolean, quantity numeric, filled_quantity numeric,
      filled_money numeric, cash_held numeric, quantity_held numeric, at timestamptz, stamp_seq bigint,
      queue_seq bigint, queue_no bigint,
      replaced_by uuid, reason text)
  ), done as (
    update trading_order o
       set status = case when d.keeps_wish and o.status in ('pending_cancel', 'pending_replace')
                         then o.status else d.status end,
           quantity = coalesce(d.quantity, o.quantity),
           filled_quantity = d.filled_quantity, filled_money = d.filled_money,
           cash_held = d.cash_held, quantity_held = d.quantity_held,
           stamp_seq = coalesce(d.stamp_seq, o.stamp_seq),
           queue_seq = coalesce(d.queue_seq, o.queue_seq), queue_no = coalesce(d.queue_no, o.queue_no),
           replaced_by = coalesce(d.replaced_by, o.replaced_by),
           reason = coalesce(d.reason, o.reason),
           updated_at = d.at,
           filled_at = case d.status when 'filled' then d.at else o.filled_at end,
           expired_at = case d.status when 'expired' then d.at else o.expired_at end,
           canceled_at = case d.status when 'canceled' then d.at else o.canceled_at end,
           failed_at = case d.status when 'rejected' then d.at else o.failed_at end,
           replaced_at = case d.status when 'replaced' then d.at else o.replaced_at end
      from d
     where o.id = d.id and o.market_id = p_market and o.filled_quantity = d.prior_filled
       and o.status not in ('filled', 'canceled', 'expired', 'rejected', 'replaced')
    returning o.id, old.status as prior_status, d.status
  )
  select count(*), array_agg(done.id) filter (
           where done.prior_status = 'pending_cancel' and done.status in ('filled', 'expired'))
    into v_count, v_late from done;
  if v_count <> jsonb_array_length(coalesce(p_orders, '[]')) then
    raise exception 'an order was not in the state from which the matcher decided' using errcode = 'RX002';
  end if;

  insert into trading_fill (id, user_id, account_id, order_id, asset_id, symbol, side, quantity, price, at, run,
                            seq, offer_seq, rule, model_version, evidence)
  select f.id, f.user_id, f.account_id, f.order_id, f.asset_id, f.symbol, f.side, f.quantity, f.price, f.at, p_run,
         f.seq, f.offer_seq, f.rule, f.model_version, f.evidence
    from jsonb_to_recordset(p_fills) as f(
      id uuid, user_id uuid, account_id uuid, order_id uuid, asset_id uuid, symbol text, side text, quantity numeric,
      price numeric, at timestamptz, seq bigint, offer_seq bigint, rule text,
      model_version int, evidence jsonb);

  insert into trading_journal (id, user_id, account_id, kind, at, note, request_id)
  select f.id, f.user_id, f.account_id, 'fill', f.at, '', ''
    from jsonb_to_recordset(p_fills) as f(id uuid, user_id uuid, account_id uuid, at timestamptz);

  insert into trading_posting (journal_id, ledger, user_id, account_id, amount)
  select x.journal_id, x.ledger, x.user_id, x.account_id, x.amount
    from jsonb_to_recordset(p_postings) as x(
      journal_id uuid, ledger text, user_id uuid, account_id uuid, amount numeric);

  -- No upsert: a constraint judges the row of its insert arm, and a release is a negative hold.
  with x as (
    select * from jsonb_to_recordset(p_positions) as x(
      user_id uuid, account_id uuid, asset_id uuid, symbol text, quantity numeric, cost numeric,
      held_change numeric, at timestamptz)
  ), known as (
    update trading_position p
       set quantity = x.quantity, cost = x.cost, quantity_held = p.quantity_held + x.held_change, updated_at = x.at
      from x where p.account_id = x.account_id and p.asset_id = x.asset_id
    returning p.account_id, p.asset_id
  )
  insert into trading_position (user_id, account_id, asset_id, symbol, quantity, cost, quantity_held, updated_at)
  select x.user_id, x.account_id, x.asset_id, x.symbol, x.quantity, x.cost, x.held_change, x.at
    from x where not exists (
      select from known k where k.account_id = x.account_id and k.asset_id = x.asset_id);

  with e as (
    select x.*, 0 as late, x.n as place from jsonb_to_recordset(p_events) as x(
      n int, account_id uuid, user_id uuid, order_id uuid, kind text, status text, at timestamptz,
      feed_seq bigint, filled_quantity numeric, filled_money numeric, fill_id uuid, quantity numeric,
      price numeric, position_quantity numeric, request_id text)
  ), with_late as (
    select * from e
    union all  -- the fill won: tell the owner that the cancel came too late
    select l.*, 1, l.n from (select distinct on (e.order_id) e.n, e.account_id, e.user_id, e.order_id,
             'order_cancel_rejected', e.status, e.at, e.feed_seq, e.filled_quantity, e.filled_money,
             null::uuid, null::numeric, null::numeric, null::numeric, e.request_id
        from e where e.order_id = any(v_late) order by e.order_id, e.n desc) l
  ), numbered as (
    select w.*, a.event_seq + row_number() over (partition by w.account_id order by w.place, w.late) as seq
      from with_late w join trading_tradingaccount a on a.account_id = w.account_id
  ), inserted as (
    insert into trading_orderevent (account_id, seq, user_id, order_id, kind, status, at, recorded_at, feed_seq,
                                    filled_quantity, filled_money, fill_id, quantity, price, position_quantity,
                                    request_id)
    select account_id, seq, user_id, order_id, kind, status, at, clock_timestamp(), feed_seq,
           filled_quantity, filled_money, fill_id, quantity, price, position_quantity, request_id
      from numbered
    returning account_id
  ), counted as (
    select account_id, count(*) as events from inserted group by account_id
  )
  update trading_tradingaccount a
     set cash = a.cash + x.cash_change, cash_held = a.cash_held + x.held_change,
         event_seq = a.event_seq + counted.events
    from jsonb_to_recordset(p_accounts) as x(account_id uuid, cash_change numeric, held_change numeric)
    join counted on counted.account_id = x.account_id
   where a.account_id = x.account_id;
  get diagnostics v_count = row_count;
  if v_count <> jsonb_array_length(coalesce(p_accounts, '[]')) or v_count <> (
       select count(distinct x.account_id) from jsonb_to_recordset(p_events) as x(account_id uuid)) then
    raise exception 'a batch must name exactly the accounts of its events' using errcode = 'check_violation';
  end if;
end $$;
