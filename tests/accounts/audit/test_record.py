"""What an entry holds, who may append it and where, and that nobody changes one."""

from __future__ import annotations

import json
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts import tracing
from accounts.models import AuditDetail, AuditEntry, AuditHead
from accounts.models.audit import SYSTEM_CHAIN
from accounts.models.user import new_id
from accounts.services.audit import Entry, record, record_all
from raxx import roles
from tests.factories.rows import make_user
from tests.trading.walls import bind, refused, sql

if TYPE_CHECKING:
    from uuid import UUID

    from tests.trading.walls import AsRole

pytestmark = pytest.mark.django_db


def chain_of(chain: UUID) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(chain=chain).order_by("seq"))


def test_an_entry_says_who_did_what_to_whom_in_which_request_and_what_it_was_before():
    user_id, account_id = new_id(), new_id()
    with tracing.tracing(request_id="asked-1"):
        tracing.set_actor("key", "PKONE")
        record(
            action="account.reset",
            user_id=user_id,
            account_id=account_id,
            before={"generation": 1, "cash": Decimal("12.50")},
            after={"generation": 2, "cash": Decimal(1000)},
            reason="a fresh start",
        )

    (entry,) = chain_of(account_id)
    assert (entry.seq, entry.subject, entry.action) == (1, user_id, "account.reset")
    assert (entry.actor_kind, entry.actor_id, entry.request_id) == ("key", "PKONE", "asked-1")
    assert entry.body == (
        '{"after":{"cash":"1000","generation":2},"before":{"cash":"12.5","generation":1},'
        '"reason":"a fresh start"}'
    )
    assert (entry.details_digest, bytes(entry.prev)) == (None, bytes(32))


def test_entries_of_a_chain_have_no_gap_and_each_the_hash_of_the_one_before():
    user_id = make_user().pk
    for action in ("thing.made", "thing.changed", "thing.ended"):
        record(action=action, user_id=user_id)

    entries = chain_of(user_id)
    assert [entry.seq for entry in entries] == [1, 2, 3]
    assert [bytes(entry.prev) for entry in entries[1:]] == [bytes(entry.hash) for entry in entries[:-1]]
    head = AuditHead.objects.get(pk=user_id)
    assert (head.seq, bytes(head.hash), head.subject) == (3, bytes(entries[-1].hash), user_id)


def test_the_chain_is_the_account_s_else_the_person_s_else_the_system_s():
    user_id, account_id = new_id(), new_id()
    entries = [
        Entry(action="a.b", user_id=user_id, account_id=account_id),
        Entry(action="a.b", user_id=user_id),
        Entry(action="a.b", user_id=None),
    ]

    assert [entry.chain for entry in entries] == [account_id, user_id, SYSTEM_CHAIN]
    with pytest.raises(ValueError, match="names its person"):
        Entry(action="a.b", user_id=None, account_id=account_id)


def test_the_database_numbers_dates_and_hashes_whatever_the_writer_says():
    chain = new_id()
    sql(
        "insert into accounts_auditentry"
        " (chain, seq, subject, at, actor_kind, actor_id, request_id, action, body, prev, hash)"
        " values (%s, 77, %s, '2001-01-01', 'system', '', '', 'a.b', '{}', '\\x01', '\\x02')",
        chain,
        chain,
    )

    (entry,) = chain_of(chain)
    assert entry.seq == 1
    assert entry.at.year > 2001
    assert (bytes(entry.prev), len(bytes(entry.hash))) == (bytes(32), 32)


def test_personal_details_stand_beside_the_chain_which_has_only_their_salted_digest():
    user_id = make_user().pk
    record(action="api_key.created", user_id=user_id, after={"key_id": "PK1"}, details={"name": "Ada's bot"})

    (entry,), (kept,) = chain_of(user_id), AuditDetail.objects.all()
    assert "Ada" not in entry.body
    assert json.loads(kept.details) == {"name": "Ada's bot"}
    assert (kept.chain, kept.subject, len(bytes(kept.salt))) == (user_id, user_id, 32)
    assert entry.details_digest is not None
    assert bytes(entry.details_digest) == bytes(kept.digest)
    assert bytes(kept.digest) == sha256(bytes(kept.salt) + kept.details.encode()).digest()


