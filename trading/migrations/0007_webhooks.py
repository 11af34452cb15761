import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import accounts.models.user
from accounts.isolation import owned_table

# As in 0002: nobody can hang a row on another person's account.
COMPOSITE_KEYS = """
alter table trading_webhookendpoint add constraint webhook_of_own_account
  foreign key (account_id, user_id) references trading_tradingaccount (account_id, user_id);
alter table trading_webhookdelivery add constraint delivery_of_own_account
  foreign key (account_id, user_id) references trading_tradingaccount (account_id, user_id);
grant usage on sequence trading_webhookdelivery_id_seq to raxx_worker;
"""
DROP_COMPOSITE_KEYS = """
alter table trading_webhookdelivery drop constraint delivery_of_own_account;
alter table trading_webhookendpoint drop constraint webhook_of_own_account;
"""

ITS_OWNERS = "url, description, secret_version, pinged_at, failures, next_attempt_at, disabled_at, disabled_reason, deleted_at"


class Migration(migrations.Migration):
    dependencies = [
        ("trading", "0006_account_surface"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="WebhookEndpoint",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.models.user.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("url", models.CharField(max_length=500)),
                ("description", models.CharField(blank=True, max_length=200)),
                ("secret_version", models.PositiveIntegerField(default=1)),
                ("cursor", models.BigIntegerField()),
                ("pinged_at", models.DateTimeField(null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("leased_until", models.DateTimeField(null=True)),
                ("lease", models.UUIDField(null=True)),
                ("disabled_at", models.DateTimeField(null=True)),
                ("disabled_reason", models.CharField(blank=True, max_length=200)),
                ("deleted_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="webhooks",
                        to="trading.tradingaccount",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("seq", models.BigIntegerField(null=True)),
                ("attempt", models.PositiveIntegerField()),
                ("at", models.DateTimeField()),
                ("duration_ms", models.PositiveIntegerField()),
                ("status_code", models.PositiveSmallIntegerField(null=True)),
                ("error", models.CharField(blank=True, max_length=200)),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="trading.tradingaccount",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="trading.webhookendpoint",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="webhookendpoint",
            index=models.Index(fields=["account", "created_at"], name="webhook_by_account"),
        ),
        migrations.AddIndex(
            model_name="webhookendpoint",
            index=models.Index(
                condition=models.Q(("deleted_at", None), ("disabled_at", None)),
                fields=["next_attempt_at"],
                name="webhook_due",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["endpoint", "-id"], name="delivery_by_endpoint"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["at"], name="delivery_by_age"),
        ),
        migrations.RunSQL(COMPOSITE_KEYS, DROP_COMPOSITE_KEYS),
        owned_table("trading_webhookendpoint", app=f"insert, update ({ITS_OWNERS})", worker="update"),
        owned_table("trading_webhookdelivery", worker="insert, delete"),
    ]
