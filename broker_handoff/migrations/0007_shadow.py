"""Accounts mirrored at a broker's paper account.

With it, of live orders: the state of an intent of which nobody can learn any more, and whose turn it is to be
compared.
"""

from decimal import Decimal
from pathlib import Path

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import trading.models.fields
from accounts.isolation import owned_table, support_reads

SQL = Path(__file__).resolve().parent.parent / "sql"
PROTECT = django.db.models.deletion.PROTECT
WORDS = (
    "accepted", "sending", "working", "filled", "canceled", "rejected", "expired", "replaced", "done", "refused",
    "blocked", "lapsed", "unresolved",
)  # fmt: skip
STATUSES = [(word, word.capitalize()) for word in WORDS]
FINAL = [
    "blocked", "canceled", "done", "expired", "filled", "lapsed", "refused", "rejected", "replaced", "unresolved",
]  # fmt: skip


def whose(to: str) -> models.ForeignKey:
    return models.ForeignKey(db_constraint=False, db_index=False, on_delete=PROTECT, related_name="+", to=to)


def quantity() -> models.DecimalField:
    return trading.models.fields.QuantityField(default=Decimal(0))


class Migration(migrations.Migration):
    dependencies = [
        ("broker_handoff", "0006_erasure"),
        ("trading", "0010_support_reads"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ShadowLink",
            fields=[
                (
                    "account",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="trading.tradingaccount",
                    ),
                ),
                ("user", whose(settings.AUTH_USER_MODEL)),
                ("shadow_account", models.CharField(max_length=64)),
                ("is_on", models.BooleanField(default=True)),
                ("turned_on_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("turned_off_at", models.DateTimeField(null=True)),
                ("since_seq", models.BigIntegerField(default=0)),
                ("followed_seq", models.BigIntegerField(default=0)),
                ("next_look_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("lease", models.UUIDField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                ("looked_at", models.DateTimeField(null=True)),
                ("polled_at", models.DateTimeField(null=True)),
                ("faults", models.PositiveIntegerField(default=0)),
                ("fault", models.CharField(blank=True, max_length=500)),
                ("fault_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_on", True)),
                        fields=["next_look_at"],
                        name="shadow_link_to_look_at",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("is_on", True), ("turned_off_at__isnull", False), _connector="XOR"
                        ),
                        name="shadow_link_is_off_since_when",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lease", None), ("leased_until", None)),
                            models.Q(("lease__isnull", False), ("leased_until__isnull", False)),
                            _connector="OR",
                        ),
                        name="shadow_link_lease_has_an_end",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ShadowOrder",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("account", whose("trading.tradingaccount")),
                ("user", whose(settings.AUTH_USER_MODEL)),
                ("seq", models.BigIntegerField()),
                ("replaces", models.UUIDField(null=True)),
                ("terms", models.JSONField()),
                ("placed_at", models.DateTimeField()),
                ("status", models.CharField(choices=STATUSES, default="accepted", max_length=16)),
                ("reason", models.CharField(blank=True, max_length=32)),
                ("words", models.CharField(blank=True, max_length=500)),
                ("sent_at", models.DateTimeField(null=True)),
                ("cancel_wanted_at", models.DateTimeField(null=True)),
                ("cancel_asked_at", models.DateTimeField(null=True)),
                ("paper_submitted_at", models.DateTimeField()),
                ("paper_status", models.CharField(max_length=24)),
                ("paper_filled_quantity", quantity()),
                ("paper_filled_money", trading.models.fields.MoneyField(default=Decimal(0))),
                ("paper_filled_at", models.DateTimeField(null=True)),
                ("paper_rules", models.JSONField(default=dict)),
                ("shadow_order_id", models.CharField(blank=True, max_length=64)),
                ("shadow_status", models.CharField(blank=True, max_length=32)),
                ("shadow_filled_quantity", quantity()),
                ("shadow_filled_average_price", trading.models.fields.MoneyField(null=True)),
                ("shadow_submitted_at", models.DateTimeField(null=True)),
                ("shadow_filled_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["account", "seq"], name="shadow_order_by_account"),
                    models.Index(
                        condition=models.Q(("status__in", ("accepted", "sending", "working"))),
                        fields=["account"],
                        name="shadow_order_to_do",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            (SQL / "0007_shadow.sql").read_text(),
            "alter table broker_handoff_shadoworder drop constraint shadow_order_of_own_account;"
            "alter table broker_handoff_shadowlink drop constraint shadow_link_of_own_account;",
        ),
        owned_table("broker_handoff_shadowlink", worker="insert, update"),
        owned_table("broker_handoff_shadoworder", worker="insert, update"),
        support_reads("broker_handoff_shadowlink"),
        support_reads("broker_handoff_shadoworder"),
        migrations.RunSQL(
            (SQL / "0007_erasure.sql").read_text(),
            "drop function broker_handoff_erase_rows(uuid, int);" + (SQL / "0006_erasure.sql").read_text(),
        ),
        migrations.AddField(
            model_name="brokerconnection",
            name="next_compare_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AddIndex(
            model_name="brokerconnection",
            index=models.Index(
                condition=models.Q(("status", "active")),
                fields=["next_compare_at"],
                name="broker_connection_to_compare",
            ),
        ),
        migrations.RemoveConstraint(model_name="liveintent", name="live_intent_is_finished_or_not"),
        migrations.AlterField(
            model_name="intentevent",
            name="status",
            field=models.CharField(choices=STATUSES, max_length=16),
        ),
        migrations.AlterField(
            model_name="liveintent",
            name="status",
            field=models.CharField(choices=STATUSES, default="accepted", max_length=16),
        ),
        migrations.AddConstraint(
            model_name="liveintent",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", FINAL), ("finished_at", None), _connector="XOR"),
                name="live_intent_is_finished_or_not",
            ),
        ),
    ]
