-- The life of an account beside its orders: opened, reset, closed. These move money and end keys, which
-- the role that serves people may not; so they run with their owner's rights, each as one whole, and
-- act for nobody but the user to whom the transaction is bound: raxx_uid(). What they answer is null,
-- or the word of trading/services/own_accounts.py for why nothing was done.

-- Write down money that came (positive) or went against capital, with what the positions had cost.
create function trading_move_capital(
  p_journal uuid, p_user uuid, p_account uuid, p_kind text, p_generation int, p_at timestamptz, p_note text,
  p_request_id text, p_cash numeric, p_securities numeric)
returns void language sql as $$
  insert into trading_journal (id, user_id, account_id, kind, generation, at, note, request_id)
  values (p_journal, p_user, p_account, p_kind, p_generation, p_at, p_note, p_request_id);
  insert into trading_posting (journal_id, ledger, user_id, account_id, amount)
  select p_journal, line.ledger, p_user, p_account, line.amount
    from (values ('cash', p_cash), ('securities', p_securities), ('capital', -p_cash - p_securities)) line(ledger, amount)
   where line.amount <> 0;
$$;
revoke all on function trading_move_capital(uuid, uuid, uuid, text, int, timestamptz, text, text, numeric, numeric)
  from public;

-- Open an account with its starting cash. p_account has the columns of its row, of which those that
-- orders and resets move are as a new account has them. p_most: how many open ones the user may have.
create function trading_open_account(p_account jsonb, p_most int) returns text
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
  perform trading_move_capital(uuidv7(), a.user_id, a.account_id, 'deposit', 1, a.created_at, 'starting cash', '', a.cash, 0);
  return null;
end $$;
revoke all on function trading_open_account(jsonb, int) from public;
grant execute on function trading_open_account(jsonb, int) to raxx_app;

-- Whether an account has orders that may still change.
create function trading_has_open_orders(p_account uuid) returns boolean stable language sql as $$
  select exists (select from trading_order o where o.account_id = p_account
    and o.status in ('pending_new', 'accepted', 'new', 'partially_filled', 'pending_cancel', 'pending_replace',
                     'held', 'done_for_day'))
$$;

-- Refuse new orders from now on, until the next generation begins with p_cash; null is what this one began
-- with. p_generation, where given, is the one that shall end: when it has ended, nothing is left to do.
-- Asking again while a reset waits says anew with how much it begins, or says nothing.
create function trading_ask_for_reset(p_account uuid, p_cash numeric, p_generation int, p_request_id text)
returns text volatile security definer set search_path = pg_catalog, public, pg_temp language plpgsql as $$
declare
  a trading_tradingaccount;
  v_cash numeric := p_cash;
begin
  select * into a from trading_tradingaccount t
   where t.account_id = p_account and t.user_id = raxx_uid() for no key update;
  if not found then
    return 'account_not_found';
  elsif p_generation < a.generation then
    return null;
  elsif p_generation > a.generation then
    return 'generation_not_begun';
  elsif a.status in ('DISABLE_PENDING', 'ACCOUNT_CLOSED') then
    return 'account_closed';
  elsif a.status = 'ACCOUNT_UPDATED' then
    update trading_accountreset r set cash = p_cash
     where r.account_id = a.account_id and r.at is null and p_cash is not null;
    return null;
  elsif trading_has_open_orders(a.account_id)
        and not exists (select from matching_market m where m.id = a.market_id and m.is_active) then
    return 'market_not_running';  -- nobody would ever end them
  end if;
  if v_cash is null then
    select sum(p.amount) into v_cash
      from trading_journal j join trading_posting p on p.journal_id = j.id and p.ledger = 'cash'
     where j.account_id = a.account_id and j.kind = 'deposit' and j.generation = a.generation;
    if v_cash is null then
      return 'cash_not_known';
    end if;
  end if;
  insert into trading_accountreset (account_id, generation, user_id, cash, asked_at, request_id)
  values (a.account_id, a.generation + 1, a.user_id, v_cash, clock_timestamp(), p_request_id);
  update trading_tradingaccount t set status = 'ACCOUNT_UPDATED' where t.account_id = a.account_id;
  return null;
