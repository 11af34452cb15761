"""The files outside the database: how they come about, and what is found when somebody is at them."""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import sha256
from io import StringIO
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts import tasks
from accounts.audit import anchors as files
from accounts.audit.faults import Kind
from accounts.audit.history import read_history
from accounts.audit.keys import name_of, signing_key
from accounts.audit.merkle import Head, root_of
from accounts.models.user import new_id
from accounts.services import anchoring
from accounts.services.anchoring import anchor_audit, verify_audit
from raxx import roles, schedule
from tests.accounts.audit.forging import fill, rewrite, stored

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db(transaction=True)


def three_anchors() -> None:
    """Write three anchors, the second and third of one new chain each."""
    fill(new_id(), 1)
    fill(new_id(), 1)
    for _ in range(3):
        fill(new_id(), 1)
        anchor_audit()


def anchor_faults() -> list[tuple[Kind, int | None]]:
    return [(fault.kind, fault.seq) for fault in verify_audit().faults if fault.chain is None]


def test_an_anchor_holds_every_head_and_the_next_one_what_is_new(anchors: Path):
    chains = sorted(new_id() for _ in range(5))
    for chain in chains:
        fill(chain, 2)
    first = anchor_audit()
    nothing = anchor_audit()
    fill(chains[1], 1)
    second = anchor_audit()

    assert (first.number, first.chains, first.new, second.number, second.chains, second.new) == (
        1,
        5,
        5,
        2,
        5,
        1,
    )
    assert nothing is None
    one, two = files.read(anchors, 1), files.read(anchors, 2)
    assert [(chain, head.seq) for chain, head in one.heads()] == [(chain, 2) for chain in chains]
    assert dict(two.heads()) == {chains[1]: Head(3, stored(chains[1])[-1].hash)}
    assert (one.facts.is_full, one.facts.previous) == (True, "0" * 64)
    assert (two.facts.is_full, two.facts.previous) == (False, sha256(first.file.read_bytes()).hexdigest())
    assert two.facts.root == root_of({**dict(one.heads()), **dict(two.heads())}).hex()


def test_a_file_is_written_whole_readable_and_never_again(anchors: Path):
    fill(new_id(), 1)
    anchored = anchor_audit()

    assert anchored.file.stat().st_mode & 0o777 == 0o400
    assert [file.name for file in anchors.iterdir()] == ["000000000001.anchor"]
    with pytest.raises(files.AnchorTaken):
        files.write(
            anchors,
            key=Ed25519PrivateKey.generate(),
            number=1,
            at=timezone.now(),
            previous=files.NONE_BEFORE,
            heads={},
            root=b"",
            chains=0,
            is_full=True,
        )
    assert [file.name for file in anchors.iterdir()] == ["000000000001.anchor"]


def test_all_heads_are_written_again_when_the_changes_have_become_as_many(anchors: Path):
    chains = [new_id() for _ in range(4)]
    for chain in chains:
        fill(chain, 1)
    for _ in range(6):
        anchor_audit()
        fill(chains[0], 1)

    history = [files.read(anchors, number).facts for number in files.numbers(anchors)]
    assert [facts.is_full for facts in history] == [True, False, False, False, True, False]
    assert verify_audit().faults == verify_audit(since_anchor=True).faults == ()


def test_all_heads_are_written_again_after_many_files(monkeypatch, anchors: Path):
    monkeypatch.setattr(anchoring, "FILES_SINCE_FULL_MAX", 3)
    for _ in range(50):
        fill(new_id(), 1)
    one = new_id()
    for _ in range(5):
        fill(one, 1)
        anchor_audit()

    assert [files.read(anchors, number).facts.is_full for number in files.numbers(anchors)] == [
        True, False, False, True, False,
    ]  # fmt: skip


def edit_a_head(folder: Path) -> None:
    _rewrite_file(folder, 2, lambda text: text.replace(" 1 ", " 2 "))


def edit_the_facts(folder: Path) -> None:
    _rewrite_file(folder, 2, lambda text: text.replace('"chains":4', '"chains":5'))


def edit_the_signature(folder: Path) -> None:
    _rewrite_file(folder, 2, lambda text: _with_line(text, 1, "00" * 64))


def empty_it(folder: Path) -> None:
    _rewrite_file(folder, 2, lambda _: "")


def drop_the_heads(folder: Path) -> None:
    _rewrite_file(folder, 2, lambda text: "\n".join(text.splitlines()[:2]) + "\n")


def sign_it_with_another_key(folder: Path) -> None:
    key = Ed25519PrivateKey.generate()

    def signed(text: str) -> str:
        facts = json.loads(text.splitlines()[0]) | {"key": name_of(key.public_key())}
        line = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        return _with_line(_with_line(text, 0, line), 1, key.sign(line.encode()).hex())

    _rewrite_file(folder, 2, signed)


def claim_our_key_s_name(folder: Path) -> None:
    def signed(text: str) -> str:
        return _with_line(text, 1, Ed25519PrivateKey.generate().sign(text.splitlines()[0].encode()).hex())

    _rewrite_file(folder, 2, signed)


def take_one_away(folder: Path) -> None:
    (folder / "000000000002.anchor").unlink()


def copy_another_over_it(folder: Path) -> None:
    content = (folder / "000000000001.anchor").read_text()
    _rewrite_file(folder, 2, lambda _: content)


def _rewrite_file(folder: Path, number: int, change) -> None:
    file = folder / f"{number:012d}.anchor"
    before = file.read_text()
    after = change(before)
    assert after != before
    file.chmod(0o600)
    file.write_text(after)


