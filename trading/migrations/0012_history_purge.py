from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import trading.models.fields
from accounts.isolation import owned_table, support_reads

SQL = Path(__file__).resolve().parent.parent / "sql"

# As in 0002: nobody can hang a row on another person's account.
COMPOSITE_KEY = """
alter table trading_openinglot add constraint opening_lot_of_own_account
  foreign key (account_id, user_id) references trading_tradingaccount (account_id, user_id);
"""
DROP_COMPOSITE_KEY = "alter table trading_openinglot drop constraint opening_lot_of_own_account"


# The wall of 0003 as it was: nothing is ever deleted.
DROP_FUNCTIONS = """
drop function trading_purge_history, trading_orders_of_the_past, trading_history_cut;
create or replace function trading_append_only() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;
"""


def succeed(name: str) -> migrations.RunSQL:
    """Return the operation that puts a function's next version in the place of the one of 0005."""
    drop = f"drop function trading_{name}(jsonb);"
    before, after = ((SQL / f"{number}_{name}.sql").read_text() for number in ("0005", "0012"))
    return migrations.RunSQL(drop + after, drop + before)


class Migration(migrations.Migration):
    dependencies = [
        ("trading", "0011_sessions"),
        ("accounts", "0004_identity"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="tradingaccount",
            name="history_seq",
            field=models.PositiveBigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="tradingaccount", name="history_run", field=models.PositiveIntegerField(null=True)
        ),
        migrations.AddField(
            model_name="tradingaccount", name="history_at", field=models.DateTimeField(null=True)
        ),
        migrations.AddField(
            model_name="tradingaccount",
            name="exits_only",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AlterField(
            model_name="journal",
            name="kind",
            field=models.CharField(
                choices=[
                    ("deposit", "Deposit"),
                    ("fill", "Fill"),
                    ("reset", "Reset"),
                    ("opening", "Opening"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="journal",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "opening")),
                fields=("account", "generation"),
                name="journal_one_opening_a_generation",
            ),
        ),
        migrations.CreateModel(
            name="OpeningLot",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id",
                        "asset_id",
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
                        related_name="opening_lots",
                        to="trading.tradingaccount",
                    ),
                ),
                (
                    "asset",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="trading.asset",
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
                ("symbol", models.CharField(max_length=32)),
                ("generation", models.PositiveIntegerField()),
                ("quantity", trading.models.fields.QuantityField()),
                ("cost", trading.models.fields.MoneyField()),
                ("realized", trading.models.fields.MoneyField()),
                ("fees", trading.models.fields.MoneyField()),
            ],
        ),
        migrations.AddConstraint(
            model_name="openinglot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cost", 0),
                    ("quantity", 0),
                )
                | models.Q(("cost__gte", 0), ("quantity__gt", 0))
                | models.Q(("cost__lte", 0), ("quantity__lt", 0)),
                name="opening_lot_costs_on_its_own_side",
            ),
        ),
        migrations.RunSQL(COMPOSITE_KEY, DROP_COMPOSITE_KEY),
        owned_table("trading_openinglot"),
        support_reads("trading_openinglot"),
        migrations.RunSQL((SQL / "0012_history_purge.sql").read_text(), DROP_FUNCTIONS),
        succeed("submit_orders"),
        succeed("replace_order"),
    ]
