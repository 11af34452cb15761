from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


def create(name: str, drop: str) -> migrations.RunSQL:
    """Return the operation that runs one file of trading/sql; a file is never edited after it landed."""
    return migrations.RunSQL((SQL / name).read_text(), drop)


class Migration(migrations.Migration):
    dependencies = [("trading", "0002_row_security")]

    operations = [
        create(
            "0003_ledger_balances.sql",
            """
            drop function trading_journal_balances cascade; drop function trading_postings_balance cascade;
            drop function trading_append_only cascade;
            """,
        ),
        create("0003_principal.sql", "drop function trading_principal"),
        create("0003_submit_orders.sql", "drop function trading_submit_orders"),
        create("0003_cancel_orders.sql", "drop function trading_cancel_orders"),
        create("0003_replace_order.sql", "drop function trading_replace_order"),
        create("0003_commit_decisions.sql", "drop function trading_commit_decisions"),
    ]
