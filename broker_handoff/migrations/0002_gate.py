from datetime import timedelta
from pathlib import Path

import django.contrib.postgres.functions
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

import accounts.models.user
from accounts.isolation import owned_table, person_table, support_reads

SQL = Path(__file__).resolve().parent.parent / "sql"
PROTECT = django.db.models.deletion.PROTECT


def key() -> models.UUIDField:
    return models.UUIDField(
        default=accounts.models.user.new_id, editable=False, primary_key=True, serialize=False
    )


def account() -> models.ForeignKey:
    return models.ForeignKey(
        db_constraint=False, db_index=False, on_delete=PROTECT, related_name="+", to="trading.tradingaccount"
    )


def owner() -> models.ForeignKey:
    return models.ForeignKey(
        db_constraint=False, db_index=False, on_delete=PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
    )


def person(related_name: str) -> models.ForeignKey:
    return models.ForeignKey(
        db_index=False, on_delete=PROTECT, related_name=related_name, to=settings.AUTH_USER_MODEL
    )


class Migration(migrations.Migration):
    dependencies = [
        ("broker_handoff", "0001_initial"),
        ("trading", "0010_support_reads"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="GateMonth",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id",
                        "month",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("month", models.CharField(max_length=7)),
                ("record", models.JSONField()),
                ("kept_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("account", account()),
                ("user", owner()),
            ],
        ),
        migrations.CreateModel(
            name="GateNomination",
            fields=[
                ("id", key()),
                (
                    "nominated_at",
                    models.DateTimeField(db_default=django.contrib.postgres.functions.TransactionNow()),
                ),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("account", account()),
                ("user", owner()),
            ],
            options={
                "indexes": [models.Index(fields=["user", "-nominated_at"], name="gate_nomination_by_person")],
            },
        ),
        migrations.CreateModel(
            name="GateVerdict",
            fields=[
                ("id", key()),
                ("rules_version", models.PositiveSmallIntegerField()),
                ("through", models.CharField(max_length=7)),
                ("inputs", models.JSONField()),
                ("inputs_digest", models.BinaryField(max_length=32)),
                ("report", models.JSONField()),
                ("is_open", models.BooleanField()),
                ("computed_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("user", person("gate_verdicts")),
            ],
            options={
                "indexes": [models.Index(fields=["user", "-computed_at"], name="gate_verdict_by_person")],
            },
        ),
        migrations.CreateModel(
            name="GateOverride",
            fields=[
                ("id", key()),
                ("reason", models.CharField(max_length=200)),
                ("asked_by", models.UUIDField()),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("approved_by", models.UUIDField(null=True)),
                ("approved_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("ended_by", models.UUIDField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("end_reason", models.CharField(blank=True, max_length=200)),
                ("user", person("gate_overrides")),
            ],
            options={
                "indexes": [models.Index(fields=["user", "-asked_at"], name="gate_override_by_person")],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(approved_by=None, approved_at=None, expires_at=None)
                        | Q(approved_by__isnull=False, approved_at__isnull=False, expires_at__isnull=False),
                        name="gate_override_is_approved_or_not",
                    ),
                    models.CheckConstraint(
                        condition=~Q(approved_by=F("asked_by")), name="gate_override_takes_two"
                    ),
                    models.CheckConstraint(
                        condition=~Q(asked_by=F("user")) & ~Q(approved_by=F("user")),
                        name="gate_override_is_by_others",
                    ),
                    models.CheckConstraint(
                        condition=Q(expires_at__lte=F("approved_at") + timedelta(days=90)),
                        name="gate_override_has_an_end",
                    ),
                ],
            },
        ),
        # Who is judged says by which account, from now on and never from before; what comes of it, only a worker says.
        owned_table("broker_handoff_gatenomination", app="insert", app_check="nominated_at = now()"),
        owned_table("broker_handoff_gatemonth", worker="insert"),
        person_table("broker_handoff_gateverdict", worker="insert"),
        person_table("broker_handoff_gateoverride"),
        support_reads("broker_handoff_gatenomination"),
        support_reads("broker_handoff_gatemonth"),
        migrations.RunSQL((SQL / "0002_gate.sql").read_text(), (SQL / "0002_gate_back.sql").read_text()),
    ]
