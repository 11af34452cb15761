from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"

# The tables' own triggers, policies and privileges go with the tables.
DROP_FUNCTIONS = """
drop function accounts_forget_chain;
drop function accounts_audit_append cascade;
drop function accounts_audit_refuse cascade;
drop function accounts_audit_hash, accounts_audit_field;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_identity")]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "chain", "seq", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("chain", models.UUIDField()),
                ("seq", models.BigIntegerField()),
                ("subject", models.UUIDField(null=True)),
                ("at", models.DateTimeField()),
                ("actor_kind", models.CharField(max_length=16)),
                ("actor_id", models.CharField(blank=True, max_length=64)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("action", models.CharField(max_length=64)),
                ("body", models.TextField()),
                ("details_digest", models.BinaryField(max_length=32, null=True)),
                ("prev", models.BinaryField(max_length=32)),
                ("hash", models.BinaryField(max_length=32)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("subject__isnull", False)),
                        fields=["subject", "at"],
                        name="audit_entry_by_subject",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("action__regex", r"^[a-z_]+\.[a-z_]+$")),
                        name="audit_action_is_two_words",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                ("chain", models.UUIDField(primary_key=True, serialize=False)),
                ("subject", models.UUIDField(null=True)),
                ("seq", models.BigIntegerField()),
                ("hash", models.BinaryField(max_length=32)),
            ],
        ),
        migrations.CreateModel(
            name="AuditDetail",
            fields=[
                ("digest", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ("chain", models.UUIDField()),
                ("subject", models.UUIDField(null=True)),
                ("salt", models.BinaryField(max_length=32)),
                ("details", models.TextField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["subject"], name="audit_detail_by_subject"),
                    models.Index(fields=["chain"], name="audit_detail_by_chain"),
                ],
            },
        ),
        migrations.RunSQL((SQL / "0005_audit.sql").read_text(), DROP_FUNCTIONS),
    ]
