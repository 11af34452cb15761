from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    """Which request asked for a cancel, and which for an account: their events and journals carry its id."""

    dependencies = [("trading", "0013_erasure")]

    operations = [
        migrations.AddField(
            model_name="order",
            name="cancel_request_id",
            field=models.CharField(blank=True, db_default="", max_length=64),
        ),
        migrations.RunSQL(
            "grant update (cancel_request_id) on trading_order to raxx_app",
            "revoke update (cancel_request_id) on trading_order from raxx_app",
        ),
        migrations.RunSQL(
            (SQL / "0014_cancel_orders.sql").read_text(),
            "drop function trading_cancel_orders;" + (SQL / "0005_cancel_orders.sql").read_text(),
        ),
        # The one before does not look at the key that is new.
        migrations.RunSQL((SQL / "0014_open_account.sql").read_text(), migrations.RunSQL.noop),
    ]
