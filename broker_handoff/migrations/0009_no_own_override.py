from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"
BACK = """
alter policy overseer_asks on broker_handoff_gateoverride
  with check ((select raxx_oversees()) and asked_by = raxx_uid() and approved_at is null and ended_at is null);
alter policy overseer_approves on broker_handoff_gateoverride
  with check (approved_by = raxx_uid());
"""


class Migration(migrations.Migration):
    """Nobody of the staff has a part in their own exception, in the database either."""

    dependencies = [("broker_handoff", "0008_staff_switch")]

    operations = [migrations.RunSQL((SQL / "0009_no_own_override.sql").read_text(), BACK)]
