-- Ask for a replacement: the order becomes pending_replace, and its successor waits in the inbox.
-- The larger of the two stays reserved meanwhile. The successor asks for what the new total leaves
-- over the fills so far; the matcher subtracts those that come before it decides. It keeps the old
-- one's place in an order class, and its frozen profile.
-- Runs with the caller's rights, under the bound owner. p: id, user_id, account_id, order_id,
-- client_order_id, quantity (the new total), limit_price, stop_price, trail, time_in_force, request_id;
-- null = unchanged. `reserve_price` is what a share of a purchase holds whose new stop says so,
-- `cut_off_at` belongs to a new time in force. The denial `needs_marks` is that of
-- trading_submit_orders.
create function trading_replace_order(p jsonb)
returns table (denial text, detail jsonb, at timestamptz) language plpgsql
set enable_seqscan = off  -- as trading_submit_orders
as $$
#variable_conflict use_column
declare
  r record;
  o trading_order;
  v_account record;
  v_at timestamptz;
  v_class record;
  v_other record;
  v_power record;
  v_sign int;
  v_total numeric;
  v_limit numeric;
  v_stop numeric;
  v_trail numeric;
  v_percent numeric;
  v_tif text;
  v_cut_off timestamptz;
  v_leaves numeric;
  v_reserve numeric := 0;
  v_cash numeric := 0;
  v_shares numeric := 0;
