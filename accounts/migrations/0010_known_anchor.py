"""The database knows the last anchor of its audit log: who takes the anchors away leaves a trace."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("accounts", "0009_staff_rows")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="KnownAnchor",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField()),
                ("digest", models.CharField(max_length=64)),
                ("ended_number", models.BigIntegerField(default=0)),
                ("ended_digest", models.CharField(blank=True, max_length=64)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="one_known_anchor")
                ],
            },
        ),
        migrations.RunSQL((SQL / "0010_known_anchor.sql").read_text(), migrations.RunSQL.noop),
    ]
