"""What sending must remember of doubt, and where a broker's account differs from what we know of it."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import accounts.models.user
import trading.models.fields
from accounts.isolation import person_table

# Foreign keys look past row security: parent and child are the same person's.
OWN_PARENTS = """
alter table broker_handoff_brokerdifference add constraint broker_difference_of_own_connection
  foreign key (connection_id, user_id) references broker_handoff_brokerconnection (id, user_id);
alter table broker_handoff_positionbaseline add constraint position_baseline_of_own_connection
  foreign key (connection_id, user_id) references broker_handoff_brokerconnection (id, user_id);
"""
OWN_PARENTS_AS_BEFORE = """
alter table broker_handoff_positionbaseline drop constraint position_baseline_of_own_connection;
alter table broker_handoff_brokerdifference drop constraint broker_difference_of_own_connection;
"""


def _person() -> models.ForeignKey:
    return models.ForeignKey(
        db_constraint=False,
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
    )


def _connection(related_name: str) -> models.ForeignKey:
    return models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT,
        related_name=related_name,
        to="broker_handoff.brokerconnection",
    )


def _id() -> models.UUIDField:
    return models.UUIDField(
        default=accounts.models.user.new_id, editable=False, primary_key=True, serialize=False
    )


class Migration(migrations.Migration):
    dependencies = [
        ("broker_handoff", "0004_revocation"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="liveintent", name="sent_until", field=models.DateTimeField(null=True)
        ),
        migrations.AddField(
            model_name="liveintent", name="missing_since", field=models.DateTimeField(null=True)
        ),
        migrations.AlterField(
            model_name="liveintent",
            name="filled_average_price",
            field=trading.models.fields.MoneyField(null=True),
        ),
        migrations.CreateModel(
            name="BrokerDifference",
            fields=[
                ("id", _id()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("order_not_ours", "Order Not Ours"),
                            ("order_missing", "Order Missing"),
                            ("order_after_end", "Order After End"),
                            ("terms_differ", "Terms Differ"),
                            ("fills_shrank", "Fills Shrank"),
                            ("position_differs", "Position Differs"),
                        ],
                        max_length=24,
                    ),
                ),
                ("subject", models.CharField(max_length=64)),
                ("ours", models.JSONField(default=dict)),
                ("theirs", models.JSONField(default=dict)),
                ("first_seen_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_seen_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(null=True)),
                ("connection", _connection("differences")),
                ("user", _person()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["user", "-first_seen_at"], name="broker_difference_by_person")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("connection", "kind", "subject"),
                        name="broker_difference_told_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PositionBaseline",
            fields=[
                ("id", _id()),
                ("symbol", models.CharField(max_length=16)),
                ("quantity", trading.models.fields.QuantityField()),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("connection", _connection("baselines")),
                ("user", _person()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("connection", "symbol"), name="position_baseline_once")
                ],
            },
        ),
        migrations.RunSQL(OWN_PARENTS, OWN_PARENTS_AS_BEFORE),
        person_table("broker_handoff_brokerdifference", worker="insert, update"),
        person_table("broker_handoff_positionbaseline", worker="insert"),
    ]
