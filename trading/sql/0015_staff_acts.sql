-- What the policies ask about the bound member of staff, as in 0010_grants.sql: the accounts on which they may act.
create function raxx_acting_accounts() returns uuid[]
stable parallel safe security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select coalesce(array_agg(g.account_id), '{}')
    from trading_accountgrant g
    join auth_permission p on p.id = g.permission_id and p.codename = 'act_on_account'
    join accounts_user u on u.id = g.staff_id and u.is_active and u.is_staff
   where g.staff_id = raxx_uid() and g.ended_at is null and g.expires_at > now()
     and g.account_id = any (raxx_granted_accounts())
$$;
revoke all on function raxx_acting_accounts() from public;
grant execute on function raxx_acting_accounts() to raxx_support;

-- A wish is written by who may act on the account, or oversees where it is about none; in their own name, and
-- undone. Whoever may see the account sees what was done to it. Only a worker says what came of it.
alter table trading_staffact add constraint staff_act_of_its_account
  foreign key (account_id) references trading_tradingaccount (account_id) on delete cascade;
alter table trading_staffact enable row level security;
alter table trading_staffact force row level security;
create policy owner_all on trading_staffact to raxx_owner using (true) with check (true);
create policy worker_all on trading_staffact to raxx_worker using (true) with check (true);
create policy support_granted on trading_staffact for select to raxx_support
  using (account_id = any ((select raxx_granted_accounts())::uuid[])
         or account_id is null and (select raxx_oversees()));
create policy support_asks on trading_staffact for insert to raxx_support
  with check (staff_id = raxx_uid() and status = 'waiting' and attempts = 0 and outcome = ''
              and asked_at between now() - interval '1 minute' and now() + interval '1 minute'
              and case when account_id is null then (select raxx_oversees())
                       else account_id = any ((select raxx_acting_accounts())::uuid[]) end);
grant select, insert on trading_staffact to raxx_support;
grant select, update (status, outcome, done_at, attempts, next_attempt_at) on trading_staffact to raxx_worker;

-- What a worker does for the staff, beside what it does anyway.
grant update (revoked_at) on accounts_apikey to raxx_worker;
grant insert on accounts_export, accounts_erasure to raxx_worker;
grant update (suspended_at) on trading_asset to raxx_worker;

-- When and where the person of a granted account was signed in: how they sign in is no business of support's.
create function trading_sessions_of_account(p_account uuid, p_most int)
returns table (session_id uuid, device text, address_prefix text, created_at timestamptz, last_seen_at timestamptz,
               ended_at timestamptz, end_reason text)
stable security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select s.id, s.device, s.address_prefix, s.created_at, s.last_seen_at, s.ended_at, s.end_reason
    from trading_tradingaccount a join accounts_session s on s.user_id = a.user_id
   where a.account_id = p_account and a.account_id = any (raxx_granted_accounts())
   order by s.created_at desc, s.id desc limit p_most
$$;
revoke all on function trading_sessions_of_account(uuid, int) from public;
grant execute on function trading_sessions_of_account(uuid, int) to raxx_support;

-- The member of staff with an address, for who oversees: to let a colleague into an account.
create function trading_staff_named(p_email text) returns uuid
stable security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select u.id from accounts_user u
   where raxx_oversees() and lower(u.email) = lower(p_email) and u.is_active and u.is_staff
$$;
revoke all on function trading_staff_named(text) from public;
grant execute on function trading_staff_named(text) to raxx_support;
