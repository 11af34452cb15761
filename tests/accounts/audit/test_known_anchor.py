"""The row beside the files: whoever takes anchors away, puts old ones back or begins anew leaves a trace."""

from __future__ import annotations

import json
import shutil
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command

from accounts import tasks
from accounts.audit import anchors as files, known
from accounts.audit.faults import Kind
from accounts.errors import RuleBroken, ValueInvalid
from accounts.models import AuditEntry, KnownAnchor
from accounts.models.user import new_id
from accounts.services import anchoring
from accounts.services.anchoring import anchor_audit, begin_anchors_anew, verify_audit
from raxx import roles
from tests.accounts.audit.forging import fill
from tests.trading.walls import sql

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.trading.walls import AsRole

pytestmark = pytest.mark.django_db(transaction=True)

FIRST, LAST = "000000000001.anchor", "000000000003.anchor"


def anchored(times: int = 3) -> None:
    for _ in range(times):
        fill(new_id(), 1)
        anchor_audit()


def told(*words: str) -> tuple[int, Any]:
    """Return the exit code of a command, and the document that it printed."""
    out = StringIO()
    try:
        call_command(*words, "--json", stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def take_all_away(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def take_the_files_away(folder: Path) -> None:
    for file in folder.iterdir():
        file.rename(folder.parent / file.name)


def take_the_last_away(folder: Path) -> None:
    (folder / LAST).unlink()


def put_another_line_there(folder: Path) -> None:
    take_all_away(folder)
    KnownAnchor.objects.all().delete()
    anchored()  # signed by our own key, in order, of all chains
    KnownAnchor.objects.update(digest=files.read(folder.with_name("elsewhere"), 3).digest)


@pytest.mark.parametrize(
    "act",
    [take_all_away, take_the_files_away, take_the_last_away, put_another_line_there],
    ids=lambda act: act.__name__,
)
def test_who_is_at_the_anchors_and_has_no_more_than_their_folder_is_found_out(
    anchors: Path, act: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    anchored()
    assert (told("verify_audit")[0], told("verify_audit", "--since-anchor")[0]) == (0, 0)
    act(anchors)
    fill(new_id(), 1)
    left = files.numbers(anchors)

    for words in (("verify_audit",), ("verify_audit", "--since-anchor")):
        code, document = told(*words)
        assert (code, document["is_whole"]) == (1, False)
        assert [(fault["kind"], fault["seq"]) for fault in document["faults"]] == [("anchor", 3)]
    for words in (("anchor_audit",), ("anchor_audit", "--dry-run")):
        with pytest.raises(CommandError, match=r"anchor 3 is .*deploy/recovery\.md, The anchors"):
            call_command(*words)
    with pytest.raises(files.AnchorBroken):
        tasks.anchor()
    assert tasks.verify_new()["faults"] == tasks.verify_all()["faults"] == 1
    assert "audit log: anchors, 3: anchor" in caplog.text
    assert files.numbers(anchors) == left


def test_no_role_that_serves_people_sees_or_changes_what_is_known(anchors: Path, as_role: AsRole) -> None:
    anchored(1)
    tried = (
        "select number from accounts_knownanchor",
        "update accounts_knownanchor set number = 0",
        "delete from accounts_knownanchor",
        "insert into accounts_knownanchor (id, number, digest, ended_number, ended_digest) values (1, 0, '', 0, '')",
        "truncate accounts_knownanchor",
    )
    may = {
        (role, privilege)
        for role in roles.ROLES
        for privilege in ("select", "insert", "update", "delete", "truncate")
        if sql("select has_table_privilege(%s, 'accounts_knownanchor', %s)", role, privilege) == [(True,)]
    }

    assert {role for role, _ in may} == {roles.OWNER, roles.WORKER}
    assert ("raxx_worker", "delete") not in may
    for role in (roles.APP, roles.SUPPORT):
        for statement in tried:
            sql("begin")
            try:
                sql(f"set local role {role}")
                with pytest.raises(Exception, match="permission denied for table accounts_knownanchor"):
                    sql(statement)
            finally:
                sql("rollback")


def test_a_writer_that_is_killed_before_the_database_knows_leaves_nothing_to_complain_of(
    anchors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def dies(*_: Any, **__: Any) -> None:
        raise Killed

    anchored(1)
    fill(new_id(), 1)
    with monkeypatch.context() as patched:
        patched.setattr(anchoring, "keep", dies)
        with pytest.raises(Killed):
            anchor_audit()
    assert (files.numbers(anchors), known.last_known().number) == ([1, 2], 1)
    assert verify_audit().faults == ()

    assert anchor_audit() is None  # nothing is new, and what is there is known from now on

    assert (known.last_known().number, known.last_known().digest) == (2, files.read(anchors, 2).digest)


def test_who_is_late_to_tell_does_not_bring_back_what_was_known_or_ended_before(anchors: Path) -> None:
    anchored(2)
    before = known.last_known()
    anchored(1)

    known.keep(before, number=2, digest=before.digest)
    assert known.last_known().number == 3

    take_all_away(anchors)
    begin_anchors_anew(reason="lost")
    known.keep(before, number=4, digest=before.digest)
    assert known.last_known()[:1] == (0,)


def test_an_installation_whose_database_knows_nothing_yet_takes_the_anchors_that_are_there(
    anchors: Path,
) -> None:
    anchored()
    KnownAnchor.objects.all().delete()
    fill(new_id(), 1)

    assert verify_audit().faults == ()
    anchor_audit()

    assert (known.last_known().number, verify_audit().faults) == (4, ())


def test_a_line_of_anchors_is_ended_with_a_reason_once_its_folder_is_put_away_and_another_begins(
    anchors: Path,
) -> None:
    anchored()
    digest = files.read(anchors, 3).digest
    words = ("anchor_audit", "--anew", "--reason", "the disk was lost")
    for refused in (words, (*words, "--dry-run")):
        with pytest.raises(CommandError, match=r"has anchors, up to 3: move the folder away and keep it"):
            call_command(*refused)
    take_all_away(anchors)

    assert told(*words, "--dry-run") == (0, {"ended": 3, "dry_run": True})
    assert not verify_audit().is_whole
    assert told(*words) == (0, {"ended": 3})
    assert told(*words) == (0, {"ended": 0})

    entry = AuditEntry.objects.get(action="audit.anchors_ended")
    assert json.loads(entry.body) == {
        "before": {"digest": digest, "number": 3},
        "reason": "the disk was lost",
    }
    assert [warning.split(":")[0] for warning in verify_audit().warnings] == ["there is no anchor"]
    assert anchor_audit().number == 1
    assert (verify_audit().faults, verify_audit().warnings) == ((), ())

    # The folder of the line that was ended is not the new one's, whichever of them somebody puts there.
    shutil.rmtree(anchors)
    anchors.with_name("elsewhere").rename(anchors)
    assert {fault.kind for fault in verify_audit().faults} == {Kind.ANCHOR}


def test_the_folder_of_a_line_that_was_ended_is_not_written_to(anchors: Path) -> None:
    anchored()
    take_all_away(anchors)
    begin_anchors_anew(reason="lost")
    anchors.with_name("elsewhere").rename(anchors)
    fill(new_id(), 1)

    with pytest.raises(
        files.AnchorBroken, match="of the line that was ended: let RAXX_AUDIT_ANCHORS name a new"
    ):
        anchor_audit()
    assert [fault.seq for fault in verify_audit().faults] == [3]


@pytest.mark.parametrize(
    "reason", ["", "  ", "x" * 201, "two\nlines"], ids=["none", "blank", "long", "lines"]
)
def test_a_line_is_not_ended_without_a_proper_reason(anchors: Path, reason: str) -> None:
    anchored(1)
    take_all_away(anchors)

    for is_trial in (True, False):
        with pytest.raises(ValueInvalid, match="a reason is 1 to 200 printable"):
            begin_anchors_anew(reason=reason, is_trial=is_trial)
    assert known.last_known().number == 1


def test_a_named_folder_without_anchors_judges_nothing_and_one_that_lags_behind_does(
    anchors: Path, tmp_path: Path
) -> None:
    anchored(2)
    shutil.copytree(anchors, tmp_path / "copy")
    anchored(1)
    (tmp_path / "empty").mkdir()

    for name in ("nonexistent", "empty"):
        with pytest.raises(CommandError, match=f"there are no anchors in {tmp_path / name}"):
            call_command("verify_audit", "--anchors", str(tmp_path / name))
    code, document = told("verify_audit", "--anchors", str(tmp_path / "copy"))
    assert (code, document["is_whole"], document["anchors"]) == (0, True, 2)
    # The installation's own, called by its name, is what the database knows.
    (anchors / LAST).unlink()
    assert told("verify_audit", "--anchors", str(anchors))[0] == 1


def test_a_line_elsewhere_is_one_of_its_own(anchors: Path, tmp_path: Path) -> None:
    anchored(2)
    fill(new_id(), 1)

    assert anchor_audit(folder=tmp_path / "elsewhere").number == 1

    assert known.last_known().number == 2
    with pytest.raises(RuleBroken):
        begin_anchors_anew(reason="r")
