-- A signed-in browser on the streams, which ask again and again whether it still is; and keys that their
-- owners make for themselves.

-- The sessions among these that live and may do more than enrol a passkey, with what a stream must know of
-- their people. is_seen_old: whether it is time to note that the session is there. An open stream counts as
-- being there, but not for staff: their short idle time is for the screen at which nobody sits.
create function trading_living_sessions(p_ids uuid[])
returns table (session_id uuid, user_id uuid, tier text, is_seen_old boolean)
stable security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select s.id, s.user_id, u.tier::text, not u.is_staff and s.last_seen_at < now() - interval '1 minute'
    from accounts_living_sessions(p_ids) s
    join accounts_user u on u.id = s.user_id
   where not s.is_enrol_only
$$;
revoke all on function trading_living_sessions(uuid[]) from public;
grant execute on function trading_living_sessions(uuid[]) to raxx_app;

-- Write down that these were seen just now, those that are due, and one of the processes that saw them.
create function trading_sessions_seen(p_ids uuid[]) returns void
volatile security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  update accounts_session s set last_seen_at = now()
   where s.id in (
     select d.id from accounts_session d
      where d.id in (select l.session_id from trading_living_sessions(p_ids) l where l.is_seen_old)
        for no key update skip locked)
$$;
revoke all on function trading_sessions_seen(uuid[]) from public;
grant execute on function trading_sessions_seen(uuid[]) to raxx_app;

-- What a key may do is settled when it is made; its owner may later rename it, move it, or end it.
grant insert, update (name, addresses, expires_at, revoked_at) on accounts_apikey to raxx_app;
create policy app_makes_no_operator on accounts_apikey as restrictive for insert to raxx_app
  with check (not 'operator' = any(scopes::text[])
              or exists (select from accounts_user u where u.id = raxx_uid() and u.is_staff));

create function trading_key_stays_revoked() returns trigger
set search_path = pg_catalog, public, pg_temp language plpgsql as $$
begin
  raise integrity_constraint_violation using message = 'API key ' || old.key_id || ' was revoked, and stays so';
end $$;
revoke all on function trading_key_stays_revoked() from public;
create trigger key_stays_revoked before update of revoked_at on accounts_apikey
  for each row when (old.revoked_at is not null and new.revoked_at is null)
  execute function trading_key_stays_revoked();
