"""`manage.py bootstrap`: it says what it changes, changes nothing twice, and nothing at all in a dry run."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from raxx import bootstrap as bootstraps, roles
from raxx.bootstrap import bootstrap
from raxx.logins import Logins
from raxx.scram import matches

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.django_db

# RFC 7677, section 3, in PostgreSQL's form; the stored key follows from its exchange.
VERIFIER_OF_PENCIL = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="


@pytest.fixture
def prepared() -> Iterator[None]:
    """Have roles as they are in production, and give the tests theirs back."""
    server = settings.DATABASE_SERVER
    bootstrap(server)
    try:
        yield
    finally:
        bootstrap(server, for_tests=True)


@pytest.fixture
def of_production(prepared: None, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Have no password follow from anything, and no role have one; return the folder of their log-ins."""
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", connection.settings_dict["PASSWORD"])
    settings.DATABASE_SERVER = replace(settings.DATABASE_SERVER, secret_key=None)
    for role in roles.ROLES:
        administrate(f"alter role {role} password null")
    return tmp_path / "credentials"


def who_logs_in(folder: Path) -> list[str]:
    """Return whom each file lets in."""
    found = []
    for role in roles.ROLES:
        with psycopg.connect((folder / role).read_text(encoding="utf-8")) as session:
            found += [row[0] for row in session.execute("select current_user")]
    return found


