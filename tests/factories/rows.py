"""One function a model, through the ORM, as the owner role. Numbers are strings or Decimals.

These rows stand alone: a `make_fill` moves no money. `tests.factories.desk` goes the whole way.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

from django.db import transaction

from accounts.models import ApiKey, User
from accounts.models.api_key import digest
from accounts.models.user import new_id
from broker_handoff.models import GateMonth, GateNomination, ShadowLink, ShadowOrder
from matching.models import Market, Shard
from trading.models import (
    AccountReset,
    Asset,
    EquitySnapshot,
    Fill,
    Journal,
    LedgerAccount,
    OpeningLot,
    Order,
    OrderEvent,
    Position,
    Posting,
    TradingAccount,
    Watchlist,
    WebhookDelivery,
    WebhookEndpoint,
)

if TYPE_CHECKING:
    from django.db.models import Model

NOON = datetime(2013, 10, 8, 16, tzinfo=UTC)  # a Tuesday, regular session in New York
SECRET = "a secret of a test, which opens nothing"

_numbers = count(1)


def make_user(**fields: Any) -> User:
    """Insert a user."""
    return User.objects.create_user(**{"email": f"person{next(_numbers)}@example.com", **fields})


def make_market(**fields: Any) -> Market:
    """Insert a paused replay market, whose clock stands at NOON, and its one shard in epoch 1, run 1.

    The first is the active one, unless told otherwise.
    """
    defaults: dict[str, Any] = {
        "name": f"market {next(_numbers)}",
        "feed": Market.FeedKind.REPLAY,
        "calendar": "XNYS",
        "paused": True,
        "anchor_at": NOON,
        "is_active": not Market.objects.filter(is_active=True).exists(),
    }
    market = Market.objects.create(**{**defaults, **fields})
    Shard.objects.create(market=market, epoch=1, run=1)
    return market


def make_asset(symbol: str = "", **fields: Any) -> Asset:
    """Insert a stock."""
    return Asset.objects.create(symbol=symbol or f"SYM{next(_numbers)}", **fields)


def make_account(
    user: User | None = None, *, market: Market | None = None, cash: Any = 0, **fields: Any
) -> TradingAccount:
    """Insert a paper account, with the journal of its deposit when `cash` is not zero.

    Without a market it trades in the active one, which is made when there is none.
    """
    account = TradingAccount.objects.create(
        user=user or make_user(),
        market=market or Market.objects.filter(is_active=True).first() or make_market(),
        number=f"T{next(_numbers):09d}",
        cash=cash,
        **fields,
    )
    if cash:
        make_journal(account, amount=cash)
    return account


def make_api_key(account: TradingAccount, **fields: Any) -> ApiKey:
    """Insert a key whose secret is SECRET."""
    return ApiKey.objects.create(
        **{"user_id": account.user_id, "account_id": account.pk, "secret_hash": digest(SECRET), **fields}
    )


def make_position(account: TradingAccount, asset: Asset | None = None, **fields: Any) -> Position:
    """Insert a position of ten shares, bought at 100 dollars."""
    asset = asset or make_asset()
    defaults = {
        "user_id": account.user_id,
        "quantity": 10,
        "cost": 1000,
        "symbol": asset.symbol,
        "updated_at": NOON,
    }
    return Position.objects.create(account=account, asset=asset, **{**defaults, **fields})


def make_order(account: TradingAccount, asset: Asset | None = None, **fields: Any) -> Order:
    """Insert a day order to buy ten shares at 100 dollars, as web leaves it; it holds nothing unless told."""
    asset = asset or make_asset()
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "user_id": account.user_id,
        "market_id": account.market_id,
        "symbol": asset.symbol,
        "client_order_id": f"order {number}",
        "status": "pending_new",
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "limit_price": 100,
        "command_no": number,
        "created_at": NOON,
        "submitted_at": NOON,
        "updated_at": NOON,
    }
    if "notional" not in fields:
        defaults["quantity"] = 10
    return Order.objects.create(account=account, asset=asset, **{**defaults, **fields})


def make_event(account: TradingAccount, order: Order | None = None, **fields: Any) -> OrderEvent:
    """Insert an event `pending_new` as sequence 1."""
    defaults: dict[str, Any] = {
        "seq": 1,
        "user_id": account.user_id,
        "order_id": (order or make_order(account)).pk,
        "kind": "pending_new",
        "status": "pending_new",
        "at": NOON,
        "recorded_at": NOON,
        "filled_quantity": 0,
        "filled_money": 0,
    }
    return OrderEvent.objects.create(account=account, **{**defaults, **fields})


def make_fill(account: TradingAccount, order: Order | None = None, **fields: Any) -> Fill:
    """Insert a fill of one share at 100 dollars."""
    order = order or make_order(account)
    defaults: dict[str, Any] = {
        "id": new_id(),
        "user_id": account.user_id,
        "asset_id": order.asset_id,
        "symbol": order.symbol,
        "side": order.side,
        "quantity": 1,
        "price": 100,
        "at": NOON,
        "run": 1,
        "seq": 1,
        "offer_seq": 1,
        "rule": "L2",
        "model_version": 1,
        "evidence": {},
    }
    return Fill.objects.create(account=account, order=order, **{**defaults, **fields})


def make_journal(account: TradingAccount, *, amount: Any = 100, **fields: Any) -> Journal:
    """Insert a deposit and both of its postings."""
    with transaction.atomic():  # the journal's balance is judged at commit
        journal = Journal.objects.create(
            **{
                "id": new_id(),
                "user_id": account.user_id,
                "account": account,
                "kind": "deposit",
                "at": NOON,
                **fields,
            }
        )
        line = {"journal": journal, "user_id": account.user_id, "account": account}
        Posting.objects.bulk_create(
            [  # one statement: the trigger judges a statement's postings together
                Posting(**line, ledger=LedgerAccount.CASH, amount=Decimal(amount)),
                Posting(**line, ledger=LedgerAccount.CAPITAL, amount=-Decimal(amount)),
            ]
        )
    return journal


def make_webhook(account: TradingAccount, **fields: Any) -> WebhookEndpoint:
    """Insert an endpoint that has been told of nothing."""
    defaults = {"user_id": account.user_id, "url": "https://bot.example/hook", "cursor": 0}
    return WebhookEndpoint.objects.create(account=account, **{**defaults, **fields})


def make_delivery(account: TradingAccount, **fields: Any) -> WebhookDelivery:
    """Insert an attempt that succeeded."""
    defaults = {
        "user_id": account.user_id,
        "seq": 1,
        "attempt": 1,
        "at": NOON,
        "duration_ms": 5,
        "status_code": 200,
    }
    endpoint = fields.pop("endpoint", None) or make_webhook(account)
    return WebhookDelivery.objects.create(account=account, endpoint=endpoint, **{**defaults, **fields})


def make_watchlist(account: TradingAccount, **fields: Any) -> Watchlist:
    """Insert a list with nothing in it."""
    defaults = {
        "user_id": account.user_id,
        "name": f"list {next(_numbers)}",
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Watchlist.objects.create(account=account, **{**defaults, **fields})


def make_snapshot(account: TradingAccount, **fields: Any) -> EquitySnapshot:
    """Insert the worth of an account at the close of 2013-10-07: a thousand dollars in cash."""
    defaults = {
        "user_id": account.user_id,
        "run": 1,
        "date": date(2013, 10, 7),
        "at": datetime(2013, 10, 7, 20, tzinfo=UTC),
        "cash": 1000,
        "long_market_value": 0,
        "short_market_value": 0,
        "equity": 1000,
        "recorded_at": NOON,
    }
    return EquitySnapshot.objects.create(account=account, **{**defaults, **fields})


def make_reset(account: TradingAccount, **fields: Any) -> AccountReset:
    """Insert a reset that waits: to the generation after the present one, with a thousand dollars."""
    defaults = {
        "user_id": account.user_id,
        "generation": account.generation + 1,
        "cash": 1000,
        "asked_at": NOON,
    }
    return AccountReset.objects.create(account=account, **{**defaults, **fields})


def make_opening_lot(account: TradingAccount, asset: Asset | None = None, **fields: Any) -> OpeningLot:
    """Insert what was there where the account's history begins: a share at 100 dollars."""
    asset = asset or make_asset()
    defaults = {
        "user_id": account.user_id,
        "symbol": asset.symbol,
        "generation": account.generation,
        "quantity": 1,
        "cost": 100,
        "realized": 0,
        "fees": 0,
    }
    return OpeningLot.objects.create(account=account, asset=asset, **{**defaults, **fields})


