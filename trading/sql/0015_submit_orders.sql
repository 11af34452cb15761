-- Accept a batch of orders, each for its own owner, in one transaction: bind the owner, reserve,
-- insert the order and its first event. Runs with the caller's rights, so row security judges
-- every row under the owner to whom it is bound. A refusal is data, never an exception, and
-- leaves nothing of its order behind. Accounts are locked in key order.
--
-- p_orders: array of objects; money, prices and quantities as decimal text. `reserve_price` is what
-- a share holds if the order opens a position, `quantity_held` the shares of a sale by notional.
-- An order class is one object, whose `legs` are stored as held. Each result names its order by `n`,
-- with `denial` null when the order was accepted at market time `at`. The denial `needs_marks` asks
-- for the same order once more with `marks`, a price of each asset that is held, and `reserve_price`.
create function trading_submit_orders(p_orders jsonb)
returns table (n int, denial text, detail jsonb, at timestamptz, status text, position_intent text)
language plpgsql
-- Every row is looked up by key: planning again finds nothing better. Where one account has nearly all the
-- orders there are, the planner would look for an opposite one among all of them, and find none.
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  r record;
  v_account record;
  v_held record;
  v_at timestamptz;
  v_count int;
  v_cost numeric;
  v_cash numeric;
  v_shares numeric;
  v_opens boolean;
  v_available numeric;
  v_other uuid;
  v_is_entry boolean;
  v_is_limit boolean;
  v_power record;
  v_bound text := current_setting('raxx.user_id', true);
