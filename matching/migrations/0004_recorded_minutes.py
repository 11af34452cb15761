import django.db.models.deletion
from django.db import migrations, models

from accounts.isolation import shared_table


class Migration(migrations.Migration):
    dependencies = [("matching", "0003_watermarks")]

    operations = [
        migrations.CreateModel(
            name="RecordedMinute",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "market_id",
                        "symbol",
                        "at",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("symbol", models.CharField(max_length=32)),
                ("at", models.BigIntegerField()),
                ("open", models.BigIntegerField(default=0)),
                ("high", models.BigIntegerField(default=0)),
                ("low", models.BigIntegerField(default=0)),
                ("close", models.BigIntegerField(default=0)),
                ("volume", models.FloatField(default=0)),
                ("turnover", models.FloatField(default=0)),
                ("count", models.IntegerField(default=0)),
                ("has_auction", models.BooleanField(default=False)),
                ("items", models.BinaryField(null=True)),
                (
                    "market",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="matching.market",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["market", "at"], name="recorded_minute_by_age")],
            },
        ),
        shared_table("matching_recordedminute", worker="insert, update, delete"),
    ]
