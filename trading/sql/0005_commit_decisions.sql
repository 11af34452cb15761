-- Make one batch of a matcher's decisions durable: orders, fills, journals, positions, events,
-- accounts, watermarks and the shard's progress, all or nothing, set by set. The journal adapter has
-- computed every figure; nothing is derived here that another writer could change, but for the event
-- sequences (from the locked account) and a cancel or replace that was asked for meanwhile.
--
-- Rows come as columns, arrays of equal length; a column that is null is null throughout. A fill comes
-- with the amounts of its journal, by ledger. Accounts are sorted by their ids, and `p_event_account` is
-- the place of the event's account among them, from 1; `p_event_no` counts the events of each account.
-- `p_fresh` are the symbols whose watermarks a new run of the tape forgets.
--
-- Every statement goes from the rows it is given to the rows it names, by their keys. The planner shall
-- not think otherwise: a plan that it made when a table was empty is kept for as long as the session.
--
-- Raises RX001 when the shard has another owner (the fence), RX002 when an order is not in the
-- state from which the matcher decided: then nothing is written and the matcher must start anew.
create function trading_commit_decisions(
  p_market bigint, p_shard int, p_epoch bigint, p_run int, p_seq bigint, p_at bigint,

  p_account_id uuid[] = null, p_account_cash_change numeric[] = null, p_account_held_change numeric[] = null,
  p_account_events int[] = null,

  p_order_id uuid[] = null, p_order_prior_filled numeric[] = null, p_order_status text[] = null,
  p_order_keeps_wish boolean[] = null, p_order_quantity numeric[] = null, p_order_filled_quantity numeric[] = null,
  p_order_filled_money numeric[] = null, p_order_cash_held numeric[] = null, p_order_quantity_held numeric[] = null,
  p_order_at timestamptz[] = null, p_order_stamp_seq bigint[] = null, p_order_queue_seq bigint[] = null,
  p_order_queue_no bigint[] = null, p_order_replaced_by uuid[] = null, p_order_reason text[] = null,
  p_order_is_triggered boolean[] = null, p_order_hwm numeric[] = null, p_order_working_seq bigint[] = null,
  p_order_accepted_ns bigint[] = null,

  p_reparent_from uuid[] = null, p_reparent_to uuid[] = null,

  p_fill_id uuid[] = null, p_fill_user_id uuid[] = null, p_fill_account_id uuid[] = null,
  p_fill_order_id uuid[] = null, p_fill_asset_id uuid[] = null, p_fill_symbol text[] = null,
  p_fill_side text[] = null, p_fill_quantity numeric[] = null, p_fill_price numeric[] = null,
  p_fill_at timestamptz[] = null, p_fill_seq bigint[] = null, p_fill_offer_seq bigint[] = null,
  p_fill_rule text[] = null, p_fill_model_version int[] = null, p_fill_evidence jsonb[] = null,
  p_fill_cash numeric[] = null, p_fill_securities numeric[] = null, p_fill_realized numeric[] = null,
  p_fill_fees numeric[] = null,

  p_position_is_new boolean[] = null, p_position_user_id uuid[] = null, p_position_account_id uuid[] = null,
  p_position_asset_id uuid[] = null, p_position_symbol text[] = null, p_position_quantity numeric[] = null,
  p_position_cost numeric[] = null, p_position_held_change numeric[] = null, p_position_at timestamptz[] = null,

  p_event_account int[] = null, p_event_no int[] = null, p_event_user_id uuid[] = null, p_event_order_id uuid[] = null,
  p_event_kind text[] = null, p_event_status text[] = null, p_event_at timestamptz[] = null,
  p_event_feed_seq bigint[] = null, p_event_filled_quantity numeric[] = null, p_event_filled_money numeric[] = null,
  p_event_fill_id uuid[] = null, p_event_quantity numeric[] = null, p_event_price numeric[] = null,
  p_event_position_quantity numeric[] = null, p_event_order_quantity numeric[] = null, p_event_rule text[] = null,
  p_event_evidence jsonb[] = null, p_event_request_id text[] = null,

  p_queue_order_id uuid[] = null, p_queue_ahead numeric[] = null,

  p_watermark_symbol text[] = null, p_watermark_side text[] = null, p_watermark_seq bigint[] = null,
  p_watermark_price bigint[] = null, p_fresh text[] = null
) returns void language plpgsql
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off
as $$
#variable_conflict use_column
declare
  v_told bigint[];  -- of each account: the sequence of its last event before this batch
  v_late uuid[];  -- orders that ended before the cancel that their owner had asked for
  v_late_account int[];
  v_late_no int[];
  v_count int;
