from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import trading.models.fields
from accounts.isolation import owned_table

SQL = Path(__file__).resolve().parent.parent / "sql"

# As in 0002: nobody can hang a row on another person's account.
COMPOSITE_KEYS = """
alter table trading_accountreset add constraint reset_of_own_account
  foreign key (account_id, user_id) references trading_tradingaccount (account_id, user_id);
grant update (name) on trading_tradingaccount to raxx_app;
grant usage on sequence trading_command_no to raxx_worker;  -- the sweep asks for cancels
"""
DROP_COMPOSITE_KEYS = """
revoke usage on sequence trading_command_no from raxx_worker;
revoke update (name) on trading_tradingaccount from raxx_app;
alter table trading_accountreset drop constraint reset_of_own_account;
"""

DROP_FUNCTIONS = """
drop function trading_settle_account, trading_ask_for_closing, trading_ask_for_reset, trading_open_account;
drop function trading_has_open_orders, trading_move_capital;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("trading", "0008_principal"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AccountReset",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id",
                        "generation",
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
                        related_name="resets",
                        to="trading.tradingaccount",
                    ),
                ),
                ("generation", models.PositiveIntegerField()),
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
                ("cash", trading.models.fields.MoneyField()),
                ("asked_at", models.DateTimeField()),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField(null=True)),
                ("event_seq", models.BigIntegerField(null=True)),
                ("closing_id", models.UUIDField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="journal",
            name="generation",
            field=models.PositiveIntegerField(db_default=1),
        ),
        migrations.AlterField(
            model_name="journal",
            name="kind",
            field=models.CharField(
                choices=[("deposit", "Deposit"), ("fill", "Fill"), ("reset", "Reset")], max_length=16
            ),
        ),
        migrations.AddField(
            model_name="tradingaccount",
            name="reset_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="tradingaccount",
            name="status",
            field=models.CharField(
                choices=[
                    ("ACTIVE", "Active"),
                    ("ACCOUNT_UPDATED", "Resetting"),
                    ("DISABLE_PENDING", "Closing"),
                    ("ACCOUNT_CLOSED", "Closed"),
                ],
                default="ACTIVE",
                max_length=32,
            ),
        ),
        migrations.AddIndex(
            model_name="tradingaccount",
            index=models.Index(
                condition=models.Q(("status__in", ("ACCOUNT_UPDATED", "DISABLE_PENDING"))),
                fields=["status"],
                name="trading_account_unsettled",
            ),
        ),
        migrations.AddConstraint(
            model_name="accountreset",
            constraint=models.UniqueConstraint(
                condition=models.Q(("at", None)), fields=("account",), name="reset_one_at_a_time"
            ),
        ),
        migrations.AddConstraint(
            model_name="accountreset",
            constraint=models.CheckConstraint(
                condition=models.Q(("generation__gte", 2)), name="reset_begins_a_later_generation"
            ),
        ),
        migrations.AddConstraint(
            model_name="accountreset",
            constraint=models.CheckConstraint(
                condition=models.Q(("cash__gt", 0)), name="reset_begins_with_money"
            ),
        ),
        migrations.AddConstraint(
            model_name="accountreset",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("at", None), ("closing_id", None), ("event_seq", None), ("recorded_at", None)),
                    models.Q(
                        ("at__isnull", False), ("event_seq__isnull", False), ("recorded_at__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="reset_is_asked_for_or_done",
            ),
        ),
        migrations.RunSQL(COMPOSITE_KEYS, DROP_COMPOSITE_KEYS),
        owned_table("trading_accountreset"),
        migrations.RunSQL((SQL / "0009_accounts.sql").read_text(), DROP_FUNCTIONS),
    ]
