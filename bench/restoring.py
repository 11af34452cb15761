"""How long a database of 200,000 fills takes to be restored and proved, against a plain COPY of the same rows.

    python -m bench.restoring [--accounts 10000] [--fills 200000] [--runs 2]

The fills are the matcher's own, in commits of 10,000, with their orders, positions, postings and events. `backup` writes the
database to a folder; the clock of the figure runs from the making of an empty one, over PostgreSQL's
archive and the planner's statistics, to the end of its proofs: the files' digests, each table's rows against the
manifest, every account's ledger, the audit log's chains and anchors. Everything is in one machine's page cache, and on one cluster.

It is compared with a COPY of the same rows, as text from a file, in one transaction, into tables without keys,
indexes, checks or triggers: the least that it takes to have the rows in PostgreSQL. `detail` has each step's seconds,
and the CPU seconds of both ways, of all processes: on a busy machine their quotient is steadier than that of the clock.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
from psycopg import sql

from bench.figure import Figure
from bench.fills import Fills, FillsFailed
from bench.harness import HarnessFailed, Installation, cpu_s, installation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raxx.roles import Server

NAMES = ("restore_200k",)
AGAINST = "COPY of the same rows into tables without keys, indexes and checks"
RESTORED = "raxx_restored"
BLOCK = 1 << 20  # bytes
MIB = 2**20


class RestoreFailed(Exception):
    """What was restored is not what was there; the text says what."""


class Steps:
    """Seconds of each step: calling it with a name ends the one before."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._name, self._began = "", 0.0

    def __call__(self, name: str) -> None:
        now = time.perf_counter()
        if self._name:
            self.seconds[self._name] = self.seconds.get(self._name, 0.0) + now - self._began
        self._name, self._began = name, now


@contextmanager
def another_database(here: Server) -> Iterator[Server]:
    """Let commands of this process work on a database that is not there yet, and drop it in the end."""
    from django.conf import settings
    from django.db import connection

    from raxx.bootstrap import MAINTENANCE_DATABASE

    there = replace(here, place={**here.place, "dbname": RESTORED})
    connection.close()
    connection.settings_dict["NAME"], settings.DATABASE_SERVER = RESTORED, there
    try:
        yield there
    finally:
        connection.close()
        connection.settings_dict["NAME"], settings.DATABASE_SERVER = here.database, here
        login = {**here.administrative_login(), "dbname": MAINTENANCE_DATABASE}
        with psycopg.connect(**login, autocommit=True) as administrator:
            administrator.execute(f"drop database if exists {RESTORED}")


def cpu_s_of(target: Installation) -> float:
    """Return the CPU seconds of PostgreSQL, of this process and of the programs that it has run."""
    return cpu_s(target.parts["postgres"]) + cpu_s(psutil.Process())


def restored(here: Server, backup: Path, anchors: Path) -> dict[str, float]:
    """Restore as the command does, and return each step's seconds. Raises RestoreFailed, BackupFailed."""
    from accounts.services.anchoring import verify_audit
    from raxx.backups import restore
    from raxx.bootstrap import bootstrap
    from trading.ledger_audit import audit_ledger

    steps = Steps()
    with another_database(here) as there:
        steps("bootstrap")
        bootstrap(there)
        steps("digests")
        restore(there, backup, anchors=anchors, progress=steps)
        steps("ledger")
        ledger = audit_ledger()
        steps("audit log")
        log = verify_audit()
        steps("")
    if not ledger.balances or not log.is_whole:
        raise RestoreFailed(f"{[*ledger.differences, *log.faults][:3]}")
    return steps.seconds


def copied(target: Installation, here: Server, folder: Path) -> tuple[float, float]:
    """Copy every row into bare tables, and return the seconds of the way in, and those of the CPU."""
    from raxx import roles
    from raxx.backups import TABLES

    with psycopg.connect(**here.login(roles.OWNER), autocommit=True) as owner:
        tables = [name for (name,) in owner.execute(TABLES).fetchall()]
        owner.execute("create schema bare")
        try:
            for table in tables:
                owner.execute(f"create table bare.{table} (like public.{table})")
                _write_out(owner, table, folder / table)
            begin, before = time.perf_counter(), cpu_s_of(target)
            with owner.transaction():
                for table in tables:
                    _read_in(owner, table, folder / table)
            return time.perf_counter() - begin, cpu_s_of(target) - before
        finally:
            owner.execute("drop schema bare cascade")


