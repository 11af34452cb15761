-- Ask for a replacement: the order becomes pending_replace, and its successor waits in the inbox.
-- The larger of the two stays reserved meanwhile. The successor asks for what the new total leaves
-- over the fills so far; the matcher subtracts those that come before it decides.
-- Runs with the caller's rights, under the bound owner. p: id, user_id, account_id, order_id,
-- client_order_id, quantity (the new total), limit_price, time_in_force, request_id; null = unchanged.
create function trading_replace_order(p jsonb)
returns table (denial text, detail jsonb, at timestamptz) language plpgsql as $$
#variable_conflict use_column
declare
  r record;
  o trading_order;
  v_at timestamptz;
  v_seq bigint;
  v_power numeric;
  v_status text;
  v_runs boolean;
  v_other uuid;
  v_total numeric;
  v_limit numeric;
  v_tif text;
  v_leaves numeric;
  v_reserve numeric;
  v_cash numeric := 0;
  v_shares numeric := 0;
begin
  select * into r from jsonb_to_record(p) as x(
    id uuid, user_id uuid, account_id uuid, order_id uuid, client_order_id text, quantity numeric,
    limit_price numeric, time_in_force text, request_id text);
  perform set_config('raxx.user_id', r.user_id::text, true);

  select matching_now(a.market_id), a.event_seq, a.cash - a.cash_held, a.status,
         exists (select from matching_market m where m.id = a.market_id and m.is_active)
    into v_at, v_seq, v_power, v_status, v_runs
    from trading_tradingaccount a
   where a.account_id = r.account_id and a.user_id = r.user_id for no key update;
  if not found then
    denial := 'order_not_found'; return next; return;
  end if;
  select * into o from trading_order t
   where t.id = r.order_id and t.account_id = r.account_id for no key update;
  if not found then
    denial := 'order_not_found'; return next; return;
  end if;
  if v_status <> 'ACTIVE' then
    denial := 'account_closed'; return next; return;
  end if;
  if not v_runs then
    denial := 'market_not_running'; return next; return;
  end if;
  if o.status not in ('new', 'partially_filled') then
    denial := 'order_not_replaceable'; detail := jsonb_build_object('status', o.status); return next; return;
  end if;
  if o.notional is not null then
    denial := 'notional_not_replaceable'; return next; return;
  end if;
  if r.quantity is not null and o.quantity <> trunc(o.quantity) then
    denial := 'fraction_not_replaceable'; return next; return;
  end if;
  if r.limit_price is not null and o.limit_price is null then
    denial := 'limit_price_not_allowed'; return next; return;
  end if;

  v_total := coalesce(r.quantity, o.quantity);
  v_limit := coalesce(r.limit_price, o.limit_price);
  v_tif := coalesce(r.time_in_force, o.time_in_force);
  if v_total = o.quantity and v_limit is not distinct from o.limit_price and v_tif = o.time_in_force then
    denial := 'order_unchanged'; return next; return;
  end if;
  v_leaves := v_total - o.filled_quantity;
  if v_leaves <= 0 then
    denial := 'quantity_already_filled'; detail := jsonb_build_object('filled_qty', o.filled_quantity::text);
    return next; return;
  end if;
  if exists (select from trading_order t where t.account_id = r.account_id
                and t.client_order_id = r.client_order_id) then
    denial := 'client_order_id_not_unique'; return next; return;
  end if;

  select t.id into v_other from trading_order t  -- as for a new order: it must not be able to meet itself
   where t.account_id = o.account_id and t.asset_id = o.asset_id
     and t.side = case o.side when 'buy' then 'sell' else 'buy' end
     and t.status in ('pending_new', 'accepted', 'new', 'partially_filled', 'pending_cancel',
                      'pending_replace', 'held', 'done_for_day')
     and (t.limit_price is null or v_limit is null
          or case o.side when 'buy' then v_limit >= t.limit_price else t.limit_price >= v_limit end)
   order by t.submitted_at, t.id limit 1;
  if found then
    denial := 'wash_trade';
    detail := jsonb_build_object('existing_order_id', v_other,
                                 'reject_reason', 'opposite side market/stop order exists');
    return next; return;
  end if;

  v_reserve := case when o.side = 'buy' then coalesce(v_limit, o.reserve_price) else 0 end;
  if o.side = 'buy' then
    v_cash := greatest(v_reserve * v_leaves - o.cash_held, 0);
    if v_cash > 0 and v_cash > v_power then  -- what asks for no more cash needs none free
      denial := 'insufficient_buying_power';
      detail := jsonb_build_object('buying_power', greatest(v_power, 0)::text, 'cost_basis', (v_reserve * v_leaves)::text);
      return next; return;
    end if;
  else
    v_shares := greatest(v_leaves - o.quantity_held, 0);
    update trading_position s set quantity_held = s.quantity_held + v_shares
     where s.account_id = o.account_id and s.asset_id = o.asset_id and s.quantity - s.quantity_held >= v_shares;
    if not found then
      denial := 'insufficient_quantity';
      select jsonb_build_object('existing_qty', s.quantity::text, 'held_for_orders', s.quantity_held::text,
               'available', (s.quantity - s.quantity_held)::text, 'requested', v_leaves::text,
               'related_orders', jsonb_build_array(o.id))
        into detail from trading_position s where s.account_id = o.account_id and s.asset_id = o.asset_id;
      return next; return;
    end if;
  end if;

  update trading_tradingaccount a set cash_held = a.cash_held + v_cash, event_seq = v_seq + 2
   where a.account_id = r.account_id;
  update trading_order t set status = 'pending_replace', updated_at = v_at where t.id = o.id;
  insert into trading_order (
    id, user_id, account_id, market_id, asset_id, symbol, client_order_id, status, side, type,
    time_in_force, order_class, extended_hours, quantity, limit_price, position_intent, profile_id,
    reserve_price, cash_held, quantity_held, filled_quantity, filled_money, command_no, replaces,
    replaced_filled_quantity, request_id, reason, created_at, submitted_at, updated_at)
  values (
    r.id, o.user_id, o.account_id, o.market_id, o.asset_id, o.symbol, r.client_order_id, 'pending_new', o.side,
    o.type, v_tif, o.order_class, o.extended_hours, v_leaves, v_limit, o.position_intent, o.profile_id,
    v_reserve, v_cash, v_shares, 0, 0, nextval('trading_command_no'), o.id,
    o.filled_quantity, r.request_id, '', v_at, v_at, v_at);
  insert into trading_orderevent (account_id, seq, user_id, order_id, kind, status, at, recorded_at,
                                  filled_quantity, filled_money, request_id)
  values
    (o.account_id, v_seq + 1, o.user_id, o.id, 'pending_replace', 'pending_replace', v_at, clock_timestamp(),
     o.filled_quantity, o.filled_money, r.request_id),
    (o.account_id, v_seq + 2, o.user_id, r.id, 'pending_new', 'pending_new', v_at, clock_timestamp(),
     0, 0, r.request_id);
  at := v_at;
  return next;
end $$;
