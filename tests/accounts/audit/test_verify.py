"""What the database's owner does to the log behind its triggers, and what `verify_audit` says to it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from accounts.audit.faults import Kind
from accounts.models import AuditDetail
from accounts.models.audit import SYSTEM_CHAIN
from accounts.models.user import new_id
from accounts.services.anchoring import anchor_audit, verify_audit
from accounts.services.audit import record
from tests.accounts.audit.forging import fill, put, rewrite, stored, tamper
from tests.accounts.audit.tampering import LONG, REWRITES, TAMPERINGS, edit_body, take_the_whole_chain_away
from tests.trading.walls import sql

if TYPE_CHECKING:
    from uuid import UUID

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def chain() -> UUID:
    """Return a chain of six entries, between two others."""
    before, middle, after = new_id(), new_id(), new_id()
    fill(before, 2)
    fill(middle, LONG)
    fill(after, 3)
    record(action="system.started", user_id=None)
    return middle


def found(**options: Any) -> list[tuple[Kind, UUID | None, int | None]]:
    return [(fault.kind, fault.chain, fault.seq) for fault in verify_audit(**options).faults]


def test_an_untouched_log_is_whole_with_anchors_and_without(chain):
    without = verify_audit()
    anchor_audit()
    fill(chain, 2)
    with_one = verify_audit()

    assert (without.faults, without.entries, without.chains, without.anchors) == ((), LONG + 6, 4, 0)
    assert [warning.split(":")[0] for warning in without.warnings] == ["there is no anchor"]
    assert (with_one.faults, with_one.entries, with_one.anchors, with_one.warnings) == ((), LONG + 8, 1, ())


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_was_done_is_named_with_chain_and_sequence_without_any_anchor(chain, name):
    act, faults = TAMPERINGS[name]
    act(chain)

    assert found() == [(kind, chain, seq) for kind, seq in faults] + ORPHANS.get(name, lambda _: [])(chain)


def _orphaned(chain: UUID) -> list[tuple[Kind, UUID | None, int | None]]:
    """Expect the details that an entry which is gone has left behind."""
    digests = {entry.details_digest for entry in stored(chain)}
    left = AuditDetail.objects.filter(chain=chain).exclude(digest__in=digests).count()
    assert left
    return [(Kind.DETAILS, chain, None)] * left


ORPHANS = {name: _orphaned for name in TAMPERINGS if "removed" in name or "cut off" in name}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_was_done_before_the_last_anchor_is_found_as_well(chain, name):
    anchor_audit()
    act, faults = TAMPERINGS[name]
    act(chain)

    assert {(kind, chain, seq) for kind, seq in faults} <= set(found())


@pytest.mark.parametrize("name", ["a body edited", "the end cut off", "one inserted at the end"])
def test_what_was_done_since_the_last_anchor_is_found_by_reading_no_more_than_that(chain, name):
    rewound = stored(chain)[:2]
    act, faults = TAMPERINGS[name]
    put(chain, rewound)  # as it was after two entries
    tamper("update accounts_audithead set seq = 2, hash = %s where chain = %s", rewound[-1].hash, chain)
    tamper("delete from accounts_auditdetail")
    anchor_audit()
    fill(chain, LONG - 2)
    assert found(since_anchor=True) == []
    act(chain)

    assert found(since_anchor=True) == [(kind, chain, seq) for kind, seq in faults]
    # The entries that the anchor names (one a chain), and what came after them.
    assert verify_audit(since_anchor=True).entries < verify_audit().entries


@pytest.mark.parametrize("since_anchor", [False, True], ids=["all", "since"])
@pytest.mark.parametrize("name", REWRITES)
def test_a_full_rewrite_by_the_owner_fools_the_chain_and_not_the_anchors(chain, name, since_anchor):
    act, faults = REWRITES[name]
    tamper("delete from accounts_auditdetail")
    anchor_audit()
    act(chain)

    found_faults = {(fault.kind, fault.seq) for fault in verify_audit(since_anchor=since_anchor).faults}
    if since_anchor and act is take_the_whole_chain_away:  # from where on, only the whole log would tell
        faults = {(Kind.CUT_OFF, LONG), (Kind.HEAD, None)}
    assert found_faults == faults


@pytest.mark.parametrize("name", REWRITES)
def test_without_anchors_the_same_rewrites_are_not_seen_which_is_why_there_are_anchors(chain, anchors, name):
    REWRITES[name][0](chain)
    tamper("delete from accounts_auditdetail")

    report = verify_audit()

    assert (report.faults, report.anchors) == ((), 0)
    assert report.warnings[0].startswith("there is no anchor")


def test_details_may_be_erased_and_may_not_be_changed_or_added(chain):
    anchor_audit()
    AuditDetail.objects.filter(chain=chain).first().delete()
    assert found() == []

    tamper("update accounts_auditdetail set details = '{}' where digest in"
           " (select digest from accounts_auditdetail where chain = %s limit 1)", chain)  # fmt: skip
    assert found() == [(Kind.DETAILS, chain, None)]

    AuditDetail.objects.all().delete()
    AuditDetail.objects.create(digest=b"d" * 32, chain=chain, salt=b"s" * 32, details="{}")
    assert found() == [(Kind.DETAILS, chain, None)]


def age(chain: UUID, days: int) -> None:
    """Let the chain have been written so many days ago."""
    rewrite(chain, [entry._replace(at=entry.at - timedelta(days=days)) for entry in stored(chain)])


def test_a_chain_of_two_years_ago_may_be_forgotten_and_leaves_a_mark_that_is_believed(chain):
    age(chain, 800)
    anchor_audit(now=timezone.now() - timedelta(days=799))
    (forgotten,) = sql("select accounts_forget_chain(%s)", chain)

    assert forgotten == (True,)
    assert (stored(chain), AuditDetail.objects.filter(chain=chain).count()) == ([], 0)
    mark = stored(SYSTEM_CHAIN)[-1]
    assert (mark.action, mark.subject) == ("audit.chain_forgotten", None)
    assert json.loads(mark.body)["before"] | {"hash": ""} == {"chain": str(chain), "hash": "", "seq": LONG}
    assert found() == found(since_anchor=True) == []
    assert sql("select accounts_forget_chain(%s)", chain) == [(False,)]

    fill(chain, 2)  # and it may go on, after the gap
    assert [entry.seq for entry in stored(chain)] == [LONG + 1, LONG + 2]
    anchor_audit()
    assert found() == found(since_anchor=True) == []


def test_a_chain_with_newer_entries_and_the_system_s_are_not_forgotten(chain):
    for which in (chain, SYSTEM_CHAIN):
        with pytest.raises(Exception, match=r"last two years|is kept"):
            sql("select accounts_forget_chain(%s)", which)

    assert len(stored(chain)) == LONG
    assert found() == []


def test_a_chain_aged_by_hand_and_forgotten_too_early_is_found_by_its_anchors(chain):
    anchor_audit(now=timezone.now() - timedelta(hours=1))
    fill(chain, 1)
    anchor_audit()
    age(chain, 800)
    sql("select accounts_forget_chain(%s)", chain)

    kinds = {(kind, where) for kind, where, _ in found()}
    assert (Kind.REMOVED, chain) in kinds


@pytest.mark.parametrize("days", [0, 900], ids=["now", "in the future"])
def test_a_mark_that_the_owner_forges_hides_no_removal(chain, days):
    anchor_audit(now=timezone.now() - timedelta(hours=1))
    fill(chain, 1)
    anchor_audit()
    last = stored(chain)[-1]
    take_the_whole_chain_away(chain)
    told = {"chain": str(chain), "hash": last.hash.hex(), "seq": last.seq}
    record(action="audit.chain_forgotten", user_id=None, before=told)
    entries = stored(SYSTEM_CHAIN)
    rewrite(SYSTEM_CHAIN, [*entries[:-1], entries[-1]._replace(at=entries[-1].at + timedelta(days=days))])

    assert chain in {where for _, where, _ in found()}


def test_the_command_exits_with_1_and_names_chain_and_sequence(chain):
    anchor_audit()
    said = StringIO()
    call_command("verify_audit", stdout=said)
    assert said.getvalue().endswith("all whole\n")
    edit_body(chain)

    said = StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("verify_audit", stdout=said)
    assert said.getvalue().splitlines()[0].startswith(f"chain {chain}, 3: edited: thing.changed")

    said = StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("verify_audit", "--json", stdout=said)
    told = json.loads(said.getvalue())
    assert [(fault["kind"], fault["chain"], fault["seq"]) for fault in told["faults"]] == [
        ("edited", str(chain), 3)
    ]
    assert (told["is_whole"], told["entries"], told["anchors"]) == (False, LONG + 6, 1)


def test_old_entries_without_an_anchor_are_told_of(chain):
    anchor_audit()
    fill(chain, 1)

    later = verify_audit(now=datetime.now(UTC) + timedelta(hours=2))

    assert later.is_whole
    assert [warning.endswith("is the worker running?") for warning in later.warnings] == [True]


def test_verification_changes_nothing_and_cannot(chain):
    before = sql(
        "select e::text from accounts_auditentry e union all select h::text from accounts_audithead h order by 1"
    )
    verify_audit()
    after = sql(
        "select e::text from accounts_auditentry e union all select h::text from accounts_audithead h order by 1"
    )

    assert before == after
    assert not connection.in_atomic_block
