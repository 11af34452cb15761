-- Ask for the cancel of one order, or when p_order is null of the p_limit oldest that can be
-- canceled: ask again until none is left, so that no transaction holds the account for long. The matcher
-- decides: a fill may still come first, and an auction may be too near. Runs with the caller's rights, under
-- p_user's binding.
--
-- A class that still waits in the inbox is withdrawn as a whole, whichever of its orders is named: it
-- must not reach the matcher in part. Of a class exits are asked before their entry, whose end would
-- let them work. The order keeps which request asked: what the matcher answers carries its id.
create or replace function trading_cancel_orders(
  p_user uuid, p_account uuid, p_order uuid, p_request_id text, p_limit int default 500)
returns table (id uuid, denial text, status text) language plpgsql
set enable_seqscan = off  -- as trading_submit_orders
as $$
#variable_conflict use_column
declare
  o record;
  v_at timestamptz;
  v_seq bigint;
  v_ids uuid[];
  v_runs boolean;
begin
  perform set_config('raxx.user_id', p_user::text, true);
  select matching_now(a.market_id), a.event_seq,
         exists (select from matching_market m where m.id = a.market_id and m.is_active)
    into v_at, v_seq, v_runs from trading_tradingaccount a
   where a.account_id = p_account and a.user_id = p_user for no key update;
  if not found then
    id := p_order; denial := 'order_not_found'; return next; return;
  end if;

  if p_order is null then
    v_ids := array(
      select t.id from trading_order t
       where t.account_id = p_account
         and t.status in ('pending_new', 'accepted', 'new', 'partially_filled', 'held', 'done_for_day')
       order by t.role = 'entry', t.submitted_at, t.id limit p_limit);
  else
    v_ids := array(
      select t.id from trading_order t where t.id = p_order and t.account_id = p_account
      union
      select m.id from trading_order t
        join trading_order f on f.id = t.group_id and f.status = 'pending_new'
        join trading_order m on m.id = f.id or m.parent = f.id
       where t.id = p_order and t.account_id = p_account and t.status in ('pending_new', 'held'));
  end if;

  for o in
    select t.id, t.status, t.role, t.quantity, t.filled_quantity, t.filled_money from trading_order t
     where t.id = any(v_ids) and t.account_id = p_account
     order by t.role = 'entry', t.submitted_at, t.id for no key update
  loop
    id := o.id; denial := null; status := o.status;
    if o.status not in ('pending_new', 'accepted', 'new', 'partially_filled', 'held', 'done_for_day') then
      denial := 'order_not_cancelable';
    elsif not v_runs then  -- the wish would wait for ever
      denial := 'market_not_running';
    else
      v_seq := v_seq + 1;
      -- A wish gets a number of its own, but not where it may be refused: with its number an order for an
      -- auction would lose its place among others.
      update trading_order t
         set status = 'pending_cancel',
             command_no = case when t.cut_off_at is not null and t.stamp_seq is not null
                               then t.command_no else nextval('trading_command_no') end,
             cancel_requested_at = v_at, cancel_request_id = p_request_id, updated_at = v_at
       where t.id = o.id;
      insert into trading_orderevent (account_id, seq, user_id, order_id, kind, status, at, recorded_at,
                                      filled_quantity, filled_money, order_quantity, request_id)
      values (p_account, v_seq, p_user, o.id, 'pending_cancel', 'pending_cancel', v_at, clock_timestamp(),
              o.filled_quantity, o.filled_money, case when o.role <> '' then o.quantity end, p_request_id);
      status := 'pending_cancel';
    end if;
    if p_order is null or p_order = o.id then
      return next;
    end if;
  end loop;

  if cardinality(v_ids) = 0 and p_order is not null then
    id := p_order; denial := 'order_not_found'; status := null; return next; return;
  end if;
  update trading_tradingaccount a set event_seq = v_seq where a.account_id = p_account and a.event_seq < v_seq;
end $$;