def run(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    capsys.readouterr()
    call_command("bootstrap", "--json", *options)
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def administrate(statement: str) -> None:
    with psycopg.connect(**settings.DATABASE_SERVER.administrative_login(), autocommit=True) as session:
        session.execute(statement)


def test_run_again_it_changes_nothing(prepared: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys) == {"dry_run": False, "changes": [], "grants_wait_for_migrate": False}


def test_what_differs_is_told_by_a_dry_run_and_put_right_by_a_real_one(
    prepared: None, capsys: pytest.CaptureFixture[str]
) -> None:
    administrate("alter role raxx_app createdb bypassrls; alter role raxx_app reset statement_timeout")
    administrate("alter role raxx_worker password 'another'; grant raxx_worker to raxx_app")
    with connection.cursor() as cursor:
        cursor.execute("grant select on django_admin_log to raxx_support")
        cursor.execute("revoke select on auth_permission from raxx_app")

    told = run(capsys, "--dry-run")
    again = run(capsys, "--dry-run")
    done = run(capsys)

    assert told["changes"] == again["changes"] == done["changes"] == [
        "role raxx_app may log in, and make no roles or databases",
        "role raxx_app is bound by row security",
        "role raxx_app has statement_timeout 30s",
        "role raxx_worker has the password that follows from RAXX_SECRET_KEY",
        "role raxx_app is no member of raxx_worker any more",
        "raxx_app may select auth_permission",
        "raxx_support may not select django_admin_log any more",
    ]  # fmt: skip
    assert run(capsys)["changes"] == []
    psycopg.connect(**settings.DATABASE_SERVER.login(roles.WORKER)).close()


def test_each_role_has_a_log_in_of_its_own_for_its_owner_alone_and_keeps_it(
    of_production: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(run(capsys, "--logins", str(of_production), "--dry-run")["changes"]) == 2 * len(roles.ROLES)
    assert not of_production.exists()

    first = run(capsys, "--logins", str(of_production))
    passwords = Logins(of_production).passwords()
    second = run(capsys, "--logins", str(of_production))

    assert len(first["changes"]) == 2 * len(roles.ROLES)  # a file and a password each
    assert (second["changes"], Logins(of_production).passwords()) == ([], passwords)
    assert who_logs_in(of_production) == list(roles.ROLES)
    assert stat.S_IMODE(of_production.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in of_production.iterdir()} == {0o600}
    # Random: none is another's, and none is what the secret key of this installation leads to.
    derived = {roles.password_of(role, settings.SECRET_KEY) for role in roles.ROLES}
    assert len({*passwords.values()} | derived) == 2 * len(roles.ROLES)


def test_a_leaked_log_in_is_replaced_its_sessions_end_and_the_others_stay(
    of_production: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "--logins", str(of_production))
    before = Logins(of_production).passwords()
    leaked = (of_production / roles.WORKER).read_text(encoding="utf-8")
    with psycopg.connect(leaked) as thief:
        told = run(capsys, "--logins", str(of_production), "--rotate", roles.WORKER)
        with pytest.raises(psycopg.OperationalError):
            thief.execute("select 1")

    assert told["changes"] == [
        f"{of_production / roles.WORKER} has a new log-in of {roles.WORKER}",
        f"role {roles.WORKER} has the password of its file in {of_production}",
        f"1 open sessions of {roles.WORKER} are ended",
    ]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(leaked)
    after = Logins(of_production).passwords()
    assert {role for role in roles.ROLES if after[role] != before[role]} == {roles.WORKER}
    assert who_logs_in(of_production) == list(roles.ROLES)


def test_a_run_that_was_killed_between_the_file_and_the_role_is_put_right_by_the_next(
    of_production: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(bootstraps._Work, "make_role", kill)
        with pytest.raises(KeyboardInterrupt):
            run(capsys, "--logins", str(of_production))
    kept = Logins(of_production).passwords()

    run(capsys, "--logins", str(of_production))

    assert Logins(of_production).passwords() == kept
    assert who_logs_in(of_production) == list(roles.ROLES)


def test_an_empty_folder_shuts_nobody_out(of_production: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "--logins", str(of_production))

    with pytest.raises(CommandError, match=r"raxx_owner is there, and .* has no log-in of it"):
        run(capsys, "--logins", str(of_production.with_name("another")))

    assert not of_production.with_name("another").exists()
    assert who_logs_in(of_production) == list(roles.ROLES)


@pytest.mark.parametrize(
    "content", ["", "no url", "postgresql://raxx_app:x@/raxx", "postgresql://raxx_owner@/raxx"]
)
def test_a_file_that_is_no_log_in_of_its_role_is_refused_and_not_repeated(
    of_production: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    of_production.mkdir()
    (of_production / roles.OWNER).write_text(content)

    with pytest.raises(CommandError, match=r"credentials/raxx_owner is (no|not the)") as refused:
        run(capsys, "--logins", str(of_production))

    assert not content or content not in str(refused.value)


def test_a_log_in_that_may_change_nothing_is_refused_by_its_name(settings: Any) -> None:
    settings.DATABASE_SERVER = roles.real_server("postgresql://raxx_app:x@db.example/raxx", None)

    with pytest.raises(CommandError, match="DATABASE_URL names raxx_app"):
        call_command("bootstrap")


@pytest.mark.parametrize(
    ("url", "key", "options", "refusal"),
    [
        ("postgresql://admin:x@db.example/raxx", None, [], "say where the roles' log-ins are kept"),
        (
            "postgresql://admin:x@db.example/raxx",
            "k" * 50,
            ["--logins", "x"],
            "--logins is for RAXX_ENV=production",
        ),
        ("postgresql://admin:x@db.example/raxx", "k" * 50, ["--rotate", "all"], "say where with --logins"),
        (
            "postgresql://raxx_owner:x@db.example/raxx",
            None,
            ["--logins", "x"],
            "needs the administrative login",
        ),
    ],
    ids=["nowhere", "development", "rotate nowhere", "owner"],
)
def test_options_that_do_not_go_with_the_login_are_refused(
    settings: Any, url: str, key: str | None, options: list[str], refusal: str
) -> None:
    settings.DATABASE_SERVER = roles.real_server(url, key)

    with pytest.raises(CommandError, match=refusal):
        call_command("bootstrap", *options)


@pytest.mark.parametrize(
    ("verifier", "password", "is_of_it"),
    [
        (VERIFIER_OF_PENCIL, "pencil", True),
        (VERIFIER_OF_PENCIL, "pen", False),
        ("md5" + "0" * 32, "pencil", False),
    ],
    ids=["right", "wrong", "of another kind"],
)
def test_a_password_is_known_by_its_verifier(verifier: str, password: str, is_of_it: bool) -> None:
    assert matches(verifier, password) is is_of_it
