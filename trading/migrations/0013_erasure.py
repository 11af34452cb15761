from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


def _again(file: str, name: str) -> str:
    """Return a function's definition as an earlier file has it."""
    text = (SQL / file).read_text()
    begin = text.index(f"create function {name}(")
    return "create or replace function" + text[begin + len("create function") : text.index("$$;", begin) + 3]


AS_BEFORE = (
    "drop function trading_erase_rows(uuid, int);"
    + _again("0011_sessions.sql", "trading_living_sessions")
    + _again("0008_principal.sql", "trading_principal")
)


class Migration(migrations.Migration):
    dependencies = [("trading", "0012_history_purge"), ("accounts", "0007_privacy")]

    operations = [
        migrations.RunSQL((SQL / "0013_erasure.sql").read_text(), AS_BEFORE),
    ]
