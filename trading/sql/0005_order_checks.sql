-- What a new order and a replacement are judged by, once their account is locked. Both run with the
-- caller's rights, under the bound owner, and are small enough for the planner to put them inline.

-- The account's own open order on the other side that forbids an order, if there is one: an opening
-- order forbids an opening one (`is_entry`), and orders that could meet each other are a wash trade.
-- p_limit: null for market orders and stops. Order classes and trailing stops are no wash trades.
create function trading_opposite_order(
  p_account uuid, p_asset uuid, p_side text, p_limit numeric, p_opens boolean, p_is_exempt boolean)
returns table (id uuid, is_entry boolean, is_limit boolean) stable language sql as $$
  select o.id, o.is_entry, o.limit_price is not null and p_limit is not null
    from (select t.id, t.submitted_at, t.limit_price, t.order_class, t.type,
                 p_opens and t.position_intent in ('buy_to_open', 'sell_to_open') as is_entry
            -- Side by equality: then the index of open orders answers for this account, asset and side
            -- alone, where the one by time would read all that the account ever sent.
            from trading_order t
           where t.account_id = p_account and t.asset_id = p_asset
             and t.side = case p_side when 'buy' then 'sell' else 'buy' end
             and t.status in ('pending_new', 'accepted', 'new', 'partially_filled', 'pending_cancel',
                              'pending_replace', 'held', 'done_for_day')) o
   where o.is_entry
      or (not p_is_exempt and o.order_class = '' and o.type <> 'trailing_stop'
          and (o.limit_price is null or p_limit is null
               or case p_side when 'buy' then p_limit >= o.limit_price else o.limit_price >= p_limit end))
   order by o.is_entry desc, o.submitted_at, o.id limit 1
$$;

-- What an account is worth, and what its orders may still cost: multiplier x equity, less all that it
-- holds, long and short, and less what its open orders hold. Below 2,000 dollars nothing is lent.
-- p_marks: {asset id: dollars}; a position without one counts at its average price.
create function trading_power(p_account uuid, p_multiplier int, p_marks jsonb)
returns table (equity numeric, multiplier int, power numeric) stable language sql as $$
  select w.equity, l.multiplier, l.multiplier * w.equity - w.gross - w.cash_held
    from (select a.cash + coalesce(sum(v.value), 0) as equity, coalesce(sum(abs(v.value)), 0) as gross, a.cash_held
            from trading_tradingaccount a
            left join lateral (
              select p.quantity * coalesce((p_marks ->> p.asset_id::text)::numeric, p.cost / p.quantity) as value
                from trading_position p where p.account_id = a.account_id and p.quantity <> 0) v on true
           where a.account_id = p_account group by a.cash, a.cash_held) w,
         lateral (select case when w.equity < 2000 then 1 else p_multiplier end as multiplier) l
$$;
