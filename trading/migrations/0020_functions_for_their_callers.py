from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"
BACK = """
do $$
declare
  f record;
begin
  for f in
    select p.oid::regprocedure as what from pg_proc p
     where p.pronamespace = 'public'::regnamespace
       and p.proname = any (array[
         'trading_submit_orders', 'trading_replace_order', 'trading_cancel_orders', 'trading_hold_legs',
         'trading_opposite_order', 'trading_power', 'trading_has_open_orders', 'trading_history_cut',
         'trading_orders_of_the_past', 'trading_commit_decisions'])
  loop
    execute format('revoke all on function %s from raxx_worker, raxx_app', f.what);
    execute format('grant execute on function %s to public', f.what);
  end loop;
end $$;
"""


class Migration(migrations.Migration):
    """The functions that write orders and decisions are called by the roles that do so, and by no other."""

    dependencies = [("trading", "0019_no_own_case")]

    operations = [migrations.RunSQL((SQL / "0020_functions_for_their_callers.sql").read_text(), BACK)]
