-- The accounts that the bound person of the staff may see; in the place of 0010_grants.sql's. An account of one's own
-- is never among them, whoever may have granted it: another member of the staff looks after it.
create or replace function raxx_granted_accounts() returns uuid[]
stable parallel safe security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select coalesce(array_agg(g.account_id), '{}')
    from trading_accountgrant g
    join auth_permission p on p.id = g.permission_id and p.codename = 'view_account'
    join accounts_user u on u.id = g.staff_id and u.is_active and u.is_staff
    join trading_tradingaccount a on a.account_id = g.account_id and a.user_id <> g.staff_id
   where g.staff_id = raxx_uid() and g.ended_at is null and g.expires_at > now()
$$;
revoke all on function raxx_granted_accounts() from public;
grant execute on function raxx_granted_accounts() to raxx_support;
