-- Open an account with its starting cash. p_account has the columns of its row, of which those that
-- orders and resets move are as a new account has them, and perhaps the request_id that asks. p_most: how many open ones the user may have.
create or replace function trading_open_account(p_account jsonb, p_most int) returns text
volatile security definer set search_path = pg_catalog, public, pg_temp language plpgsql as $$
declare
  a trading_tradingaccount := jsonb_populate_record(null::trading_tradingaccount, p_account || jsonb_build_object(
    'user_id', raxx_uid(), 'status', 'ACTIVE', 'generation', 1, 'cash_held', 0, 'event_seq', 0, 'reset_at', null));
begin
  -- Locked, so that of two at once not both are the last that is allowed.
  perform from accounts_user u where u.id = a.user_id and u.is_active for no key update;
  if not found then
    return 'user_not_found';
  end if;
  if p_most <= (select count(*) from trading_tradingaccount t
                 where t.user_id = a.user_id and t.status <> 'ACCOUNT_CLOSED') then
    return 'too_many_accounts';
  end if;
  insert into trading_tradingaccount select (a).*;
  perform trading_move_capital(uuidv7(), a.user_id, a.account_id, 'deposit', 1, a.created_at, 'starting cash',
                               coalesce(p_account->>'request_id', ''), a.cash, 0);
  return null;
end $$;
