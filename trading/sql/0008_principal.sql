-- Who an API key speaks for. Asked before anybody is bound, so it runs with the owner's rights and
-- answers for one living key of one active user only; the caller compares the secret's hash, and the
-- addresses from which the key may be used.
create function trading_principal(p_key_id text)
returns table (user_id uuid, account_id uuid, market_id bigint, secret_hash bytea, scopes text[], tier text,
               addresses text[], is_use_old boolean)
stable security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select k.user_id, k.account_id, a.market_id, k.secret_hash, k.scopes::text[], u.tier, k.addresses::text[],
         k.last_used_at is null or k.last_used_at < now() - interval '1 minute'
    from accounts_apikey k
    join accounts_user u on u.id = k.user_id and u.is_active
    join trading_tradingaccount a on a.account_id = k.account_id
   where k.key_id = p_key_id and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
$$;
revoke all on function trading_principal(text) from public;
grant execute on function trading_principal(text) to raxx_app;

-- Write down that a key was used just now: at most once a minute, and by one of those who saw it at once.
create function trading_key_used(p_key_id text) returns void
volatile security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  update accounts_apikey k set last_used_at = now()
   where k.key_id = (
     select u.key_id from accounts_apikey u
      where u.key_id = p_key_id and (u.last_used_at is null or u.last_used_at < now() - interval '1 minute')
        for no key update skip locked)
$$;
revoke all on function trading_key_used(text) from public;
grant execute on function trading_key_used(text) to raxx_app;
