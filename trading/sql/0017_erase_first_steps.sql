-- Delete how a person began, once their erasure has begun (accounts 0007); say how many rows that were.
create function trading_erase_first_steps(p_user uuid) returns bigint
volatile security definer set search_path = pg_catalog, public, pg_temp language plpgsql as $$
declare
  v_rows bigint;
begin
  perform accounts_require_erasure(p_user);
  delete from trading_firststeps t where t.user_id = p_user;
  get diagnostics v_rows = row_count;
  return v_rows;
end $$;
revoke all on function trading_erase_first_steps(uuid) from public;
grant execute on function trading_erase_first_steps(uuid) to raxx_worker;
