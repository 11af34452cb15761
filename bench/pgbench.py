"""pgbench's TPC-B-like transaction on the installation's own cluster: what order entry is measured against."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from raxx.folder import DataFolder

SCALE = 10
CLIENTS = 8  # the peak of a small machine: 32 are slower
DATABASE = "pgbench"
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


class PgBench:
    """pgbench against a database of its own beside ours, with prepared statements and 8 clients."""

    def __init__(self, folder: DataFolder) -> None:
        from django.conf import settings

        from raxx import embedded, roles

        login = {**settings.DATABASE_SERVER.administrative_login(), "dbname": "postgres"}
        with psycopg.connect(**login, autocommit=True) as connection:
            connection.execute(f"create database {DATABASE}")
        self._command = [str(embedded.postgres_binaries() / "pgbench")]
        self._environment = {
            **os.environ,
            "PGHOST": str(folder.postgres_socket_folder),
            "PGPORT": roles.SOCKET_PORT,
            "PGUSER": roles.SUPERUSER,
            "PGPASSWORD": login["password"],
            "PGDATABASE": DATABASE,
        }
        self._run("--initialize", "--quiet", f"--scale={SCALE}")

    def rate(self, seconds: int) -> float:
        """Return transactions a second over so many seconds."""
        options = (
            "--protocol=prepared",
            f"--client={CLIENTS}",
            "--jobs=2",
            "--no-vacuum",
            f"--time={seconds}",
        )
        found = _TPS.search(self._run(*options))
        if found is None:
            raise ValueError("pgbench did not say how fast it was")
        return float(found[1])

    def _run(self, *options: str) -> str:
        done = subprocess.run(
            [*self._command, *options], env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise OSError(f"pgbench failed: {done.stderr.strip()}")
        return done.stdout
