"""`manage.py bootstrap`: it says what it changes, changes nothing twice, and nothing at all in a dry run."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from raxx import roles
from raxx.bootstrap import bootstrap
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
    bootstrap(settings.DATABASE_SERVER)
    try:
        yield
    finally:
        bootstrap(settings.DATABASE_SERVER, for_tests=True)


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


def test_the_log_in_of_each_role_is_written_for_its_owner_alone_and_works(
    prepared: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "credentials"

    first = run(capsys, "--logins", str(folder))
    second = run(capsys, "--logins", str(folder))

    assert len(first["changes"]) == len(roles.ROLES)
    assert second["changes"] == []
    for role in roles.ROLES:
        assert stat.S_IMODE((folder / role).stat().st_mode) == 0o600
        with psycopg.connect((folder / role).read_text(encoding="utf-8")) as session:
            assert session.execute("select current_user").fetchone() == (role,)


def test_a_log_in_that_may_change_nothing_is_refused_by_its_name(settings: Any) -> None:
    settings.DATABASE_SERVER = roles.real_server("postgresql://raxx_app:x@db.example/raxx", "k" * 50)

    with pytest.raises(CommandError, match="DATABASE_URL names raxx_app"):
        call_command("bootstrap")


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