begin
  for r in
    select * from jsonb_to_recordset(p_orders) as x(
      n int, id uuid, user_id uuid, account_id uuid, key_id text, market_id bigint, asset_id uuid,
      symbol text, client_order_id text, side text, type text, time_in_force text, order_class text,
      extended_hours boolean, quantity numeric, notional numeric, limit_price numeric, stop_price numeric,
      trail_price numeric, trail_percent numeric, cut_off_at timestamptz, role text, position_intent text,
      reserve_price numeric, quantity_held numeric, may_be_short boolean, is_partnership boolean,
      marks jsonb, legs jsonb, request_id text, key_address inet)
    order by x.account_id, x.n
  loop
    n := r.n; denial := null; detail := null; at := null; status := null; position_intent := null;
    perform set_config('raxx.user_id', r.user_id::text, true);

    if r.key_id is not null and not exists (  -- web may remember a key: whether it lives, and from where, is asked here
      select from accounts_apikey k join accounts_user u on u.id = k.user_id and u.is_active
       where k.key_id = r.key_id and k.account_id = r.account_id and 'trade' = any(k.scopes)
         and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
         and (k.addresses = '{}' or exists (
               select from unnest(k.addresses) n(network) where r.key_address <<= n.network::inet)))
    then
      denial := 'unauthorized'; return next; continue;
    end if;

    -- Lock the account as if a buy opened and a sale closed a position, which they nearly always do.
    v_count := 1 + coalesce(jsonb_array_length(r.legs), 0);
    v_cost := case r.side when 'buy' then coalesce(r.notional, r.quantity * r.reserve_price) else 0 end;
    update trading_tradingaccount a
       set cash_held = a.cash_held + v_cost, event_seq = a.event_seq + v_count
     where a.account_id = r.account_id and a.user_id = r.user_id and a.status = 'ACTIVE'
       and a.market_id = r.market_id and not a.suspend_trade
       and (v_cost = 0 or a.multiplier > 1 or a.cash - a.cash_held >= v_cost)
       and exists (select from matching_market m where m.id = r.market_id and m.is_active)
    returning a.event_seq - v_count as event_seq, a.generation, a.profile_id, a.cash >= a.cash_held as is_covered, a.multiplier,
              a.max_margin_multiplier, a.no_shorting, a.fractional_trading, a.ptp_no_exception_entry,
              a.exits_only, a.frozen_at is not null as is_frozen
      into v_account;
    if not found then
      select a.status, a.suspend_trade, a.generation, greatest(a.cash - a.cash_held, 0) as power into v_account
        from trading_tradingaccount a
       where a.account_id = r.account_id and a.user_id = r.user_id and a.market_id = r.market_id;
      if not found then
        denial := 'account_not_found';
      elsif v_account.status <> 'ACTIVE' then
        denial := case v_account.status when 'ACCOUNT_UPDATED' then 'account_resetting' else 'account_closed' end;
      elsif v_account.suspend_trade then
        denial := 'trade_suspended';
      elsif exists (select from trading_order o where o.account_id = r.account_id
                       and o.generation = v_account.generation and o.client_order_id = r.client_order_id) then
        denial := 'client_order_id_not_unique';
      elsif not exists (select from matching_market m where m.id = r.market_id and m.is_active) then
        denial := 'market_not_running';  -- nobody would ever decide the order
      else
        denial := 'insufficient_buying_power';
        detail := jsonb_build_object('buying_power', v_account.power::text, 'cost_basis', v_cost::text);
      end if;
      return next; continue;
    end if;

    -- A statement of its own, so that it sees what was committed while the lock was waited for.
    select coalesce(p.quantity, 0) as quantity, coalesce(p.quantity_held, 0) as held,
           v_account.multiplier > 1 and exists (select from trading_position s
             where s.account_id = r.account_id and s.quantity < 0) as has_shorts,
           exists (select from trading_order o
             where o.account_id = r.account_id and o.asset_id = r.asset_id
               and o.side = case r.side when 'buy' then 'sell' else 'buy' end
               and o.status in ('pending_new', 'accepted', 'new', 'partially_filled', 'pending_cancel',
                                'pending_replace', 'held', 'done_for_day')) as is_opposed
      into v_held
      from (values (true)) one
      left join trading_position p on p.account_id = r.account_id and p.asset_id = r.asset_id;

    v_opens := case r.side when 'buy' then v_held.quantity >= 0 else v_held.quantity <= 0 end;
    position_intent := r.side || case when v_opens then '_to_open' else '_to_close' end;
    v_available := abs(v_held.quantity) - v_held.held;
    v_shares := case when v_opens then 0 else coalesce(r.quantity, r.quantity_held) end;
    v_cash := case when not v_opens then 0 when r.side = 'buy' then v_cost else r.quantity * r.reserve_price end;

    v_other := null;
    if v_held.is_opposed then
      select w.id, w.is_entry, w.is_limit into v_other, v_is_entry, v_is_limit from trading_opposite_order(
        r.account_id, r.asset_id, r.side, r.limit_price, v_opens, r.order_class <> '' or r.type = 'trailing_stop') w;
    end if;

    if r.position_intent <> '' and r.position_intent <> position_intent then
      denial := 'intent_mismatch';
      detail := jsonb_build_object('inferred', position_intent, 'specified', r.position_intent);
    elsif v_opens and v_account.is_frozen then  -- by the staff
      denial := 'account_frozen';
    elsif v_opens and v_account.exits_only then  -- more accounts than the owner's tier allows
      denial := 'exits_only';
    elsif r.order_class <> '' and v_opens = (r.role = 'take_profit') then
      denial := 'class_mismatch'; detail := jsonb_build_object('order_class', r.order_class);
    elsif (r.side = 'sell') = v_opens and (r.quantity is null or r.quantity <> trunc(r.quantity))
          and (v_opens or r.quantity is distinct from v_available) then
      denial := 'fraction_of_short';  -- a short is of whole shares, and stays so
    elsif v_shares > v_available then
      denial := 'insufficient_quantity';
      detail := jsonb_build_object(
        'existing_qty', v_held.quantity::text, 'held_for_orders', v_held.held::text,
        'available', v_available::text, 'requested', v_shares::text,
        'related_orders', (select coalesce(jsonb_agg(o.id order by o.submitted_at, o.id), '[]') from trading_order o
           where o.account_id = r.account_id and o.asset_id = r.asset_id and o.side = r.side
             and o.status in ('pending_new', 'accepted', 'new', 'partially_filled', 'pending_cancel',
                              'pending_replace', 'held', 'done_for_day')));
    elsif v_other is not null and v_is_entry then
      denial := 'opposite_entry'; detail := jsonb_build_object('side', r.side);
    elsif v_other is not null then  -- the account's own orders must not be able to meet
      denial := 'wash_trade'; detail := jsonb_build_object('existing_order_id', v_other, 'is_limit', v_is_limit);
    elsif not v_account.fractional_trading and (r.quantity is null or r.quantity <> trunc(r.quantity)) then
      denial := 'fractions_disabled';
    elsif r.side = 'buy' and r.is_partnership and not v_account.ptp_no_exception_entry then
      denial := 'partnership_refused';
    elsif r.side = 'sell' and v_opens and not r.may_be_short then
      denial := 'asset_not_shortable';
    elsif r.side = 'sell' and v_opens
          and (v_account.no_shorting or least(v_account.multiplier, v_account.max_margin_multiplier) = 1) then
      denial := 'shorting_not_allowed';
    elsif v_opens and (r.side = 'sell' or v_held.has_shorts or not v_account.is_covered) then
      if r.marks is null or r.reserve_price is null and r.notional is null then
        denial := 'needs_marks';
      else
        select w.multiplier, w.power + v_cost as power into v_power
          from trading_power(r.account_id, least(v_account.multiplier, v_account.max_margin_multiplier), r.marks) w;
        if r.side = 'sell' and v_power.multiplier = 1 then
          denial := 'shorting_not_allowed';
        elsif v_cash > v_power.power then
          denial := 'insufficient_buying_power';
          detail := jsonb_build_object('buying_power', greatest(v_power.power, 0)::text, 'cost_basis', v_cash::text);
        end if;
      end if;
    end if;

    if denial is null then
      v_at := matching_now(r.market_id);
      insert into trading_order as o (
        id, user_id, account_id, market_id, asset_id, symbol, client_order_id, generation, status, side, type,
        time_in_force, order_class, extended_hours, quantity, notional, limit_price, stop_price, trail_price,
        trail_percent, cut_off_at, group_id, role, position_intent, profile_id, reserve_price, cash_held,
        quantity_held, filled_quantity, filled_money, command_no, request_id, reason, created_at, submitted_at,
        updated_at)
      values (
        r.id, r.user_id, r.account_id, r.market_id, r.asset_id, r.symbol, r.client_order_id, v_account.generation,
        'pending_new', r.side, r.type, r.time_in_force, r.order_class, r.extended_hours, r.quantity, r.notional,
        r.limit_price, r.stop_price, r.trail_price, r.trail_percent, r.cut_off_at,
        case when r.order_class <> '' then r.id end, coalesce(r.role, ''), position_intent, v_account.profile_id,
        case when v_opens then coalesce(r.reserve_price, 0) else 0 end, v_cash, v_shares, 0, 0,
        nextval('trading_command_no'), r.request_id, '', v_at, v_at, v_at)
      on conflict (account_id, generation, client_order_id) do nothing;
      if found then
        insert into trading_orderevent (account_id, seq, user_id, order_id, kind, status, at, recorded_at,
                                        filled_quantity, filled_money, request_id)
        values (r.account_id, v_account.event_seq + 1, r.user_id, r.id, 'pending_new', 'pending_new', v_at,
                clock_timestamp(), 0, 0, r.request_id);
        if r.legs is not null then
          perform trading_hold_legs(r.id, r.legs, v_account.event_seq + 1);
        end if;
        if v_cash <> v_cost then
          update trading_tradingaccount a set cash_held = a.cash_held + v_cash - v_cost
           where a.account_id = r.account_id;
        end if;
        if v_shares > 0 then
          update trading_position p set quantity_held = p.quantity_held + v_shares
           where p.account_id = r.account_id and p.asset_id = r.asset_id;
        end if;
        at := v_at; status := 'pending_new';
        return next; continue;
      end if;
      denial := 'client_order_id_not_unique';
    elsif denial <> 'needs_marks' and exists (select from trading_order o where o.account_id = r.account_id
                     and o.generation = v_account.generation and o.client_order_id = r.client_order_id) then
      denial := 'client_order_id_not_unique'; detail := null;
    end if;

    update trading_tradingaccount a  -- refused: take the reservation back
       set cash_held = a.cash_held - v_cost, event_seq = a.event_seq - v_count
     where a.account_id = r.account_id;
    position_intent := null;
    return next;
  end loop;
  perform set_config('raxx.user_id', coalesce(v_bound, ''), true);
end $$;
