"""Many who append at once: no gap, no fork, and no two of them waiting for each other."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import TYPE_CHECKING

import pytest
from django.db import connection, transaction

from accounts.audit.entries import hash_of
from accounts.models.user import new_id
from accounts.services.anchoring import verify_audit
from accounts.services.audit import Entry, record, record_all
from raxx import roles
from tests.accounts.audit.forging import stored
from tests.factories.rows import make_user
from tests.factories.sessions import session, wait_until_blocked

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db(transaction=True)

THREADS, ENTRIES = 8, 25
APPEND = (
    "insert into accounts_auditentry (chain, subject, actor_kind, actor_id, request_id, action, body)"
    " values (%s, %s, 'system', '', '', 'a.b', '{}')"
)


def at_once(act: Callable[[int], None]) -> list[BaseException]:
    """Run the act in threads with a connection each, all beginning together; return what went wrong."""
    together, errors = Barrier(THREADS), []

    def run(number: int) -> None:
        try:
            together.wait()
            act(number)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            errors.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=[number]) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_many_threads_on_one_chain_leave_no_gap_and_no_fork():
    user_id = make_user().pk

    def act(number: int) -> None:
        for turn in range(ENTRIES):
            with transaction.atomic():
                record(action="thing.changed", user_id=user_id, after={"by": number, "turn": turn})

    assert at_once(act) == []
    entries = stored(user_id)
    assert [entry.seq for entry in entries] == list(range(1, THREADS * ENTRIES + 1))
    assert [entry.prev for entry in entries[1:]] == [hash_of(entry) for entry in entries[:-1]]
    assert len({entry.body for entry in entries}) == THREADS * ENTRIES
    assert verify_audit().faults == ()


def test_the_first_entries_of_a_chain_may_come_at_once_from_who_serves_people():
    ada = make_user()
    with session(roles.APP, autocommit=False) as one, session(roles.APP, autocommit=False) as other:
        for each in (one, other):
            each.execute("select set_config('raxx.user_id', %s, true)", [str(ada.pk)])
        one.execute(APPEND, [ada.pk, ada.pk])
        pid = other.info.backend_pid
        with session(roles.OWNER) as watcher:
            second = Thread(target=lambda: other.execute(APPEND, [ada.pk, ada.pk]))
            second.start()
            wait_until_blocked(watcher, pid)
        one.commit()
        second.join()
        other.commit()

    assert [entry.seq for entry in stored(ada.pk)] == [1, 2]
    assert verify_audit().faults == ()


def test_who_waits_for_an_entry_that_is_rolled_back_takes_its_number():
    ada = make_user()
    record(action="thing.made", user_id=ada.pk)
    with session(roles.OWNER, autocommit=False) as one, session(roles.OWNER, autocommit=False) as other:
        one.execute(APPEND, [ada.pk, ada.pk])
        with session(roles.OWNER) as watcher:
            second = Thread(target=lambda: other.execute(APPEND, [ada.pk, ada.pk]))
            second.start()
            wait_until_blocked(watcher, other.info.backend_pid)
        one.rollback()
        second.join()
        other.commit()

    assert [entry.seq for entry in stored(ada.pk)] == [1, 2]
    assert verify_audit().faults == ()


def test_entries_of_several_chains_named_in_any_order_never_wait_in_a_circle():
    chains = [new_id() for _ in range(4)]

    def act(number: int) -> None:
        order = chains if number % 2 else chains[::-1]
        for _ in range(ENTRIES):
            with transaction.atomic():
                record_all(Entry(action="thing.changed", user_id=chain) for chain in order)

    assert at_once(act) == []
    assert [len(stored(chain)) for chain in chains] == [THREADS * ENTRIES] * 4


def test_different_chains_do_not_wait_for_each_other():
    ada, ben = make_user(), make_user()
    with session(roles.OWNER, autocommit=False) as one, session(roles.OWNER, autocommit=False) as other:
        one.execute(APPEND, [ada.pk, ada.pk])
        other.execute("set local lock_timeout = '1ms'")
        other.execute(APPEND, [ben.pk, ben.pk])
        other.commit()
        one.commit()

    assert (len(stored(ada.pk)), len(stored(ben.pk))) == (1, 1)
