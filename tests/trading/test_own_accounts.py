"""Resets and closings with the real matcher: dead, alive, late, and with whoever asked killed in between."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.db import connection

from accounts.models import ApiKey
from matching.models import Market
from raxx import roles
from tests.factories.rows import make_api_key
from tests.factories.sessions import PATIENCE_S, every_owned_row
from tests.services import ROOT
from tests.trading.stage import Stage, at, make_stage, quote, stored
from trading.errors import RuleBroken, ValueInvalid
from trading.ledger_audit import audit_ledger
from trading.models import AccountReset, Journal, Order, OrderEvent, Position, Posting, TradingAccount
from trading.services import own_accounts
from trading.services.bells import Bell
from trading.services.own_accounts import archive_account, reset_account
from trading.services.settling import settle_accounts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.django_db(transaction=True)

TAPE = [
    quote(0, "10.00", 300, "10.02", 200),
    quote(1, "10.00", 300, "10.02", 100),
    quote(2, "10.00", 300, "10.02", 100),
    quote(5, "10.00", 300, "10.02", 100),
]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Return a stage just after the open."""
    made = make_stage(tmp_path / "tape", TAPE)
    made.go(0.5)
    yield made
    made.close()


@pytest.fixture
def account(stage: Stage) -> TradingAccount:
    """Return an account that has bought a hundred at 10.02, and has a purchase and a sale that wait."""
    made = stage.account(multiplier=2)
    stage.submit(made, limit_price="10.02", client_order_id="bought")
    stage.go(1.5)
    stage.submit(made, limit_price="9.00", client_order_id="waiting")
    stage.submit(made, side="sell", limit_price="12.00", quantity="40")
    stage.round()
    return made


def now_of(account: TradingAccount) -> TradingAccount:
    return TradingAccount.objects.get(pk=account.pk)


def standing(account: TradingAccount) -> tuple[str, int, Decimal, Decimal]:
    """Return status, generation, cash and held cash."""
    found = now_of(account)
    return found.status, found.generation, found.cash, found.cash_held


def differences() -> list[str]:
    return [str(each) for each in audit_ledger().differences]


def reset(account: TradingAccount, **options: Any) -> TradingAccount:
    return reset_account(owner=account.user, account_id=account.pk, **{"within_s": 0, **options})


def test_what_a_generation_had_is_written_off_and_the_next_begins_with_cash(
    stage: Stage, account: TradingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bell, "wait", lambda _: stage.round())  # the matcher works while the caller waits
    before = now_of(account)

    done = reset(account, cash=Decimal("2500.5"), within_s=PATIENCE_S)

    assert standing(done) == ("ACTIVE", 2, Decimal("2500.5"), 0)
    assert (done.number, done.pk) == (before.number, before.pk)
    assert [(p.quantity, p.cost, p.quantity_held) for p in Position.objects.filter(account=account)] == [
        (0, 0, 0)
    ]
    lines = Posting.objects.filter(account=account, journal__kind="reset")
    assert {line.ledger: line.amount for line in lines} == {
        "cash": Decimal(-8998), "securities": Decimal(-1002), "capital": Decimal(10_000),
    }  # fmt: skip
    assert list(Journal.objects.exclude(kind="fill").order_by("pk").values_list("kind", "generation")) == [
        ("deposit", 1), ("reset", 1), ("deposit", 2),
    ]  # fmt: skip
    assert set(Order.objects.values_list("status", "generation")) == {("filled", 1), ("canceled", 1)}
    assert differences() == []


def test_without_an_amount_it_begins_with_what_the_generation_before_began_with(
    account: TradingAccount,
) -> None:
    Order.objects.update(status="canceled", cash_held=0, quantity_held=0)
    Position.objects.update(quantity_held=0)
    TradingAccount.objects.update(cash_held=0)

    assert reset(account).cash == 10_000
    assert reset(account, cash=Decimal(77)).cash == 77
    assert reset(account).cash == 77
    assert now_of(account).generation == 4


def test_while_orders_are_open_nothing_new_is_taken_and_the_sweep_finishes_when_the_matcher_has_come(
    stage: Stage, account: TradingAccount
) -> None:
    stage.close()  # the matcher is dead

    assert reset(account).status == TradingAccount.Status.RESETTING
    assert stage.ask(account)[0] == "account_resetting"
    assert settle_accounts() == 0
    stage.start()
    stage.round()
    assert settle_accounts() == 1

    assert standing(account) == ("ACTIVE", 2, 10_000, 0)
    assert stage.ask(account)[0] is None
    assert differences() == []


def test_the_log_goes_on_without_a_gap_and_each_generation_knows_its_part_of_it(
    stage: Stage, account: TradingAccount
) -> None:
    reset(account)
    stage.round()
    settle_accounts()
    ended_with = now_of(account).event_seq
    stage.submit(account, limit_price="9.00")

    seqs = list(OrderEvent.objects.filter(account=account).order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, now_of(account).event_seq + 1))
    assert AccountReset.objects.get().event_seq == ended_with < now_of(account).event_seq