begin
  select * into r from jsonb_to_record(p) as x(
    id uuid, user_id uuid, account_id uuid, order_id uuid, client_order_id text, quantity numeric,
    limit_price numeric, stop_price numeric, trail numeric, time_in_force text, cut_off_at timestamptz,
    reserve_price numeric, marks jsonb, request_id text);
  perform set_config('raxx.user_id', r.user_id::text, true);

  select matching_now(a.market_id) as now, a.event_seq, a.cash - a.cash_held as free, a.status,
         a.exits_only, a.frozen_at is not null as is_frozen,
         a.multiplier, least(a.multiplier, a.max_margin_multiplier) as lent,
         exists (select from matching_market m where m.id = a.market_id and m.is_active) as runs
    into v_account
    from trading_tradingaccount a
   where a.account_id = r.account_id and a.user_id = r.user_id for no key update;
  if not found then
    denial := 'order_not_found'; return next; return;
  end if;
  v_at := v_account.now;
  select * into o from trading_order t
   where t.id = r.order_id and t.account_id = r.account_id for no key update;
  if not found then
    denial := 'order_not_found'; return next; return;
  end if;

  v_total := coalesce(r.quantity, o.quantity);
  v_limit := coalesce(r.limit_price, o.limit_price);
  v_stop := coalesce(r.stop_price, o.stop_price);
  v_trail := case when o.trail_price is not null then coalesce(r.trail, o.trail_price) end;
  v_percent := case when o.trail_percent is not null then coalesce(r.trail, o.trail_percent) end;
  v_tif := coalesce(r.time_in_force, o.time_in_force);
  v_cut_off := case when v_tif = o.time_in_force then o.cut_off_at else r.cut_off_at end;
  v_leaves := v_total - o.filled_quantity;
  denial := case
    when v_account.status = 'ACCOUNT_UPDATED' then 'account_resetting'
    when v_account.status <> 'ACTIVE' then 'account_closed'
    when not v_account.runs then 'market_not_running'
    when v_account.is_frozen and o.position_intent in ('buy_to_open', 'sell_to_open') then 'account_frozen'
    when v_account.exits_only and o.position_intent in ('buy_to_open', 'sell_to_open') then 'exits_only'
    when o.status not in ('new', 'partially_filled', 'held') then 'order_not_replaceable'
    when o.notional is not null then 'notional_not_replaceable'
    when r.quantity is not null and o.quantity <> trunc(o.quantity) then 'fraction_not_replaceable'
    when r.limit_price is not null and o.limit_price is null then 'limit_price_not_allowed'
    when r.stop_price is not null and o.stop_price is null then 'stop_price_not_allowed'
    when r.trail is not null and o.type <> 'trailing_stop' then 'trail_not_allowed'
    when (r.stop_price is not null or r.trail is not null) and o.is_triggered then 'order_has_triggered'
    when o.group_id is not null and v_total <> o.quantity then 'quantity_of_class'
    when o.group_id is not null and v_tif <> o.time_in_force then 'time_in_force_of_class'
    when v_total = o.quantity and v_limit is not distinct from o.limit_price and v_tif = o.time_in_force
         and v_stop is not distinct from o.stop_price and v_trail is not distinct from o.trail_price
         and v_percent is not distinct from o.trail_percent then 'order_unchanged'
    when v_leaves <= 0 then 'quantity_already_filled'
    when o.cut_off_at <= v_at or v_cut_off <= v_at then 'past_cut_off'
    when exists (select from trading_order t where t.account_id = r.account_id and t.generation = o.generation
                    and t.client_order_id = r.client_order_id) then 'client_order_id_not_unique'
    -- Its class is still in the inbox, and goes to the matcher as its rows then are.
    when exists (select from trading_order t where t.id = o.group_id and t.status = 'pending_new')
         then 'class_not_sent'
  end;
  if denial is not null then
    detail := case denial when 'order_not_replaceable' then jsonb_build_object('status', o.status)
                          when 'quantity_already_filled' then jsonb_build_object('filled_qty', o.filled_quantity::text) end;
    return next; return;
  end if;

  if o.group_id is not null then  -- its prices against those of the class, in the market's order
    select max(t.limit_price) filter (where t.role = 'entry') as entry,
           max(t.limit_price) filter (where t.role = 'take_profit') as target,
           max(t.stop_price) filter (where t.role = 'stop_loss') as stop
      into v_class
      from (select t.role, t.limit_price, t.stop_price from trading_order t
             where t.account_id = o.account_id and t.asset_id = o.asset_id and t.group_id = o.group_id
               and t.id <> o.id and t.side in ('buy', 'sell')
               and t.status in ('pending_new', 'accepted', 'new', 'partially_filled', 'pending_cancel',
                                'pending_replace', 'held', 'done_for_day')
            union all select o.role, v_limit, v_stop) t;
    v_sign := case (o.side = 'buy') = (o.role = 'entry') when true then 1 else -1 end;  -- 1: the class is long
    if v_sign * (v_class.target - v_class.entry) < 0.01 or v_sign * (v_class.entry - v_class.stop) < 0.01
       or v_sign * (v_class.target - v_class.stop) < 0.01 then
      denial := 'prices_of_class';
      detail := jsonb_build_object('base_price', coalesce(v_class.entry, v_class.target)::text);
      return next; return;
    end if;
  end if;

  -- As for a new order: it must not be able to meet another of the account.
  select w.* into v_other from trading_opposite_order(
    o.account_id, o.asset_id, o.side, v_limit, false, o.order_class <> '' or o.type = 'trailing_stop') w;
  if found then
    denial := 'wash_trade';
    detail := jsonb_build_object('existing_order_id', v_other.id, 'is_limit', v_other.is_limit);
    return next; return;
  end if;

  if o.position_intent in ('buy_to_open', 'sell_to_open') then
    v_reserve := case o.side when 'buy' then coalesce(r.reserve_price, v_limit, o.reserve_price)
                             else greatest(v_limit, o.reserve_price) end;
    v_cash := greatest(v_reserve * v_leaves - o.cash_held, 0);
    -- What asks for no more cash needs none free.
    if v_cash > 0 and (v_cash > v_account.free or v_account.multiplier > 1 and exists (
         select from trading_position s where s.account_id = o.account_id and s.quantity < 0)) then
      if v_account.multiplier > 1 and r.marks is null then
        denial := 'needs_marks'; return next; return;
      end if;
      select w.power into v_power from trading_power(o.account_id, v_account.lent, r.marks) w;
      if v_cash > v_power.power then
        denial := 'insufficient_buying_power';
        detail := jsonb_build_object('buying_power', greatest(v_power.power, 0)::text,
                                     'cost_basis', (v_reserve * v_leaves)::text);
        return next; return;
      end if;
    end if;
  elsif o.group_id is null then  -- the quantity of a class stays, and so do the shares that it holds
    v_shares := greatest(v_leaves - o.quantity_held, 0);
    update trading_position s set quantity_held = s.quantity_held + v_shares
     where s.account_id = o.account_id and s.asset_id = o.asset_id
       and abs(s.quantity) - s.quantity_held >= v_shares;
    if not found then
      denial := 'insufficient_quantity';
      select jsonb_build_object('existing_qty', w.quantity::text, 'held_for_orders', w.held::text,
               'available', (abs(w.quantity) - w.held)::text, 'requested', v_leaves::text,
               'related_orders', jsonb_build_array(o.id))
        into detail
        from (select coalesce(max(s.quantity), 0) as quantity, coalesce(max(s.quantity_held), 0) as held
                from trading_position s
               where s.account_id = o.account_id and s.asset_id = o.asset_id) w;
      return next; return;
    end if;
  end if;

  update trading_tradingaccount a set cash_held = a.cash_held + v_cash, event_seq = v_account.event_seq + 2
   where a.account_id = r.account_id;
  update trading_order t set status = 'pending_replace', updated_at = v_at where t.id = o.id;
  insert into trading_order (
    id, user_id, account_id, market_id, asset_id, symbol, client_order_id, generation, status, side, type,
    time_in_force, order_class, extended_hours, quantity, limit_price, stop_price, trail_price, trail_percent,
    cut_off_at, parent, group_id, role, position_intent, profile_id, reserve_price, cash_held, quantity_held,
    filled_quantity, filled_money, command_no, replaces, replaced_filled_quantity, request_id, reason,
    created_at, submitted_at, updated_at)
  values (
    r.id, o.user_id, o.account_id, o.market_id, o.asset_id, o.symbol, r.client_order_id, o.generation,
    'pending_new', o.side, o.type, v_tif, o.order_class, o.extended_hours, v_leaves, v_limit, v_stop, v_trail, v_percent, v_cut_off,
    o.parent, o.group_id, o.role, o.position_intent, o.profile_id, v_reserve, v_cash, v_shares, 0, 0,
    nextval('trading_command_no'), o.id, o.filled_quantity, r.request_id, '', v_at, v_at, v_at);
  insert into trading_orderevent (account_id, seq, user_id, order_id, kind, status, at, recorded_at,
                                  filled_quantity, filled_money, order_quantity, request_id)
  values
    (o.account_id, v_account.event_seq + 1, o.user_id, o.id, 'pending_replace', 'pending_replace', v_at,
     clock_timestamp(), o.filled_quantity, o.filled_money, case when o.role <> '' then o.quantity end, r.request_id),
    (o.account_id, v_account.event_seq + 2, o.user_id, r.id, 'pending_new', 'pending_new', v_at,
     clock_timestamp(), 0, 0, null, r.request_id);
  at := v_at;
  return next;
end $$;