end $$;
revoke all on function trading_ask_for_reset(uuid, numeric, int, text) from public;
grant execute on function trading_ask_for_reset(uuid, numeric, int, text) to raxx_app;

-- Refuse new orders for good, and end the account's keys.
create function trading_ask_for_closing(p_account uuid) returns text
volatile security definer set search_path = pg_catalog, public, pg_temp language plpgsql as $$
declare
  a trading_tradingaccount;
begin
  select * into a from trading_tradingaccount t
   where t.account_id = p_account and t.user_id = raxx_uid() for no key update;
  if not found then
    return 'account_not_found';
  elsif a.status in ('DISABLE_PENDING', 'ACCOUNT_CLOSED') then
    return null;
  elsif a.status = 'ACCOUNT_UPDATED' then
    return 'account_resetting';
  elsif trading_has_open_orders(a.account_id)
        and not exists (select from matching_market m where m.id = a.market_id and m.is_active) then
    return 'market_not_running';
  end if;
  update trading_tradingaccount t set status = 'DISABLE_PENDING' where t.account_id = a.account_id;
  update accounts_apikey k set revoked_at = clock_timestamp()
   where k.account_id = a.account_id and k.user_id = a.user_id and k.revoked_at is null;
  return null;
end $$;
revoke all on function trading_ask_for_closing(uuid) from public;
grant execute on function trading_ask_for_closing(uuid) to raxx_app;

-- Do what was asked for, when nothing is open any more, and return the account's status then. What a
-- generation leaves goes against capital: its positions at what they cost, its cash at par.
create function trading_settle_account(p_account uuid) returns text
volatile security definer set search_path = pg_catalog, public, pg_temp language plpgsql as $$
declare
  a trading_tradingaccount;
  r trading_accountreset;
  v_at timestamptz;
  v_securities numeric;
  v_closing uuid;
begin
  select * into a from trading_tradingaccount t
   where t.account_id = p_account and t.user_id = raxx_uid() for no key update;
  if not found or a.status not in ('ACCOUNT_UPDATED', 'DISABLE_PENDING') or trading_has_open_orders(a.account_id) then
    return a.status;
  elsif a.status = 'DISABLE_PENDING' then
    update trading_tradingaccount t set status = 'ACCOUNT_CLOSED' where t.account_id = a.account_id;
    return 'ACCOUNT_CLOSED';
  end if;

  select * into strict r from trading_accountreset w where w.account_id = a.account_id and w.at is null for update;
  v_at := coalesce(matching_now(a.market_id), clock_timestamp());
  select coalesce(sum(p.cost), 0) into v_securities from trading_position p where p.account_id = a.account_id;
  if a.cash <> 0 or v_securities <> 0 then
    v_closing := uuidv7();
    perform trading_move_capital(v_closing, a.user_id, a.account_id, 'reset', a.generation, v_at,
                                 'end of generation ' || a.generation, r.request_id, -a.cash, -v_securities);
  end if;
  update trading_position p set quantity = 0, cost = 0, updated_at = v_at
   where p.account_id = a.account_id and (p.quantity, p.cost) <> (0, 0);
  perform trading_move_capital(uuidv7(), a.user_id, a.account_id, 'deposit', r.generation, v_at,
                               'starting cash', r.request_id, r.cash, 0);
  update trading_tradingaccount t
     set status = 'ACTIVE', generation = r.generation, cash = r.cash, reset_at = v_at
   where t.account_id = a.account_id;
  update trading_accountreset w
     set at = v_at, recorded_at = clock_timestamp(), event_seq = a.event_seq, closing_id = v_closing
   where w.account_id = a.account_id and w.generation = r.generation;
  return 'ACTIVE';
end $$;
revoke all on function trading_settle_account(uuid) from public;
grant execute on function trading_settle_account(uuid) to raxx_app, raxx_worker;
