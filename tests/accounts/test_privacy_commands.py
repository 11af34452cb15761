"""`manage.py export_user` and `erase_user`."""

from __future__ import annotations

import json
import stat
import zipfile
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import AuditDetail, AuditEntry, Erasure, User
from tests.factories.rows import make_account, make_user
from tests.factories.whole_person import everything_of, places_of

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)

ANN = "ann.of.commands@example.com"


@pytest.fixture(autouse=True)
def _own_folder(settings: SettingsWrapper, tmp_path: Path) -> None:
    settings.EXPORTS = tmp_path / "exports"


@pytest.fixture
def ann() -> User:
    person = make_user(email=ANN)
    make_account(person, cash=1_000)
    return person


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def erase_user(*arguments: str) -> Any:
    return json.loads(
        run("erase_user", "--email", ANN.upper(), "--reason", f"{ANN} wrote", "--json", *arguments)
    )


def actions(user: User) -> list[str]:
    found = AuditEntry.objects.filter(subject=user.pk).order_by("seq")
    return list(found.values_list("action", flat=True))


def test_an_operator_s_archive_is_for_them_alone_and_in_the_log(ann: User, tmp_path: Path) -> None:
    out = tmp_path / "ann.zip"

    shown = json.loads(run("export_user", "--email", ANN.upper(), "--out", str(out), "--json"))

    assert (shown["user_id"], shown["file"]) == (str(ann.pk), str(out))
    assert shown["rows"]["trading_tradingaccount"] == 1
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert ANN in zipfile.ZipFile(out).read("accounts_user.csv").decode()
    assert actions(ann) == ["export.by_operator"]
    assert str(out) in run("export_user", "--email", ANN, "--out", f"{out}2")


def test_a_file_that_is_there_is_not_written_over(ann: User, tmp_path: Path) -> None:
    out = tmp_path / "ann.zip"
    out.write_text("something else")

    with pytest.raises(CommandError, match="cannot be written"):
        run("export_user", "--email", ANN, "--out", str(out))

    assert out.read_text() == "something else"
    assert actions(ann) == []


@pytest.mark.parametrize("command", ["export_user", "erase_user"])
def test_an_address_that_nobody_has_is_refused(command: str, tmp_path: Path) -> None:
    more = ["--out", str(tmp_path / "x")] if command == "export_user" else ["--reason", "r"]
    with pytest.raises(CommandError, match="nobody has the address"):
        run(command, "--email", "nobody@example.com", *more)


def test_a_dry_run_counts_and_changes_nothing(ann: User) -> None:
    before = everything_of(ann)

    shown = erase_user("--dry-run", "--now", "--ticket", "T-1")

    assert shown["dry_run"]
    assert shown["rows"]["trading_posting"] == 2
    assert everything_of(ann) == before
    assert mail.outbox == []
    assert "trading_posting" in run("erase_user", "--email", ANN, "--reason", "r", "--dry-run")


def test_an_operator_s_erasure_waits_like_any_other_and_is_told_to_the_person(ann: User) -> None:
    shown = erase_user()

    assert shown["status"] == "waiting"
    erasure = Erasure.objects.get()
    assert erasure.by == "operator"
    assert erasure.due_at - erasure.asked_at == timedelta(days=30)
    assert User.objects.get().deactivated_at is not None
    assert "/keep/" in mail.outbox[-1].body
    entry = AuditEntry.objects.get(subject=ann.pk, action="erasure.asked")
    assert ANN not in entry.body
    assert ANN in AuditDetail.objects.get(digest=entry.details_digest).details


def test_at_once_needs_a_ticket_and_then_nothing_is_left(ann: User) -> None:
    with pytest.raises(CommandError, match="--ticket"):
        erase_user("--now")
    assert User.objects.get().deactivated_at is None

    shown = erase_user("--now", "--ticket", "T-1")

    assert shown["status"] == "erased"
    assert places_of(ANN) == {}
    assert actions(ann) == ["erasure.asked", "person.erased"]
    assert '"ticket":"T-1"' in AuditEntry.objects.get(action="erasure.asked").body


def test_one_that_waits_already_is_hastened(ann: User) -> None:
    erase_user()

    shown = erase_user("--now", "--ticket", "T-2")

    assert shown["status"] == "erased"
    assert actions(ann) == ["erasure.asked", "erasure.hastened", "person.erased"]
    assert not User.objects.filter(pk=ann.pk).exists()
    assert timezone.now() >= AuditEntry.objects.get(action="person.erased").at


def test_an_erasure_needs_a_reason(ann: User) -> None:
    with pytest.raises(CommandError, match="needs a reason"):
        run("erase_user", "--email", ANN, "--reason", " ")

    assert User.objects.get(pk=ann.pk).deactivated_at is None
