from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"

AS_BEFORE = """
drop trigger key_stays_revoked on accounts_apikey; drop function trading_key_stays_revoked;
drop policy app_makes_no_operator on accounts_apikey;
revoke insert, update (name, addresses, expires_at, revoked_at) on accounts_apikey from raxx_app;
drop function trading_sessions_seen; drop function trading_living_sessions;
"""


class Migration(migrations.Migration):
    dependencies = [("trading", "0010_support_reads"), ("accounts", "0004_identity")]

    operations = [migrations.RunSQL((SQL / "0011_sessions.sql").read_text(), AS_BEFORE)]
