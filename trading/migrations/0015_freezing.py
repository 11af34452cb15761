from pathlib import Path

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import accounts.models.user

SQL = Path(__file__).resolve().parent.parent / "sql"


def succeed(name: str) -> migrations.RunSQL:
    """Return the operation that puts a function's next version in the place of the one of 0012."""
    drop = f"drop function trading_{name}(jsonb);"
    before, after = ((SQL / f"{number}_{name}.sql").read_text() for number in ("0012", "0015"))
    return migrations.RunSQL(drop + after, drop + before)


class Migration(migrations.Migration):
    """What the staff do to accounts and assets: frozen, suspended, put right; and the wishes by which they do it."""

    dependencies = [("trading", "0014_causes"), ("accounts", "0009_staff_rows")]

    operations = [
        migrations.AddField(model_name="asset", name="suspended_at", field=models.DateTimeField(null=True)),
        migrations.AddField(
            model_name="tradingaccount", name="frozen_at", field=models.DateTimeField(null=True)
        ),
        migrations.AlterField(
            model_name="journal",
            name="kind",
            field=models.CharField(
                choices=[
                    ("deposit", "Deposit"),
                    ("fill", "Fill"),
                    ("reset", "Reset"),
                    ("adjustment", "Adjustment"),
                    ("opening", "Opening"),
                ],
                max_length=16,
            ),
        ),
        succeed("submit_orders"),
        succeed("replace_order"),
        migrations.CreateModel(
            name="StaffAct",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.models.user.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("kind", models.CharField(max_length=32)),
                ("staff_id", models.UUIDField()),
                ("arguments", models.JSONField(default=dict)),
                ("reason", models.CharField(max_length=500)),
                ("ticket", models.CharField(blank=True, max_length=64)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("done", "Done"),
                            ("refused", "Refused"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("outcome", models.CharField(blank=True, max_length=500)),
                ("done_at", models.DateTimeField(null=True)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="trading.tradingaccount",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["account", "-asked_at"], name="staff_act_of_account"),
                    models.Index(
                        condition=models.Q(status="waiting"),
                        fields=["next_attempt_at"],
                        name="staff_act_waiting",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(reason__regex=r"\S"), name="staff_act_has_a_reason"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(status="waiting", done_at=None)
                        | (~models.Q(status="waiting") & models.Q(done_at__isnull=False)),
                        name="staff_act_waits_or_is_over",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            (SQL / "0015_staff_acts.sql").read_text(), (SQL / "0015_staff_acts_back.sql").read_text()
        ),
    ]
