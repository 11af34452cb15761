"""What a start refuses, in a process of its own: settings are read once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from raxx import production, roles, valkey
from raxx.folder import DataFolder

ROOT = Path(__file__).resolve().parents[2]

GOOD: dict[str, Any] = {
    "debug": False,
    "secret_key": "kN3v-9sQwX2_rT7yUoP5aZ8cV1bM4nLhJ6gFdSeRtYuIoPqWx0Z",
    "origins": ["https://raxx.example"],
    "hosts": ["raxx.example"],
    "is_embedded": False,
    "has_budgets": True,
    "has_mail": True,
    "has_anchors": True,
}


def test_good_production_settings_are_not_refused() -> None:
    assert production.refusals(**GOOD) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"debug": True}, "RAXX_DEBUG is on"),
        ({"secret_key": None}, "RAXX_SECRET_KEY is not set"),
        ({"secret_key": "k" * 200}, "too few different ones"),
        ({"secret_key": "short-0123456789"}, "fewer than 50 characters"),
        ({"secret_key": "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz"}, "an example's"),
        ({"origins": []}, "RAXX_ORIGINS is not set"),
        (
            {"origins": ["https://a.example", "http://b.example"]},
            "RAXX_ORIGINS: http://b.example is not https",
        ),
        ({"hosts": ["*"]}, "RAXX_ALLOWED_HOSTS"),
        ({"hosts": []}, "RAXX_ALLOWED_HOSTS"),
        ({"is_embedded": True}, "DATABASE_URL and VALKEY_URL"),
        ({"has_budgets": False}, "RAXX_BUDGETS is off"),
        ({"has_mail": False}, "RAXX_SMTP_URL is not set"),
        ({"has_anchors": False}, "RAXX_AUDIT_KEY and RAXX_AUDIT_ANCHORS"),
    ],
)
def test_each_bad_production_setting_is_refused_by_name(change: dict[str, object], reason: str) -> None:
    reasons = production.refusals(**{**GOOD, **change})

    assert len(reasons) == 1
    assert reason in reasons[0]


MATCHER = "from raxx import roles; roles.become('matcher'); import raxx.settings"
SHOW = "import raxx.settings as s; print(s.DATABASES['default']['USER'], s.REDIS_URL)"


def start(folder: Path, code: str = SHOW, **environment: str) -> subprocess.CompletedProcess[str]:
    """Read the settings as a process does, with this environment and no other of ours."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**kept, "RAXX_DATA_DIR": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_does_not_start_and_says_every_reason_at_once(tmp_path: Path) -> None:
    ended = start(tmp_path, RAXX_ENV="production", RAXX_DEBUG="true", RAXX_ORIGINS="http://raxx.example")

    assert ended.returncode != 0
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("raxx.env.SettingError: RAXX_ENV=production refuses to start: ")
    for reason in ("RAXX_DEBUG is on", "RAXX_SECRET_KEY is not set", "http://raxx.example is not https"):
        assert reason in last


PRODUCTION = {
    "RAXX_ENV": "production",
    "RAXX_SECRET_KEY": GOOD["secret_key"],
    "RAXX_ORIGINS": "https://raxx.example",
    "VALKEY_URL": "valkey://cache.example:6379/0",
    "RAXX_SMTP_URL": "smtps://raxx:word@mail.example",
    "RAXX_AUDIT_KEY": "/etc/raxx/audit_key.pem",
    "RAXX_AUDIT_ANCHORS": "/var/lib/raxx/anchors",
}


def url_of(login: str) -> str:
    return f"postgresql://{login}:pw@db.example/raxx"


def test_production_starts_with_real_servers_and_a_real_key(tmp_path: Path) -> None:
    ended = start(tmp_path / "data", **PRODUCTION, DATABASE_URL=url_of(roles.OWNER))

    assert ended.stdout == "raxx_owner redis://cache.example:6379/0\n", ended.stderr
    assert not (tmp_path / "data").exists()  # nothing is kept where nothing is embedded


