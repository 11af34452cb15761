"""Back the database up into a folder, and restore it from there into an empty one.

    raxx.dump       PostgreSQL's own archive of one snapshot, by the pg_dump of our wheel
    anchors/        the audit log's anchors, as they were before the snapshot
    secrets/        the data folder's secrets, when asked for: who has them can open what is sealed
    manifest.json   what is in the other files, with their SHA-256; each table's rows; the newest migrations

The folder gets its name when all of it is written: under that name there is a whole backup, or none. The rows are restored
by one transaction: killed at any instant, the database is empty, or has all of them. What comes after (the anchors, the
comparison, the proofs) a second run does: until a restore is finished, a schema beside the tables says of which backup it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from django.db.migrations.loader import MigrationLoader
from psycopg import sql
from psycopg.conninfo import make_conninfo

from accounts.audit import anchors as anchor_files
from accounts.audit.anchors import sync
from accounts.places import require_writable
from raxx import embedded, roles
from raxx.process import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from raxx.folder import DataFolder
    from raxx.roles import Server

FORMAT = 1
MANIFEST, DUMP = "manifest.json", "raxx.dump"
CHUNK = 1 << 20  # bytes
TABLES = "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace order by 1"
SOME_OBJECT = """select relname from pg_class where relnamespace = 'public'::regnamespace and relkind <> 'i'
  union all select proname from pg_proc where pronamespace = 'public'::regnamespace limit 1"""
UNDERWAY = "raxx_restore"  # a schema, there from the begin of a restore to its end; its comment says of what
OF_WHICH = "select coalesce(obj_description(to_regnamespace(%s)::oid, 'pg_namespace'), '')"
KNOWN_ANCHOR = "select number from accounts_knownanchor"
LOCKED_FOR = "30s"  # at most: the dump waits for no migration


class BackupFailed(Exception):
    """A backup or a restore that was not done; the text says why, and what was left."""


def back_up(
    server: Server,
    folder: Path,
    *,
    anchors: Path,
    secrets: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Write the database as it is at one instant to a new folder, and return its manifest.

    The installation may go on meanwhile. `secrets` is a folder to be copied as well. Raises BackupFailed.
    """
    folder = folder.absolute()
    require_place(folder, secrets=secrets)
    for left in folder.parent.glob(f".{folder.name}.part"):
        shutil.rmtree(left)  # of one that was killed
    draft = folder.with_name(f".{folder.name}.part")
    draft.mkdir(mode=0o700, parents=True)
    try:
        progress("anchors")
        # Before the snapshot: what they tell of is then in the log that is dumped.
        anchor_files.copy(anchors, draft / "anchors", anchor_files.numbers(anchors))
        if secrets is not None:
            shutil.copytree(secrets, draft / "secrets")
        with _snapshot(server) as (snapshot, rows, migrations, known_anchor):
            # And what was anchored meanwhile, where the dumped row knows it.
            since = {number for number in anchor_files.numbers(anchors) if number <= known_anchor}
            anchor_files.copy(
                anchors, draft / "anchors", since - set(anchor_files.numbers(draft / "anchors"))
            )
            progress("database")
            _run(
                server,
                "pg_dump",
                "--format=custom",
                "--no-owner",
                "--enable-row-security",  # the owner's policies show it every row
                f"--exclude-schema={UNDERWAY}",
                f"--lock-wait-timeout={LOCKED_FOR}",
                f"--snapshot={snapshot}",
                f"--file={draft / DUMP}",
            )
        progress("manifest")
        manifest = {
            "format": FORMAT,
            "taken_at": datetime.now(UTC).isoformat(),
            "database": server.database,
            "migrations": migrations,
            "rows": rows,
            "files": {name: _digest(draft / name) for name in _files(draft)},
        }
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        for name in (*_files(draft), "."):
            sync(draft / name)
        draft.rename(folder)
        sync(folder.parent)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a whole backup, each of whose files is as it was written. Raises BackupFailed."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BackupFailed(f"{folder} is no whole backup: {error}") from None
    if manifest.get("format") != FORMAT:
        raise BackupFailed(f"{folder}: format {manifest.get('format')} is not {FORMAT}")
    for name, digest in manifest["files"].items():
        if not (folder / name).is_file() or _digest(folder / name) != digest:
            raise BackupFailed(f"{folder / name} is not as it was written")
    known = set(MigrationLoader(None).disk_migrations)
    newer = [name for name in manifest["migrations"] if tuple(name.split(".", 1)) not in known]
    if newer:
        raise BackupFailed(f"the backup is of a later release: {', '.join(newer)} are not known here")
    return manifest


