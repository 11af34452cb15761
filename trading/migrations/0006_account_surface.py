import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

import accounts.models.user
import trading.models.fields
from accounts.isolation import owned_table

# As in 0002: enforced, because web writes both tables.
COMPOSITE_KEYS = """
alter table trading_watchlist add constraint watchlist_of_own_account
  foreign key (account_id, user_id) references trading_tradingaccount (account_id, user_id);
alter table trading_equitysnapshot add constraint snapshot_of_own_account
  foreign key (account_id, user_id) references trading_tradingaccount (account_id, user_id);
"""
DROP_COMPOSITE_KEYS = """
alter table trading_equitysnapshot drop constraint snapshot_of_own_account;
alter table trading_watchlist drop constraint watchlist_of_own_account;
"""

CONFIGURE = "update (disable_overnight_trading, fractional_trading, max_margin_multiplier, max_options_trading_level, no_shorting, ptp_no_exception_entry, suspend_trade, trade_confirm_email)"


class Migration(migrations.Migration):
    dependencies = [
        ("matching", "0003_watermarks"),
        ("trading", "0005_functions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="EquitySnapshot",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id",
                        "run",
                        "date",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="snapshots",
                        to="trading.tradingaccount",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("run", models.PositiveIntegerField()),
                ("date", models.DateField()),
                ("at", models.DateTimeField()),
                ("cash", trading.models.fields.MoneyField()),
                ("long_market_value", trading.models.fields.MoneyField()),
                ("short_market_value", trading.models.fields.MoneyField()),
                ("equity", trading.models.fields.MoneyField()),
                ("recorded_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Watchlist",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.models.user.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="watchlists",
                        to="trading.tradingaccount",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("name", models.CharField(max_length=64)),
                (
                    "asset_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), default=list, size=None
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                ("deleted_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="tradingaccount",
            name="disable_overnight_trading",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="tradingaccount",
            name="fractional_trading",
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name="tradingaccount",
            name="max_margin_multiplier",
            field=models.PositiveSmallIntegerField(default=4),
        ),
        migrations.AddField(
            model_name="tradingaccount",
            name="max_options_trading_level",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="tradingaccount",
            name="no_shorting",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="tradingaccount",
            name="ptp_no_exception_entry",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="tradingaccount",
            name="suspend_trade",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="tradingaccount",
            name="trade_confirm_email",
            field=models.CharField(choices=[("all", "All"), ("none", "None")], default="all", max_length=4),
        ),
        migrations.AddIndex(
            model_name="posting",
            index=models.Index(
                condition=models.Q(("ledger", "fees")), fields=["account", "journal"], name="posting_of_fees"
            ),
        ),
        migrations.AddConstraint(
            model_name="tradingaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(("max_margin_multiplier__in", (1, 2, 4))),
                name="trading_account_max_multiplier_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="tradingaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("max_options_trading_level__isnull", True),
                    ("max_options_trading_level__lte", 3),
                    _connector="OR",
                ),
                name="trading_account_options_level_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="equitysnapshot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "equity",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                models.F("cash"), "+", models.F("long_market_value")
                            ),
                            "+",
                            models.F("short_market_value"),
                        ),
                    )
                ),
                name="snapshot_adds_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="watchlist",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at", None)),
                fields=("account", "name"),
                name="watchlist_name_is_unique",
            ),
        ),
        migrations.AddConstraint(
            model_name="watchlist",
            constraint=models.CheckConstraint(
                condition=models.Q(("asset_ids__len__lte", 500)), name="watchlist_is_not_too_long"
            ),
        ),
        migrations.RunSQL(COMPOSITE_KEYS, DROP_COMPOSITE_KEYS),
        migrations.RunSQL(
            f"grant {CONFIGURE} on trading_tradingaccount to raxx_app",
            f"revoke {CONFIGURE} on trading_tradingaccount from raxx_app",
        ),
        owned_table(
            "trading_watchlist",
            app="insert, update (name, asset_ids, updated_at, deleted_at)",
        ),
        owned_table("trading_equitysnapshot", app="insert", worker="insert"),
    ]