def test_names_of_orders_are_free_again(stage: Stage, account: TradingAccount) -> None:
    assert stage.ask(account, client_order_id="bought")[0] == "client_order_id_not_unique"
    reset(account)
    stage.round()
    settle_accounts()

    (again,) = stage.submit(account, limit_price="9.00", client_order_id="bought")
    stage.round()
    replaced = stage.replace(account, again, limit_price="9.50", client_order_id="waiting")

    assert stage.ask(account, client_order_id="bought")[0] == "client_order_id_not_unique"
    assert stage.ask_to_replace(account, again, client_order_id="bought", limit_price="9.40")[0] is not None
    assert stored(replaced).generation == stored(again).generation == 2
    assert Order.objects.filter(client_order_id="bought").count() == 2


def test_asking_again_joins_the_reset_that_waits_and_may_change_its_cash(account: TradingAccount) -> None:
    reset(account, cash=Decimal(500))
    reset(account)
    assert [one.cash for one in AccountReset.objects.all()] == [500]

    reset(account, cash=Decimal(600))

    assert [(one.cash, one.generation) for one in AccountReset.objects.all()] == [(600, 2)]
    assert OrderEvent.objects.filter(kind="pending_cancel").count() == 2  # asked for once


def test_a_repeat_that_names_its_generation_ends_no_other(stage: Stage, account: TradingAccount) -> None:
    reset(account, generation=1)
    stage.round()
    settle_accounts()

    assert reset(account, generation=1).generation == 2
    assert now_of(account).status == "ACTIVE"
    with pytest.raises(ValueInvalid, match="later than the present one"):
        reset(account, generation=3)


@pytest.mark.parametrize("end", [reset_account, archive_account])
def test_while_nobody_runs_the_market_open_orders_forbid_it_in_words(
    account: TradingAccount, end: Any
) -> None:
    Market.objects.update(is_active=False)
    before = every_owned_row()

    with pytest.raises(RuleBroken, match="the market of this account is not running"):
        end(owner=account.user, account_id=account.pk)

    assert every_owned_row() == before


def test_a_reset_that_waits_waits_for_a_market_that_has_stopped(
    stage: Stage, account: TradingAccount
) -> None:
    reset(account)
    (unasked, *_) = list(Order.objects.filter(status="pending_cancel"))
    Order.objects.filter(pk=unasked.pk).update(status="new", cancel_requested_at=None)
    Market.objects.update(is_active=False)

    assert settle_accounts() == 0
    with pytest.raises(RuleBroken, match="the account waits until it is"):
        reset(account)
    assert now_of(account).status == TradingAccount.Status.RESETTING


def test_without_open_orders_no_market_is_needed(stage: Stage) -> None:
    account = stage.account()
    Market.objects.update(is_active=False)

    assert standing(reset(account, cash=Decimal(5))) == ("ACTIVE", 2, 5, 0)
    assert differences() == []


def test_an_order_whose_replacement_ends_first_is_canceled_all_the_same(
    stage: Stage, account: TradingAccount
) -> None:
    waiting = Order.objects.get(client_order_id="waiting")
    stage.replace(account, waiting.pk, limit_price="9.10", reserve_price="9.10")
    reset(account)

    for _ in range(3):
        stage.round()
        settle_accounts()

    assert standing(account) == ("ACTIVE", 2, 10_000, 0)
    assert not Order.objects.filter(generation=1, status__in=("new", "pending_cancel")).exists()
    assert differences() == []


def test_a_bracket_is_ended_as_a_whole(stage: Stage) -> None:
    account = stage.account()
    target = {"side": "sell", "type": "limit", "limit_price": "10.50", "role": "take_profit"}
    stop = {"side": "sell", "type": "stop", "stop_price": "9.00", "role": "stop_loss"}
    entry = {"limit_price": "9.90", "role": "entry", "order_class": "bracket"}
    stage.submit(account, target, stop, **entry)
    stage.round()
    stage.submit(account, target, stop, **entry)  # the matcher has not seen this one

    reset(account)
    stage.round()

    assert settle_accounts() == 1
    assert set(Order.objects.filter(account=account).values_list("status", flat=True)) == {"canceled"}
    assert differences() == []


def test_an_order_past_its_cut_off_ends_at_its_auction_and_is_not_asked_again(
    stage: Stage, account: TradingAccount
) -> None:
    stage.submit(account, time_in_force="cls", limit_price="9.00", cut_off_at=at(3).isoformat())
    stage.round()
    stage.advance_clock(5.5)
    journal = stage.matcher._journal
    inbox, journal.inbox = journal.inbox, list
    stage.matcher.round()  # past the cut-off, before the wish is read
    journal.inbox = inbox

    reset(account)
    stage.round()
    events = now_of(account).event_seq
    for _ in range(3):
        assert settle_accounts() == 0
        stage.round()

    assert now_of(account).event_seq == events
    assert list(Order.objects.filter(status="new").values_list("time_in_force", flat=True)) == ["cls"]
    stage.go(10.5 * 3600)  # the end of the day: there was no auction
    assert settle_accounts() == 1
    assert differences() == []


