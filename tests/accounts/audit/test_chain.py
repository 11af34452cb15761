"""The judge of a chain, without a database: whatever is done to a chain, something is wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from accounts.audit.chain import Chain
from accounts.audit.entries import NO_HASH, StoredEntry, hash_of
from accounts.audit.merkle import Head
from accounts.models import AuditEntry
from accounts.models.user import new_id
from accounts.services.audit import record
from tests.accounts.audit.forging import stored

CHAIN = UUID(int=7)
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)

words = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
facts = st.tuples(words, words, words, words, words, st.none() | st.binary(min_size=32, max_size=32))


def chain_of(all_facts: list[tuple[str, str, str, str, str, bytes | None]]) -> list[StoredEntry]:
    entries, prev = [], NO_HASH
    for seq, (kind, actor, request, action, body, digest) in enumerate(all_facts, start=1):
        at = NOON + timedelta(microseconds=seq)
        entry = StoredEntry(CHAIN, seq, CHAIN, at, kind, actor, request, action, body, digest, prev, b"")
        prev = hash_of(entry)
        entries.append(entry._replace(hash=prev))
    return entries


def faults_of(entries: list[StoredEntry], head: Head | None) -> list[str]:
    chain = Chain(CHAIN, {})
    for entry in entries:
        chain.take(entry)
    chain.end(head)
    return [str(fault) for fault in chain.faults]


def head_of(entries: list[StoredEntry]) -> Head:
    return Head(entries[-1].seq, entries[-1].hash)


chains = st.lists(facts, min_size=1, max_size=8).map(chain_of)


@given(chains)
def test_a_chain_that_nobody_touched_is_whole(entries):
    assert faults_of(entries, head_of(entries)) == []


@given(chains, st.data())
def test_any_field_of_any_entry_that_is_changed_shows(entries, data):
    place = data.draw(st.integers(0, len(entries) - 1))
    name = data.draw(st.sampled_from(StoredEntry._fields))
    other = {
        "chain": st.just(UUID(int=8)),
        "seq": st.integers(-3, 30),
        "subject": st.sampled_from([None, UUID(int=9)]),
        "at": st.integers(1, 10**12).map(lambda us: NOON - timedelta(microseconds=us)),
        "details_digest": st.none() | st.binary(min_size=32, max_size=32),
        "prev": st.binary(min_size=32, max_size=32),
        "hash": st.binary(min_size=32, max_size=32),
    }.get(name, words)
    value = data.draw(other.filter(lambda value: value != getattr(entries[place], name)))
    changed = [*entries]
    changed[place] = entries[place]._replace(**{name: value})
    in_order = sorted(changed, key=lambda entry: entry.seq)  # as the database reads it

    assert faults_of(in_order, head_of(entries)) != []


@given(chains, st.data())
def test_any_run_of_entries_that_is_taken_away_shows(entries, data):
    first = data.draw(st.integers(0, len(entries) - 1))
    count = data.draw(st.integers(1, len(entries) - first))

    assert faults_of([*entries[:first], *entries[first + count :]], head_of(entries)) != []


@given(chains, facts, st.data())
def test_any_entry_that_is_put_in_shows_however_the_others_are_numbered(entries, more, data):
    place = data.draw(st.integers(0, len(entries)))
    prev = entries[place - 1].hash if place else NO_HASH
    forged = chain_of([more])[0]._replace(seq=place + 1, prev=prev)
    forged = forged._replace(hash=hash_of(forged))
    moved = [entry._replace(seq=entry.seq + 1) for entry in entries[place:]]

    with_it = [*entries[:place], forged, *moved]

    assert faults_of(with_it, head_of(entries)) != []
    if moved:  # at the end, with the head to match, only an anchor can tell it from a real one
        assert faults_of(with_it, Head(len(with_it), moved[-1].hash)) != []


@given(chains)
def test_two_entries_that_change_places_show(entries):
    if len(entries) > 1:
        first, second, *rest = entries
        swapped = [second._replace(seq=1), first._replace(seq=2), *rest]

        assert faults_of(swapped, head_of(entries)) != []


def test_fields_do_not_run_into_each_other():
    one, other = chain_of([("ab", "c", "", "", "", None)]), chain_of([("a", "bc", "", "", "", None)])

    assert one[0].hash != other[0].hash


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text", ["", "plain", "Größe 漢字 🜁", "'quotes' \"and\" \\ {}", "\\u0000 and \x1f"], ids=str.__len__
)
def test_the_database_and_this_code_come_to_the_same_hash(text):
    chain = new_id()
    record(action="thing.made", user_id=chain, reason=text, details={"x": text})
    record(action="thing.made", user_id=None, after={"x": text})

    entries = [*stored(chain), *stored(UUID(int=0))]
    assert len(entries) == AuditEntry.objects.count() == 2
    assert [hash_of(entry) for entry in entries] == [entry.hash for entry in entries]
