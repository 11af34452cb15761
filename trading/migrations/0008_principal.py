from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("trading", "0007_webhooks"), ("accounts", "0003_key_limits")]

    operations = [
        migrations.RunSQL(
            "drop function trading_principal(text);" + (SQL / "0008_principal.sql").read_text(),
            "drop function trading_key_used(text); drop function trading_principal(text);"
            + (SQL / "0003_principal.sql").read_text(),
        ),
    ]
