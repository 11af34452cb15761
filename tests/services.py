"""The servers that the tests use: those of DATABASE_URL and VALKEY_URL, or embedded ones.

The embedded ones live in `.raxx-test/<n>` beside the code. A run takes the first folder that is
free, so that two runs at a time do not meet, and finds its cluster made when it comes again.
"""

from __future__ import annotations

import atexit
import os
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from unittest.mock import patch

import psycopg
from psycopg.errors import InsufficientPrivilege

from tests import schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from raxx.roles import Server

ROOT = Path(__file__).resolve().parent.parent
SLOTS = 16

# A test's database may be lost with the machine: only the embedded default promises durability,
# and the tests that prove it start their own.
TEST_SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}

_held: list[IO[str]] = []  # open for as long as the process lives: a closed file is an open lock


def choose_folder() -> None:
    """Point RAXX_DATA_DIR to a folder of our own. Call before settings are read."""
    from raxx.folder import DataFolder, FolderInUse

    for number in range(SLOTS):
        folder = DataFolder(ROOT / ".raxx-test" / str(number))
        try:
            _held.append(folder.lock())
        except FolderInUse:
            continue
        atexit.register(_held[-1].close)
        os.environ["RAXX_DATA_DIR"] = str(folder.root)
        schema.share_password(folder)
        return
    message = f"all {SLOTS} test folders in {ROOT / '.raxx-test'} are in use"
    raise RuntimeError(message)


def prepare() -> None:
    """Have what `database` will copy."""
    from django.conf import settings

    if settings.DATABASE_SERVER.is_embedded:
        schema.prepare()


@contextmanager
def database() -> Iterator[None]:
    """Have a PostgreSQL with our roles while the block lasts, and a database to copy where it is an embedded one."""
    from django.conf import settings
    from django.db import connections

    from raxx import bootstrap, embedded

    server = settings.DATABASE_SERVER
    if server.is_embedded:
        schema.furnish(settings.DATA_FOLDER)
    with (
        embedded.running_postgres(settings.DATA_FOLDER, server, **TEST_SETTINGS)
        if server.is_embedded
        else nullcontext()
    ):
        if server.is_embedded:
            connections.databases["default"]["TEST"]["TEMPLATE"] = schema.COPIED
        bootstrap.bootstrap(server, for_tests=True)
        _let_the_owner_skip_triggers(server)
        yield


def _let_the_owner_skip_triggers(server: Server) -> None:
    """Let tests.emptying delete what nobody may; whose administrator may not grant this, empties more slowly."""
    from raxx import bootstrap, roles

    login = {**server.administrative_login(), "dbname": bootstrap.MAINTENANCE_DATABASE}
    with psycopg.connect(**login, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [bootstrap.ADVISORY_KEY])  # one worker at a time
        try:
            connection.execute(f"grant set on parameter session_replication_role to {roles.OWNER}")
        except InsufficientPrivilege:
            pass


@contextmanager
def valkey() -> Iterator[str]:
    """Have a Valkey while the block lasts, and yield its URL."""
    from django.conf import settings

    from raxx import embedded

    with (
        _version_is_looked_up_once(),
        nullcontext()
        if settings.VALKEY_URL
        else embedded.running_valkey(settings.DATA_FOLDER, settings.REDIS_URL),
    ):
        yield settings.REDIS_URL


def _version_is_looked_up_once() -> AbstractContextManager[Any]:
    """Keep each new connection from reading the metadata of its package: that takes longer than to connect."""
    import redis.utils

    return patch.object(redis.utils, "get_lib_version", cache(redis.utils.get_lib_version))
