"""A PostgreSQL cluster in which our tables stand, made once for each state of the code, and copied.

It has two databases: the product's own, with the calendars that the first start computes, for the houses; and
COPIED, with what migrations leave and nothing else, from which those of the tests are made.

Every worker of a run and every house of a test would pay for `initdb` and for all migrations. A copy is what a
second start finds; tests/acceptance/test_readme.py begins with nothing, and test_real_servers.py at a strange server.

`python -m tests.schema` makes the cluster, in the data folder that the environment names.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from raxx import process, roles
from raxx.folder import DataFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PLACE = DataFolder(ROOT / ".raxx-test" / "schema")
COPIED = "raxx_copied"
# From then on jobs are awaited: a copy is not late with what the schedule has wanted since its original was made.
IS_NEW = "update django_migrations set applied = now()"
PASSWORD = "postgres_password"  # the administrator's, kept in the cluster
# Whatever the tables, the functions, the rights and the rows of the migrations follow from.
PARTS = (
    "*/migrations/*.py",
    "*/sql/*.sql",
    "*/models/*.py",
    "*/apps.py",
    "accounts/isolation.py",
    "raxx/bootstrap.py",
    "raxx/embedded.py",
    "raxx/grants.py",
    "raxx/roles.py",
    "matching/market/sessions.py",
    "requirements.txt",
    "tests/schema.py",
)


def digest() -> str:
    """Return a hash of what the cluster is made from, the interpreter included."""
    found = hashlib.sha256(sys.version.encode())
    for path in sorted({path for part in PARTS for path in ROOT.glob(part)}):
        found.update(f"{path.relative_to(ROOT)}\n".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def stamp_of(folder: DataFolder) -> Path:
    """Return the file that says from what a folder's cluster was copied; it goes with the cluster."""
    return folder.postgres / "raxx.schema"


def furnish(folder: DataFolder) -> None:
    """Have a cluster with our tables in a data folder, in the place of any other, which nobody may be using."""
    wanted = digest()
    if stamp_of(folder).exists() and stamp_of(folder).read_text() == wanted:
        return
    folder.create()
    with _alone():
        _have(wanted)
        _copy(folder)


def prepare() -> None:
    """Have the cluster that is copied: before the first test, whose patience is not for this."""
    with _alone():
        _have(digest())


def _have(wanted: str) -> None:
    if not stamp_of(PLACE).exists() or stamp_of(PLACE).read_text() != wanted:
        _make(wanted)


def _copy(folder: DataFolder) -> None:
    process.end(process.leftovers(folder.root, "postgres"))  # of a run that was killed
    fresh = folder.root / "postgres.copy"  # half a copy must not be taken for a cluster
    for old in (fresh, folder.postgres):
        shutil.rmtree(old, ignore_errors=True)
    # Where we are root, its files are another user's.
    subprocess.run([str(shutil.which("cp")), "-Rp", str(PLACE.postgres), str(fresh)], check=True)
    share_password(folder)
    fresh.rename(folder.postgres)


def share_password(folder: DataFolder) -> None:
    """Let a data folder know the password of the cluster that it will be given; settings read it once."""
    folder.secret(PASSWORD)  # has the file made as it must be
    (folder.root / "secrets" / PASSWORD).write_text(PLACE.secret(PASSWORD), encoding="ascii")


def _make(wanted: str) -> None:
    shutil.rmtree(PLACE.postgres, ignore_errors=True)
    # In a process of its own: settings name one data folder, and ours may be in use.
    environment = {**os.environ, "RAXX_DATA_DIR": str(PLACE.root), "DATABASE_URL": "", "VALKEY_URL": ""}
    subprocess.run([sys.executable, "-m", "tests.schema"], cwd=ROOT, env=environment, check=True)
    stamp_of(PLACE).write_text(wanted)


@contextmanager
def _alone() -> Iterator[None]:
    PLACE.create()
    with (PLACE.root / "schema.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Make the cluster in the folder that the environment names."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "raxx.settings"

    import django

    django.setup()

    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections

    from raxx import embedded
    from raxx.bootstrap import MAINTENANCE_DATABASE, bootstrap
    from trading.services.markets import store_calendars

    server = settings.DATABASE_SERVER
    with embedded.running_postgres(settings.DATA_FOLDER, server, fsync="off"):
        bootstrap(server)
        call_command("migrate", interactive=False, verbosity=0)
        connections.close_all()
        login = {**server.administrative_login(), "dbname": MAINTENANCE_DATABASE}
        with psycopg.connect(**login, autocommit=True) as connection:
            connection.execute(f"create database {COPIED} template {server.database} owner {roles.OWNER}")
        store_calendars()
        connections.close_all()


if __name__ == "__main__":
    main()