def test_an_entry_costs_one_statement_also_with_details_and_in_several_chains():
    user_id, account_id = new_id(), new_id()
    with CaptureQueriesContext(connection) as asked:
        record_all(
            [
                Entry(action="a.b", user_id=user_id, account_id=account_id, details={"name": "one"}),
                Entry(action="a.c", user_id=user_id, details={"name": "two"}),
                Entry(action="a.d", user_id=user_id, account_id=account_id),
            ]
        )

    assert len(asked) == 1
    assert [entry.action for entry in chain_of(account_id)] == ["a.b", "a.d"]
    assert [entry.action for entry in chain_of(user_id)] == ["a.c"]
    assert AuditDetail.objects.count() == 2


def test_nothing_to_tell_costs_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        record_all([])


def test_an_entry_is_rolled_back_with_what_it_tells_of():
    user_id = make_user().pk
    record(action="thing.made", user_id=user_id)
    with transaction.atomic():
        record(action="thing.changed", user_id=user_id, details={"name": "gone"})
        transaction.set_rollback(True)
    record(action="thing.ended", user_id=user_id)

    assert [(entry.seq, entry.action) for entry in chain_of(user_id)] == [
        (1, "thing.made"),
        (2, "thing.ended"),
    ]
    assert not AuditDetail.objects.exists()


@pytest.mark.parametrize(
    "value", [{"price": 1.5}, {"prices": [1, 2.0]}, {"inner": {"price": 0.1}}], ids=["plain", "list", "deep"]
)
def test_a_float_is_not_written_down(value):
    with pytest.raises(TypeError, match="takes no float"):
        record(action="a.b", user_id=new_id(), after=value)


@pytest.mark.parametrize("action", ["created", "Api.key", "a.b.c", "a b.c", ""])
def test_an_action_is_two_words(action):
    with refused("audit_action_is_two_words"):
        record(action=action, user_id=new_id())


@pytest.mark.parametrize("role", [roles.APP, roles.WORKER, roles.SUPPORT])
@pytest.mark.parametrize("table", ["accounts_auditentry", "accounts_audithead"])
@pytest.mark.parametrize(
    "statement",
    ["update {} set seq = seq", "delete from {}", "truncate {}", "alter table {} disable trigger all"],
)
def test_no_role_that_works_may_change_or_take_away(as_role: AsRole, role, table, statement):
    user_id = make_user().pk
    record(action="a.b", user_id=user_id)
    with as_role(role):
        bind(user_id)
        with refused("permission denied|must be owner"):
            sql(statement.format(table))


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("accounts_auditentry", "update {} set body = '{{}}'"),
        ("accounts_auditentry", "delete from {}"),
        ("accounts_auditentry", "truncate {}"),
        ("accounts_audithead", "delete from {}"),
        ("accounts_audithead", "truncate {}"),
        ("accounts_auditdetail", "update {} set details = '{{}}'"),
    ],
)
def test_the_tables_owner_is_refused_as_well(table, statement):
    record(action="a.b", user_id=new_id(), details={"name": "x"})
    with refused("only ever appended to"):
        sql(statement.format(table))


def test_every_trigger_fires_always():
    found = sql(
        "select tgname, tgenabled from pg_trigger where not tgisinternal"
        " and tgrelid::regclass::text like 'accounts\\_audit%%' order by 1",
    )

    assert found == [
        ("audit_append", "A"),
        ("audit_detail_no_update", "A"),
        ("audit_head_no_delete", "A"),
        ("audit_head_no_truncate", "A"),
        ("audit_no_delete", "A"),
        ("audit_no_truncate", "A"),
        ("audit_no_update", "A"),
    ]


