from pathlib import Path

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

import accounts.models.user
from accounts.isolation import person_table

SQL = Path(__file__).resolve().parent.parent / "sql"

# The tables' own policies and privileges go with the tables.
_OF_KEY = "create function accounts_session_of_key"
_AND_AFTER = "\n-- Whose a passkey is"
_BEFORE = (SQL / "0004_identity.sql").read_text()
AS_BEFORE = f"""
revoke select on accounts_user_groups, accounts_user_user_permissions from raxx_worker;
drop function accounts_erase_person, accounts_require_erasure, accounts_begin_erasure;
drop index user_leaving;
drop function accounts_session_of_key;
{_BEFORE[_BEFORE.index(_OF_KEY) : _BEFORE.index(_AND_AFTER)]}
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_tiers"),
        # Tables from which a person is taken away.
        ("admin", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("guardian", "0003_remove_groupobjectpermission_guardian_gr_content_ae6aec_idx_and_more"),
    ]

    operations = [
        migrations.CreateModel(
            name="Export",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.models.user.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("ready", "Ready"),
                            ("downloaded", "Downloaded"),
                            ("expired", "Expired"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ready_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("downloaded_at", models.DateTimeField(null=True)),
                ("size_bytes", models.PositiveBigIntegerField(null=True)),
                ("file", models.CharField(blank=True, max_length=64)),
                ("token_hash", models.BinaryField(max_length=32, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exports",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["user", "-asked_at"], name="export_by_person"),
                    models.Index(
                        fields=["next_attempt_at"], condition=Q(status="waiting"), name="export_waiting"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user",), condition=Q(status="waiting"), name="export_one_waiting"
                    ),
                    models.CheckConstraint(
                        condition=Q(status="ready") ^ Q(token_hash=None), name="export_ready_has_its_link"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.models.user.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "by",
                    models.CharField(
                        choices=[("person", "Person"), ("operator", "Operator")],
                        default="person",
                        max_length=16,
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("canceled_at", models.DateTimeField(null=True)),
                ("begun_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="erasures",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["due_at"], condition=Q(canceled_at=None), name="erasure_due")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user",), condition=Q(canceled_at=None), name="erasure_one_at_a_time"
                    ),
                    models.CheckConstraint(
                        condition=Q(canceled_at=None) | Q(begun_at=None), name="erasure_begun_is_not_canceled"
                    ),
                    models.CheckConstraint(
                        condition=Q(due_at__gte=F("asked_at")), name="erasure_is_due_after_asked"
                    ),
                ],
            },
        ),
        person_table(
            "accounts_export",
            app="insert, update (status, downloaded_at, token_hash, file)",
            worker="update, delete",
        ),
        # Nobody who is served, and no worker, decides when somebody is forgotten: see the functions.
        person_table("accounts_erasure", app="insert, update (canceled_at)"),
        migrations.RunSQL((SQL / "0007_privacy.sql").read_text(), AS_BEFORE),
    ]