def restore(
    server: Server, folder: Path, *, anchors: Path, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Put a backup into a database that is there and empty, and return its manifest; anchors where there are no others.

    One that was killed goes on where it was; `finish_restore` says that this was all. Raises BackupFailed: then the
    database is as it was, unless the text says otherwise.
    """
    manifest = read_manifest(folder)
    if begin_restore(server, folder):
        progress("database")
        _run(
            server,
            "pg_restore",
            "--exit-on-error",
            "--single-transaction",
            "--no-owner",
            f"--dbname={_place(server)}",
            str(folder / DUMP),
        )
    progress("anchors")
    kept = folder / "anchors"
    if anchor_files.are_all_in(anchors, kept):  # others are this installation's own, and witnesses
        there = anchor_files.numbers(anchors)
        anchor_files.copy(kept, anchors, [n for n in anchor_files.numbers(kept) if n not in there])
    with psycopg.connect(**server.login(roles.OWNER), autocommit=True) as opened:
        progress("rows")
        rows = _rows(opened)
        progress("statistics")
        opened.execute("analyze")  # or the proofs, and the first orders, are planned as for empty tables
    if rows != manifest["rows"]:
        differing = [name for name in rows | manifest["rows"] if rows.get(name) != manifest["rows"].get(name)]
        raise BackupFailed(f"restored, but not the rows of the manifest: {', '.join(sorted(differing))}")
    return manifest


def begin_restore(server: Server, folder: Path, *, is_trial: bool = False) -> bool:
    """Write down of which backup a restore is underway; return whether its rows have still to be put in.

    A trial writes nothing. Raises BackupFailed for a database that has anything in it but what a restore of this
    backup has left.
    """
    backup = _digest(folder / MANIFEST)
    with psycopg.connect(**server.login(roles.OWNER)) as opened:
        found = opened.execute(SOME_OBJECT).fetchone()
        underway = opened.execute(OF_WHICH, [UNDERWAY]).fetchone()
        if found is not None and underway != (backup,):
            raise BackupFailed(
                f"the database {server.database} is not empty: it has {found[0]}. Name another one"
                + ("; a restore of another backup was not finished in it" if underway != ("",) else "")
            )
        if not is_trial and underway != (backup,):
            name = sql.Identifier(UNDERWAY)
            opened.execute(sql.SQL("create schema if not exists {}").format(name))
            opened.execute(sql.SQL("comment on schema {} is {}").format(name, sql.Literal(backup)))
    return found is None


def finish_restore(server: Server) -> None:
    """Write down that a restore is at its end: a further one finds a database that is not empty."""
    with psycopg.connect(**server.login(roles.OWNER)) as opened:
        opened.execute(sql.SQL("drop schema if exists {}").format(sql.Identifier(UNDERWAY)))


def require_place(folder: Path, *, secrets: Path | None) -> None:
    """Raise BackupFailed where no backup can be written: there is one, or no folder can be made; nothing stays."""
    folder = folder.absolute()
    if folder.exists():
        raise BackupFailed(f"{folder} is there already: name a new folder")
    if secrets is not None:
        require_secrets(secrets)
    try:
        require_writable(folder.parent)
    except OSError as error:
        raise BackupFailed(f"{folder} cannot be written: {error.strerror}") from None


def require_secrets(folder: Path) -> None:
    """Raise BackupFailed where there are no secrets to copy: a backup shall not seem to have them."""
    if not folder.is_dir() or not any(folder.iterdir()):
        raise BackupFailed(
            f"there are no secrets in {folder}: they are where this installation has them, say /etc/raxx/credentials."
            " Keep these by your own means, and back up without --with-secrets"
        )


def size_of(server: Server) -> int:
    """Return how many bytes the database takes; its archive is compressed, and has no indexes."""
    with psycopg.connect(**server.login(roles.OWNER)) as opened:
        found = opened.execute("select pg_database_size(current_database())").fetchone()
    assert found is not None
    return int(found[0])


@contextmanager
def database_there(folder: DataFolder, server: Server) -> Iterator[None]:
    """Have PostgreSQL while the block lasts: that which runs, or the embedded one, started for it.

    Raises FolderInUse, ServiceFailed.
    """
    if not server.is_embedded or embedded.postgres_is_ready(server):
        yield
        return
    with folder.lock(), embedded.running_postgres(folder, server):
        yield


@contextmanager
def _snapshot(server: Server) -> Iterator[tuple[str, dict[str, int], list[str], int]]:
    """Hold one view of the database.

    Yields its name for pg_dump, each table's rows, the newest migration of each app, and which anchor it knows last.
    """
    with psycopg.connect(**server.login(roles.OWNER)) as opened:
        opened.execute("set transaction isolation level repeatable read, read only")
        name = opened.execute("select pg_export_snapshot()").fetchone()
        assert name is not None
        newest = opened.execute(
            "select app, max(name) from django_migrations group by app order by app"
        ).fetchall()
        rows = _rows(opened)
        # An earlier release's has no such table, and is backed up before it is migrated.
        known = opened.execute(KNOWN_ANCHOR).fetchone() if "accounts_knownanchor" in rows else None
        yield (
            name[0],
            rows,
            [f"{app}.{migration}" for app, migration in newest],
            0 if known is None else known[0],
        )


def _rows(opened: psycopg.Connection[Any]) -> dict[str, int]:
    counted = {}
    for (table,) in opened.execute(TABLES).fetchall():
        found = opened.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(table))).fetchone()
        assert found is not None
        counted[table] = found[0]
    return counted


def _place(server: Server) -> str:
    """Return where the database is, without the password: arguments can be seen by other users."""
    login = {name: value for name, value in server.login(roles.OWNER).items() if name != "password"}
    return make_conninfo("", **login)


def _run(server: Server, program: str, *arguments: str) -> None:
    where = () if any(word.startswith("--dbname") for word in arguments) else (f"--dbname={_place(server)}",)
    password = server.login(roles.OWNER).get("password", "")
    ended = subprocess.run(
        [embedded.postgres_binaries() / program, "--no-password", *where, *arguments],
        env={**os.environ, "PGPASSWORD": password},
        capture_output=True,
        text=True,
        check=False,
        # Whoever kills this process shall not find the database restored a minute later.
        preexec_fn=die_with_parent(os.getpid(), signal.SIGTERM),
    )
    if ended.returncode:
        words = ended.stderr.strip().splitlines() or [f"ended with {ended.returncode}"]
        raise BackupFailed(f"{program}: {words[0]}")


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