def test_who_serves_people_appends_about_the_bound_one_and_reads_what_is_about_them(as_role: AsRole):
    ada, ben = make_user(), make_user()
    account_of_ada, account_of_ben = new_id(), new_id()
    record(action="account.opened", user_id=ben.pk, account_id=account_of_ben, details={"name": "Ben's"})
    with as_role(roles.APP):
        bind(ada.pk)
        record(action="account.opened", user_id=ada.pk, account_id=account_of_ada, details={"name": "Ada's"})
        record(action="user.created", user_id=ada.pk)
        seen = {entry.subject for entry in AuditEntry.objects.all()}
        details = [detail.details for detail in AuditDetail.objects.all()]

    assert seen == {ada.pk}
    assert details == ['{"name":"Ada\'s"}']
    assert [entry.action for entry in AuditEntry.objects.about(ada)] == ["account.opened", "user.created"]


@pytest.mark.parametrize("is_bound", [True, False], ids=["bound", "nobody"])
def test_the_system_s_chain_takes_what_is_about_nobody_and_shows_it_to_no_one(as_role: AsRole, is_bound):
    with as_role(roles.APP):
        bind(new_id() if is_bound else None)
        record(action="log_in.refused", user_id=None, details={"address": "192.0.2.1"})
        seen = AuditEntry.objects.count(), AuditDetail.objects.count()

    assert seen == (0, 0)
    assert [entry.action for entry in chain_of(SYSTEM_CHAIN)] == ["log_in.refused"]


def test_who_serves_people_appends_about_nobody_else(as_role: AsRole):
    ada, ben = make_user(), make_user()
    account_of_ben = new_id()
    record(action="account.opened", user_id=ben.pk, account_id=account_of_ben)
    before = sql("select e::text from accounts_auditentry e order by 1")
    with as_role(roles.APP):
        bind(ada.pk)
        for user_id, account_id in [(ben.pk, None), (ben.pk, new_id()), (ben.pk, account_of_ben)]:
            with refused("row-level security"):
                record(action="a.b", user_id=user_id, account_id=account_id)
        for chain in (ben.pk, account_of_ben):  # about herself, and in Ben's chain
            with refused("another person's"):
                record(action="a.b", user_id=ada.pk, account_id=chain)
        with refused("row-level security"):
            sql("insert into accounts_auditdetail values ('\\x00', %s, %s, '\\x00', '{}')", ben.pk, ben.pk)
        bind(None)
        with refused("row-level security"):
            record(action="a.b", user_id=ada.pk)

    assert sql("select e::text from accounts_auditentry e order by 1") == before


def test_the_worker_appends_about_anybody_and_erases_details_and_nothing_else(as_role: AsRole):
    ada, ben = make_user(), make_user()
    with as_role(roles.WORKER):
        for user in (ada, ben):
            record(action="account.reset", user_id=user.pk, account_id=new_id(), details={"name": "x"})
        erased = AuditDetail.objects.filter(subject=ada.pk).delete()

    assert erased[0] == 1
    assert AuditEntry.objects.count() == 2
    assert [detail.subject for detail in AuditDetail.objects.all()] == [ben.pk]


def test_the_admin_appends_as_the_bound_staff_alone_and_sees_nobody_s_chain_without_a_grant(as_role: AsRole):
    ada, staff, account_id = make_user(), make_user(is_staff=True, is_superuser=True), new_id()
    record(action="account.opened", user_id=ada.pk, account_id=account_id)
    with as_role(roles.SUPPORT):
        bind(staff.pk)
        for kind, actor_id in [("user", staff.pk), ("staff", new_id())]:
            with tracing.tracing(), refused("row-level security"):
                tracing.set_actor(kind, actor_id)  # type: ignore[arg-type] # one of the words
                record(action="account.viewed", user_id=ada.pk, account_id=account_id)
        with tracing.tracing():
            tracing.set_actor("staff", staff.pk)
            record(action="account.viewed", user_id=ada.pk, account_id=account_id)
        seen = AuditEntry.objects.count()

    assert seen == 0
    assert [entry.action for entry in chain_of(account_id)] == ["account.opened", "account.viewed"]
