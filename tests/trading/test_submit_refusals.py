"""`trading_submit_orders`: each refusal is data, names itself, and leaves every owned row as it was."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from accounts.models import ApiKey
from accounts.models.user import new_id
from matching.models import Market
from tests.factories.desk import Desk, cancel, submit, ticket
from tests.factories.rows import make_account, make_api_key, make_asset, make_market, make_user
from tests.factories.sessions import every_owned_row
from trading.models import Asset, TradingAccount

if TYPE_CHECKING:
    from tests.factories.sessions import Session

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asset(transactional_db: None) -> Asset:
    return make_asset("ACME")


@pytest.fixture
def account(asset: Asset) -> TradingAccount:
    return make_account(cash=10_000)


def _own(account: TradingAccount, asset: Asset, **terms: Any) -> dict[str, Any]:
    return ticket(account, asset, **terms)


def _of_another_person(account: TradingAccount, asset: Asset) -> dict[str, Any]:
    return ticket(account, asset, user_id=make_user().pk)


def _by_key(**fields: Any) -> Any:
    def make(account: TradingAccount, asset: Asset) -> dict[str, Any]:
        return ticket(account, asset, key_id=make_api_key(account, **fields).pk)

    return make


def _by_key_of_another_account(account: TradingAccount, asset: Asset) -> dict[str, Any]:
    other = make_account(account.user, market=account.market)
    return ticket(account, asset, key_id=make_api_key(other).pk)


def _by_key_of_another_person(account: TradingAccount, asset: Asset) -> dict[str, Any]:
    return ticket(account, asset, key_id=make_api_key(make_account(market=account.market)).pk)


def _from_closed_account(account: TradingAccount, asset: Asset) -> dict[str, Any]:
    TradingAccount.objects.update(status=TradingAccount.Status.CLOSED)
    return ticket(account, asset)


def _in_another_market(account: TradingAccount, asset: Asset) -> dict[str, Any]:
    return ticket(account, asset, market_id=make_market().pk)


def _in_a_market_that_nobody_runs(account: TradingAccount, asset: Asset) -> dict[str, Any]:
    Market.objects.update(is_active=False)
    return ticket(account, asset)


PAST = datetime(2020, 1, 1, tzinfo=UTC)
REFUSALS: dict[str, tuple[Any, str]] = {
    "buying power": (lambda a, s: _own(a, s, limit_price="1000.0001"), "insufficient_buying_power"),
    "market not running": (_in_a_market_that_nobody_runs, "market_not_running"),
    "no shares at all": (lambda a, s: _own(a, s, side="sell"), "shorting_not_allowed"),
    "unknown key": (lambda a, s: _own(a, s, key_id="PKNOBODY"), "unauthorized"),
    "revoked key": (_by_key(revoked_at=PAST), "unauthorized"),
    "expired key": (_by_key(expires_at=PAST), "unauthorized"),
    "key of another account": (_by_key_of_another_account, "unauthorized"),
    "key of another person": (_by_key_of_another_person, "unauthorized"),
    "account of another person": (_of_another_person, "account_not_found"),
    "account that does not exist": (lambda a, s: _own(a, s, account_id=new_id()), "account_not_found"),
    "account in another market": (_in_another_market, "account_not_found"),
    "closed account": (_from_closed_account, "account_closed"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "denial"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refusal_names_itself_and_leaves_nothing_behind(
    app: Session, account: TradingAccount, asset: Asset, make: Any, denial: str
) -> None:
    order = make(account, asset)
    before = every_owned_row()

    (answer,) = submit(app, order)

    assert (answer["denial"], answer["at"], answer["status"]) == (denial, None, None)
    assert every_owned_row() == before


def test_a_living_key_is_accepted_until_the_moment_it_is_revoked(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    key = make_api_key(account)

    first = submit(app, ticket(account, asset, key_id=key.pk, quantity="1"))
    ApiKey.objects.update(revoked_at=timezone.now())
    second = submit(app, ticket(account, asset, key_id=key.pk, quantity="1"))

    assert [row["denial"] for row in first + second] == [None, "unauthorized"]


def test_a_refusal_for_want_of_money_tells_the_figures(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    submit(app, ticket(account, asset, quantity="99"))

    (answer,) = submit(app, ticket(account, asset, quantity="2"))

    assert {name: Decimal(text) for name, text in answer["detail"].items()} == {
        "buying_power": 100,
        "cost_basis": 200,
    }


def test_a_refusal_for_want_of_shares_tells_the_figures_and_who_holds_them(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    desk.give_shares(app, account, asset)
    holder = ticket(account, asset, side="sell", quantity="7")
    submit(app, holder)
    before = every_owned_row()

    (answer,) = submit(app, ticket(account, asset, side="sell", quantity="4"))

    assert answer["denial"] == "insufficient_quantity"
    assert answer["detail"].pop("related_orders") == [str(holder["id"])]
    assert {name: Decimal(text) for name, text in answer["detail"].items()} == {
        "existing_qty": 10, "held_for_orders": 7, "available": 3, "requested": 4,
    }  # fmt: skip
    assert every_owned_row() == before


MARKET: dict[str, Any] = {"type": "market", "limit_price": None, "reserve_price": "100"}
OPPOSITES: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "buy at the sale's limit": ({"side": "sell", "limit_price": "105"}, {"limit_price": "105"}, True),
    "buy below the sale's limit": ({"side": "sell", "limit_price": "105"}, {"limit_price": "104.99"}, False),
    "sale at the buy's limit": ({"limit_price": "95"}, {"side": "sell", "limit_price": "95"}, True),
    "sale above the buy's limit": ({"limit_price": "95"}, {"side": "sell", "limit_price": "95.01"}, False),
    "buy at market against a sale": ({"side": "sell", "limit_price": "999"}, MARKET, True),
    "sale at market against a buy": ({"limit_price": "1"}, {**MARKET, "side": "sell"}, True),
    "buy against a sale at market": ({**MARKET, "side": "sell"}, {"limit_price": "1"}, True),
    "the same side": ({"limit_price": "95"}, {"limit_price": "95"}, False),
}


@pytest.mark.parametrize(("standing", "coming", "is_wash"), OPPOSITES.values(), ids=OPPOSITES.keys())
def test_an_account_s_own_orders_never_meet(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset,
    standing: dict[str, Any], coming: dict[str, Any], is_wash: bool,
) -> None:  # fmt: skip
    desk.give_shares(app, account, asset)
    first = ticket(account, asset, **{"quantity": "2", **standing})
    assert submit(app, first)[0]["denial"] is None
    before = every_owned_row()

    (answer,) = submit(app, ticket(account, asset, **{"quantity": "2", **coming}))

    if not is_wash:
        assert answer["denial"] is None
        return
    assert answer["denial"] == "wash_trade"
    assert answer["detail"] == {
        "existing_order_id": str(first["id"]),
        "is_limit": "type" not in {*standing, *coming},  # of a market order there is none
    }  # fmt: skip
    assert every_owned_row() == before


def test_an_order_that_is_over_or_of_another_asset_or_account_washes_nothing(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    desk.give_shares(app, account, asset)
    over, of_another = ticket(account, asset, quantity="1"), ticket(account, make_asset(), quantity="1")
    neighbour = make_account(account.user, market=account.market, cash=1000)
    submit(app, over, of_another, ticket(neighbour, asset, quantity="1"))
    cancel(app, account, over["id"])
    desk.decide((over["id"], "canceled"))

    assert submit(app, ticket(account, asset, side="sell", quantity="1"))[0]["denial"] is None


@pytest.mark.parametrize("terms", [
    {},
    {"limit_price": "1000.01"},
    {"side": "sell", "quantity": "4", "limit_price": "200"},
    {"side": "sell", "quantity": "11", "limit_price": "200"},
    {"side": "sell", "quantity": "4", "limit_price": "1"},
], ids=["same terms", "too dear", "sale", "sale of too much", "wash trade"])  # fmt: skip
def test_a_client_order_id_is_used_once_whatever_else_is_wrong(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset, terms: dict[str, Any]
) -> None:
    desk.give_shares(app, account, asset)
    submit(app, ticket(account, asset, client_order_id="once", quantity="1"))
    before = every_owned_row()

    (answer,) = submit(app, ticket(account, asset, client_order_id="once", **terms))

    assert (answer["denial"], answer["detail"]) == ("client_order_id_not_unique", None)
    assert every_owned_row() == before


def test_two_accounts_may_use_the_same_client_order_id(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    other = make_account(account.user, market=account.market, cash=1000)
    tickets = [ticket(one, asset, client_order_id="once", quantity="1") for one in (account, other)]

    assert [row["denial"] for row in submit(app, *tickets)] == [None, None]