def test_a_short_and_a_debt_are_written_off_as_well(stage: Stage) -> None:
    account = stage.account(multiplier=2)
    stage.submit(account, side="sell", limit_price="10.00", reserve_price="10.33", quantity="200")
    stage.go(1.5)
    assert Position.objects.get(account=account).quantity == -200

    reset(account, cash=Decimal(3000))

    assert standing(account) == ("ACTIVE", 2, 3000, 0)
    assert differences() == []


def test_the_sweep_has_the_rights_that_it_needs_as_the_worker(stage: Stage, account: TradingAccount) -> None:
    own_accounts._ask_for_reset(account.user, account.pk, None, None, "")
    with connection.cursor() as cursor:
        cursor.execute(f"set role {roles.WORKER}")
        try:
            assert settle_accounts() == 0  # asks for the cancels, which nobody has done yet
            stage.matcher.round()
            assert settle_accounts() == 1
        finally:
            cursor.execute("reset role")

    assert standing(account) == ("ACTIVE", 2, 10_000, 0)
    assert differences() == []


# Whoever asked is killed


STEPS = ["asked", "some canceled", "all canceled", "matcher has decided"]


@pytest.mark.parametrize("killed_after", range(len(STEPS)), ids=STEPS)
@pytest.mark.parametrize("end", ["reset", "archive"])
def test_a_death_between_any_two_transactions_leaves_what_the_sweep_can_finish(
    stage: Stage, account: TradingAccount, end: str, killed_after: int
) -> None:
    if end == "reset":
        own_accounts._ask_for_reset(account.user, account.pk, None, None, "")
    else:
        own_accounts._ask_for_closing(account.user, account.pk)
    if killed_after:
        waiting = Order.objects.get(client_order_id="waiting")
        stage.cancel(account, waiting.pk)
    if killed_after > 1:
        own_accounts.ask_for_cancels(account.user, account, "")
    if killed_after > 2:
        stage.round()
    stage.start()  # another matcher as well

    settle_accounts()
    stage.round()
    settle_accounts()

    expected = ("ACTIVE", 2, 10_000, 0) if end == "reset" else ("ACCOUNT_CLOSED", 1, Decimal(8998), 0)
    assert standing(account) == expected
    assert settle_accounts() == 0
    assert differences() == []


COMMAND = """
import sys
from raxx.settings import DATABASES
DATABASES["default"]["NAME"] = sys.argv[1]
import django
django.setup()
from django.core.management import call_command
call_command("reset_account", sys.argv[2], "--cash", "4321", "--wait", "600")
"""


@pytest.mark.parametrize("waits_for", ["the wish", "the cancels"])
def test_a_process_that_is_killed_loses_nothing(
    stage: Stage, account: TradingAccount, waits_for: str
) -> None:
    stage.close()
    database = connection.settings_dict["NAME"]
    known = {"DJANGO_SETTINGS_MODULE": "raxx.settings", "RAXX_DATA_DIR": str(settings.DATA_FOLDER.root)}
    asking = subprocess.Popen(
        [sys.executable, "-c", COMMAND, database, account.number], cwd=ROOT, env={**os.environ, **known}
    )
    give_up = time.monotonic() + 2 * PATIENCE_S
    try:
        while not _has_come(account, waits_for):
            assert asking.poll() is None, "it ended by itself"
            assert time.monotonic() < give_up
            time.sleep(0.01)  # what another process has committed rings nowhere here
    finally:
        asking.kill()
        asking.wait()

    stage.start()
    settle_accounts()
    stage.round()
    settle_accounts()

    assert standing(account) == ("ACTIVE", 2, 4321, 0)
    assert differences() == []


def _has_come(account: TradingAccount, waits_for: str) -> bool:
    if waits_for == "the wish":
        return now_of(account).status == TradingAccount.Status.RESETTING
    return not Order.objects.filter(account=account, status="new").exists()


# Closing


def test_a_closed_account_keeps_everything_and_takes_nothing(stage: Stage, account: TradingAccount) -> None:
    key, other = make_api_key(account), make_api_key(stage.account())

    archived = archive_account(owner=account.user, account_id=account.pk, within_s=0)
    assert archived.status == TradingAccount.Status.CLOSING
    stage.round()
    assert settle_accounts() == 1

    assert standing(account) == ("ACCOUNT_CLOSED", 1, Decimal(8998), 0)
    assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
    assert ApiKey.objects.get(pk=other.pk).revoked_at is None
    assert Position.objects.get(account=account).quantity == 100
    assert stage.ask(account)[0] == "account_closed"
    before = every_owned_row()
    assert archive_account(owner=account.user, account_id=account.pk).status == "ACCOUNT_CLOSED"
    with pytest.raises(RuleBroken, match="the account is closed"):
        reset(account)
    assert every_owned_row() == before
    assert differences() == []


def test_an_account_that_is_being_reset_is_not_closed(account: TradingAccount) -> None:
    reset(account)

    with pytest.raises(RuleBroken, match="is being reset"):
        archive_account(owner=account.user, account_id=account.pk, within_s=0)
