from pathlib import Path

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

import accounts.models.user
from accounts.isolation import person_table

SQL = Path(__file__).resolve().parent.parent / "sql"
AS_BEFORE = """
drop policy app_sees_global on broker_handoff_switchclosing;
alter table broker_handoff_switchclosing drop constraint switch_closing_of_own_connection;
"""
TABLE = "broker_handoff_switchclosing"


class Migration(migrations.Migration):
    dependencies = [
        ("broker_handoff", "0002_gate"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SwitchClosing",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.models.user.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "scope",
                    models.CharField(
                        choices=[("global", "Global"), ("user", "User"), ("connection", "Connection")],
                        max_length=10,
                    ),
                ),
                ("is_own", models.BooleanField()),
                ("reason", models.CharField(max_length=200)),
                ("closed_by", models.UUIDField()),
                ("closed_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("asked_by", models.UUIDField(null=True)),
                ("asked_at", models.DateTimeField(null=True)),
                ("asked_reason", models.CharField(blank=True, max_length=200)),
                ("opened_by", models.UUIDField(null=True)),
                ("opened_at", models.DateTimeField(null=True)),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="closings",
                        to="broker_handoff.brokerconnection",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="switch_closings",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["user", "-closed_at"], name="switch_closing_of_person")],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(scope="global", user=None, connection=None, is_own=False)
                        | Q(scope="user", user__isnull=False, connection=None)
                        | Q(scope="connection", user__isnull=False, connection__isnull=False),
                        name="switch_closing_stops_what_its_scope_says",
                    ),
                    models.CheckConstraint(
                        condition=Q(is_own=False) | Q(closed_by=F("user")),
                        name="switch_closing_of_one_s_own_is_by_oneself",
                    ),
                    models.CheckConstraint(
                        condition=Q(opened_at=None, opened_by=None)
                        | Q(opened_at__isnull=False, opened_by__isnull=False),
                        name="switch_closing_is_over_or_not",
                    ),
                    models.CheckConstraint(
                        condition=Q(opened_at=None)
                        | Q(is_own=True, opened_by=F("user"))
                        | (Q(is_own=False, asked_by__isnull=False) & ~Q(opened_by=F("asked_by"))),
                        name="switch_opening_takes_two_of_the_staff",
                    ),
                    models.UniqueConstraint(
                        fields=["scope", "user", "connection", "is_own"],
                        condition=Q(opened_at=None),
                        nulls_distinct=False,
                        name="switch_closing_lives_once",
                    ),
                ],
            },
        ),
        # What the staff has closed a person sees, and cannot open.
        person_table(
            TABLE, app="insert, update (opened_by, opened_at)", app_check="is_own and closed_by = raxx_uid()"
        ),
        migrations.RunSQL((SQL / "0003_guards.sql").read_text(), AS_BEFORE),
    ]
