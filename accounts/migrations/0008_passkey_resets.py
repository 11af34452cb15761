import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

import accounts.models.user
from accounts.isolation import person_table


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_privacy")]

    operations = [
        migrations.CreateModel(
            name="PasskeyReset",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.models.user.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("ticket", models.CharField(max_length=64)),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("approved_at", models.DateTimeField(null=True)),
                (
                    "approved_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="passkey_resets",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        name="passkey_reset_takes_two",
                        condition=Q(approved_by=None) | Q(asked_by=None) | ~Q(approved_by=F("asked_by")),
                    ),
                    models.CheckConstraint(
                        name="passkey_reset_is_not_for_oneself",
                        condition=(Q(asked_by=None) | ~Q(asked_by=F("user")))
                        & (Q(approved_by=None) | ~Q(approved_by=F("user"))),
                    ),
                ],
            },
        ),
        # Made and approved by commands alone, as the owner of the tables.
        person_table("accounts_passkeyreset", worker="update, delete"),
    ]
