from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"

NEXT = {  # function -> its arguments, which a change of them makes another function
    "submit_orders": "jsonb",
    "cancel_orders": "uuid, uuid, uuid, text, int",
    "replace_order": "jsonb",
    "commit_decisions": "bigint, int, bigint, int, bigint, bigint, jsonb, jsonb, jsonb, jsonb, jsonb, jsonb, jsonb",
}


def succeed(name: str, arguments: str) -> migrations.RunSQL:
    """Return the operation that puts a function's next version in the place of the one of 0003."""
    drop = f"drop function trading_{name}({arguments});"
    before, after = ((SQL / f"{number}_{name}.sql").read_text() for number in ("0003", "0005"))
    return migrations.RunSQL(drop + after, f"drop function trading_{name};" + before)


class Migration(migrations.Migration):
    dependencies = [("trading", "0004_order_types")]

    operations = [succeed(name, arguments) for name, arguments in NEXT.items()]
