"""`manage.py backup` and `restore`: what was in the database is in the restored one, and proved; or nothing is there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.conf import settings as real_settings
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import sql

from accounts.models import ApiKey, AuditEntry
from accounts.services.anchoring import anchor_audit
from raxx import backups, bootstrap as bootstraps, roles
from tests.trading.ledger_world import build_world
from trading.models import Order, Posting, TradingAccount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raxx.roles import Server
    from tests.factories.desk import Desk
    from tests.factories.sessions import Session
    from tests.trading.ledger_world import World

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[2]
TABLES = (TradingAccount, Order, Posting, ApiKey, AuditEntry)


def named(server: Server, database: str) -> Server:
    return replace(server, place={**server.place, "dbname": database})


@pytest.fixture(autouse=True)
def _of_this_test(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AUDIT_ANCHORS = tmp_path / "anchors"
    settings.AUDIT_KEY = tmp_path / "audit_key.pem"
    settings.DATABASE_SERVER = named(real_settings.DATABASE_SERVER, connection.settings_dict["NAME"])
    command = "raxx.management.commands.restore"
    monkeypatch.setattr(f"{command}.bootstrap", partial(bootstraps.bootstrap, for_tests=True))


@pytest.fixture
def world(app: Session, desk: Desk) -> World:
    """Return books in every state."""
    return build_world(app, desk)


@pytest.fixture
def other(settings: Any) -> Iterator[Callable[[], None]]:
    """Return a function that lets settings and Django go to a database that is not there yet."""
    here = settings.DATABASE_SERVER
    name = f"{here.database}_restored"
    login = {**here.administrative_login(), "dbname": bootstraps.MAINTENANCE_DATABASE}

    def drop() -> None:
        with psycopg.connect(**login, autocommit=True) as admin:
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def go() -> None:
        connection.close()
        connection.settings_dict["NAME"] = name
        settings.DATABASE_SERVER = named(here, name)

    drop()
    yield go
    connection.close()
    connection.settings_dict["NAME"] = here.database
    settings.DATABASE_SERVER = here
    drop()


def run(command: str, *options: str) -> Any:
    out = StringIO()
    call_command(command, *options, "--json", stdout=out)
    return json.loads(out.getvalue())


def everything() -> dict[str, list[Any]]:
    return {model.__name__: [*model._base_manager.order_by("pk").values()] for model in TABLES}


def test_what_was_backed_up_is_restored_proved_and_walled_as_before(
    tmp_path: Path, world: World, other: Callable[[], None], settings: Any
) -> None:
    anchor_audit()
    before, folder = everything(), tmp_path / "backup"
    assert run("backup", "--to", str(folder), "--dry-run")["dry_run"]
    assert not folder.exists()

    taken = run("backup", "--to", str(folder))

    assert taken["rows"]["trading_order"] == len(before["Order"]) > 0
    with pytest.raises(CommandError, match="there already"):
        run("backup", "--to", str(folder))
    with pytest.raises(CommandError, match="is not empty"):
        run("restore", "--from", str(folder))

    other()
    settings.AUDIT_ANCHORS = tmp_path / "restored anchors"
    assert run("restore", "--from", str(folder), "--dry-run")["rows"] == sum(taken["rows"].values())

    shown = run("restore", "--from", str(folder))

    assert (shown["faults"], shown["ledger_balances"], shown["audit_log_is_whole"]) == ([], True, True)
    assert everything() == before
    with psycopg.connect(**settings.DATABASE_SERVER.login(roles.APP)) as app:
        assert app.execute("select count(*) from trading_order").fetchone() == (0,)  # nobody is bound
    with pytest.raises(CommandError, match="is not empty"):
        run("restore", "--from", str(folder))


def test_a_backup_that_was_touched_or_is_not_whole_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    run("backup", "--to", str(folder))

    dump = bytearray((folder / "raxx.dump").read_bytes())
    dump[len(dump) // 2] ^= 1
    (folder / "raxx.dump").write_bytes(dump)
    with pytest.raises(CommandError, match="is not as it was written"):
        run("restore", "--from", str(folder))

    (folder / "manifest.json").unlink()
    with pytest.raises(CommandError, match="no whole backup"):
        run("restore", "--from", str(folder))


def test_a_backup_of_a_later_release_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    run("backup", "--to", str(folder))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["migrations"].append("trading.9999_of_tomorrow")
    (folder / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(CommandError, match=r"trading\.9999_of_tomorrow are not known here"):
        run("restore", "--from", str(folder))


TRIPWIRE = """
create schema trip;
create function trip.over() returns event_trigger language plpgsql as $$ begin raise 'tripped'; end $$;
create event trigger tripwire on ddl_command_end when tag in ('CREATE POLICY') execute function trip.over();
"""


def test_a_restore_that_stops_half_way_leaves_the_database_empty(
    tmp_path: Path, world: World, other: Callable[[], None], settings: Any
) -> None:
    folder = tmp_path / "backup"
    run("backup", "--to", str(folder))
    other()
    bootstraps.bootstrap(settings.DATABASE_SERVER, for_tests=True)
    with psycopg.connect(**settings.DATABASE_SERVER.administrative_login(), autocommit=True) as admin:
        admin.execute(TRIPWIRE)  # stops when all rows are in, and not yet all that guards them
        with pytest.raises(CommandError, match=r"pg_restore: .*tripped"):
            run("restore", "--from", str(folder))

        backups.require_empty(settings.DATABASE_SERVER)
        admin.execute("drop event trigger tripwire; drop schema trip cascade")
    assert run("restore", "--from", str(folder))["faults"] == []


KILLED = """
import os, signal, sys
sys.argv = ["manage.py", "backup"]
os.environ["DJANGO_SETTINGS_MODULE"] = "raxx.settings"
import django
django.setup()
from dataclasses import replace
from pathlib import Path
from django.conf import settings
from raxx import backups
here = settings.DATABASE_SERVER
server = replace(here, place={**here.place, "dbname": os.environ["DATABASE"]})
def progress(step):
    if step == "manifest":
        os.kill(os.getpid(), signal.SIGKILL)  # with the dump written, and not yet told
backups.back_up(server, Path(os.environ["TO"]), anchors=Path(os.environ["TO"] + ".anchors"), progress=progress)
"""


def test_a_backup_that_is_killed_half_way_leaves_none_and_the_next_one_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    environment = {**os.environ, "DATABASE": connection.settings_dict["NAME"], "TO": str(folder)}

    ended = subprocess.run(
        [sys.executable, "-c", KILLED], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert not folder.exists()
    assert [path.name for path in tmp_path.glob(".backup.part/*.dump")] == ["raxx.dump"]
    run("backup", "--to", str(folder))
    assert not (tmp_path / ".backup.part").exists()
    assert backups.read_manifest(folder)["rows"]["django_migrations"] > 0