def _write_out(owner: psycopg.Connection[Any], table: str, file: Path) -> None:
    query = sql.SQL("copy (select * from public.{}) to stdout").format(sql.Identifier(table))
    with owner.cursor() as cursor, cursor.copy(query) as copy, file.open("wb") as out:
        for piece in copy:
            out.write(piece)


def _read_in(owner: psycopg.Connection[Any], table: str, file: Path) -> None:
    query = sql.SQL("copy bare.{} from stdin").format(sql.Identifier(table))
    with owner.cursor() as cursor, cursor.copy(query) as copy, file.open("rb") as text:
        while block := text.read(BLOCK):
            copy.write(block)


def fill(target: Installation, accounts: int, count: int) -> int:
    """Have so many fills, or a few more, and return how many. Raises FillsFailed."""
    rounds = -(-count // accounts)
    fills = Fills(target, accounts, rounds)
    try:
        for number in range(rounds):
            fills.fill(number)
    finally:
        fills.close()
    target.analyze()
    return rounds * accounts


def measure(target: Installation, accounts: int, count: int, runs: int) -> Figure:
    """Fill, back up, and restore so many times. Raises FillsFailed, RestoreFailed, BackupFailed."""
    from django.conf import settings

    from raxx.backups import back_up, size_of

    here = settings.DATABASE_SERVER
    fills = fill(target, accounts, count)
    steps: list[dict[str, float]] = []
    copies: list[float] = []
    cpu_of_copies: list[float] = []
    cpu_of_restores: list[float] = []
    with tempfile.TemporaryDirectory(dir=target.folder.root) as name:
        folder = Path(name)
        writing = Steps()
        writing("backup")
        manifest = back_up(here, folder / "backup", anchors=settings.AUDIT_ANCHORS)
        writing("")
        (folder / "copy").mkdir()
        for _ in range(runs):
            copied_in, cpu = copied(target, here, folder / "copy")
            copies.append(copied_in)
            cpu_of_copies.append(cpu)
            before = cpu_s_of(target)
            steps.append(restored(here, folder / "backup", folder / "anchors"))
            cpu_of_restores.append(cpu_s_of(target) - before)
        archive = sum(file.stat().st_size for file in (folder / "backup").rglob("*") if file.is_file())
        text = sum(file.stat().st_size for file in (folder / "copy").iterdir())
    totals = [sum(one.values()) for one in steps]
    return Figure(
        name=NAMES[0],
        values=totals,
        unit="s",
        against=AGAINST,
        ratios=[total / copy for total, copy in zip(totals, copies, strict=True)],
        detail={
            "fills": fills,
            "rows": sum(manifest["rows"].values()),
            "database_mib": round(size_of(here) / MIB),
            "copied_mib": round(text / MIB),
            "archive_mib": round(archive / MIB),
            "backup_s": round(writing.seconds["backup"], 2),
            "cpu_s": round(statistics.median(cpu_of_restores), 2),
            "copy_s": round(statistics.median(copies), 3),
            "copy_cpu_s": round(statistics.median(cpu_of_copies), 2),
            **{
                f"{step.replace(' ', '_')}_s": round(statistics.median(one[step] for one in steps), 2)
                for step in steps[0]
            },
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"which figures to print: {', '.join(NAMES)}")
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--fills", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=2)
    options = parser.parse_args()
    try:
        with installation() as target:
            from raxx.backups import BackupFailed

            try:
                figure = measure(target, options.accounts, options.fills, options.runs)
            except BackupFailed as error:
                raise RestoreFailed(str(error)) from None
    except (HarnessFailed, FillsFailed, RestoreFailed, OSError) as error:
        sys.exit(f"bench.restoring FAILED: {error}")
    figure.print()


if __name__ == "__main__":
    main()
