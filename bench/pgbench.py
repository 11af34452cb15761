"""pgbench's TPC-B-like transaction on the installation's own cluster: what order entry is measured against."""

from __future__ import annotations

import os
import re
import resource
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from bench.harness import cpu_s

if TYPE_CHECKING:
    from bench.harness import Installation

SCALE = 10
CLIENTS = 8  # the peak of a small machine: 32 are slower
DATABASE = "pgbench"
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pace:
    """Transactions a second, and the CPU seconds of pgbench and PostgreSQL for each."""

    rate: float
    cpu_s: float


class PgBench:
    """pgbench against a database of its own beside ours, with prepared statements and 8 clients."""

    def __init__(self, target: Installation) -> None:
        from django.conf import settings

        from raxx import embedded, roles

        login = {**settings.DATABASE_SERVER.administrative_login(), "dbname": "postgres"}
        with psycopg.connect(**login, autocommit=True) as connection:
            connection.execute(f"create database {DATABASE}")
        self._postgres = target.parts["postgres"]
        self._command = [str(embedded.postgres_binaries() / "pgbench")]
        self._environment = {
            **os.environ,
            "PGHOST": str(target.folder.postgres_socket_folder),
            "PGPORT": roles.SOCKET_PORT,
            "PGUSER": roles.SUPERUSER,
            "PGPASSWORD": login["password"],
            "PGDATABASE": DATABASE,
        }
        self._run("--initialize", "--quiet", f"--scale={SCALE}")

    def pace(self, seconds: int) -> Pace:
        """Run for so many seconds."""
        options = (
            "--protocol=prepared",
            f"--client={CLIENTS}",
            "--jobs=2",
            "--no-vacuum",
            f"--time={seconds}",
        )
        before = cpu_s(self._postgres) + _children_s()
        found = _TPS.search(self._run(*options))
        if found is None:
            raise ValueError("pgbench did not say how fast it was")
        rate = float(found[1])
        return Pace(rate, (cpu_s(self._postgres) + _children_s() - before) / (rate * seconds))

    def _run(self, *options: str) -> str:
        done = subprocess.run(
            [*self._command, *options], env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise OSError(f"pgbench failed: {done.stderr.strip()}")
        return done.stdout


def _children_s() -> float:
    """Return the CPU seconds of our own children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
