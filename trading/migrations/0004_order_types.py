from pathlib import Path

import django.db.models.deletion
import django.utils.timezone
from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations, models

import trading.models.fields
from accounts.isolation import shared_table

SQL = Path(__file__).resolve().parent.parent / "sql"

# Beside the three models as they come, of which every account and order has one.
NAMED_PROFILES = """
update trading_tradingaccount set profile_id = 2 where fill_model = 'instant';
update trading_order set profile_id = 2 where fill_model = 'instant';
set constraints all immediate;
set constraints all deferred;
"""

# What the columns say of orders that were there before them.
KNOWN_ORDERS = """
update trading_order set position_intent = case side when 'buy' then 'buy_to_open' else 'sell_to_close' end
 where position_intent = '';
update trading_order set working_seq = stamp_seq
 where status in ('new', 'partially_filled', 'pending_replace', 'pending_cancel');
"""

# Web stores the legs of an order class as held; of an order that is there it still says wishes alone.
LEGS = """
alter policy app_own on trading_order with check (
  user_id = raxx_uid() and status in ('pending_new', 'held', 'pending_cancel', 'pending_replace'));
create policy app_wishes on trading_order as restrictive for update to raxx_app
  using (true) with check (status in ('pending_new', 'pending_cancel', 'pending_replace'));
alter policy app_own on trading_orderevent with check (
  user_id = raxx_uid() and status in ('pending_new', 'held', 'pending_cancel', 'pending_replace'));
"""
NO_LEGS = """
alter policy app_own on trading_orderevent with check (
  user_id = raxx_uid() and status in ('pending_new', 'pending_cancel', 'pending_replace'));
drop policy app_wishes on trading_order;
alter policy app_own on trading_order with check (
  user_id = raxx_uid() and status in ('pending_new', 'pending_cancel', 'pending_replace'));
"""

GRANTS = """
grant update (profile_id) on trading_tradingaccount to raxx_app;
grant insert, update (is_offered) on trading_simulationprofile to raxx_support;
grant usage on sequence trading_simulationprofile_id_seq to raxx_support;
"""
REVOKES = """
revoke insert, update (is_offered) on trading_simulationprofile from raxx_support;
revoke update (profile_id) on trading_tradingaccount from raxx_app;
"""


class Migration(migrations.Migration):
    dependencies = [("matching", "0003_watermarks"), ("trading", "0003_functions")]

    operations = [
        migrations.CreateModel(
            name="SimulationProfile",
            fields=[
                ("id", models.SmallAutoField(primary_key=True, serialize=False)),
                ("name", models.SlugField(db_index=False, max_length=32)),
                ("version", models.PositiveSmallIntegerField(default=1)),
                (
                    "model",
                    models.CharField(
                        choices=[("displayed", "displayed"), ("instant", "instant"), ("bars", "bars")],
                        max_length=16,
                    ),
                ),
                ("participation", models.PositiveIntegerField(default=1000)),
                ("slippage_bps", models.PositiveIntegerField(default=0)),
                ("latency_ms", models.PositiveIntegerField(default=0)),
                ("commission", trading.models.fields.PriceField(default=0)),
                ("reject_rate", models.PositiveIntegerField(default=0)),
                ("partial_rate", models.PositiveIntegerField(default=0)),
                ("description", models.CharField(blank=True, max_length=400)),
                ("is_offered", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ["name", "-version"],
            },
        ),
        migrations.AddConstraint(
            model_name="simulationprofile",
            constraint=models.UniqueConstraint(fields=("name", "version"), name="profile_version_is_unique"),
        ),
        migrations.AddConstraint(
            model_name="simulationprofile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("partial_rate__lte", 10000),
                    ("participation__lte", 10000),
                    ("reject_rate__lte", 10000),
                    ("slippage_bps__lte", 10000),
                ),
                name="profile_rates_are_parts",
            ),
        ),
        migrations.AddConstraint(
            model_name="simulationprofile",
            constraint=models.CheckConstraint(
                condition=models.Q(("commission__gte", 0)), name="profile_commission_not_negative"
            ),
        ),
        migrations.RunSQL((SQL / "0004_plain_profiles.sql").read_text(), migrations.RunSQL.noop),
        migrations.AddField(
            model_name="order",
            name="profile",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                default=1,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="trading.simulationprofile",
            ),
        ),
        migrations.AddField(
            model_name="tradingaccount",
            name="profile",
            field=models.ForeignKey(
                db_index=False,
                default=1,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="trading.simulationprofile",
            ),
        ),
        migrations.RunSQL(NAMED_PROFILES, migrations.RunSQL.noop),
        migrations.RemoveConstraint(
            model_name="tradingaccount",
            name="trading_account_fill_model_is_known",
        ),
        migrations.RemoveField(
            model_name="fill",
            name="fill_model",
        ),
        migrations.RemoveField(
            model_name="order",
            name="fill_model",
        ),
        migrations.RemoveField(
            model_name="tradingaccount",
            name="fill_model",
        ),
        migrations.RemoveField(
            model_name="tradingaccount",
            name="last_equity",
        ),
        migrations.AddField(
            model_name="order",
            name="accepted_ns",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="cut_off_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="generation",
            field=models.PositiveIntegerField(db_default=1),
        ),
        migrations.AddField(
            model_name="order",
            name="group_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="is_triggered",
            field=models.BooleanField(db_default=False),
        ),
        migrations.AddField(
            model_name="order",
            name="role",
            field=models.CharField(blank=True, db_default="", max_length=12),
        ),
        migrations.AddField(
            model_name="order",
            name="working_seq",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="orderevent",
            name="evidence",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="orderevent",
            name="order_quantity",
            field=trading.models.fields.QuantityField(null=True),
        ),
        migrations.AddField(
            model_name="orderevent",
            name="rule",
            field=models.CharField(blank=True, db_default="", max_length=16),
        ),
        migrations.AddField(
            model_name="tradingaccount",
            name="seed",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name="posting",
            name="ledger",
            field=models.CharField(
                choices=[
                    ("cash", "Cash"),
                    ("securities", "Securities"),
                    ("capital", "Capital"),
                    ("realized", "Realized"),
                    ("fees", "Fees"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("parent__isnull", False)), fields=["parent"], name="order_by_parent"
            ),
        ),
        migrations.RemoveConstraint(model_name="order", name="order_client_id_unique_in_account"),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                fields=("account", "generation", "client_order_id"),
                name="order_client_id_unique_in_generation",
            ),
        ),
        migrations.RemoveIndex(model_name="journal", name="journal_by_account_and_time"),
        migrations.AddIndex(
            model_name="journal",
            index=models.Index(
                condition=~models.Q(("kind", "fill")), fields=["account", "at"], name="journal_beside_fills"
            ),
        ),
        migrations.AddIndex(
            model_name="orderevent",
            index=BrinIndex(
                autosummarize=True,
                fields=["order_id"],
                name="event_by_order",
                opclasses=["uuid_bloom_ops"],
                pages_per_range=32,
            ),
        ),
        migrations.AddConstraint(
            model_name="tradingaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(("multiplier__in", (1, 2, 4))), name="trading_account_multiplier_is_known"
            ),
        ),
        migrations.RunSQL(KNOWN_ORDERS, migrations.RunSQL.noop),
        shared_table("trading_simulationprofile"),
        migrations.RunSQL(LEGS, NO_LEGS),
        migrations.RunSQL(GRANTS, REVOKES),
    ]
