from django.db import migrations, models


class Migration(migrations.Migration):
    """When scheduled work ran, and what came of it; and interest, which some of it charges."""

    dependencies = [("trading", "0015_freezing")]

    operations = [
        migrations.AlterField(
            model_name="journal",
            name="kind",
            field=models.CharField(
                choices=[
                    ("deposit", "Deposit"),
                    ("fill", "Fill"),
                    ("reset", "Reset"),
                    ("adjustment", "Adjustment"),
                    ("interest", "Interest"),
                    ("opening", "Opening"),
                ],
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="ScheduledRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("job", models.CharField(max_length=64)),
                ("started_at", models.DateTimeField()),
                ("duration_ms", models.PositiveIntegerField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("lost", "Lost"),
                        ],
                        max_length=8,
                    ),
                ),
                ("counts", models.JSONField(default=dict)),
                ("error", models.CharField(blank=True, max_length=300)),
                ("is_latest_only", models.BooleanField(default=False)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["job", "-started_at"], name="scheduled_run_of_job"),
                    models.Index(fields=["started_at"], name="scheduled_run_by_age"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(is_latest_only=True),
                        fields=["job"],
                        name="scheduled_run_one_row_of_a_sweep",
                    ),
                    models.CheckConstraint(
                        condition=~models.Q(outcome__in=("done", "failed"))
                        | models.Q(duration_ms__isnull=False),
                        name="scheduled_run_that_ended_took_a_while",
                    ),
                ],
            },
        ),
        # Whoever serves people has no business here: what failed may be told in words about anybody.
        migrations.RunSQL(
            "grant select, insert, update, delete on trading_scheduledrun to raxx_worker;"
            "grant select on trading_scheduledrun to raxx_support;",
            "revoke all on trading_scheduledrun from raxx_worker, raxx_support;",
        ),
    ]
