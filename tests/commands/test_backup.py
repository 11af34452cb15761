"""`manage.py backup` and `restore`: what was in the database is in the restored one, and proved; or nothing is there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.conf import settings as real_settings
from django.core.management import CommandError
from django.db import connection
from psycopg import sql

from accounts.audit import anchors, known
from accounts.management.progress import Progress
from accounts.models import ApiKey, AuditEntry
from accounts.services.anchoring import anchor_audit
from accounts.services.audit import record
from raxx import backups, bootstrap as bootstraps, roles
from raxx.folder import DataFolder
from tests.commands import forks
from tests.commands.calls import finish, run
from tests.factories.sessions import PATIENCE_S
from tests.trading.ledger_world import build_world, tamper
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
        unknown = (
            "select count(*) from pg_stat_user_tables where schemaname = 'public' and last_analyze is null"
        )
        assert app.execute(unknown).fetchone() == (0,)  # the planner knows every table
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


# A dump makes its policies when all rows are in: whoever makes one here waits for the test's lock.
TRIPWIRE = """
create schema trip;
create function trip.over() returns event_trigger language plpgsql as
  $$ begin perform pg_advisory_xact_lock(4711); end $$;
create event trigger tripwire on ddl_command_end when tag in ('CREATE POLICY') execute function trip.over();
"""
AT_THE_WIRE = "select count(*) from pg_locks where locktype = 'advisory' and objid = 4711 and not granted"
SOMEBODY_ELSE = (
    "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
)


def until(admin: psycopg.Connection[Any], question: str, answer: int) -> None:
    """Return when the database answers so. Nobody is told of a lock that is waited for, or of a session's end."""
    give_up = time.monotonic() + PATIENCE_S
    while admin.execute(question).fetchone() != (answer,):
        assert time.monotonic() < give_up, question
        time.sleep(0.01)


def test_a_restore_that_is_killed_half_way_leaves_the_database_empty_and_the_next_one_says_what_it_found(
    tmp_path: Path, world: World, other: Callable[[], None], settings: Any
) -> None:
    tamper("update trading_tradingaccount set cash = cash + 1 where account_id = %(id)s", id=world.alice.pk)
    folder = tmp_path / "backup"
    run("backup", "--to", str(folder))
    other()
    bootstraps.bootstrap(settings.DATABASE_SERVER, for_tests=True)
    with psycopg.connect(**settings.DATABASE_SERVER.administrative_login(), autocommit=True) as admin:
        admin.execute(TRIPWIRE)
        admin.execute("select pg_advisory_lock(4711)")
        with forks.running("restore", "--from", str(folder)):
            until(admin, AT_THE_WIRE, 1)
        admin.execute("select pg_advisory_unlock(4711)")
        until(admin, SOMEBODY_ELSE, 0)  # pg_restore died with the command

        admin.execute("drop event trigger tripwire; drop schema trip cascade")
        assert backups.begin_restore(settings.DATABASE_SERVER, folder, is_trial=True)  # has nothing in it
    ended = finish("restore", "--from", str(folder), "--json")
    assert (ended.code, ended.document["audit_log_is_whole"]) == (1, True)
    assert {fault.split(":")[0] for fault in ended.document["faults"]} == {f"account {world.alice.number}"}


def die_at(step: str, monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """Have a command killed in a child when it begins with a step of its work."""

    def dies(_: Progress, what: str) -> None:
        if what == step:
            os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "step", dies)
        assert forks.killed_at(0, words).was_killed, step


