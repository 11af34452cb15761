"""Connecting and disconnecting: attempts, and connections whose token the broker has yet to take back."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from accounts.isolation import person_table

# Who connects anew renews what is there; who disconnects puts the broker's part into the queue.
RENEWABLE = "connected_at, consent_expires_at, scopes, next_revoke_at, revoke_attempts, token_refused_at"
GRANT = f"grant update ({RENEWABLE}) on broker_handoff_brokerconnection to raxx_app;"
REVOKE = f"revoke update ({RENEWABLE}) on broker_handoff_brokerconnection from raxx_app;"


class Migration(migrations.Migration):
    dependencies = [
        ("broker_handoff", "0003_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="brokerconnection",
            name="revoke_attempts",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="brokerconnection", name="next_revoke_at", field=models.DateTimeField(null=True)
        ),
        migrations.AddField(
            model_name="brokerconnection", name="token_refused_at", field=models.DateTimeField(null=True)
        ),
        migrations.AddConstraint(
            model_name="brokerconnection",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("revoked_at_broker", "waiting"), ("next_revoke_at", None), _connector="XOR"
                ),
                name="broker_connection_waits_for_an_instant",
            ),
        ),
        migrations.AddIndex(
            model_name="brokerconnection",
            index=models.Index(
                condition=models.Q(("revoked_at_broker", "waiting")),
                fields=["next_revoke_at"],
                name="broker_connection_to_revoke",
            ),
        ),
        migrations.CreateModel(
            name="ConnectAttempt",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("session_id", models.UUIDField()),
                ("state_hash", models.BinaryField(max_length=32)),
                ("expires_at", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(GRANT, REVOKE),
        person_table(
            "broker_handoff_connectattempt",
            app="insert, delete, update (session_id, state_hash, expires_at)",
            worker="delete",
        ),
    ]
