-- Store the legs of an order class beside its first order, which has just been inserted: held, each
-- with its event after p_seq. They close what that order opens, or close with it what is there; what
-- they need is reserved by its fills, or by itself. p_legs: id, client_order_id, side, type,
-- limit_price, stop_price, role.
create function trading_hold_legs(p_first uuid, p_legs jsonb, p_seq bigint)
returns void language sql as $$
  with leg as (
    select x.*, f.user_id, f.account_id, f.market_id, f.asset_id, f.symbol, f.time_in_force, f.order_class,
           f.generation, f.quantity, f.profile_id, f.request_id, f.submitted_at
      from rows from (jsonb_to_recordset(p_legs) as (
             id uuid, client_order_id text, side text, type text, limit_price numeric, stop_price numeric,
             role text)) with ordinality as x(id, client_order_id, side, type, limit_price, stop_price, role, place)
     cross join trading_order f
     where f.id = p_first
     order by x.place
  ), stored as (
    insert into trading_order (
      id, user_id, account_id, market_id, asset_id, symbol, client_order_id, generation, status, side, type,
      time_in_force, order_class, extended_hours, quantity, limit_price, stop_price, parent, group_id, role,
      position_intent, profile_id, reserve_price, cash_held, quantity_held, filled_quantity, filled_money,
      command_no, request_id, reason, created_at, submitted_at, updated_at)
    select l.id, l.user_id, l.account_id, l.market_id, l.asset_id, l.symbol, l.client_order_id, l.generation, 'held',
           l.side, l.type, l.time_in_force, l.order_class, false, l.quantity, l.limit_price, l.stop_price, p_first, p_first,
           l.role, l.side || '_to_close', l.profile_id, 0, 0, 0, 0, 0, nextval('trading_command_no'), l.request_id,
           '', l.submitted_at, l.submitted_at, l.submitted_at
      from leg l
  )
  insert into trading_orderevent (account_id, seq, user_id, order_id, kind, status, at, recorded_at,
                                  filled_quantity, filled_money, request_id)
  select l.account_id, p_seq + l.place, l.user_id, l.id, 'held', 'held', l.submitted_at, clock_timestamp(),
         0, 0, l.request_id
    from leg l
$$;
