"""The systemd units: systemd understands them, they start what `up` starts, and each is shut in as all are."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project

from raxx import programs, roles
from raxx.env import load_file
from raxx.metrics.place import address_of

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
NAMES = [unit.stem for unit in UNITS]
PYTHON = "/opt/raxx/.venv/bin/python"
# Where a server listens, which is a socket under `up` and a port behind a proxy.
PLACE = re.compile(r" --(uds|uds-permissions|host|port) \S+")
HARDENED = {
    "User": "raxx",
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateDevices": "yes",
    "PrivateTmp": "yes",
    "PrivateUsers": "yes",  # its own user namespace: the kernel then shows it no other unit's memory, of the same user
    "CapabilityBoundingSet": "",
    "Restart": "always",
}


class _Repeated(dict):
    """A section in which a name may stand several times."""

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self and isinstance(value, list):
            self[name].extend(value)
            return
        super().__setitem__(name, value)


def service_of(unit: Path) -> dict[str, list[str]]:
    parser = configparser.RawConfigParser(dict_type=_Repeated, strict=False, empty_lines_in_values=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(unit, encoding="utf-8")
    return {name: value.split("\n") for name, value in parser["Service"].items()}


def command_of(unit: Path) -> str:
    (command,) = service_of(unit)["ExecStart"]
    return command


def program_of(unit: Path) -> str:
    return unit.stem.removeprefix("raxx-").rstrip("@").replace("-", "_")


needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@pytest.fixture
def installed(tmp_path: Path) -> list[str]:
    """Return the units as files that start this clone; a template is looked at as one of its instances."""
    for unit in (ROOT / "deploy" / "systemd").iterdir():
        text = unit.read_text(encoding="utf-8").replace(PYTHON, sys.executable)
        name = unit.name.replace("@.", "@1.")
        (tmp_path / name).write_text(text.replace("/opt/raxx", str(ROOT)), encoding="utf-8")
    return sorted(map(str, tmp_path.iterdir()))


@needs_systemd
def test_systemd_finds_nothing_to_complain_of(tmp_path: Path, installed: list[str]) -> None:
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *installed],  # noqa: S607 - wherever the system has it
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )

    complaints = [line for line in checked.stderr.splitlines() if str(tmp_path) in line or "raxx" in line]
    assert (checked.returncode, complaints) == (0, []), checked.stderr


@needs_systemd
def test_systemd_deems_no_unit_much_exposed(installed: list[str]) -> None:
    services = [unit for unit in installed if unit.endswith(".service")]
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", *services]

    judged = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert judged.returncode == 0, judged.stdout + judged.stderr  # 20 is 2.0 of 10; a bare unit has 9.6


@pytest.fixture
def commands(settings: Any) -> dict[str, str]:
    """Return what `up` would run with everything switched on, by program."""
    settings.LIVE_IS_ON, settings.METRICS = True, address_of("127.0.0.1:9464")
    tasks = [*programs.engines({}, ()), *programs.servers(project.DATA_FOLDER, {}, ())]
    return {task.name: " ".join(task.prepare().argv) for task in tasks}


def test_each_program_of_up_has_a_unit_that_runs_the_same_words(commands: dict[str, str]) -> None:
    there = {}
    for unit in UNITS:
        words = command_of(unit).replace(PYTHON, sys.executable).replace(" manage.py", f" {ROOT}/manage.py")
        words = words.replace(" --market %i", "")
        there[program_of(unit)] = PLACE.sub("", words)

    assert there == {name: PLACE.sub("", words) for name, words in commands.items()}


@pytest.mark.parametrize("unit", UNITS, ids=NAMES)
def test_a_unit_is_shut_in_and_has_the_log_in_of_its_own_role(unit: Path) -> None:
    service = service_of(unit)

    assert {name: service[name][-1] for name in HARDENED} == HARDENED
    assert "MemoryMax" in service
    credentials = dict(line.split(":", 1) for line in service["LoadCredential"])
    role = roles.ROLE_OF_PROCESS[program_of(unit)]
    assert credentials["DATABASE_URL"] == f"/etc/raxx/credentials/{role}"


@pytest.mark.parametrize("unit", UNITS, ids=NAMES)
def test_a_unit_is_handed_no_log_in_but_its_own_and_web_the_admin_s(unit: Path) -> None:
    files = {Path(line.split(":", 1)[1]).name for line in service_of(unit)["LoadCredential"]}
    own = {roles.ROLE_OF_PROCESS[program_of(unit)]}

    assert files & set(roles.ROLES) == own | ({roles.SUPPORT} if program_of(unit) == "web" else set())
    # The folder of them is root's, and nobody is let into it by another way.
    assert "/etc/raxx/credentials" not in re.sub(r"LoadCredential=.*", "", unit.read_text(encoding="utf-8"))


def test_the_worker_alone_may_write_where_the_anchors_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})
    load_file(ROOT / "deploy" / "raxx.env.example")
    folder = Path(os.environ["RAXX_AUDIT_ANCHORS"])

    writable = {
        program_of(unit): [Path("/var/lib") / name for name in service_of(unit)["StateDirectory"][-1].split()]
        + [
            Path(path.lstrip("-+"))
            for line in service_of(unit).get("ReadWritePaths", [])
            for path in line.split()
        ]
        for unit in UNITS
    }

    # All else is read-only to a unit (ProtectSystem=strict), though all of them are the same user.
    may = {name for name, paths in writable.items() if any(folder.is_relative_to(path) for path in paths)}
    assert may == {"worker"}
    assert all(Path(os.environ["RAXX_DATA_DIR"]) in paths for paths in writable.values())
    for page in ("README.md", "recovery.md"):
        text = (ROOT / "deploy" / page).read_text(encoding="utf-8")
        assert re.search(rf"install -d -o raxx -g raxx -m 0700 .*{folder}$", text, re.MULTILINE), page


@pytest.mark.parametrize("unit", UNITS, ids=NAMES)
def test_no_secret_stands_in_the_environment_of_a_unit(unit: Path) -> None:
    secret = re.compile("SECRET|_URL=|PASSWORD|TOKEN")

    assert not [line for line in service_of(unit).get("Environment", []) if secret.search(line)]


def test_the_example_of_the_environment_is_one_that_raxx_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})
    load_file(ROOT / "deploy" / "raxx.env.example")
    listed = (ROOT / ".env.example").read_text(encoding="utf-8")

    unknown = [name for name in os.environ if f"{name}=" not in listed]

    assert unknown == ["PYTHONUNBUFFERED"]
    assert not [name for name in os.environ if name.endswith(("_SECRET", "_KEY", "_URL"))]
