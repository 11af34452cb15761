from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"

NEXT = {  # function -> its arguments, which a change of them makes another function
    "submit_orders": "jsonb",
    "cancel_orders": "uuid, uuid, uuid, text, int",
    "replace_order": "jsonb",
    "commit_decisions": "bigint, int, bigint, int, bigint, bigint, jsonb, jsonb, jsonb, jsonb, jsonb, jsonb, jsonb",
}

# The laws as 0003 has them, for the way back.
EARLIER_BALANCES = """
create constraint trigger journal_sums_to_zero after insert on trading_journal
  deferrable initially deferred for each row execute function trading_journal_balances();
"""

# Functions that these call, and that had no version before.
NEW = {
    "order_checks": "drop function trading_opposite_order, trading_power;",
    "hold_legs": "drop function trading_hold_legs;",
}


def succeed(name: str, arguments: str) -> migrations.RunSQL:
    """Return the operation that puts a function's next version in the place of the one of 0003."""
    drop = f"drop function trading_{name}({arguments});"
    before, after = ((SQL / f"{number}_{name}.sql").read_text() for number in ("0003", "0005"))
    return migrations.RunSQL(drop + after, f"drop function trading_{name};" + before)


class Migration(migrations.Migration):
    dependencies = [("trading", "0004_order_types")]

    operations = [
        *(migrations.RunSQL((SQL / f"0005_{name}.sql").read_text(), drop) for name, drop in NEW.items()),
        *(succeed(name, arguments) for name, arguments in NEXT.items()),
        migrations.RunSQL(
            (SQL / "0005_profiles.sql").read_text(),
            "drop trigger profile_is_immutable on trading_simulationprofile;"
            "drop function trading_profile_is_immutable;",
        ),
        migrations.RunSQL(
            (SQL / "0005_ledger_balances.sql").read_text(),
            "drop trigger fill_journals_sum_to_zero on trading_journal;"
            "drop function trading_fill_journals_balance;"
            "drop trigger journal_sums_to_zero on trading_journal;" + EARLIER_BALANCES,
        ),
    ]
