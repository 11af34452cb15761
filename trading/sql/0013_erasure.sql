-- A person who is to be forgotten: what they may no longer do, and how their books are deleted.

-- A key opens nothing from the instant at which its owner asks to be erased. (0008, and that.)
create or replace function trading_principal(p_key_id text)
returns table (user_id uuid, account_id uuid, market_id bigint, secret_hash bytea, scopes text[], tier text,
               addresses text[], is_use_old boolean)
stable security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select k.user_id, k.account_id, a.market_id, k.secret_hash, k.scopes::text[], u.tier, k.addresses::text[],
         k.last_used_at is null or k.last_used_at < now() - interval '1 minute'
    from accounts_apikey k
    join accounts_user u on u.id = k.user_id and u.is_active and u.deactivated_at is null
    join trading_tradingaccount a on a.account_id = k.account_id
   where k.key_id = p_key_id and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
$$;

-- The same of a session on the streams. (0011, and that.)
create or replace function trading_living_sessions(p_ids uuid[])
returns table (session_id uuid, user_id uuid, tier text, is_seen_old boolean)
stable security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select s.id, s.user_id, u.tier::text, not u.is_staff and s.last_seen_at < now() - interval '1 minute'
    from accounts_living_sessions(p_ids) s
    join accounts_user u on u.id = s.user_id and u.deactivated_at is null
   where not s.is_enrol_only
$$;

-- Delete about p_most rows of the books of a person whose erasure has begun, and say how many those were:
-- nought when nothing is left. One account after another, its children first, so that it may be killed at any
-- instant and goes on where it was. Triggers let go of what is append-only as for trading_purge_history.
-- Fills and journals are found by account, postings by their journals: they have no index of their own.
create function trading_erase_rows(p_user uuid, p_most int) returns bigint
volatile security definer set search_path = pg_catalog, public, pg_temp language plpgsql as $$
declare
  a trading_tradingaccount;
  v_ids uuid[];
  v_of text;
  v_rows bigint;
begin
  perform accounts_require_erasure(p_user);
  select * into a from trading_tradingaccount t where t.user_id = p_user order by t.account_id limit 1 for update;
  if not found then
    -- What they did as staff: their own grants go, of others' nobody is named.
    delete from trading_accountgrant g where g.staff_id = p_user;
    update trading_accountgrant g set granted_by_id = null where g.granted_by_id = p_user;
    update trading_accountgrant g set ended_by_id = null where g.ended_by_id = p_user;
    return 0;
  end if;

  if trading_has_open_orders(a.account_id) then
    -- A matcher that lives has them in its memory, and is to end them first; none takes over meanwhile.
    perform from matching_shard s where s.market_id = a.market_id for update;
    if exists (select from matching_market m join matching_shard s on s.market_id = m.id
                where m.id = a.market_id and m.is_active and s.updated_at > clock_timestamp() - interval '10 minutes') then
      raise object_in_use using message = 'account ' || a.number || ' has open orders, and its market has not ended them yet';
    end if;
    delete from trading_order o where o.account_id = a.account_id
      and o.status in ('pending_new', 'accepted', 'new', 'partially_filled', 'pending_cancel', 'pending_replace',
                       'held', 'done_for_day');
  end if;

  perform set_config('raxx.forgets', a.account_id::text, true);
  v_ids := array(select f.id from trading_fill f where f.account_id = a.account_id limit p_most);
  if v_ids = '{}' then
    v_ids := array(select j.id from trading_journal j where j.account_id = a.account_id and j.kind <> 'fill' limit p_most);
  end if;
  if v_ids <> '{}' then
    delete from trading_posting p where p.journal_id = any(v_ids) and p.account_id = a.account_id;
    delete from trading_journal j where j.id = any(v_ids) and j.account_id = a.account_id;
    delete from trading_fill f where f.id = any(v_ids) and f.account_id = a.account_id;
    perform set_config('raxx.forgets', '', true);
    return cardinality(v_ids);
  end if;
  foreach v_of in array array[
    'trading_orderevent', 'trading_order', 'trading_position', 'trading_openinglot', 'trading_accountreset',
    'trading_equitysnapshot', 'trading_watchlist', 'trading_webhookdelivery', 'trading_webhookendpoint',
    'accounts_apikey', 'trading_accountgrant']
  loop
    execute format('delete from %1$I where ctid = any (array(select t.ctid from %1$I t where t.account_id = $1 limit $2))', v_of)
      using a.account_id, p_most;
    get diagnostics v_rows = row_count;
    if v_rows > 0 then
      perform set_config('raxx.forgets', '', true);
      return v_rows;
    end if;
  end loop;
  perform set_config('raxx.forgets', '', true);
  delete from trading_tradingaccount t where t.account_id = a.account_id;
  return 1;
end $$;
revoke all on function trading_erase_rows(uuid, int) from public;
grant execute on function trading_erase_rows(uuid, int) to raxx_worker;
