"""Open orders by the ten thousand, put into the tables set by set, as entry and matcher would leave them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from matching.models import Market

# Each account rests one buy, and holds its price; the two events are those that entry and matcher tell.
RESTING_BUYS = """
with placed as (
  insert into trading_order (
    id, user_id, account_id, market_id, asset_id, symbol, client_order_id, status, side, type, time_in_force,
    order_class, extended_hours, quantity, limit_price, position_intent, profile_id, reserve_price, cash_held,
    quantity_held, filled_quantity, filled_money, command_no, stamp_seq, working_seq, accepted_ns, request_id,
    reason, created_at, submitted_at, updated_at)
  select uuidv7(), a.user_id, a.account_id, a.market_id, s.id, s.symbol, uuidv7()::text, 'new', 'buy', 'limit', 'gtc',
         '', false, %(quantity)s, %(price)s, 'buy_to_open', 1, %(price)s, %(price)s * %(quantity)s,
         0, 0, 0, nextval('trading_command_no'), 1, 1, 1, '',
         '', clock_timestamp(), clock_timestamp(), 'epoch'
    from trading_tradingaccount a, trading_asset s
   where a.market_id = %(market_id)s and s.symbol = %(symbol)s
  returning id, user_id, account_id, cash_held
), told as (
  insert into trading_orderevent (account_id, seq, user_id, order_id, kind, status, at, recorded_at, feed_seq,
                                  filled_quantity, filled_money, request_id)
  select p.account_id, a.event_seq + k.n, p.user_id, p.id, k.kind, k.kind, clock_timestamp(), clock_timestamp(), k.feed_seq,
         0, 0, ''
    from placed p join trading_tradingaccount a on a.account_id = p.account_id,
         (values (1, 'pending_new', null), (2, 'new', 1)) as k(n, kind, feed_seq)
)
update trading_tradingaccount a set cash_held = a.cash_held + p.cash_held, event_seq = a.event_seq + 2
  from placed p where a.account_id = p.account_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestingBuys:
    """One resting buy of each account of a market: dollars, shares, and the symbol."""

    symbol: str
    price: int
    quantity: int

    def store(self, market: Market) -> None:
        """Insert the orders with their holds and events."""
        from django.db import connection

        values: dict[str, Any] = {
            "market_id": market.pk,
            "symbol": self.symbol,
            "price": self.price,
            "quantity": self.quantity,
        }
        with connection.cursor() as cursor:
            cursor.execute(RESTING_BUYS, values)


# Of ten, four are limit orders, two stops, two trailing stops, in dollars and percent, and two an oco, on
# both sides, away from the market. They stand in the tables alone: no hold is booked, no event told.
OPEN_ORDERS = """
insert into trading_order (
  id, user_id, account_id, market_id, asset_id, symbol, client_order_id, status, side, type, time_in_force,
  order_class, extended_hours, quantity, limit_price, stop_price, trail_price, trail_percent, hwm, position_intent,
  profile_id, reserve_price, cash_held, quantity_held, filled_quantity, filled_money, command_no, stamp_seq,
  queue_ahead, working_seq, accepted_ns, group_id, role, parent, request_id, reason, created_at, submitted_at,
  updated_at)
select o.id, a.user_id, a.account_id, %(market_id)s, s.id, s.symbol, o.n::text,
       case o.kind when 9 then 'held' else 'new' end, o.side,
       case when o.kind in (4, 9) then 'stop' when o.kind = 5 then 'stop_limit'
            when o.kind in (6, 7) then 'trailing_stop' else 'limit' end, 'gtc',
       case when o.kind in (8, 9) then 'oco' else '' end, false, 100,
       case when o.kind in (4, 6, 7, 9) then null else round(s.price * (1 + o.beyond), 2) end,
       case when o.kind in (4, 5, 9) then round(s.price * (1 - o.beyond), 2) end,
       case o.kind when 6 then round(s.price * 0.1, 2) + o.away end, case o.kind when 7 then 10 + o.away end,
       case when o.kind in (6, 7) then s.price end,
       case when o.side = 'buy' then 'buy_to_open' else 'sell_to_close' end,
       1, 100, 0, 0, 0, 0, o.n, 1,
       case when o.kind in (0, 1) then 300 end, case o.kind when 9 then null else 1 end, 1,
       case when o.kind in (8, 9) then o.pair end,
       case o.kind when 8 then 'take_profit' when 9 then 'stop_loss' else '' end,
       case o.kind when 9 then o.pair end, '', '', clock_timestamp(), clock_timestamp(), 'epoch'
  from (select n, n %% 10 as kind, n %% 500 / 100.0 as away,
               case when n / 10 %% 2 = 0 then 'sell' else 'buy' end as side,
               lpad(to_hex(n), 32, '0')::uuid as id, lpad(to_hex(n - n %% 10 + 8), 32, '0')::uuid as pair,
               case when n / 10 %% 2 = 0 then 0.1 else -0.1 end as beyond
          from generate_series(0, %(count)s - 1) as n) o
  join (select account_id, user_id, row_number() over (order by account_id) - 1 as place
          from trading_tradingaccount where market_id = %(market_id)s) a on a.place = o.n / 10 %% %(accounts)s
  join (select a.id, a.symbol, l.price, row_number() over (order by a.symbol) - 1 as place
          from unnest(%(symbols)s::text[], %(prices)s::numeric[]) as l(symbol, price)
          join trading_asset a on a.symbol = l.symbol) s on s.place = o.n / 10 %% %(assets)s
"""


def store_open_orders(market: Market, prices: Mapping[str, Decimal], count: int, accounts: int) -> None:
    """Insert `count` open orders of all types, spread over these symbols and `accounts` of the market's accounts.

    Each waits a tenth away from its symbol's price, in dollars, given in `prices`.
    """
    from django.db import connection

    values: dict[str, Any] = {
        "market_id": market.pk, "symbols": list(prices), "prices": list(prices.values()), "assets": len(prices),
        "count": count, "accounts": accounts,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(OPEN_ORDERS, values)
        cursor.execute("vacuum analyze trading_order")