def _with_line(text: str, place: int, line: str) -> str:
    lines = text.splitlines()
    lines[place] = line
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "act",
    [
        edit_a_head, edit_the_facts, edit_the_signature, empty_it, drop_the_heads, sign_it_with_another_key,
        claim_our_key_s_name, take_one_away, copy_another_over_it,
    ],
    ids=lambda act: act.__name__,
)  # fmt: skip
def test_an_anchor_that_somebody_was_at_is_named(anchors: Path, act):
    three_anchors()
    assert anchor_faults() == []
    act(anchors)

    assert anchor_faults() == [(Kind.ANCHOR, 2)]


def test_a_rewritten_anchor_signed_with_our_own_key_does_not_fit_the_one_after_it(anchors: Path, settings):
    three_anchors()
    key = signing_key(settings.AUDIT_KEY, may_make=False)

    def signed(text: str) -> str:
        facts = json.loads(text.splitlines()[0]) | {"at": "2001-01-01T00:00:00+00:00"}
        line = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        return _with_line(_with_line(text, 0, line), 1, key.sign(line.encode()).hex())

    _rewrite_file(anchors, 2, signed)

    assert anchor_faults() == [(Kind.ANCHOR, 3)]


def test_a_rewrite_before_a_later_anchor_contradicts_the_earlier_one(anchors: Path):
    chain = new_id()
    fill(chain, 3)
    anchor_audit()
    fill(chain, 1)
    rewrite(chain, [entry._replace(body="{}") for entry in stored(chain)])
    anchor_audit()

    assert (Kind.REWRITTEN, chain, 3) in {(each.kind, each.chain, each.seq) for each in verify_audit().faults}


def test_the_next_anchor_raises_an_alarm_about_a_chain_that_went_backward(caplog):
    chain = new_id()
    fill(chain, 3)
    anchor_audit()
    rewrite(chain, stored(chain)[:2])
    anchor_audit()

    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        f"audit chain {chain} is not what it was when it was anchored: run verify_audit"
    ]


def test_nothing_is_anchored_upon_an_anchor_that_is_not_in_order(anchors: Path):
    fill(new_id(), 1)
    anchor_audit()
    _rewrite_file(anchors, 1, lambda text: text.replace(" 1 ", " 2 "))
    fill(new_id(), 1)

    with pytest.raises(files.AnchorBroken, match="other heads than those that were signed"):
        anchor_audit()
    with pytest.raises(CommandError, match="anchor 1 has other heads"):
        call_command("anchor_audit")
    assert files.numbers(anchors) == [1]


def test_two_who_anchor_at_once_leave_one_line_of_anchors(anchors: Path):
    for _ in range(3):
        fill(new_id(), 1)
    together, errors = Barrier(4), []

    def anchor() -> None:
        try:
            together.wait()
            fill(new_id(), 1)
            anchor_audit()
        except Exception as error:  # noqa: BLE001 - shown by the test
            errors.append(error)
        finally:
            connection.close()

    threads = [Thread(target=anchor) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    anchor_audit()

    assert errors == []
    assert verify_audit().faults == ()
    assert verify_audit().warnings == ()


def test_the_worker_s_tasks_anchor_verify_and_tell_of_every_fault(caplog, anchors: Path, monkeypatch):
    chain = new_id()
    fill(chain, 3)
    tasks.anchor()
    tasks.verify_new()
    tasks.verify_all()
    assert (files.numbers(anchors), caplog.records) == ([1], [])

    rewrite(chain, stored(chain)[:2])
    tasks.verify_new()
    assert "audit log: chain" in caplog.text
    assert {job.task for job in schedule.JOBS} >= {
        "accounts.anchor_audit", "accounts.verify_new_audit", "accounts.verify_audit",
    }  # fmt: skip
    assert schedule.BY_NAME["anchor-audit"].every == timedelta(minutes=5)


def test_the_role_of_the_worker_may_do_all_of_it(anchors: Path):
    """Run the tasks in a connection that has taken the worker's role."""
    fill(new_id(), 2)
    with connection.cursor() as cursor:
        cursor.execute(f"set role {roles.WORKER}")
        try:
            anchored, report = anchor_audit(), verify_audit()
        finally:
            cursor.execute("reset role")

    assert anchored.chains == 1
    assert (report.entries, report.faults) == (2, ())


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 8])
def test_the_root_is_that_of_the_obvious_definition(count):
    heads = {new_id(): Head(number + 1, sha256(bytes([number])).digest()) for number in range(count)}
    leaves = [
        sha256(b"\0" + chain.bytes + head.seq.to_bytes(8, "big") + head.hash).digest()
        for chain, head in sorted(heads.items())
    ]

    def root(nodes: list[bytes]) -> bytes:  # RFC 6962, 2.1, as it stands there
        if not nodes:
            return sha256(b"").digest()
        if len(nodes) == 1:
            return nodes[0]
        split = 1
        while split * 2 < len(nodes):
            split *= 2
        return sha256(b"\1" + root(nodes[:split]) + root(nodes[split:])).digest()

    assert root_of(heads) == root(leaves)


def test_a_folder_that_is_not_there_has_no_anchors(tmp_path: Path):
    assert read_history(tmp_path / "nowhere", {}).count == 0


def test_the_command_says_what_it_wrote(anchors: Path):
    fill(new_id(), 1)
    said = [StringIO(), StringIO(), StringIO()]
    call_command("anchor_audit", stdout=said[0])
    call_command("anchor_audit", stdout=said[1])
    fill(new_id(), 1)
    call_command("anchor_audit", "--json", stdout=said[2])

    assert said[0].getvalue().startswith("anchor 1 of 1 chains, 1 of them new or longer: ")
    assert said[1].getvalue() == "nothing is new since the last anchor\n"
    assert json.loads(said[2].getvalue())["anchor"]["file"] == str(anchors / "000000000002.anchor")