def test_development_starts_with_nothing_set_and_keeps_its_secrets_to_itself(tmp_path: Path) -> None:
    first, second = start(tmp_path / "data"), start(tmp_path / "data")

    assert first.returncode == second.returncode == 0, first.stderr
    secrets = sorted((tmp_path / "data" / "secrets").iterdir())
    assert [file.name for file in secrets] == ["postgres_password", "secret_key"]
    assert {file.stat().st_mode & 0o777 for file in secrets} == {0o600}
    assert {len(file.read_text()) for file in secrets} == {43}


def test_a_kept_secret_stays_the_same_and_differs_between_folders(tmp_path: Path) -> None:
    one, other = DataFolder(tmp_path / "one"), DataFolder(tmp_path / "other")

    assert one.secret("key") == one.secret("key") != other.secret("key")


@pytest.mark.parametrize(
    ("argv", "role"),
    [
        (["manage.py", "matcher"], roles.WORKER),
        (["manage.py", "hub"], roles.WORKER),
        (["/venv/bin/celery", "-A", "raxx", "worker"], roles.WORKER),
        (["/venv/lib/celery/__main__.py", "-A", "raxx", "beat"], roles.WORKER),
        (["manage.py", "migrate"], roles.OWNER),
        (["manage.py", "verify_ledger"], roles.OWNER),
        (["manage.py"], roles.OWNER),
        (["pytest"], roles.OWNER),
    ],
)
def test_the_command_line_decides_the_database_role(
    monkeypatch: pytest.MonkeyPatch, argv: list[str], role: str
) -> None:
    monkeypatch.setattr(roles, "_process", None)
    monkeypatch.setattr("sys.argv", argv)

    assert roles.current_role() == role


@pytest.mark.parametrize("process", ["web", "stream"])
def test_a_process_that_serves_people_takes_the_app_role(
    monkeypatch: pytest.MonkeyPatch, process: str
) -> None:
    monkeypatch.setattr(roles, "_process", process)

    assert roles.current_role() == roles.APP


def test_a_database_url_of_one_of_our_roles_is_used_as_given() -> None:
    server = roles.real_server("postgresql://raxx_worker:own@db.example:5433/prod?sslmode=require", "key")

    assert server.is_single_role
    assert server.login(roles.APP) == {
        "host": "db.example",
        "port": "5433",
        "dbname": "prod",
        "sslmode": "require",
        "user": "raxx_worker",
        "password": "own",
    }


@pytest.mark.parametrize("module", ["raxx.wsgi", "raxx.asgi"])
@pytest.mark.parametrize("login", [roles.OWNER, roles.WORKER, roles.SUPPORT])
def test_who_serves_people_does_not_start_with_a_login_that_sees_them_all(
    tmp_path: Path, module: str, login: str
) -> None:
    url = f"postgresql://{login}:pw@127.0.0.1:1/raxx"

    ended = start(tmp_path, f"import {module}", DATABASE_URL=url)

    process = {"raxx.wsgi": "web", "raxx.asgi": "stream"}[module]
    assert ended.stderr.strip().splitlines()[-1] == (
        f"raxx.env.SettingError: DATABASE_URL: the {process} process must log in as raxx_app,"
        f" and {login} sees everybody's rows"
    )


@pytest.mark.parametrize("login", ["admin", roles.APP])
def test_who_serves_people_starts_with_its_own_login_or_one_that_leads_to_it(
    tmp_path: Path, login: str
) -> None:
    code = "import raxx.wsgi, raxx.settings as s; print(s.DATABASES['default']['USER'])"

    ended = start(tmp_path, code, DATABASE_URL=f"postgresql://{login}:pw@127.0.0.1:1/raxx")

    assert ended.stdout == "raxx_app\n", ended.stderr


