"""What is older than an owner's tier keeps goes, and nothing that anybody reckons with changes."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.utils import timezone

from accounts.models import User
from raxx import roles
from tests.factories.desk import Desk, submit, ticket
from tests.factories.rows import (
    NOON,
    make_account,
    make_asset,
    make_delivery,
    make_snapshot,
    make_webhook,
)
from tests.factories.sessions import every_owned_row, session, wait_until_blocked
from tests.trading.ledger_world import World, build_world, tamper
from tests.trading.past import FAR, PURGE, figures, history_seq, kept, make_old, purge
from trading.ledger_audit import audit_ledger
from trading.models import EquitySnapshot, Journal, OpeningLot, Order, OrderEvent, Posting, WebhookDelivery
from trading.services.history_purge import MARKET_KEEPS, purge_histories
from trading.services.own_accounts import reset_account
from trading.webhooks import delivery

if TYPE_CHECKING:
    from tests.factories.sessions import Session

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(app: Session, desk: Desk) -> World:
    """Return the books of two people, all of them of long ago."""
    world = build_world(app, desk)
    for account in (world.alice, world.bob):
        account.refresh_from_db()
        make_old(account, account.event_seq)
    return world


def balances() -> list[str]:
    return [str(each) for each in audit_ledger().differences]


@pytest.mark.parametrize("at_once", [1, 2, 5, 1_000])
def test_old_detail_goes_and_every_figure_stays(world: World, at_once: int) -> None:
    before = figures(world.alice)

    purge(world.alice, at_once=at_once)

    assert figures(world.alice) == before
    assert balances() == []
    assert history_seq(world.alice.pk) == before["money"][2]
    assert not Order.objects.filter(
        pk__in=[world.orders[name] for name in ("bought", "sold", "canceled")]
    ).exists()


@pytest.mark.parametrize("at_once", [3, 1_000])
def test_what_is_left_is_what_an_open_order_needs(world: World, at_once: int) -> None:
    purge(world.alice, at_once=at_once)

    names = {order_id: name for name, order_id in world.orders.items()}
    assert {names[order_id] for order_id in kept(world.alice)["orders"]} == {
        "sold in part", "working by money", "waiting", "wanted gone", "to be replaced", "successor",
        "replaced", "replacement",
    }  # fmt: skip


def test_an_open_order_keeps_all_its_events_and_fills_and_what_it_replaced(world: World) -> None:
    needed = [
        world.orders[name]
        for name in ("sold in part", "to be replaced", "successor", "replaced", "replacement")
    ]
    events = {
        order_id: list(OrderEvent.objects.filter(order_id=order_id).values_list("seq", flat=True))
        for order_id in needed
    }
    fills = set(Order.objects.filter(pk__in=needed, fills__isnull=False).values_list("fills", flat=True))

    purge(world.alice, at_once=2)

    assert {
        order_id: list(OrderEvent.objects.filter(order_id=order_id).values_list("seq", flat=True))
        for order_id in needed
    } == events
    assert len(fills) == 3
    assert fills <= kept(world.alice)["fills"]


def test_a_second_purge_changes_nothing(world: World) -> None:
    purge(world.alice)
    before = every_owned_row()

    purge(world.alice)
    assert purge_histories(now=timezone.now()) == []

    assert every_owned_row()["trading_journal"] == before["trading_journal"]


def test_trading_goes_on_and_what_it_left_is_folded_into_the_same_opening(
    world: World, app: Session, desk: Desk
) -> None:
    purge(world.alice)
    sale = ticket(world.alice, world.asset, side="sell", quantity="2", limit_price="50")
    submit(app, sale)
    desk.decide((sale["id"], "new"), (sale["id"], "fill", "2", "123.4567"))
    assert balances() == []
    before = figures(world.alice)
    make_old(world.alice, before["money"][2])

    purge(world.alice)

    assert (figures(world.alice), balances()) == (before, [])
    assert Journal.objects.filter(account=world.alice, kind="opening").count() == 1
    assert not Order.objects.filter(pk=sale["id"]).exists()


def test_only_what_is_old_goes_and_the_log_has_no_gap_from_there(app: Session, desk: Desk) -> None:
    account, asset = make_account(cash=10_000), make_asset()
    desk.give_shares(app, account, asset)
    desk.give_shares(app, account, asset, "5")
    make_old(account, 3)

    purge(account)

    assert history_seq(account.pk) == 3
    assert kept(account)["events"] == {4, 5, 6}
    lot = OpeningLot.objects.get(account=account)
    assert (lot.quantity, lot.cost, lot.realized, lot.generation) == (10, 1000, 0, 1)
    assert balances() == []


def test_an_order_that_ended_after_the_cut_stays_until_its_end_is_old(app: Session, desk: Desk) -> None:
    account, asset = make_account(cash=10_000), make_asset()
    slow = ticket(account, asset)
    submit(app, slow)
    desk.decide((slow["id"], "new"), (slow["id"], "partial_fill", "4", "90"))
    desk.give_shares(app, account, asset, "1")
    desk.decide((slow["id"], "fill", "6", "95"))
    make_old(account, 6)

    purge(account)
    assert (history_seq(account.pk), kept(account)["events"]) == (6, {1, 2, 3, 7})
    assert balances() == []

    make_old(account, 7)
    purge(account)
    assert (history_seq(account.pk), kept(account)["orders"]) == (7, set())
    assert balances() == []
    assert {line.ledger: line.amount for line in Posting.objects.filter(journal__kind="opening")} == {
        "cash": -1030,
        "securities": 1030,
    }


def test_what_came_to_nothing_leaves_no_opening_journal(app: Session, desk: Desk) -> None:
    account, asset = make_account(cash=10_000), make_asset()
    desk.give_shares(app, account, asset)
    sale = ticket(account, asset, side="sell")
    submit(app, sale)
    desk.decide((sale["id"], "new"), (sale["id"], "fill", "10", "100"))
    make_old(account, 6)

    purge(account)

    assert (kept(account)["fills"], balances()) == (set(), [])
    assert list(Journal.objects.filter(account=account).values_list("kind", flat=True)) == ["deposit"]


def test_generations_that_ended_are_folded_apart_and_resets_and_deposits_stay(
    app: Session, desk: Desk
) -> None:
    account, asset = make_account(cash=10_000), make_asset()
    for _ in range(2):
        desk.give_shares(app, account, asset)
        reset_account(owner=account.user, account_id=account.pk, cash=None)
    desk.give_shares(app, account, asset, "3")
    before = figures(account)
    money = set(Journal.objects.filter(kind__in=("deposit", "reset")).values_list("pk", flat=True))
    make_old(account, 4)  # into the second generation

    purge(account)
    assert (figures(account), balances()) == (before, [])
    assert (OpeningLot.objects.count(), kept(account)["events"]) == (0, {4, 5, 6, 7, 8, 9})

    make_old(account, 9)
    purge(account, at_once=2)
    assert (figures(account), balances()) == (before, [])
    assert sorted(Journal.objects.filter(kind="opening").values_list("generation", flat=True)) == [1, 2, 3]
    assert OpeningLot.objects.get().generation == 3
    assert set(Journal.objects.exclude(kind="opening").values_list("pk", flat=True)) == money


def test_a_client_s_id_is_free_again_when_its_order_is_gone(app: Session, desk: Desk) -> None:
    account, asset = make_account(cash=10_000), make_asset()
    first = ticket(account, asset, client_order_id="mine")
    submit(app, first)
    desk.decide((first["id"], "new"), (first["id"], "canceled"))
    again = ticket(account, asset, client_order_id="mine")
    assert [row["denial"] for row in submit(app, again)] == ["client_order_id_not_unique"]
    make_old(account, 3)

    purge(account)

    assert [row["denial"] for row in submit(app, again)] == [None]


def test_what_the_market_s_day_is_reckoned_with_stays(app: Session, desk: Desk) -> None:
    account, asset = make_account(cash=10_000), make_asset()
    desk.give_shares(app, account, asset)
    make_old(account, 3)

    purge(account, market_from=NOON)
    assert history_seq(account.pk) == 2  # the fill is at noon
    assert balances() == []

    purge(account, market_from=NOON + timedelta(microseconds=1))
    assert history_seq(account.pk) == 3


def test_an_earlier_run_of_a_tape_is_the_past_whatever_its_clock_said(app: Session, desk: Desk) -> None:
    account, asset = make_account(cash=10_000), make_asset()
    desk.give_shares(app, account, asset)
    make_old(account, 3)
    tamper("update matching_market set run = 2")

    purge(account, market_from=NOON - timedelta(days=1))

    assert history_seq(account.pk) == 3


def test_the_newest_folded_fill_says_how_far_back_worth_can_be_told(world: World) -> None:
    purge(world.alice)
    world.alice.refresh_from_db()

    assert (world.alice.history_run, world.alice.history_at) == (1, NOON)


def test_old_snapshots_go_and_young_ones_stay(world: World) -> None:
    now = timezone.now()
    make_snapshot(world.alice, recorded_at=now - timedelta(days=91))
    young = make_snapshot(world.alice, run=2, recorded_at=now - timedelta(days=89))

    (done,) = purge(world.alice)

    assert done["snapshots"] == 1
    assert [one.run for one in EquitySnapshot.objects.filter(account=world.alice)] == [young.run]


def test_the_record_of_deliveries_is_shorter_than_any_history(world: World) -> None:
    make_delivery(world.alice, at=timezone.now() - delivery.KEPT - timedelta(seconds=1))

    delivery.forget_old()

    assert WebhookDelivery.objects.count() == 0
    assert timedelta(days=90) > delivery.KEPT


def test_an_endpoint_that_was_off_for_so_long_goes_on_where_history_begins(world: World) -> None:
    behind = make_webhook(world.alice, cursor=1, disabled_at=timezone.now(), disabled_reason="failed")

    purge(world.alice)

    behind.refresh_from_db()
    assert behind.cursor == history_seq(world.alice.pk)


# --- Who may, and what stops in the middle ------------------------------------------------------------


def test_nothing_younger_than_thirty_days_can_be_purged_by_anybody(world: World, worker: Session) -> None:
    before = every_owned_row()

    with pytest.raises(psycopg.errors.CheckViolation, match="30 days at least"):
        worker.execute(
            "select trading_purge_history(%s, 'free', now() - interval '29 days', %s, 10)",
            [world.alice.pk, FAR],
        )

    assert every_owned_row() == before


@pytest.mark.parametrize("tier", ["pro", "pro_plus"])
def test_whoever_has_another_tier_by_now_keeps_all(world: World, tier: str) -> None:
    User.objects.filter(pk=world.alice.user_id).update(tier=tier)
    before = every_owned_row()

    purge(world.alice, tier="free")

    assert every_owned_row() == before


def test_serving_people_is_no_way_to_purge(world: World, app: Session) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute(PURGE, [world.alice.pk, "free", FAR, 10])


TABLES = ["trading_fill", "trading_journal", "trading_posting", "trading_orderevent"]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("role", [roles.APP, roles.WORKER, roles.SUPPORT])
def test_saying_so_does_not_open_the_past_to_others_even_with_every_privilege(
    world: World, table: str, role: str
) -> None:
    before = every_owned_row()
    with session(roles.OWNER, autocommit=False) as owner:
        owner.execute(
            f"grant all on {table} to {role}; create policy a on {table} to {role} using (true);"
            f"grant usage on schema public to {role}"
        )
        owner.execute(f"set local role {role}")
        owner.execute("select set_config('raxx.forgets', %s, true)", [str(world.alice.pk)])
        with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
            owner.execute(f"delete from {table} where account_id = %s", [world.alice.pk])
        owner.rollback()

    assert every_owned_row() == before


@pytest.mark.parametrize("table", TABLES)
def test_the_owner_s_word_opens_one_account_for_one_transaction_and_for_no_update(
    world: World, table: str
) -> None:
    before = every_owned_row()
    with session(roles.OWNER, autocommit=False) as owner:
        for statement, account in [
            (f"delete from {table} where account_id = %s", world.bob.pk),  # another's
            (f"update {table} set user_id = user_id where account_id = %s", world.alice.pk),
        ]:
            owner.execute("select set_config('raxx.forgets', %s, true)", [str(world.alice.pk)])
            with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
                owner.execute(statement, [account])
            owner.rollback()
        with pytest.raises(
            psycopg.errors.RestrictViolation, match="append-only"
        ):  # the word ended with its transaction
            owner.execute(f"delete from {table} where account_id = %s", [world.alice.pk])
        owner.rollback()

    assert every_owned_row() == before


def test_after_a_purge_the_past_is_shut_again_in_the_same_transaction(world: World) -> None:
    with session(roles.OWNER, autocommit=False) as owner:
        owner.execute(PURGE, [world.alice.pk, "free", FAR, 3])
        with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
            owner.execute("delete from trading_fill where account_id = %s", [world.alice.pk])
        owner.rollback()


def test_a_batch_that_is_cut_off_before_its_commit_leaves_nothing_behind(world: World) -> None:
    before = every_owned_row()
    with session(roles.WORKER, autocommit=False) as cut_off:
        cut_off.execute(PURGE, [world.alice.pk, "free", FAR, 5])
        cut_off.close()

    assert every_owned_row() == before
    purge(world.alice)
    assert balances() == []


def test_killed_between_any_two_batches_the_books_balance_and_the_rest_follows(
    world: World, worker: Session
) -> None:
    before, done = figures(world.alice), False
    while not done:
        row = worker.execute(PURGE, [world.alice.pk, "free", FAR, 4]).fetchone()
        assert row is not None
        done = row["is_done"]
        assert (figures(world.alice), balances()) == (before, [])

    assert history_seq(world.alice.pk) == before["money"][2]


# --- The service ---------------------------------------------------------------------------------------


@pytest.fixture
def later() -> Any:
    """Let market time be beyond what the market is reckoned with."""
    tamper("update matching_market set anchor_at = %(at)s", at=NOON + MARKET_KEEPS + timedelta(seconds=1))


def test_the_daily_purge_does_each_tier_by_its_own_limit(world: World, later: None) -> None:
    User.objects.filter(pk=world.bob.user_id).update(tier="pro")  # 400 days are well within three years
    bob = kept(world.bob)

    (purged,) = purge_histories(now=timezone.now())

    assert (purged.account_id, purged.is_whole) == (world.alice.pk, True)
    assert (kept(world.bob), balances()) == (bob, [])

    (purged,) = purge_histories(now=timezone.now() + timedelta(days=3 * 365 - 399))
    assert (purged.account_id, balances()) == (world.bob.pk, [])


def test_whoever_keeps_everything_keeps_it(world: World, later: None) -> None:
    User.objects.update(tier="pro_plus")

    assert purge_histories(now=timezone.now() + timedelta(days=100 * 365)) == []


def test_a_dry_run_counts_exactly_and_changes_nothing(world: World, later: None) -> None:
    before = every_owned_row()

    would = purge_histories(now=timezone.now(), is_dry=True)
    assert every_owned_row() == before

    assert purge_histories(now=timezone.now(), at_once=3) == would


def test_one_account_can_be_purged_alone(world: World, later: None) -> None:
    alice = kept(world.alice)

    (purged,) = purge_histories(now=timezone.now(), account_id=world.bob.pk)

    assert purged.account_id == world.bob.pk
    assert kept(world.alice) == alice


def test_an_account_that_somebody_holds_is_left_for_the_next_time(
    world: World, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trading.services.history_purge.PATIENCE", "10ms")
    with session(roles.OWNER, autocommit=False) as holder:
        holder.execute(
            "select from trading_tradingaccount where account_id = %s for update", [world.alice.pk]
        )
        purged = {each.account_id: each.is_whole for each in purge_histories(now=timezone.now())}
        holder.rollback()

    assert purged == {world.alice.pk: False, world.bob.pk: True}
    assert [each.account_id for each in purge_histories(now=timezone.now())] == [world.alice.pk]


def test_an_upgrade_that_is_being_committed_is_waited_for_and_keeps_the_history(world: World) -> None:
    before = kept(world.alice)
    with session(roles.OWNER, autocommit=False) as upgrading, session(roles.WORKER) as purging:
        upgrading.execute("update accounts_user set tier = 'pro' where id = %s", [world.alice.user_id])
        thread = threading.Thread(
            target=purging.execute, args=[PURGE, [world.alice.pk, "free", FAR, 1_000]], daemon=True
        )
        thread.start()
        with session(roles.OWNER) as watcher:
            wait_until_blocked(watcher, purging.info.backend_pid)
        upgrading.commit()
        thread.join()

    assert kept(world.alice) == before
