from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"
BACK = """
create or replace function raxx_granted_accounts() returns uuid[]
stable parallel safe security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select coalesce(array_agg(g.account_id), '{}')
    from trading_accountgrant g
    join auth_permission p on p.id = g.permission_id and p.codename = 'view_account'
    join accounts_user u on u.id = g.staff_id and u.is_active and u.is_staff
   where g.staff_id = raxx_uid() and g.ended_at is null and g.expires_at > now()
$$;
"""


class Migration(migrations.Migration):
    """Nobody of the staff looks after an account of their own, whatever a grant may say."""

    dependencies = [("trading", "0018_webhook_replay")]

    operations = [migrations.RunSQL((SQL / "0019_granted_accounts.sql").read_text(), BACK)]