@pytest.mark.parametrize(
    ("code", "urls", "reason"),
    [
        (SHOW, {"DATABASE_URL": url_of("admin")}, "in production each process logs in as its own role"),
        (MATCHER, {"DATABASE_URL": url_of(roles.OWNER)}, "give matcher the log-in of raxx_worker"),
        (
            "import raxx.wsgi",
            {"DATABASE_URL": url_of(roles.APP)},
            "RAXX_SUPPORT_DATABASE_URL must be the log-in of raxx_support",
        ),
        (
            "import raxx.wsgi",
            {"DATABASE_URL": url_of(roles.APP), "RAXX_SUPPORT_DATABASE_URL": url_of(roles.OWNER)},
            "RAXX_SUPPORT_DATABASE_URL must be the log-in of raxx_support",
        ),
    ],
    ids=["the administrator", "another role's", "no support", "another support"],
)
def test_in_production_a_process_has_the_log_in_of_its_own_role(
    tmp_path: Path, code: str, urls: dict[str, str], reason: str
) -> None:
    ended = start(tmp_path, code, **PRODUCTION, **urls)

    assert reason in ended.stderr.strip().splitlines()[-1]


LOGINS_OF_WEB = """
import json, raxx.wsgi, raxx.settings as s
from raxx import roles
print(json.dumps({
    "used": [s.DATABASES[name]["USER"] + " " + s.DATABASES[name]["PASSWORD"] for name in ("default", "support")],
    "as others": sorted({s.DATABASE_SERVER.login(role)["user"] for role in roles.ROLES}),
    "key": s.DATABASE_SERVER.secret_key,
}))
"""


def test_in_production_web_knows_two_log_ins_and_nothing_that_leads_to_a_third(tmp_path: Path) -> None:
    folder = tmp_path / "credentials"  # as systemd hands them over
    folder.mkdir()
    (folder / "DATABASE_URL").write_text(url_of(roles.APP))
    (folder / "RAXX_SUPPORT_DATABASE_URL").write_text("postgresql://raxx_support:another@db.example/raxx\n")

    ended = start(tmp_path / "data", LOGINS_OF_WEB, **PRODUCTION, CREDENTIALS_DIRECTORY=str(folder))

    assert json.loads(ended.stdout or "{}") == {
        "used": ["raxx_app pw", "raxx_support another"],
        "as others": ["raxx_app"],
        "key": None,
    }, ended.stderr


def test_in_development_another_database_url_leads_to_each_role_with_its_derived_password() -> None:
    server = roles.real_server("postgresql://admin:pw@db.example/prod?sslmode=require", "key")

    settings = server.django_settings(roles.APP)
    assert (settings["NAME"], settings["USER"], settings["HOST"]) == ("prod", "raxx_app", "db.example")
    assert (
        settings["PASSWORD"] == roles.password_of(roles.APP, "key") != roles.password_of(roles.WORKER, "key")
    )
    assert settings["OPTIONS"]["sslmode"] == "require"
    assert "pw" not in repr(server)


@pytest.mark.parametrize(
    ("url", "client", "broker"),
    [
        ("valkey://h:1/2", "redis://h:1/2", "redis://h:1/2"),
        ("rediss://:pw@h/0", "rediss://:pw@h/0", "rediss://:pw@h/0"),
        ("unix:///s.sock?db=3", "unix:///s.sock?db=3", "redis+socket:///s.sock?virtual_host=3"),
    ],
)
def test_valkeys_address_is_said_in_each_clients_words(
    url: str, client: str, broker: str, tmp_path: Path
) -> None:
    assert valkey.client_url(url, DataFolder(tmp_path)) == client
    assert valkey.broker_url(client) == broker


SUPPORT = (
    "import raxx.settings as s; print(s.DATABASES['support']['USER'], s.DATABASES['support'].get('HOST'))"
)


def test_the_admin_reads_as_a_role_of_its_own(tmp_path: Path) -> None:
    shown = start(tmp_path, SUPPORT, DATABASE_URL="postgresql://admin:word@db.example/raxx").stdout.split()

    assert shown == ["raxx_support", "db.example"]


def test_the_admin_s_log_in_is_told_where_the_server_was_prepared_by_somebody(tmp_path: Path) -> None:
    urls = {
        "DATABASE_URL": "postgresql://raxx_app:word@db.example/raxx",
        "RAXX_SUPPORT_DATABASE_URL": "postgresql://raxx_support:another@reader.example/raxx",
    }

    assert start(tmp_path, SUPPORT, **urls).stdout.split() == ["raxx_support", "reader.example"]
