"""A whole person: the archive holds every row of theirs and no other's, and nothing is left when they are erased."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import AuditEntry, Erasure, Export, User
from accounts.privacy import keepers
from accounts.privacy.keepers import holdings
from accounts.services import erasures, exports
from accounts.services.anchoring import verify_audit
from tests.factories.rows import make_account, make_order, make_user
from tests.factories.sessions import OWNED_TABLES, every_owned_row, owned_tables
from tests.factories.whole_person import (
    NEVER_FILLED,
    as_worker,
    everything_of,
    make_whole_person,
    places_of,
)
from trading.ledger_audit import audit_ledger
from trading.models import Order, StaffAct, TradingAccount
from trading.privacy import holdings as of_trading

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)

ANN, BOB = "ann.of.the.archive@example.com", "bob.of.the.archive@example.com"
# What the catalogue finds, and why no archive has it.
NOT_HELD = {
    "accounts_audithead",  # how far a chain of theirs has come: nothing that is not told elsewhere
    "accounts_ceremony",  # a passkey that is being asked for, for minutes: it names nobody
    "trading_asset",  # what can be traded: its ids are nobody's
}
# What stays under the pseudonym until accounts_forget_chain.
STAYS = {"accounts_auditentry", "accounts_audithead"}

# By a column that says whose a row is, by any key that leads to such a row, over however many tables; and by any id,
# for some columns name people without a key.
OF_PEOPLE = """
with recursive own (oid) as (
  select a.attrelid from pg_attribute a where a.attname in ('user_id', 'subject') and not a.attisdropped
  union select a.attrelid from pg_attribute a where a.atttypid = 'uuid'::regtype and not a.attisdropped
  union select 'accounts_user'::regclass
  union select k.conrelid from pg_constraint k join own on own.oid = k.confrelid where k.contype = 'f')
