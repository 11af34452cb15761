from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("broker_handoff", "0005_reconciliation"), ("accounts", "0007_privacy")]

    operations = [
        migrations.RunSQL(
            (SQL / "0006_erasure.sql").read_text(), "drop function broker_handoff_erase_rows(uuid, int)"
        ),
    ]
