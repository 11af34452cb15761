"""The machine: versions, the data folder, the disk, the clock."""

from __future__ import annotations

import shutil
import stat
import sys
from datetime import UTC, datetime
from importlib.metadata import version

from django.conf import settings
from django.db import connection

from raxx.doctor.registry import Unwell, check

PYTHON_MIN = (3, 11)
DISK_FREE_MIN = 1 << 30
CLOCK_DIFFERENCE_MAX_S = 2.0
PACKAGES = ("Django", "djangorestframework", "psycopg", "celery", "redis", "granian")


@check("versions")
def versions() -> str:
    """Ask whether Python is new enough, and the packages are there."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON_MIN:
        raise Unwell(f"Python {found}", "run with Python 3.11 or later")
    return ", ".join([f"Python {found}", *(f"{package} {version(package)}" for package in PACKAGES)])


@check("data folder")
def data_folder() -> str:
    """Ask whether only we can read the data folder and its secrets."""
    folder = settings.DATA_FOLDER.root
    if not folder.exists():
        raise Unwell(
            f"{folder} does not exist",
            f"set RAXX_DATA_DIR{'' if settings.IS_PRODUCTION else ', or start Raxx once: `make run`'}",
        )
    for path in (folder, *sorted((folder / "secrets").glob("*")), *sorted(folder.glob("demo*.json"))):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & (stat.S_IRWXG | stat.S_IRWXO) & ~stat.S_IXOTH:
            raise Unwell(f"{path} has mode {mode:04o}", f"chmod go-rwx {path}")
    return f"{folder}, readable by its owner only"


@check("disk")
def disk() -> str:
    """Ask whether there is room to write."""
    folder = settings.DATA_FOLDER.root
    free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
    if free < DISK_FREE_MIN:
        raise Unwell(f"{free / 2**20:.0f} MiB free at {folder}", "free at least 1 GiB, or move RAXX_DATA_DIR")
    return f"{free / 2**30:.1f} GiB free"


@check("clock")
def clock() -> str:
    """Compare the database's clock with ours."""
    with connection.cursor() as cursor:
        before = datetime.now(UTC)
        cursor.execute("select clock_timestamp()")
        there = cursor.fetchone()[0]
    after = datetime.now(UTC)
    difference = max((before - there).total_seconds(), (there - after).total_seconds(), 0.0)
    if difference > CLOCK_DIFFERENCE_MAX_S:
        raise Unwell(f"{difference:.1f} s apart from the database", "synchronise both machines' clocks (NTP)")
    return "agrees with the database's"