def test_a_restore_that_is_killed_goes_on_where_it_was_until_it_has_told_what_it_found(
    tmp_path: Path, world: World, other: Callable[[], None], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(action="thing.changed", user_id=None)
    anchor_audit()
    before, folder, another = everything(), tmp_path / "backup", tmp_path / "another"
    rows = sum(run("backup", "--to", str(folder))["rows"].values())
    shutil.copytree(folder, another)
    manifest = json.loads((another / "manifest.json").read_text())
    (another / "manifest.json").write_text(json.dumps({**manifest, "taken_at": "2001-01-01T00:00:00+00:00"}))
    other()
    settings.AUDIT_ANCHORS = tmp_path / "restored anchors"
    words = ("restore", "--from", str(folder))

    die_at("database", monkeypatch, *words)  # nothing is in it yet: another backup may be put into it
    assert run("restore", "--from", str(another), "--dry-run")["rows"] == rows
    die_at("anchors", monkeypatch, *words)
    assert not settings.AUDIT_ANCHORS.exists()
    for command in (("restore", "--from", str(another)), ("restore", "--from", str(another), "--dry-run")):
        with pytest.raises(CommandError, match="a restore of another backup was not finished in it"):
            run(*command)
    assert "are restored already" in finish(*words, "--dry-run").out
    boundary = 1
    while (ended := forks.killed_at(boundary, words)).was_killed:
        assert anchors.numbers(settings.AUDIT_ANCHORS) in ([], [1])
        boundary += 1

    assert boundary > len(("fsync", "link")) * 2  # then the file is there, and the next has the rest to do
    told = ended.document
    assert (told["rows"], told["faults"], told["audit_log_is_whole"]) == (rows, [], True)
    assert everything() == before
    assert [file.name for file in settings.AUDIT_ANCHORS.iterdir()] == ["000000000001.anchor"]
    assert anchor_audit() is None  # which goes on from there
    with pytest.raises(CommandError, match="is not empty"):
        run(*words)


def test_after_a_restore_to_an_earlier_instant_a_new_line_of_anchors_ends_the_alarm(
    tmp_path: Path, world: World, other: Callable[[], None], settings: Any
) -> None:
    record(action="thing.changed", user_id=None, after={"number": 0})
    anchor_audit()
    run("backup", "--to", str(tmp_path / "backup"))
    record(action="thing.changed", user_id=None, after={"number": 1})
    anchor_audit()
    other()

    ended = finish("restore", "--from", str(tmp_path / "backup"), "--json")

    # The anchors tell of what came after that instant, and are not touched.
    assert (ended.code, ended.document["ledger_balances"]) == (1, True)
    (fault,) = ended.document["faults"]
    assert "cut off: the entries from here to 2 are missing" in fault
    assert (finish("verify_audit").code, anchors.numbers(settings.AUDIT_ANCHORS)) == (1, [1, 2])

    kept = settings.AUDIT_ANCHORS.rename(tmp_path / "anchors.2026-03-01")
    assert run("anchor_audit", "--anew", "--reason", "restored to the 1st of March")["ended"] == 1
    assert run("anchor_audit")["anchor"]["number"] == 1

    assert (finish("verify_audit").code, finish("verify_audit", "--since-anchor").code) == (0, 0)
    shown = finish("verify_audit", "--anchors", str(kept), "--json")  # the old ones still say what they said
    assert (shown.code, shown.document["anchors"]) == (1, 2)


def test_what_is_anchored_while_a_backup_is_made_is_in_it_where_its_database_knows_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(action="thing.changed", user_id=None)
    anchor_audit()
    copy = anchors.copy

    def copied(*words: Any) -> None:
        copy(*words)
        if known.last_known().number == 1:  # the worker's turn comes now
            record(action="thing.changed", user_id=None)
            anchor_audit()

    monkeypatch.setattr(anchors, "copy", copied)
    run("backup", "--to", str(tmp_path / "backup"))

    assert anchors.numbers(tmp_path / "backup" / "anchors") == [1, 2]
    assert {"anchors/000000000001.anchor", "anchors/000000000002.anchor"} <= {
        *backups.read_manifest(tmp_path / "backup")["files"]
    }


def test_secrets_that_are_not_there_are_not_passed_over_in_silence(tmp_path: Path, settings: Any) -> None:
    settings.DATA_FOLDER = DataFolder(tmp_path / "data")
    secrets = tmp_path / "data" / "secrets"
    words = ("backup", "--to", str(tmp_path / "backup"), "--with-secrets")
    for make in (lambda: None, lambda: secrets.mkdir(parents=True)):
        make()
        for more in ((), ("--dry-run",)):
            with pytest.raises(CommandError, match=f"there are no secrets in {secrets}: .*by your own means"):
                run(*words, *more)
    assert not (tmp_path / "backup").exists()
    (secrets / "secret_key").write_text("s")

    assert run(*words, "--dry-run")["dry_run"]
    run(*words)

    assert (tmp_path / "backup" / "secrets" / "secret_key").read_text() == "s"
    assert "secrets/secret_key" in backups.read_manifest(tmp_path / "backup")["files"]


def test_a_backup_that_is_killed_half_way_leaves_none_and_the_next_one_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "backup"

    assert forks.killed_at(
        1, ["backup", "--to", str(folder)]
    ).was_killed  # all is written, and not yet on the disk

    assert not folder.exists()
    assert [path.name for path in tmp_path.glob(".backup.part/*.dump")] == ["raxx.dump"]
    run("backup", "--to", str(folder))
    assert not (tmp_path / ".backup.part").exists()
    assert backups.read_manifest(folder)["rows"]["django_migrations"] > 0
