"""The operators' pages speak of what there is: commands, alerts, parts of the doctor, settings, files."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands

from raxx import roles
from raxx.doctor.registry import CHECKS

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PAGES = sorted(DEPLOY.glob("*.md"))
NAMES = [page.stem for page in PAGES]
LIVE = """
RAXX_LIVE=on
RAXX_BROKER_AUTHORIZE_URL=https://broker.example/authorize
RAXX_BROKER_TOKEN_URL=https://broker.example/token
RAXX_BROKER_API_URL=https://api.broker.example
RAXX_BROKER_CLIENT_ID=raxx
RAXX_KMS=aws
RAXX_KMS_KEY=alias/raxx
"""


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    alerts = yaml.safe_load((DEPLOY / "observability" / "alerts.yml").read_text(encoding="utf-8"))
    known_alerts = {rule["alert"] for group in alerts["groups"] for rule in group["rules"]}
    example = (ROOT / ".env.example").read_text(encoding="utf-8")

    commands = set(re.findall(r"(?:raxx-manage|manage\.py) ([a-z_]+)", text))
    assert commands - set(get_commands()) == set()
    assert set(re.findall(r"\bRaxx[A-Z]\w+", text)) - known_alerts == set()
    assert {name for name in re.findall(r"doctor `(\w+)", text) if name not in CHECKS} == set()
    assert [name for name in re.findall(r"\bRAXX_[A-Z_]+", text) if f"{name}=" not in example] == []
    links = re.findall(r"\]\((?!http)([^)#]+)", text)
    files = re.findall(r"`((?:tests|raxx|accounts|broker_handoff|deploy)/[\w/.]+\w)`", text)
    assert [link for link in links if not (DEPLOY / link).exists()] == []
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_an_operator_s_command_has_the_data_key_of_the_hub_s_unit_and_the_anchors_that_they_name(
    tmp_path: Path,
) -> None:
    """Run the script beside an interpreter that prints what it was given: nothing of ours has to start."""
    script, python = tmp_path / "deploy" / "raxx-manage", tmp_path / ".venv" / "bin" / "python"
    for path, text in (
        (script, (DEPLOY / "raxx-manage").read_text(encoding="utf-8")),
        (python, '#!/bin/sh\necho "$@"\nenv\n'),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    etc = tmp_path / "etc"
    (etc / "credentials").mkdir(parents=True)
    for name in ("RAXX_SECRET_KEY", "VALKEY_URL", "RAXX_SMTP_URL", "raxx_owner"):
        (etc / "credentials" / name).write_text(f"of {name}\n", encoding="utf-8")
    (etc / "raxx.env").write_text("RAXX_AUDIT_ANCHORS=/of/the/installation\n", encoding="utf-8")
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S607 - wherever the system has it

    def given(**more: str) -> list[str]:
        words = [str(script), "import_assets", "--alpaca"]
        environment = {"PATH": os.environ["PATH"], "ETC_RAXX": str(etc), "RUN_AS": user, **more}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=100, check=True)
        return done.stdout.splitlines()

    assert not [line for line in given() if "ALPACA" in line]
    (etc / "hub.env").write_text(
        "RAXX_ALPACA_KEY_ID=PK1\nRAXX_ALPACA_SECRET_KEY='a secret'\n", encoding="utf-8"
    )
    lines = given()

    assert lines[0] == "manage.py import_assets --alpaca"
    assert "RAXX_AUDIT_ANCHORS=/of/the/installation" in lines
    assert "RAXX_AUDIT_ANCHORS=/tried" in given(RAXX_AUDIT_ANCHORS="/tried")
    assert {"RAXX_ALPACA_KEY_ID=PK1", "RAXX_ALPACA_SECRET_KEY=a secret", "DATABASE_URL=of raxx_owner"} <= {
        *lines
    }


def test_an_operator_runs_commands_with_the_settings_of_the_services(db: Any, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "RAXX_SECRET_KEY").write_text("qLs7Wc0Vt2Zx9Kd4Rn6Bh1Ym8Jg3Pf5TuAeIoCiMaNwXrUzSkQy\n")
    (credentials / "VALKEY_URL").write_text("redis://cache.example:6379/0\n")
    (credentials / "RAXX_SMTP_URL").write_text("smtp://user:password@mail.example:587\n")
    (credentials / "RAXX_BROKER_CLIENT_SECRET").write_text("as-for-the-units\n")
    example = (DEPLOY / "raxx.env.example").read_text(encoding="utf-8")
    (tmp_path / "raxx.env").write_text(
        example.replace("/var/lib/raxx", str(tmp_path)) + LIVE, encoding="utf-8"
    )
    login = settings.DATABASE_SERVER.administrative_login()
    word = f":{quote(login['password'], safe='')}" if "password" in login else ""
    place = f"host={quote(login['host'], safe='')}&port={login['port']}"
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S607 - wherever the system has it

    done = subprocess.run(
        [
            str(DEPLOY / "raxx-manage"), "bootstrap", "--logins", str(credentials), "--rotate", "all", "--dry-run", "--json",
        ],
        env={
            "PATH": os.environ["PATH"],
            "ETC_RAXX": str(tmp_path),
            "RUN_AS": user,
            "DATABASE_URL": f"postgresql://{login['user']}{word}@/{login['dbname']}?{place}",
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )  # fmt: skip

    # Production starts with no secret key but that of its file, and takes --logins nowhere else.
    assert done.returncode == 0, done.stderr
    changes = json.loads(done.stdout)["changes"]
    new_passwords = [f"role {role} has the password of its file in {credentials}" for role in roles.ROLES]
    assert [change for change in changes if "password" in change] == new_passwords
    assert sorted(file.name for file in credentials.iterdir()) == [
        "RAXX_BROKER_CLIENT_SECRET",
        "RAXX_SECRET_KEY",
        "RAXX_SMTP_URL",
        "VALKEY_URL",
    ]