begin
  update matching_shard s set run = p_run, seq = p_seq, at = p_at, updated_at = clock_timestamp()
   where s.market_id = p_market and s.number = p_shard and s.epoch = p_epoch;
  if not found then
    raise exception 'shard %/% is owned by another matcher', p_market, p_shard using errcode = 'RX001';
  end if;

  if p_fresh is not null then
    delete from matching_watermark w where w.market_id = p_market and w.symbol = any(p_fresh);
  end if;
  if p_watermark_seq is not null then
    -- T3: a row is of use only while no later one is as good for the same orders.
    delete from matching_watermark w
     using unnest(p_watermark_symbol, p_watermark_side, p_watermark_seq, p_watermark_price)
             as m(symbol, side, seq, price)
     where w.market_id = p_market and w.symbol = m.symbol and w.side = m.side and w.seq < m.seq
       and case m.side when 'sell' then w.price <= m.price else w.price >= m.price end;
    insert into matching_watermark (market_id, symbol, side, seq, price)
    select p_market, m.symbol, m.side, m.seq, m.price
      from unnest(p_watermark_symbol, p_watermark_side, p_watermark_seq, p_watermark_price)
             as m(symbol, side, seq, price);
  end if;

  -- Accounts, then orders, then positions: the order in which every writer locks. Accounts are changed
  -- last: their constraints have no say before it is known that the orders are as the matcher thought.
  if p_account_id is not null then
    select array_agg(locked.event_seq) into v_told
      from (select a.event_seq from trading_tradingaccount a where a.account_id = any(p_account_id)
             order by a.account_id for no key update) locked;
  end if;

  if p_queue_order_id is not null then
    -- Their accounts are not locked, so in the order in which a cancel of all locks its orders.
    perform from trading_order o where o.id = any(p_queue_order_id)
      order by o.submitted_at, o.id for no key update;
    update trading_order o set queue_ahead = q.queue_ahead
      from unnest(p_queue_order_id, p_queue_ahead) as q(id, queue_ahead) where o.id = q.id;
  end if;

  -- An owner may have asked for a cancel or a replace since the matcher looked: a decision that
  -- leaves the order open leaves that wish standing, one that ends it wins.
  if p_order_id is not null then
    with done as (
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
             is_triggered = o.is_triggered or coalesce(d.is_triggered, false),
             hwm = coalesce(d.hwm, o.hwm),
             working_seq = coalesce(d.working_seq, o.working_seq),
             accepted_ns = coalesce(d.accepted_ns, o.accepted_ns),
             updated_at = d.at,
             filled_at = case d.status when 'filled' then d.at else o.filled_at end,
             expired_at = case d.status when 'expired' then d.at else o.expired_at end,
             canceled_at = case d.status when 'canceled' then d.at else o.canceled_at end,
             failed_at = case d.status when 'rejected' then d.at else o.failed_at end,
             replaced_at = case d.status when 'replaced' then d.at else o.replaced_at end
        from unnest(
               p_order_id, p_order_prior_filled, p_order_status, p_order_keeps_wish, p_order_quantity,
               p_order_filled_quantity, p_order_filled_money, p_order_cash_held, p_order_quantity_held, p_order_at,
               p_order_stamp_seq, p_order_queue_seq, p_order_queue_no, p_order_replaced_by, p_order_reason,
               p_order_is_triggered, p_order_hwm, p_order_working_seq, p_order_accepted_ns
             ) as d(id, prior_filled, status, keeps_wish, quantity, filled_quantity, filled_money, cash_held,
                    quantity_held, at, stamp_seq, queue_seq, queue_no, replaced_by, reason, is_triggered, hwm,
                    working_seq, accepted_ns)
       where o.id = d.id
         -- In one piece, of which the planner cannot think that few orders pass it.
         and case when o.market_id = p_market
                   and o.status not in ('filled', 'canceled', 'expired', 'rejected', 'replaced')
                  then o.filled_quantity = d.prior_filled end
      returning o.id, old.status as prior_status, d.status
    )
    select count(*), array_agg(done.id) filter (
             where done.prior_status = 'pending_cancel' and done.status in ('filled', 'expired'))
      into v_count, v_late from done;
    if v_count <> cardinality(p_order_id) then
      raise exception 'an order was not in the state from which the matcher decided' using errcode = 'RX002';
    end if;
  end if;

  if p_reparent_from is not null then
    update trading_order o set parent = r.successor
      from unnest(p_reparent_from, p_reparent_to) as r(parent, successor) where o.parent = r.parent;
  end if;

  if p_fill_id is not null then
    insert into trading_fill (id, user_id, account_id, order_id, asset_id, symbol, side, quantity, price, at, run,
                              seq, offer_seq, rule, model_version, evidence)
    select f.id, f.user_id, f.account_id, f.order_id, f.asset_id, f.symbol, f.side, f.quantity, f.price, f.at, p_run,
           f.seq, f.offer_seq, f.rule, f.model_version, f.evidence
      from unnest(
             p_fill_id, p_fill_user_id, p_fill_account_id, p_fill_order_id, p_fill_asset_id, p_fill_symbol,
             p_fill_side, p_fill_quantity, p_fill_price, p_fill_at, p_fill_seq, p_fill_offer_seq, p_fill_rule,
             p_fill_model_version, p_fill_evidence
           ) as f(id, user_id, account_id, order_id, asset_id, symbol, side, quantity, price, at, seq, offer_seq, rule,
                  model_version, evidence);

    -- Before their journals, which would be refused without them.
    insert into trading_posting (journal_id, ledger, user_id, account_id, amount)
    select f.id, line.ledger, f.user_id, f.account_id, line.amount
      from unnest(
             p_fill_id, p_fill_user_id, p_fill_account_id, p_fill_cash, p_fill_securities, p_fill_realized, p_fill_fees
           ) as f(id, user_id, account_id, cash, securities, realized, fees),
           lateral (values ('cash', f.cash), ('securities', f.securities), ('realized', f.realized), ('fees', f.fees)
           ) as line(ledger, amount)
     where line.amount <> 0;

    insert into trading_journal (id, user_id, account_id, kind, at, note, request_id)
    select f.id, f.user_id, f.account_id, 'fill', f.at, '', ''
      from unnest(p_fill_id, p_fill_user_id, p_fill_account_id, p_fill_at) as f(id, user_id, account_id, at);
  end if;

  if p_position_is_new is not null then
    -- No upsert: a constraint judges the row of its insert arm, and a release is a negative hold.
    update trading_position p
       set quantity = x.quantity, cost = x.cost, quantity_held = p.quantity_held + x.held_change, updated_at = x.at
      from unnest(p_position_is_new, p_position_account_id, p_position_asset_id, p_position_quantity, p_position_cost,
                  p_position_held_change, p_position_at
           ) as x(is_new, account_id, asset_id, quantity, cost, held_change, at)
     where not x.is_new and p.account_id = x.account_id and p.asset_id = x.asset_id;
    insert into trading_position (user_id, account_id, asset_id, symbol, quantity, cost, quantity_held, updated_at)
    select x.user_id, x.account_id, x.asset_id, x.symbol, x.quantity, x.cost, x.held_change, x.at
      from unnest(p_position_is_new, p_position_user_id, p_position_account_id, p_position_asset_id, p_position_symbol,
                  p_position_quantity, p_position_cost, p_position_held_change, p_position_at
           ) as x(is_new, user_id, account_id, asset_id, symbol, quantity, cost, held_change, at)
     where x.is_new;
  end if;

  if v_late is not null then
    -- Each is told after the last event of its order, and the account's further events move on by one.
    select array_agg(l.account), array_agg(l.no) into v_late_account, v_late_no
      from (select max(e.account) as account, max(e.no) as no
              from unnest(p_event_order_id, p_event_account, p_event_no) as e(order_id, account, no)
             where e.order_id = any(v_late) group by e.order_id) l;
  end if;

  insert into trading_orderevent (account_id, seq, user_id, order_id, kind, status, at, recorded_at, feed_seq,
                                  filled_quantity, filled_money, fill_id, quantity, price, position_quantity,
                                  order_quantity, rule, evidence, request_id)
  select p_account_id[e.account],
         v_told[e.account] + e.no + case when v_late is null then 0 else (
           select count(*) from unnest(v_late_account, v_late_no) as l(account, no)
            where l.account = e.account and l.no < e.no) end,
         e.user_id, e.order_id, e.kind, e.status, e.at, clock_timestamp(), e.feed_seq, e.filled_quantity,
         e.filled_money, e.fill_id, e.quantity, e.price, e.position_quantity, e.order_quantity, e.rule, e.evidence,
         e.request_id
    from unnest(
           p_event_account, p_event_no, p_event_user_id, p_event_order_id, p_event_kind, p_event_status, p_event_at,
           p_event_feed_seq, p_event_filled_quantity, p_event_filled_money, p_event_fill_id, p_event_quantity,
           p_event_price, p_event_position_quantity, p_event_order_quantity, p_event_rule, p_event_evidence,
           p_event_request_id
         ) as e(account, no, user_id, order_id, kind, status, at, feed_seq, filled_quantity, filled_money, fill_id,
                quantity, price, position_quantity, order_quantity, rule, evidence, request_id);

  if v_late is not null then  -- the fill won: tell the owner that the cancel came too late
    insert into trading_orderevent (account_id, seq, user_id, order_id, kind, status, at, recorded_at, feed_seq,
                                    filled_quantity, filled_money, request_id)
    select p_account_id[e.account],
           v_told[e.account] + e.no + 1 + (
             select count(*) from unnest(v_late_account, v_late_no) as l(account, no)
              where l.account = e.account and l.no < e.no),
           e.user_id, e.order_id, 'order_cancel_rejected', e.status, e.at, clock_timestamp(), e.feed_seq,
           e.filled_quantity, e.filled_money, e.request_id
      from unnest(
             p_event_account, p_event_no, p_event_user_id, p_event_order_id, p_event_status, p_event_at,
             p_event_feed_seq, p_event_filled_quantity, p_event_filled_money, p_event_request_id
           ) as e(account, no, user_id, order_id, status, at, feed_seq, filled_quantity, filled_money, request_id)
      join unnest(v_late_account, v_late_no) as l(account, no) on l.account = e.account and l.no = e.no;
  end if;

  update trading_tradingaccount a
     set cash = a.cash + x.cash_change, cash_held = a.cash_held + x.held_change,
         event_seq = a.event_seq + x.events + case when v_late is null then 0 else (
           select count(*) from unnest(v_late_account) as l(account) where l.account = x.place) end
    from unnest(p_account_id, p_account_cash_change, p_account_held_change, p_account_events)
           with ordinality as x(account_id, cash_change, held_change, events, place)
   where a.account_id = x.account_id;
  get diagnostics v_count = row_count;
  if v_count <> coalesce(cardinality(p_account_id), 0) or cardinality(p_event_no) is distinct from (
       select nullif(sum(events), 0) from unnest(p_account_events) as events) then
    raise exception 'a batch must name the accounts of its events' using errcode = 'check_violation';
  end if;
end $$;
