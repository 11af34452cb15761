"""What the database roles may do with the tables of other people's apps.

Our own tables are granted in the migration that makes them; those of Django and of the installed
packages are granted here, after each migrate, because their migrations are not ours to edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from raxx import roles

if TYPE_CHECKING:
    from django.apps import AppConfig

READ = "select"
WRITE = "select, insert, update, delete"
GRANTED_TO = (roles.APP, roles.WORKER, roles.SUPPORT)

GRANTS: dict[str, dict[str, str]] = {
    "contenttypes": {roles.APP: READ, roles.WORKER: READ, roles.SUPPORT: READ},
    "auth": {roles.APP: READ, roles.WORKER: READ, roles.SUPPORT: READ},
    "admin": {roles.APP: "select, insert", roles.WORKER: READ},  # the worker copies what somebody did
    "guardian": {roles.APP: READ, roles.WORKER: READ},  # always empty: trading/sql/0010_grants.sql
    "django_otp_webauthn": {roles.APP: WRITE, roles.WORKER: WRITE},
}


def grant_after_migrate(sender: AppConfig, using: str, **_: Any) -> None:
    """Grant one app's tables (signal `post_migrate`); repeating it changes nothing."""
    wanted = GRANTS.get(sender.label)
    connection = connections[using]
    if wanted is None or connection.vendor != "postgresql":
        return
    models = [model._meta for model in sender.get_models(include_auto_created=True)]  # noqa: SLF001 - Django's documented way to a model's table
    tables = sorted({model.db_table for model in models if model.managed})
    if sender.label == "contenttypes":  # Django's first: the record of migrations belongs to no app
        tables.append(MigrationRecorder.Migration._meta.db_table)  # noqa: SLF001 - as above
    if not tables:
        return
    names = ", ".join(connection.ops.quote_name(table) for table in tables)
    with connection.cursor() as cursor:
        cursor.execute("select rolname from pg_roles where rolname = any(%s)", [list(GRANTED_TO)])
        for (role,) in cursor.fetchall():
            if role in wanted:
                cursor.execute(f"grant {wanted[role]} on {names} to {role}")
            else:
                cursor.execute(f"revoke all on {names} from {role}")
