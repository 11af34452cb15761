"""`manage.py`: what an operator did wrong is one line, not a page."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError

import manage as manage_py
from accounts import tracing
from raxx import hints, roles
from raxx.doctor import registry

if TYPE_CHECKING:
    from raxx.doctor.registry import Finding

ROOT = Path(__file__).resolve().parents[2]


def manage(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *words],
        cwd=ROOT,
        env={**kept, "RAXX_DATA_DIR": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "environment", "line"),
    [
        pytest.param(
            ["verify_ledger"],
            {},
            "ERROR: PostgreSQL does not answer: ",
            id="nothing was started",
        ),
        pytest.param(
            ["up", "--port", "0"],
            {
                "DATABASE_URL": "postgresql://admin:hunter2@127.0.0.1:1/raxx",
                "VALKEY_URL": "redis://127.0.0.1:1/0",
            },
            "ERROR: PostgreSQL does not answer: ",
            id="a server that is not there",
        ),
        pytest.param(
            ["migrate"],
            {"RAXX_ORIGINS": "localhost"},
            "ERROR: RAXX_ORIGINS: 'localhost' is not an origin",
            id="a setting",
        ),
        pytest.param(
            ["verify_ledger"],
            {"DATABASE_URL": "nowhere"},
            "ERROR: DATABASE_URL: the value is not a URL",
            id="a setting of a command of ours",
        ),
    ],
)
def test_what_an_operator_can_mend_is_one_line(
    tmp_path: Path, words: list[str], environment: dict[str, str], line: str
) -> None:
    ended = manage(tmp_path / "data", *words, **environment)

    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert ended.stderr.startswith(line)
    assert "hunter2" not in ended.stderr


@pytest.mark.parametrize(
    ("is_production", "is_embedded", "fix"),
    [
        (False, True, "start Raxx: `make run`; or mend DATABASE_URL"),
        (False, False, "start it, or mend DATABASE_URL"),
        (True, False, "see that PostgreSQL runs and that DATABASE_URL leads to it: deploy/runbook.md"),
    ],
    ids=["ours", "the operator's", "in production"],
)
def test_how_a_database_comes_back_depends_on_whose_it_is(
    settings: Any, is_production: bool, is_embedded: bool, fix: str
) -> None:
    settings.IS_PRODUCTION = is_production
    settings.DATABASE_SERVER = replace(settings.DATABASE_SERVER, is_embedded=is_embedded)

    said = manage_py._unreachable(OperationalError("connection refused\nIs it there?"))
    (found,) = doctor_of(OperationalError("connection refused"))

    assert said == f"PostgreSQL does not answer: connection refused ({fix})"
    assert (found.detail, found.fix) == ("PostgreSQL does not answer: connection refused", fix)


def doctor_of(error: Exception) -> list[Finding]:
    def fails() -> str:
        raise error

    return registry._outcome("database", fails)


def test_in_production_a_process_is_a_unit(settings: Any) -> None:
    settings.IS_PRODUCTION = True
    units = {path.stem for path in (ROOT / "deploy" / "systemd").glob("*.service")}

    assert {unit.replace("@N", "@") for words in hints.UNITS.values() for unit in words.split()} <= units
    assert hints.start("hub", number=2).startswith("`systemctl restart raxx-hub@2`;")


def test_a_traceback_is_there_for_who_asks(tmp_path: Path) -> None:
    ended = manage(tmp_path, "verify_ledger", "--traceback")

    assert ended.returncode == 1
    assert ended.stderr.startswith("Traceback (most recent call last):")
    assert "django.db.utils.OperationalError" in ended.stderr


def test_ctrl_c_is_one_line_and_a_code_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_argv: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "raxx.settings")
    monkeypatch.setattr("django.core.management.execute_from_command_line", interrupted)
    monkeypatch.setattr("sys.argv", ["manage.py", "hub"])
    with pytest.raises(SystemExit) as ended:
        manage_py.main()
    assert (ended.value.code, *capsys.readouterr()) == (130, "", "interrupted\n")

    monkeypatch.setattr("sys.argv", ["manage.py", "hub", "--traceback"])
    with pytest.raises(KeyboardInterrupt):
        manage_py.main()


def test_who_reads_no_further_is_told_nothing_more() -> None:
    with subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as told:
        assert told.stdout is not None
        told.stdout.close()
        _, complaints = told.communicate()

    assert (told.returncode, complaints) == (141, b"")


@pytest.mark.parametrize(
    ("command", "actor"),
    [
        ("archive_account", "command:" + pwd.getpwuid(os.getuid()).pw_name),
        ("up", "command:" + pwd.getpwuid(os.getuid()).pw_name),
        ("matcher", "system"),
        ("hub", "system"),
    ],
)
def test_a_command_is_a_request_of_the_system_s_user_and_what_runs_for_days_is_none(
    monkeypatch: pytest.MonkeyPatch, command: str, actor: str
) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "raxx.settings")
    monkeypatch.setenv("USER", "somebody-else")  # which anybody may say of themselves
    monkeypatch.setenv("LOGNAME", "somebody-else")
    monkeypatch.setattr("sys.argv", ["manage.py", command])
    monkeypatch.setattr(roles, "_process", None)
    seen = []
    monkeypatch.setattr(
        "django.core.management.execute_from_command_line", lambda _argv: seen.append(tracing.current())
    )

    try:
        manage_py.main()
    finally:
        tracing.end()

    [trace] = seen
    assert trace.actor == actor
    assert (trace.request_id != "") is (actor != "system")
