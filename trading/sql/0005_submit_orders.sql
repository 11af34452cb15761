-- Accept a batch of orders, each for its own owner, in one transaction: bind the owner, reserve,
-- insert the order and its first event. Runs with the caller's rights, so row security judges
-- every row under the owner to whom it is bound. A refusal is data, never an exception, and
-- leaves nothing of its order behind. Accounts are locked in key order.
--
-- p_orders: array of objects; money, prices and quantities as decimal text. Each result names its
-- order by `n`, with `denial` null when the order was accepted at market time `at`.
create function trading_submit_orders(p_orders jsonb)
returns table (n int, denial text, detail jsonb, at timestamptz, status text) language plpgsql
set plan_cache_mode = force_generic_plan  -- every row is looked up by key: planning again finds nothing better
as $$
#variable_conflict use_column
declare
  r record;
  v_account record;
  v_position record;
  v_at timestamptz;
  v_other uuid;
  v_bound text := current_setting('raxx.user_id', true);
begin
  for r in
    select * from jsonb_to_recordset(p_orders) as x(
      n int, id uuid, user_id uuid, account_id uuid, key_id text, market_id bigint, asset_id uuid,
      symbol text, client_order_id text, side text, type text, time_in_force text, order_class text,
      extended_hours boolean, quantity numeric, notional numeric, limit_price numeric,
      position_intent text, reserve_price numeric, cash_held numeric, quantity_held numeric,
      request_id text)
    order by x.account_id, x.n
  loop
    n := r.n; denial := null; detail := null; at := null; status := null;
    perform set_config('raxx.user_id', r.user_id::text, true);

    if r.key_id is not null and not exists (  -- web may remember a key: whether it lives is asked here
      select from accounts_apikey k join accounts_user u on u.id = k.user_id and u.is_active
       where k.key_id = r.key_id and k.account_id = r.account_id and 'trade' = any(k.scopes)
         and k.revoked_at is null and (k.expires_at is null or k.expires_at > now()))
    then
      denial := 'unauthorized'; return next; continue;
    end if;

    update trading_tradingaccount a
       set cash_held = a.cash_held + r.cash_held, event_seq = a.event_seq + 1
     where a.account_id = r.account_id and a.user_id = r.user_id and a.status = 'ACTIVE'
       and a.market_id = r.market_id and (r.cash_held = 0 or a.cash - a.cash_held >= r.cash_held)
       and exists (select from matching_market m where m.id = r.market_id and m.is_active)
    returning a.event_seq, a.profile_id into v_account;
    if not found then
      select a.status, greatest(a.cash - a.cash_held, 0) as power into v_account
        from trading_tradingaccount a
       where a.account_id = r.account_id and a.user_id = r.user_id and a.market_id = r.market_id;
      if not found then
        denial := 'account_not_found';
      elsif v_account.status <> 'ACTIVE' then
        denial := 'account_closed';
      elsif exists (select from trading_order o where o.account_id = r.account_id
                       and o.client_order_id = r.client_order_id) then
        denial := 'client_order_id_not_unique';
      elsif not exists (select from matching_market m where m.id = r.market_id and m.is_active) then
        denial := 'market_not_running';  -- nobody would ever decide the order
      else
        denial := 'insufficient_buying_power';
        detail := jsonb_build_object('buying_power', v_account.power::text, 'cost_basis', r.cash_held::text);
      end if;
      return next; continue;
    end if;

    if r.side = 'sell' then
      update trading_position p set quantity_held = p.quantity_held + r.quantity_held
       where p.account_id = r.account_id and p.asset_id = r.asset_id
         and p.quantity - p.quantity_held >= r.quantity_held and p.quantity > 0;
      if not found then
        denial := 'insufficient_quantity';
        select coalesce(max(p.quantity), 0) as quantity, coalesce(max(p.quantity_held), 0) as held
          into v_position from trading_position p
         where p.account_id = r.account_id and p.asset_id = r.asset_id;
        detail := jsonb_build_object(
          'existing_qty', v_position.quantity::text, 'held_for_orders', v_position.held::text,
          'available', (v_position.quantity - v_position.held)::text,
          'requested', r.quantity_held::text,
          'related_orders', (select coalesce(jsonb_agg(o.id order by o.submitted_at, o.id), '[]') from trading_order o
             where o.account_id = r.account_id and o.asset_id = r.asset_id and o.side = 'sell'
               and o.status in ('pending_new', 'accepted', 'new', 'partially_filled', 'pending_cancel',
                                'pending_replace', 'held', 'done_for_day')));
      end if;
    end if;

    if denial is null then  -- the account's own opposite order must not be able to meet this one
      -- Side by equality, and no index's order asked for: then the index of open orders answers for this
      -- account, asset and side alone, where the one by time would read all that the account ever sent.
      select o.id into v_other from trading_order o
       where o.account_id = r.account_id and o.asset_id = r.asset_id
         and o.side = case r.side when 'buy' then 'sell' else 'buy' end
         and o.status in ('pending_new', 'accepted', 'new', 'partially_filled', 'pending_cancel',
                          'pending_replace', 'held', 'done_for_day')
         and (o.limit_price is null or r.limit_price is null
              or case r.side when 'buy' then r.limit_price >= o.limit_price
                             else o.limit_price >= r.limit_price end)
       order by o.submitted_at at time zone 'UTC', o.id limit 1;
      if found then
        denial := 'wash_trade';
        detail := jsonb_build_object('existing_order_id', v_other,
                                     'reject_reason', 'opposite side market/stop order exists');
        if r.side = 'sell' then
          update trading_position p set quantity_held = p.quantity_held - r.quantity_held
           where p.account_id = r.account_id and p.asset_id = r.asset_id;
        end if;
      end if;
    end if;

    if denial is null then
      v_at := matching_now(r.market_id);
      insert into trading_order as o (
        id, user_id, account_id, market_id, asset_id, symbol, client_order_id, status, side, type,
        time_in_force, order_class, extended_hours, quantity, notional, limit_price, position_intent,
        profile_id, reserve_price, cash_held, quantity_held, filled_quantity, filled_money, command_no,
        request_id, reason, created_at, submitted_at, updated_at)
      values (
        r.id, r.user_id, r.account_id, r.market_id, r.asset_id, r.symbol, r.client_order_id, 'pending_new',
        r.side, r.type, r.time_in_force, r.order_class, r.extended_hours, r.quantity, r.notional,
        r.limit_price, r.position_intent, v_account.profile_id, r.reserve_price, r.cash_held,
        r.quantity_held, 0, 0, nextval('trading_command_no'), r.request_id, '', v_at, v_at, v_at)
      on conflict (account_id, client_order_id) do nothing;
      if found then
        insert into trading_orderevent (account_id, seq, user_id, order_id, kind, status, at, recorded_at,
                                        filled_quantity, filled_money, request_id)
        values (r.account_id, v_account.event_seq, r.user_id, r.id, 'pending_new', 'pending_new', v_at,
                clock_timestamp(), 0, 0, r.request_id);
        at := v_at; status := 'pending_new';
        return next; continue;
      end if;
      denial := 'client_order_id_not_unique';
      if r.side = 'sell' then
        update trading_position p set quantity_held = p.quantity_held - r.quantity_held
         where p.account_id = r.account_id and p.asset_id = r.asset_id;
      end if;
    elsif exists (select from trading_order o where o.account_id = r.account_id
                     and o.client_order_id = r.client_order_id) then
      denial := 'client_order_id_not_unique'; detail := null;
    end if;

    update trading_tradingaccount a  -- refused: take the reservation back
       set cash_held = a.cash_held - r.cash_held, event_seq = a.event_seq - 1
     where a.account_id = r.account_id;
    return next;
  end loop;
  perform set_config('raxx.user_id', coalesce(v_bound, ''), true);
end $$;
