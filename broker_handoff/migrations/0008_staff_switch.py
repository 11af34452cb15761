from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    """The kill switch in the hands of the staff, and what of the way to live they see of granted accounts."""

    dependencies = [("broker_handoff", "0007_shadow"), ("trading", "0015_freezing")]

    operations = [
        migrations.RunSQL(
            (SQL / "0008_staff_switch.sql").read_text(), (SQL / "0008_staff_switch_back.sql").read_text()
        ),
    ]
