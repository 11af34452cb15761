from django.db import migrations

GRANT = "grant update (cursor, lease, leased_until) on trading_webhookendpoint to raxx_app;"
REVOKE = "revoke update (cursor, lease, leased_until) on trading_webhookendpoint from raxx_app;"


class Migration(migrations.Migration):
    """People may have their own webhooks' messages sent again; rows of others stay out of their reach as before."""

    dependencies = [("trading", "0017_first_steps")]

    operations = [migrations.RunSQL(GRANT, REVOKE)]