select c.relname from own join pg_class c on c.oid = own.oid
 where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace order by 1"""


@pytest.fixture(autouse=True)
def _own_folder(settings: SettingsWrapper, tmp_path: Path) -> None:
    settings.EXPORTS = tmp_path / "exports"


@pytest.fixture
def people() -> tuple[User, User]:
    """Return two people of whom there is a row everywhere; each is staff who looks at the other."""
    ann = make_whole_person(ANN)
    bob = make_whole_person(BOB, staff=ann)
    no_matcher_lives()
    return ann, bob


def no_matcher_lives() -> None:
    sql("update matching_shard set updated_at = now() - interval '11 minutes'")


def sql(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def archive_of(user: User) -> zipfile.ZipFile:
    """Return the archive as a worker makes it."""
    exports.ask_for_export(owner=user)
    with as_worker():
        assert exports.make_exports() == 1
    export = Export.objects.get(user=user, status="ready")
    return zipfile.ZipFile(exports.folder.folder() / export.file)


def key_of(table: str) -> list[str]:
    found = sql(
        "select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)"
        " where i.indrelid = %s::regclass and i.indisprimary order by a.attnum",
        table,
    )
    return [name for (name,) in found]


def keys(rows: list[dict[str, Any]], table: str) -> set[tuple[str, ...]]:
    return {tuple(str(row[name]) for name in key_of(table)) for row in rows}


def due_now(user: User) -> None:
    """Let thirty days pass."""
    asked = Erasure.objects.get(user=user, canceled_at=None)
    ago = timezone.now() - timedelta(days=31)
    Erasure.objects.filter(pk=asked.pk).update(asked_at=ago, due_at=ago + timedelta(days=30))


def erase(user: User) -> None:
    erasures.ask_for_erasure(owner=user)
    due_now(user)
    with as_worker():
        report = erasures.erase_due(now=timezone.now())
    assert report == erasures.Report(erased=[user.pk], waiting=[])


# --- The catalogue ---------------------------------------------------------------------------------


def test_every_table_that_keeps_anything_of_people_has_a_keeper() -> None:
    held = [holding.table for holding in holdings()]

    assert sorted(held) == sorted(set(held))
    of_people = {table for (table,) in sql(OF_PEOPLE)}
    assert of_people - set(held) == NOT_HELD
    assert set(held) <= of_people
    assert set(owned_tables()) <= set(held)


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param("user_id uuid, account_id uuid", id="by its columns"),
        pytest.param("account uuid references trading_tradingaccount", id="by a key to an owned table"),
        pytest.param("id bigint, done_by uuid", id="by an id without a key"),
        pytest.param("of int references trading_forgotten_too", id="by a key to a table that has one"),
    ],
)
def test_a_table_without_an_exporter_would_be_found_however_it_names_its_person(columns: str) -> None:
    sql("create table trading_forgotten_too (id int primary key, user_id uuid)")
    sql(f"create table trading_forgotten ({columns})")
    try:
        assert "trading_forgotten" in {table for (table,) in sql(OF_PEOPLE)}
        assert (("trading_forgotten",) in sql(OWNED_TABLES)) == columns.startswith("user_id")
    finally:
        sql("drop table trading_forgotten, trading_forgotten_too")


def test_the_example_person_has_a_row_in_every_table(people: tuple[User, User]) -> None:
    ann, bob = people

    assert {table for table, rows in everything_of(ann).items() if not rows} == NEVER_FILLED
    assert {table for table, rows in everything_of(bob).items() if not rows} == NEVER_FILLED


# --- The archive -----------------------------------------------------------------------------------


def test_the_archive_holds_every_row_of_a_person_and_no_other_s(people: tuple[User, User]) -> None:
    ann, bob = people
    exports.ask_for_export(owner=ann)
    expected = {table: [json.loads(row) for row in rows] for table, rows in everything_of(ann).items()}

    archive = archive_of(ann)

    names = {f"{table}.{kind}" for table in expected for kind in ("json", "csv")}
    assert set(archive.namelist()) == names | {"README.txt"}
    for table, rows in expected.items():
        of_json = json.loads(archive.read(f"{table}.json"))
        of_csv = list(csv.DictReader(io.StringIO(archive.read(f"{table}.csv").decode())))
        if table in {"accounts_auditdetail", "django_otp_webauthn_webauthnattestation"}:
            # Their keys are bytes, or the library's: told apart by how many there are.
            assert (len(of_json), len(of_csv)) == (len(rows), len(rows))
        else:
            assert keys(of_json, table) == keys(of_csv, table) == keys(rows, table), table
    everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert ANN in everything
    assert BOB not in everything
    assert str(bob.pk) not in everything


def test_both_formats_say_the_same_and_nothing_is_rounded(people: tuple[User, User]) -> None:
    ann, _ = people
    archive = archive_of(ann)

    (first, *_), orders = (
        json.loads(archive.read(f"trading_{name}.json")) for name in ("tradingaccount", "order")
    )
    of_csv = next(csv.DictReader(io.StringIO(archive.read("trading_tradingaccount.csv").decode())))

    assert first["cash"] == of_csv["cash"] == "1000.0000000000000"
    assert first["created_at"] == of_csv["created_at"]
    assert of_csv["no_shorting"] == "false"
    assert orders[0]["limit_price"] == "100.0000"
    fill = json.loads(archive.read("trading_fill.json"))[0]
    assert fill["evidence"] == {}
    assert json.loads(archive.read("accounts_recoverycodes.json")) == [
        {**json.loads(archive.read("accounts_recoverycodes.json"))[0], "unused_codes": 2}
    ]


def test_a_person_reads_what_the_staff_did_to_their_account_and_not_who(people: tuple[User, User]) -> None:
    archive = archive_of(people[0])

    (act,) = json.loads(archive.read("trading_staffact.json"))
    assert (act["kind"], act["arguments"], act["reason"], act["status"]) == (
        "adjust_cash",
        {"amount": "-250.50", "note": "a fee of yours"},
        "asked for in the ticket",
        "waiting",
    )
    assert str(StaffAct.objects.get(pk=act["id"]).staff_id) not in json.dumps(act)


def test_no_secret_is_in_the_archive() -> None:
    """A column of bytes, or one whose name sounds like a secret, is left out or is known to be none."""
    known = {
        # Public by their nature: halves of key pairs, and what names them.
        "django_otp_webauthn_webauthncredential": {
            "credential_id", "public_key",
        },
        "django_otp_webauthn_webauthnattestation": {"data", "client_data_json"},
        # The hashes of the chain, which prove to a person that nothing was changed.
        "accounts_auditentry": {"prev", "hash", "details_digest"},
        "accounts_auditdetail": {"digest"},
        # Names, numbers and versions.
        "accounts_apikey": {"key_id"},
        "trading_webhookendpoint": {"secret_version"},
    }  # fmt: skip
    suspicious = r"hash|secret|digest|token|key|salt|cipher|sealed|pass(word|phrase)"
    for holding in holdings():
        columns = sql(
            "select a.attname from pg_attribute a where a.attrelid = %s::regclass and a.attnum > 0"
            " and not a.attisdropped and (a.attname ~ %s or format_type(a.atttypid, null) like 'bytea%%')"
            " and a.attname <> 'passkey_id' and a.attname !~ '_at$'",
            holding.table,
            suspicious,
        )
        told = {name for (name,) in columns} - holding.left_out
        assert told == known.get(holding.table, set()), holding.table


def test_what_is_left_out_is_really_a_column(people: tuple[User, User]) -> None:
    """A column that was renamed would be in the archive from then on."""
    archive = archive_of(people[0])

    for holding in holdings():
        columns = {
            name
            for (name,) in sql(
                "select attname from pg_attribute where attrelid = %s::regclass", holding.table
            )
        }
        header = set(next(csv.reader(io.StringIO(archive.read(f"{holding.table}.csv").decode()))))
        assert holding.left_out <= columns, holding.table
        assert not header & holding.left_out, holding.table


# --- The end ---------------------------------------------------------------------------------------


def test_nothing_of_an_erased_person_is_left_and_another_s_is_as_it_was(people: tuple[User, User]) -> None:
    ann, bob = people
    accounts = [str(pk) for pk in TradingAccount.objects.filter(user=ann).values_list("pk", flat=True)]
    exports.ask_for_export(owner=ann)
    with as_worker():
        exports.make_exports()
    files = list(exports.folder.folder().iterdir())
    before = everything_of(bob)
    assert len(files) == 1

    erase(ann)

    assert places_of(ANN) == {}
    assert set(places_of(str(ann.pk))) == STAYS
    for account in accounts:
        assert set(places_of(account)) <= STAYS
    assert everything_of(ann) == {
        table: rows for table, rows in everything_of(ann).items() if table in STAYS or not rows
    }
    after = everything_of(bob)
    # Who let staff look, and asked for a reset, is named no more; nothing else of Bob's has changed.
    assert {table for table in before if before[table] != after[table]} == {
        "accounts_passkeyreset",
        "trading_accountgrant",
    }
    assert len(after["accounts_passkeyreset"]) == len(before["accounts_passkeyreset"])
    assert list(exports.folder.folder().iterdir()) == []


def test_the_audit_log_and_everybody_else_s_books_hold_after_an_erasure(people: tuple[User, User]) -> None:
    ann, bob = people
    mine = str(ann.pk)
    rows = every_owned_row()
    theirs = {table: [row for row in found if mine not in row] for table, found in rows.items()}
    books_before = [str(each) for each in audit_ledger().differences if str(bob.pk) in str(each)]

    erase(ann)

    assert every_owned_row() == theirs
    assert [str(each) for each in audit_ledger().differences if str(bob.pk) in str(each)] == books_before
    assert verify_audit().faults == ()
    assert AuditEntry.objects.filter(subject=ann.pk, action="person.erased").count() == 1


@pytest.mark.parametrize("steps", [1, 2, 5, 9, 14, 20, 27])
def test_an_erasure_that_is_killed_goes_on_where_it_was(
    people: tuple[User, User], monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    ann, bob = people
    mine = set(TradingAccount.objects.filter(user=ann).values_list("number", flat=True))
    for module in (of_trading, erasures):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 1)
    erasures.ask_for_erasure(owner=ann)
    due_now(ann)
    before = everything_of(bob)["trading_order"]
    left = iter(range(steps))

    def killed(erase_some: Any) -> Any:
        def until_then(user_id: Any) -> bool:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return erase_some(user_id)

        return until_then

    with monkeypatch.context() as dying:
        for keeper in keepers.keepers():
            dying.setitem(
                keepers._keepers,
                keeper.app,
                keepers.Keeper(
                    app=keeper.app, holdings=keeper.holdings, erase_some=killed(keeper.erase_some)
                ),
            )
        with as_worker(), pytest.raises(KeyboardInterrupt):
            erasures.erase_due(now=timezone.now())
    in_between = {each.account for each in audit_ledger().differences}
    assert User.objects.get(pk=ann.pk).is_active is False
    with pytest.raises(erasures.RuleBroken):
        erasures.cancel_erasure(owner=ann)

    with as_worker():
        assert erasures.erase_due(now=timezone.now()).erased == [ann.pk]

    assert places_of(ANN) == {}
    assert everything_of(bob)["trading_order"] == before
    assert not in_between & mine


def test_books_that_are_half_gone_are_no_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    ann = make_user()
    make_account(ann, cash=1_000)
    other = make_account(cash=7)
    erasures.ask_for_erasure(owner=ann)
    due_now(ann)
    assert audit_ledger().balances

    with as_worker():
        sql("select accounts_begin_erasure(%s)", ann.pk)
        assert of_trading.erase_some(ann.pk)  # the deposit's journal: the cash is still there

    assert TradingAccount.objects.get(user=ann).cash == 1_000
    assert audit_ledger().balances
    sql("update trading_tradingaccount set cash = 8 where account_id = %s", other.pk)
    assert not audit_ledger().balances


def test_who_erases_a_second_time_finds_nothing_to_do() -> None:
    ann = make_user()
    make_account(ann, cash=5)
    erase(ann)

    with as_worker():
        assert not erasures.erase(ann.pk)
        assert not erasures.erase_some_here(ann.pk)
        assert erasures.erase_due(now=timezone.now()) == erasures.Report(erased=[], waiting=[])


# --- Orders that a market still has ----------------------------------------------------------------


def test_open_orders_in_the_hands_of_a_matcher_keep_their_owner_until_they_have_ended() -> None:
    ann, bob = make_user(email=ANN), make_user()
    order = make_order(make_account(ann), status="pending_cancel")
    sql("update matching_shard set updated_at = now()")
    for user in (ann, bob):
        erasures.ask_for_erasure(owner=user)
        due_now(user)

    with as_worker():
        report = erasures.erase_due(now=timezone.now())

    assert report == erasures.Report(erased=[bob.pk], waiting=[ann.pk])
    assert Order.objects.filter(pk=order.pk).exists()
    Order.objects.filter(pk=order.pk).update(status="canceled")
    with as_worker():
        assert erasures.erase_due(now=timezone.now()).erased == [ann.pk]


@pytest.mark.parametrize("is_active", [True, False], ids=["no matcher lives", "nobody runs the market"])
def test_open_orders_that_nobody_will_ever_end_go_with_their_owner(is_active: bool) -> None:
    ann = make_user(email=ANN)
    account = make_account(ann)
    make_order(account)
    account.market.is_active = is_active
    account.market.save()
    sql(f"update matching_shard set updated_at = now() - interval '{'11 minutes' if is_active else '0'}'")

    erase(ann)

    assert not User.objects.filter(pk=ann.pk).exists()


def test_nobody_is_erased_before_their_day_not_even_by_the_worker_s_own_statements() -> None:
    ann = make_user()
    make_account(ann, cash=5)
    erasures.ask_for_erasure(owner=ann)
    rows = every_owned_row()

    with as_worker():
        assert sql("select accounts_begin_erasure(%s)", ann.pk) == [(False,)]
        for statement in (
            "trading_erase_rows(%s, 100)",
            "broker_handoff_erase_rows(%s, 100)",
            "accounts_erase_person(%s)",
        ):
            with pytest.raises(Exception, match="nobody is to be erased"):
                sql(f"select {statement}", ann.pk)
        assert erasures.erase_due(now=timezone.now() + timedelta(days=40)).waiting == [ann.pk]

    assert every_owned_row() == rows
