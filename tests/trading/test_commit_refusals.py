"""`trading_commit_decisions`: what does not fit is refused, and not even the shard has moved."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from accounts.models.user import new_id
from matching.models import Market, Shard
from tests.factories.desk import Desk, commit, submit, ticket
from tests.factories.rows import make_account, make_asset, make_market
from tests.factories.sessions import every_owned_row

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.sessions import Session
    from trading.models import Asset, TradingAccount

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


def everything() -> tuple[dict[str, list[str]], list[tuple[Any, ...]]]:
    """Return all owned rows and the shards' progress."""
    return every_owned_row(), list(
        Shard.objects.values_list("market_id", "number", "epoch", "run", "seq", "at")
    )


def refused(worker: Session, error: Any, match: str, batch: dict[str, Any]) -> None:
    """Commit the batch, expect the error, and expect that not even the shard has moved."""
    before = everything()
    with pytest.raises(error, match=match):
        commit(worker, **batch)
    assert everything() == before


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_matcher_of_another_epoch_is_fenced(
    app: Session, worker: Session, desk: Desk, account: TradingAccount, asset: Asset, epoch: int
) -> None:
    batch = desk.batch((placed(app, account, asset), "new"))
    before = everything()

    with pytest.raises(psycopg.Error, match="is owned by another matcher") as caught:
        commit(worker, **batch, epoch=epoch)

    assert caught.value.sqlstate == "RX001"
    assert everything() == before
    commit(worker, **batch)


def test_a_decision_from_another_state_of_the_order_is_refused_with_all_of_its_batch(
    app: Session, worker: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    first, second = placed(app, account, asset), placed(app, account, asset)
    desk.decide((first, "new"), (second, "new"))
    stale = desk.batch((first, "partial_fill", "1", "90"), (second, "partial_fill", "1", "90"))
    desk.decide((second, "partial_fill", "2", "91"))
    before = everything()

    with pytest.raises(psycopg.Error) as caught:
        commit(worker, **stale)

    assert caught.value.sqlstate == "RX002"
    assert everything() == before


@pytest.mark.parametrize("end", ["canceled", "expired", "rejected"])
def test_an_order_that_is_over_is_never_decided_again(
    app: Session, worker: Session, desk: Desk, account: TradingAccount, asset: Asset, end: str
) -> None:
    order_id = placed(app, account, asset)
    fill = desk.batch((order_id, "fill", "10", "100"))
    desk.decide((order_id, end))
    before = everything()

    with pytest.raises(psycopg.Error) as caught:
        commit(worker, **fill)

    assert caught.value.sqlstate == "RX002"
    assert everything() == before


def test_the_same_batch_committed_twice_fills_once(
    app: Session, worker: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    order_id = placed(app, account, asset)
    desk.decide((order_id, "new"))
    batch = desk.batch((order_id, "partial_fill", "1", "90"))
    commit(worker, **batch)
    before = everything()

    with pytest.raises(psycopg.Error) as caught:
        commit(worker, **batch)

    assert caught.value.sqlstate == "RX002"
    assert everything() == before


def test_an_order_of_another_market_is_not_this_shard_s_to_decide(
    app: Session, worker: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    batch = desk.batch((placed(app, account, asset), "new"))
    before = everything()

    with pytest.raises(psycopg.Error) as caught:
        commit(worker, **{**batch, "market_id": make_market().pk})

    assert caught.value.sqlstate == "RX002"
    assert everything()[0] == before[0]


def test_postings_that_do_not_balance_are_refused_with_all_of_their_batch(
    app: Session, worker: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    order_id = placed(app, account, asset)
    batch = desk.batch((order_id, "fill", "10", "100"))
    batch["postings"][0]["amount"] += Decimal("1e-13")

    refused(worker, psycopg.errors.CheckViolation, "do not sum to zero", batch)


@pytest.mark.parametrize("left", [0, 1])
def test_a_fill_without_both_of_its_postings_is_refused(
    app: Session, worker: Session, desk: Desk, account: TradingAccount, asset: Asset, left: int
) -> None:
    order_id = placed(app, account, asset)
    batch = desk.batch((order_id, "fill", "10", "100"))
    batch["postings"] = batch["postings"][:left]

    refused(worker, psycopg.errors.CheckViolation, "sum to", batch)


def test_more_than_was_ordered_is_refused(
    app: Session, worker: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    order_id = placed(app, account, asset)
    batch = desk.batch((order_id, "fill", "11", "1"))
    batch["orders"][0]["cash_held"] = 0

    refused(worker, psycopg.errors.CheckViolation, "order_fills_no_more_than_quantity", batch)


def test_a_hold_below_zero_is_refused(
    app: Session, worker: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    batch = desk.batch((placed(app, account, asset), "canceled"))
    batch["accounts"][0]["held_change"] -= 1

    refused(worker, psycopg.errors.CheckViolation, "trading_account_holds_not_negative", batch)


def test_events_of_an_account_that_the_batch_does_not_name_are_refused(
    app: Session, worker: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    other = make_account(market=account.market, cash=1000)
    batch = desk.batch((placed(app, account, asset), "new"), (placed(app, other, asset), "new"))
    batch["accounts"] = [one for one in batch["accounts"] if one["account_id"] != other.pk]

    refused(worker, psycopg.errors.NotNullViolation, "account_id", batch)


def test_a_batch_that_names_an_account_that_does_not_exist_is_refused(
    app: Session, worker: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    batch = desk.batch((placed(app, account, asset), "new"))
    batch["accounts"].append({"account_id": new_id(), "cash_change": 0, "held_change": 0})

    refused(worker, psycopg.errors.CheckViolation, "must name the accounts of its events", batch)


def test_an_order_that_does_not_exist_is_refused(
    app: Session, worker: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    batch = desk.batch((placed(app, account, asset), "new"))
    batch["orders"][0]["id"] = new_id()

    refused(worker, psycopg.Error, "not in the state", batch)
