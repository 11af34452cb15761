from pathlib import Path

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from accounts.isolation import person_table

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    """How a person begins: their answers, and the simulation profiles that investor profiles begin with."""

    dependencies = [
        ("trading", "0016_scheduled_runs"),
        ("accounts", "0007_privacy"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FirstSteps",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("answers", models.JSONField(default=dict)),
                ("profile", models.CharField(blank=True, max_length=16)),
                ("is_dismissed", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(profile__in=("", "trial", "income_builder", "diversifier")),
                        name="first_steps_profile_is_known",
                    ),
                ],
            },
        ),
        person_table("trading_firststeps", app="insert, update (answers, profile, is_dismissed, updated_at)"),
        migrations.RunSQL(
            (SQL / "0017_erase_first_steps.sql").read_text(),
            "drop function trading_erase_first_steps(uuid)",
        ),
        migrations.RunSQL((SQL / "0017_investor_profiles.sql").read_text(), migrations.RunSQL.noop),
    ]
