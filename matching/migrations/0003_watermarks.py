import django.db.models.deletion
from django.db import migrations, models

from accounts.isolation import shared_table


class Migration(migrations.Migration):
    dependencies = [("matching", "0002_market_clock")]

    operations = [
        migrations.CreateModel(
            name="Watermark",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "market_id",
                        "symbol",
                        "side",
                        "seq",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("symbol", models.CharField(max_length=32)),
                ("side", models.CharField(max_length=4)),
                ("seq", models.BigIntegerField()),
                ("price", models.BigIntegerField()),
                (
                    "market",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="watermarks",
                        to="matching.market",
                    ),
                ),
            ],
        ),
        shared_table("matching_watermark", worker="insert, delete"),
    ]