def make_gate_nomination(account: TradingAccount, **fields: Any) -> GateNomination:
    """Insert that its owner is judged by the account from now on."""
    return GateNomination.objects.create(**{"account": account, "user_id": account.user_id, **fields})


def make_gate_month(account: TradingAccount, **fields: Any) -> GateMonth:
    """Insert what the account did in a month: nothing."""
    record = {
        "month": "2013-09",
        "is_nominated": True,
        "opening": None,
        "closes": [],
        "sessions": 20,
        "flows": 0,
        "closed_trades": 0,
        "trading_days": 0,
    }
    defaults = {"user_id": account.user_id, "month": "2013-09", "record": record}
    return GateMonth.objects.create(**{"account": account, **defaults, **fields})


def make_shadow_link(account: TradingAccount, **fields: Any) -> ShadowLink:
    """Insert that the account is mirrored."""
    defaults = {"user_id": account.user_id, "shadow_account": "PA3XYZ"}
    return ShadowLink.objects.create(**{"account": account, **defaults, **fields})


def make_shadow_order(account: TradingAccount, **fields: Any) -> ShadowOrder:
    """Insert an order that works here and at the shadow."""
    defaults: dict[str, Any] = {
        "id": new_id(),
        "user_id": account.user_id,
        "seq": 1,
        "terms": {"symbol": "IBM", "side": "buy", "type": "market", "time_in_force": "day", "qty": "1"},
        "placed_at": NOON,
        "status": "working",
        "paper_submitted_at": NOON,
        "paper_status": "new",
        "shadow_order_id": "b1",
    }
    return ShadowOrder.objects.create(**{"account": account, **defaults, **fields})


# What puts a row of an account into each owned table: a new owned table needs its factory here.
MAKE: dict[str, Any] = {
    "accounts_apikey": make_api_key,
    "trading_tradingaccount": lambda account: account,
    "trading_order": make_order,
    "trading_orderevent": make_event,
    "trading_position": make_position,
    "trading_fill": make_fill,
    "trading_journal": make_journal,
    "trading_posting": make_journal,
    "trading_watchlist": make_watchlist,
    "trading_equitysnapshot": make_snapshot,
    "trading_webhookendpoint": make_webhook,
    "trading_webhookdelivery": make_delivery,
    "trading_accountreset": make_reset,
    "trading_openinglot": make_opening_lot,
    "broker_handoff_gatenomination": make_gate_nomination,
    "broker_handoff_gatemonth": make_gate_month,
    "broker_handoff_shadowlink": make_shadow_link,
    "broker_handoff_shadoworder": make_shadow_order,
}


def make_one_of_everything(account: TradingAccount) -> dict[str, Model]:
    """Insert a row of the account into every table that MAKE knows."""
    return {table: make(account) for table, make in MAKE.items()}
