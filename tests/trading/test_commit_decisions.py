"""`trading_commit_decisions`: one batch of decisions becomes durable whole, or not at all."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from matching.models import Market, Shard
from tests.factories.desk import Desk, cancel, commit, replace, submit, ticket
from tests.factories.rows import NOON, make_account, make_asset, make_market
from tests.factories.sessions import every_owned_row
from trading.ledger_audit import audit_ledger
from trading.models import Asset, Fill, Journal, Order, OrderEvent, Position, Posting, TradingAccount

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.sessions import Session

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def market(transactional_db: None) -> Market:
    return make_market()


@pytest.fixture
def asset(market: Market) -> Asset:
    return make_asset("ACME")


@pytest.fixture
def account(market: Market) -> TradingAccount:
    return make_account(market=market, cash=10_000)


def placed(app: Session, account: TradingAccount, asset: Asset, **terms: Any) -> UUID:
    order = ticket(account, asset, **terms)
    assert submit(app, order)[0]["denial"] is None
    order_id: UUID = order["id"]
    return order_id


def kinds(order_id: UUID) -> list[tuple[str, str]]:
    return list(OrderEvent.objects.filter(order_id=order_id).order_by("seq").values_list("kind", "status"))


# --- What one commit makes durable -----------------------------------------------------------------


def test_a_fill_moves_the_order_the_position_the_cash_and_the_hold_and_keeps_its_evidence(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    order_id = placed(app, account, asset)

    desk.decide((order_id, "new"), (order_id, "partial_fill", "4", "99.5"))

    order = Order.objects.get()
    assert (order.status, order.filled_quantity, order.filled_money, order.cash_held, order.stamp_seq) == (
        "partially_filled", 4, 398, 600, 1,
    )  # fmt: skip
    assert (order.updated_at, order.filled_at) == (NOON, None)
    position = Position.objects.get()
    assert (position.user_id, position.account_id, position.symbol) == (account.user_id, account.pk, "ACME")
    assert (position.quantity, position.cost, position.quantity_held) == (4, 398, 0)
    account.refresh_from_db()
    assert (account.cash, account.cash_held, account.event_seq) == (9602, 600, 3)
    fill = Fill.objects.get()
    assert (fill.order_id, fill.quantity, fill.price, fill.run, fill.rule) == (
        order_id,
        4,
        Decimal("99.5"),
        1,
        "L2",
    )
    assert (Journal.objects.get(kind="fill").pk, Journal.objects.get(kind="fill").at) == (fill.pk, NOON)
    assert dict(Posting.objects.filter(journal_id=fill.pk).values_list("ledger", "amount")) == {
        "cash": -398, "securities": 398,
    }  # fmt: skip
    told = OrderEvent.objects.get(fill_id=fill.pk)
    assert (told.seq, told.kind, told.quantity, told.price, told.position_quantity, told.feed_seq) == (
        3, "partial_fill", 4, Decimal("99.5"), 4, 1,
    )  # fmt: skip


def test_a_sale_releases_its_shares_and_realizes_its_profit(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    desk.decide((placed(app, account, asset), "new"))
    desk.decide((Order.objects.get().pk, "fill", "10", "90"))
    sale = placed(app, account, asset, side="sell", quantity="5", limit_price="95")

    desk.decide((sale, "new"), (sale, "partial_fill", "2", "95"))

    position = Position.objects.get()
    assert (position.quantity, position.cost, position.quantity_held) == (8, 720, 3)
    assert dict(Posting.objects.filter(journal_id=Fill.objects.get(order_id=sale).pk).values_list("ledger", "amount")) == {
        "cash": 190, "securities": -180, "realized": -10,
    }  # fmt: skip
    account.refresh_from_db()
    assert (account.cash, account.cash_held) == (9290, 0)
    assert audit_ledger().balances


@pytest.mark.parametrize("kind", ["canceled", "expired", "rejected"])
def test_an_end_without_a_fill_gives_the_whole_hold_back_and_says_when(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset, kind: str
) -> None:
    order_id = placed(app, account, asset)

    desk.decide((order_id, kind))

    order = Order.objects.get()
    ended = {"canceled": order.canceled_at, "expired": order.expired_at, "rejected": order.failed_at}
    assert (order.status, order.cash_held, ended) == (kind, 0, {**dict.fromkeys(ended), kind: NOON})
    account.refresh_from_db()
    assert (account.cash_held, account.cash) == (0, 10_000)


def test_the_shard_s_progress_is_part_of_the_commit(worker: Session, market: Market) -> None:
    commit(worker, market.pk, seq=77, at=1_381_248_000_000_000_000, run=3)

    shard = Shard.objects.get()
    assert (shard.run, shard.seq, shard.at, shard.epoch) == (3, 77, 1_381_248_000_000_000_000, 1)


def test_queues_alone_are_kept_without_an_event(
    app: Session, worker: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    first, second = placed(app, account, asset), placed(app, account, asset)
    desk.decide((first, "new"), (second, "new"))
    before = every_owned_row()["trading_orderevent"]

    commit(
        worker, account.market_id, seq=9,
        queues=[{"id": first, "queue_ahead": "300"}, {"id": second, "queue_ahead": None}],
    )  # fmt: skip

    assert dict(Order.objects.values_list("pk", "queue_ahead")) == {first: 300, second: None}
    assert every_owned_row()["trading_orderevent"] == before
    assert Shard.objects.get().seq == 9


def test_events_of_several_accounts_are_numbered_without_a_gap_in_the_order_of_the_decisions(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    accounts = [account, *(make_account(market=account.market, cash=1000) for _ in range(2))]
    orders = [placed(app, one, asset, quantity="3") for one in accounts for _ in range(2)]

    desk.decide(
        *[(order, "new") for order in reversed(orders)],
        *[(order, "partial_fill", "1", "9") for order in orders],
    )
    desk.decide(*[(order, "fill", "2", "9") for order in orders])

    for number, one in enumerate(accounts):
        first, second = orders[2 * number : 2 * number + 2]
        told = (
            OrderEvent.objects.filter(account_id=one.pk)
            .order_by("seq")
            .values_list("seq", "order_id", "kind")
        )
        assert list(told) == [
            (1, first, "pending_new"), (2, second, "pending_new"), (3, second, "new"), (4, first, "new"),
            (5, first, "partial_fill"), (6, second, "partial_fill"), (7, first, "fill"), (8, second, "fill"),
        ]  # fmt: skip
    assert audit_ledger().balances


def test_two_positions_of_one_batch_one_known_and_one_new(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    known = placed(app, account, asset, quantity="1")
    desk.decide((known, "new"), (known, "fill", "1", "10"))
    other = make_asset("OTHER")
    again, new = placed(app, account, asset, quantity="1"), placed(app, account, other, quantity="2")

    desk.decide((again, "new"), (new, "new"), (again, "fill", "1", "20"), (new, "fill", "2", "5"))

    assert set(Position.objects.values_list("symbol", "quantity", "cost")) == {
        ("ACME", 2, 30),
        ("OTHER", 2, 10),
    }


# --- A wish that comes between the matcher's look and its commit -----------------------------------


def test_a_late_cancel_is_told_that_the_fill_came_first(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    order_id = placed(app, account, asset)
    desk.decide((order_id, "new"))
    cancel(app, account, order_id)

    desk.decide((order_id, "fill", "10", "100"))

    assert Order.objects.get().status == "filled"
    assert kinds(order_id) == [
        ("pending_new", "pending_new"), ("new", "new"), ("pending_cancel", "pending_cancel"), ("fill", "filled"),
        ("order_cancel_rejected", "filled"),
    ]  # fmt: skip
    late = OrderEvent.objects.get(kind="order_cancel_rejected")
    assert (late.filled_quantity, late.filled_money, late.fill_id, late.quantity) == (10, 1000, None, None)
    assert audit_ledger().balances


def test_late_cancels_in_one_batch_each_follow_their_own_fill(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    other = make_account(market=account.market, cash=1000)
    mine, theirs, kept = placed(app, account, asset), placed(app, other, asset), placed(app, account, asset)
    desk.decide((mine, "new"), (theirs, "new"), (kept, "new"))
    cancel(app, account, mine)
    cancel(app, other, theirs)

    desk.decide((mine, "fill", "10", "100"), (kept, "fill", "10", "99"), (theirs, "expired"))

    def told(one: TradingAccount) -> list[tuple[Any, ...]]:
        return list(
            OrderEvent.objects.filter(account_id=one.pk).order_by("-seq").values_list("order_id", "kind")[:3]
        )

    assert told(account)[::-1] == [(mine, "fill"), (mine, "order_cancel_rejected"), (kept, "fill")]
    assert told(other)[1::-1] == [(theirs, "expired"), (theirs, "order_cancel_rejected")]
    assert audit_ledger().balances


def test_a_wish_stands_while_the_order_goes_on(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    going, changing = placed(app, account, asset, quantity="5"), placed(app, account, asset, quantity="5")
    desk.decide((changing, "new"))
    cancel(app, account, going)
    replace(app, account, changing, limit_price="90")

    desk.decide((going, "new"), (going, "partial_fill", "1", "90"), (changing, "partial_fill", "1", "90"))

    assert Order.objects.get(pk=going).status == "pending_cancel"
    assert Order.objects.get(pk=changing).status == "pending_replace"
    assert kinds(going)[-1] == ("partial_fill", "partially_filled")
    desk.decide((going, "canceled"))
    assert Order.objects.get(pk=going).status == "canceled"
    assert audit_ledger().balances
