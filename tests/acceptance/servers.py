"""A PostgreSQL and a Valkey as somebody else runs them: on TCP, with passwords, not started by `up`."""

from __future__ import annotations

import os
import secrets
import subprocess
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql

from raxx import embedded, process, roles
from raxx.folder import DataFolder
from raxx.process import Program
from tests.acceptance.house import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@contextmanager
def separate_servers(folder: Path) -> Iterator[dict[str, str]]:
    """Run both while the block lasts; yield DATABASE_URL and VALKEY_URL."""
    with ExitStack() as stack:
        yield {
            "DATABASE_URL": stack.enter_context(_postgres(DataFolder(folder / "postgres-server"))),
            "VALKEY_URL": stack.enter_context(_valkey(DataFolder(folder / "valkey-server"))),
        }


@contextmanager
def _postgres(folder: DataFolder) -> Iterator[str]:
    port, password = free_port(), folder.secret("postgres_password")
    url = f"postgresql://{roles.SUPERUSER}:{quote(password)}@127.0.0.1:{port}/elsewhere"
    settings = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": ""}
    with embedded.running_postgres(folder, roles.real_server(url, "unused"), **settings):
        yield url


@contextmanager
def _valkey(folder: DataFolder) -> Iterator[str]:
    folder.create()
    port, password = free_port(), secrets.token_urlsafe(16)
    url = f"redis://:{quote(password)}@127.0.0.1:{port}/3"
    settings = {
        "port": str(port),
        "bind": "127.0.0.1",
        "requirepass": password,
        "dir": str(folder.valkey),
        "save": "",
    }
    words = (word for name, value in settings.items() for word in (f"--{name}", value))
    program = Program(name="valkey", argv=(str(embedded.valkey_binary()), *words))
    with (folder.logs / "valkey.log").open("ab") as log:
        child = process.spawn(program, folder.root, log)
    try:
        while not embedded.valkey_is_ready(url):
            try:
                child.wait(timeout=embedded.POLL_S)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"valkey ended: {(folder.logs / 'valkey.log').read_text()}")
        yield url
    finally:
        embedded.stop(program, child)


@contextmanager
def given_servers() -> Iterator[dict[str, str]]:
    """Yield the environment for the servers that the caller of the tests named: none, or a fresh database there.

    The fresh database is dropped afterwards; the Valkey database that was named is emptied before.
    """
    if not (os.environ.get("DATABASE_URL") and os.environ.get("VALKEY_URL")):
        yield {}
        return
    with fresh_database(os.environ) as environment:
        yield environment


@contextmanager
def fresh_database(servers: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield the environment for a database of a new name, which `up` makes and we drop."""
    from django.conf import settings

    parts = urlsplit(servers["DATABASE_URL"])
    name = f"raxx_acceptance_{secrets.token_hex(4)}"
    valkey = redis.Redis.from_url(servers["VALKEY_URL"].replace("valkey", "redis", 1))
    valkey.flushdb()
    valkey.close()
    try:
        yield {
            "DATABASE_URL": urlunsplit(parts._replace(path=f"/{name}")),
            "VALKEY_URL": servers["VALKEY_URL"],
            # Passwords of roles follow from this key, and roles are the server's, not the database's:
            # another key would lock the other tests out of the same server.
            "RAXX_SECRET_KEY": settings.SECRET_KEY,
        }
    finally:
        maintenance = urlunsplit(parts._replace(path="/postgres"))
        with psycopg.connect(maintenance, autocommit=True) as connection:
            drop = sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            connection.execute(drop)
