"""What each kind of process imports of the packages that cost a start the most.

Most cost some hundredths of a second, some a few tenths, in each of the ten processes of `up` and at each command. A row
that has to grow is a choice; a package that few paths need is better imported on those.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

HEAVY = frozenset(
    {
        "alpaca", "authlib", "boto3", "celery", "django.db", "drf_spectacular",
        "exchange_calendars", "numpy", "pandas", "prometheus_client", "redis", "rest_framework.views", "trading.admin", "trading.tasks",
        "urllib3", "websockets",
    }
)  # fmt: skip
COUNTING = {"django.db", "numpy", "prometheus_client", "redis"}

# By kind of process: what it runs before it does anything, and what of all that it may import.
KINDS: dict[str, tuple[str, set[str]]] = {
    "front": ("import raxx.front", set()),
    "a command": ("import trading.management.commands.list_accounts", {"django.db", "redis"}),
    "hub": ("import matching.management.commands.hub", COUNTING),
    "matcher": ("import trading.management.commands.matcher", COUNTING),
    "stream": ("import raxx.asgi", COUNTING),
    "web": (
        "import raxx.wsgi",
        # REST framework imports requests, and so urllib3, wherever that is installed.
        COUNTING | {"rest_framework.views", "trading.admin", "urllib3"},
    ),
    "beat": (
        "sys.argv = ['celery', 'beat']; from raxx.celery import app; app.loader.init_worker()",
        {"celery", "django.db"},
    ),
    "worker": (
        "sys.argv = ['celery', 'worker']; from raxx.celery import app; app.loader.init_worker()",
        COUNTING | {"celery", "trading.tasks", "urllib3"},
    ),
}

# Forks of one process, so that what all of them have in common is imported once.
LOOKS = """
import json, os, sys

def look(kind, code):
    if (child := os.fork()) == 0:
        try:
            exec(code)
            os.write(1, json.dumps([kind, sorted(sys.modules)]).encode() + b"\\n")
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0, kind

kinds = json.load(sys.stdin)
look("front", kinds.pop("front"))
import django
django.setup()
for kind, code in kinds.items():
    look(kind, code)
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Return the modules that each kind has imported when it is about to begin."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    looked = subprocess.run(
        [sys.executable, "-c", LOOKS],
        cwd=ROOT,
        env={
            **kept,
            "RAXX_DATA_DIR": str(tmp_path_factory.mktemp("data")),
            "DJANGO_SETTINGS_MODULE": "raxx.settings",
            "CELERY_SKIP_CHECKS": "1",  # as wherever a worker is started
        },
        input=json.dumps({kind: code for kind, (code, _) in KINDS.items()}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert looked.returncode == 0, looked.stderr
    return {kind: set(modules) for kind, modules in map(json.loads, looked.stdout.splitlines())}


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_process_imports_what_it_needs_and_no_heavy_package_beyond(
    imported: dict[str, set[str]], kind: str
) -> None:
    _, may = KINDS[kind]

    assert imported[kind] & HEAVY == may
