import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

import accounts.models.user
from accounts.isolation import person_table

TIERS = [("free", "Free"), ("pro", "Pro"), ("pro_plus", "Pro+")]


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_audit")]

    operations = [
        migrations.CreateModel(
            name="TierChange",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.models.user.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("from_tier", models.CharField(choices=TIERS, max_length=16)),
                ("to_tier", models.CharField(choices=TIERS, max_length=16)),
                ("reason", models.CharField(max_length=200)),
                ("asked_at", models.DateTimeField()),
                ("applies_at", models.DateTimeField()),
                ("applied_at", models.DateTimeField(null=True)),
                ("canceled_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tier_changes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["user", "asked_at"], name="tier_change_by_person")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(applied_at=None, canceled_at=None),
                        fields=("user",),
                        name="tier_change_one_pending",
                    ),
                    models.CheckConstraint(
                        condition=~Q(from_tier=F("to_tier")), name="tier_change_changes_something"
                    ),
                    models.CheckConstraint(condition=~Q(reason=""), name="tier_change_has_a_reason"),
                    models.CheckConstraint(
                        condition=Q(applied_at=None) | Q(canceled_at=None),
                        name="tier_change_applied_or_canceled",
                    ),
                ],
            },
        ),
        # Nobody who is served changes a tier: a command does, and the daily task.
        person_table("accounts_tierchange", worker="insert, update"),
    ]
