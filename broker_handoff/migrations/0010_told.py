"""A connection that is over says until when its person has not been told so."""

from django.db import migrations, models

TELL = "update (next_tell_at) on broker_handoff_brokerconnection"


class Migration(migrations.Migration):
    """Null is nothing to tell: what is over already, and what the code before this ends and mails by itself."""

    dependencies = [("broker_handoff", "0009_no_own_override")]

    operations = [
        migrations.AddField(
            model_name="brokerconnection", name="next_tell_at", field=models.DateTimeField(null=True)
        ),
        migrations.AddIndex(
            model_name="brokerconnection",
            index=models.Index(
                condition=models.Q(("next_tell_at__isnull", False)),
                fields=["next_tell_at"],
                name="broker_connection_to_tell",
            ),
        ),
        migrations.RunSQL(f"grant {TELL} to raxx_app;", f"revoke {TELL} from raxx_app;"),
    ]
