-- What these do they do as who calls them, under that role's own policies and grants. Yet a function is everybody's
-- until it is said whose: the support role, which only reads, is to have none of them, and who serves people none of
-- the matcher's. Who has no such right is refused at the first word, and not somewhere inside.
do $$
declare
  f record;
begin
  for f in
    select p.oid::regprocedure as what, p.proname = 'trading_commit_decisions' as is_matchers
      from pg_proc p
     where p.pronamespace = 'public'::regnamespace
       and p.proname = any (array[
         'trading_submit_orders', 'trading_replace_order', 'trading_cancel_orders', 'trading_hold_legs',
         'trading_opposite_order', 'trading_power', 'trading_has_open_orders', 'trading_history_cut',
         'trading_orders_of_the_past', 'trading_commit_decisions'])
  loop
    execute format('revoke all on function %s from public', f.what);
    execute format('grant execute on function %s to raxx_worker', f.what);
    if not f.is_matchers then
      execute format('grant execute on function %s to raxx_app', f.what);
    end if;
  end loop;
end $$;
