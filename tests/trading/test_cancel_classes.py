"""`trading_cancel_orders` and order classes: a class that waits in the inbox is withdrawn as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.factories.desk import cancel, submit
from tests.factories.rows import make_account, make_asset, make_order, make_position
from tests.trading.tickets import bracket, oco
from trading.models import Order, OrderEvent

if TYPE_CHECKING:
    from tests.factories.sessions import Session
    from trading.models import Asset, TradingAccount

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asset(transactional_db: None) -> Asset:
    return make_asset("ACME")


@pytest.fixture
def account(asset: Asset) -> TradingAccount:
    return make_account(cash=10_000)


def stored(app: Session, ticket: dict[str, Any], status: str = "pending_new") -> list[Order]:
    assert submit(app, ticket)[0]["denial"] is None
    Order.objects.filter(pk=ticket["id"]).update(status=status)
    return list(Order.objects.order_by("command_no"))


def statuses() -> list[str]:
    return list(Order.objects.order_by("role").values_list("status", flat=True))


@pytest.mark.parametrize("place", [0, 1, 2], ids=["entry", "take-profit", "stop-loss"])
def test_a_class_that_nobody_has_taken_is_withdrawn_whichever_order_is_named(
    app: Session, account: TradingAccount, asset: Asset, place: int
) -> None:
    named = stored(app, bracket(account, asset))[place]

    assert cancel(app, account, named.pk) == [{"id": named.pk, "denial": None, "status": "pending_cancel"}]

    assert statuses() == ["pending_cancel"] * 3
    told = OrderEvent.objects.filter(kind="pending_cancel").order_by("seq")
    assert [event.seq for event in told] == [4, 5, 6]
    account.refresh_from_db()
    assert account.event_seq == 6


def test_the_entry_is_withdrawn_last_so_that_its_end_releases_nothing(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    entry, target, stop = stored(app, bracket(account, asset))

    cancel(app, account, entry.pk)

    assert [one.pk for one in Order.objects.order_by("command_no")] == [target.pk, stop.pk, entry.pk]


@pytest.mark.parametrize("place", [0, 1], ids=["entry", "held exit"])
def test_of_a_class_that_works_one_order_is_asked_and_the_matcher_ends_the_others(
    app: Session, account: TradingAccount, asset: Asset, place: int
) -> None:
    orders = stored(app, bracket(account, asset), status="new")

    (answer,) = cancel(app, account, orders[place].pk)

    assert (answer["id"], answer["denial"]) == (orders[place].pk, None)
    assert [Order.objects.get(pk=one.pk).status for one in orders] == [
        "pending_cancel" if number == place else one.status for number, one in enumerate(orders)
    ]


def test_cancel_all_asks_exits_before_their_entries(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    entry, target, stop = stored(app, bracket(account, asset), status="partially_filled")
    alone = make_order(account, make_asset(), status="new")

    answers = cancel(app, account)

    assert [row["id"] for row in answers][-1] == entry.pk
    assert {row["id"] for row in answers} == {entry.pk, target.pk, stop.pk, alone.pk}
    assert list(Order.objects.order_by("command_no").values_list("role", flat=True))[-1] == "entry"


def test_an_oco_that_nobody_has_taken_is_withdrawn_as_a_whole(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    make_position(account, asset)
    _, stop = stored(app, oco(account, asset))

    cancel(app, account, stop.pk)

    assert statuses() == ["pending_cancel"] * 2


def test_another_class_is_left_alone(app: Session, account: TradingAccount, asset: Asset) -> None:
    first, other = bracket(account, asset), bracket(account, make_asset())
    submit(app, first, other)

    cancel(app, account, first["id"])

    assert set(Order.objects.filter(group_id=other["id"]).values_list("status", flat=True)) == {
        "pending_new",
        "held",
    }
    assert set(Order.objects.filter(group_id=first["id"]).values_list("status", flat=True)) == {
        "pending_cancel"
    }


def test_an_order_past_its_cut_off_is_asked_for_and_the_matcher_refuses(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    """See trading/decisions: the market's time is the matcher's to judge."""
    order = make_order(account, asset, status="new", time_in_force="cls", cut_off_at="2013-10-08T15:50:00Z")

    assert cancel(app, account, order.pk)[0]["denial"] is None
