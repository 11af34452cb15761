-- What the policies ask about the bound member of staff. They run with their owner's rights, answer about
-- raxx_uid() alone, and are the one place in the database that decides what counts: an active member of
-- staff, a grant that has neither ended nor expired.

-- The accounts that the bound person may see.
create function raxx_granted_accounts() returns uuid[]
stable parallel safe security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select coalesce(array_agg(g.account_id), '{}')
    from trading_accountgrant g
    join auth_permission p on p.id = g.permission_id and p.codename = 'view_account'
    join accounts_user u on u.id = g.staff_id and u.is_active and u.is_staff
   where g.staff_id = raxx_uid() and g.ended_at is null and g.expires_at > now()
$$;
revoke all on function raxx_granted_accounts() from public;
grant execute on function raxx_granted_accounts() to raxx_support;

-- The people whose accounts those are.
create function raxx_granted_people() returns uuid[]
stable parallel safe security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select coalesce(array_agg(a.user_id), '{}')
    from trading_tradingaccount a where a.account_id = any (raxx_granted_accounts())
$$;
revoke all on function raxx_granted_people() from public;
grant execute on function raxx_granted_people() to raxx_support;

-- Whether the bound person oversees the staff: may see that accounts exist, and give and end grants.
create function raxx_oversees() returns boolean
stable parallel safe security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select exists (select from accounts_user u
                  where u.id = raxx_uid() and u.is_active and u.is_staff and u.is_superuser)
$$;
revoke all on function raxx_oversees() from public;
grant execute on function raxx_oversees() to raxx_app, raxx_support;

-- The table of the grants. Staff see their own; who oversees sees all, gives, and ends. Anybody may give a
-- grant back. Nothing is ever deleted, and nothing that has ended begins again. The role that serves people
-- only asks, about whom it serves, and hears of nothing that is over.
alter table trading_accountgrant enable row level security;
alter table trading_accountgrant force row level security;
create policy owner_all on trading_accountgrant to raxx_owner using (true) with check (true);
create policy worker_all on trading_accountgrant to raxx_worker using (true) with check (true);
create policy staff_living on trading_accountgrant for select to raxx_app
  using (staff_id = raxx_uid() and ended_at is null and expires_at > now()
         and (select u.is_active and u.is_staff from accounts_user u where u.id = raxx_uid()));
create policy staff_own on trading_accountgrant for select to raxx_support using (staff_id = raxx_uid());
create policy overseer_sees on trading_accountgrant for select to raxx_support using ((select raxx_oversees()));
create policy overseer_gives on trading_accountgrant for insert to raxx_support
  with check ((select raxx_oversees()) and granted_by_id = raxx_uid() and ended_at is null
              and granted_at between now() - interval '1 minute' and now() + interval '1 minute');
create policy holder_or_overseer_ends on trading_accountgrant for update to raxx_support
  using (ended_at is null and (staff_id = raxx_uid() or (select raxx_oversees())))
  with check (ended_at is not null and (ended_by_id = raxx_uid() or expires_at <= now()));
grant select on trading_accountgrant to raxx_app;
grant select, insert, update (ended_at, ended_by_id) on trading_accountgrant to raxx_support;
grant select, update (ended_at, ended_by_id) on trading_accountgrant to raxx_worker;
alter table trading_accountgrant add constraint grant_of_account
  foreign key (account_id) references trading_tradingaccount (account_id) on delete cascade;

-- The audit log: staff read the chains of the accounts that they may see, and write in their own name
-- about those, and about any if they oversee.
create policy support_granted on accounts_auditentry for select to raxx_support
  using (chain = any ((select raxx_granted_accounts())::uuid[]));
create policy support_granted on accounts_auditdetail for select to raxx_support
  using (chain = any ((select raxx_granted_accounts())::uuid[]));
create policy support_says_who on accounts_auditentry as restrictive for insert to raxx_support
  with check (actor_id = raxx_uid()::text
              and (chain = any ((select raxx_granted_accounts())::uuid[]) or (select raxx_oversees())));
create policy support_of_granted on accounts_auditdetail as restrictive for insert to raxx_support
  with check (chain = any ((select raxx_granted_accounts())::uuid[]) or (select raxx_oversees()));

-- Of people, support sees itself and those whose accounts it was granted.
create policy support_granted on accounts_user for select to raxx_support
  using (id = raxx_uid() or id = any ((select raxx_granted_people())::uuid[]));

-- That accounts exist, and whose they are, without what is in them: for who oversees. A view on purpose
-- runs with its owner's rights, and its condition is asked before any of its rows is looked at.
create view trading_accountentry with (security_barrier) as
  select a.account_id, a.user_id as owner_id, a.number, a.status, a.created_at, m.name as market, u.email, u.tier
    from trading_tradingaccount a
    join accounts_user u on u.id = a.user_id
    join matching_market m on m.id = a.market_id
   where (select raxx_oversees());
revoke all on trading_accountentry from public;
grant select on trading_accountentry to raxx_support;

-- guardian's own tables would grant for ever, to groups too, and the policies would know nothing of it.
alter table guardian_userobjectpermission
  add constraint accounts_are_granted_in_their_own_table check (false);
alter table guardian_groupobjectpermission
  add constraint accounts_are_granted_in_their_own_table check (false);

-- How people sign in is no business of support's.
revoke all on accounts_ceremony, accounts_spentlink from raxx_support;
