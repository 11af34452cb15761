"""The real matcher on PostgreSQL over a tape that a test writes, one line an item; times are seconds after the open."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo
from redis import Redis

from accounts.models.user import new_id
from matching.market import rows
from matching.market.feeds import open_feed
from matching.market.market_clock import MarketClock
from matching.market.plain_csv import HEADER
from matching.matcher import Matcher
from matching.models import Market
from tests.factories.calendar import store_season
from tests.factories.rows import make_account
from trading.adapters.journal import PostgresJournal
from trading.models import Asset, Order, OrderEvent, Position, SimulationProfile, TradingAccount
from trading.services.markets import activate_market, symbols_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from uuid import UUID

DAY = date(2013, 10, 8)
OPEN = datetime(2013, 10, 8, 13, 30, tzinfo=UTC)
Line = dict[str, Any]


def at(second: float) -> datetime:
    """Return the instant so many seconds after the open."""
    return OPEN + timedelta(seconds=second)


def quote(second: float, bid: str, bid_size: int, ask: str, ask_size: int) -> Line:
    """Return a line of the tape: a quote."""
    return {
        "time": second,
        "kind": "quote",
        "bid": bid,
        "bid_size": bid_size,
        "ask": ask,
        "ask_size": ask_size,
    }


def trade(second: float, price: str, size: int) -> Line:
    """Return a line of the tape: a print."""
    return {"time": second, "kind": "trade", "price": price, "size": size}


class _Rung:
    def wait(self, timeout: float) -> None:
        """Return at once: somebody has always rung."""


@dataclass
class Stage:
    """A paused replay market of the symbol XYZ, and one matcher at a time."""

    market: Market
    market_state: Any
    journals: list[PostgresJournal] = field(default_factory=list)
    matcher: Any = None
    is_cut: bool = False  # start a new matcher before each round

    def account(self, **fields: Any) -> TradingAccount:
        """Return a new account with 10,000 dollars in this market."""
        return make_account(**{"market": self.market, "cash": Decimal(10_000), **fields})

    def start(self) -> None:
        """Start a matcher, after the one before has gone without a word."""
        self.start_without_recovery()
        self.matcher.recover()

    def start_without_recovery(self) -> None:
        """Make a matcher that has not claimed its shard yet."""
        self.close()
        login = settings.DATABASE_SERVER.login(connection.settings_dict["USER"])
        info = make_conninfo("", **{**login, "dbname": connection.settings_dict["NAME"]})
        journal = PostgresJournal(info, market_id=self.market.pk, symbols=list(symbols_of(self.market_state)))
        self.journals.append(journal)
        self.matcher = Matcher(
            journal=journal,
            open_feed=lambda progress: open_feed(self.market_state, Redis()),
            clock=MarketClock(self.market.pk),
            bell=_Rung(),
        )

    def close(self) -> None:
        """End the matcher's session: an open one would keep the test database from being dropped."""
        while self.journals:
            self.journals.pop().close()

    def round(self) -> None:
        """Let the matcher empty its inbox and move the market."""
        if self.is_cut or self.matcher is None:
            self.start()
        self.matcher.round()

    def go(self, second: float) -> None:
        """Move the clock, then let the matcher follow."""
        self.advance_clock(second)
        self.round()

    def advance_clock(self, second: float) -> None:
        Market.objects.filter(pk=self.market.pk).update(anchor_at=at(second), paused=True)

    def submit(self, account: TradingAccount, *legs: dict[str, Any], **terms: Any) -> list[UUID]:
        """Submit an order, with its legs when it is the first of a class; return their ids."""
        (denial, ids) = self.ask(account, *legs, **terms)
        assert denial is None, denial
        return ids

    def ask(
        self, account: TradingAccount, *legs: dict[str, Any], **terms: Any
    ) -> tuple[str | None, list[UUID]]:
        """Submit an order and return the denial, if there is one, and the ids."""
        asset = Asset.objects.get(symbol=terms.get("symbol", "XYZ"))
        order: dict[str, Any] = {
            "n": 0, "id": new_id(), "user_id": account.user_id, "account_id": account.pk,
            "market_id": account.market_id, "asset_id": asset.pk, "symbol": asset.symbol, "client_order_id": new_id(),
            "side": "buy", "type": "limit", "time_in_force": "day", "order_class": "", "extended_hours": False,
            "quantity": "100", "position_intent": "", "may_be_short": True, "is_partnership": False,
            "marks": {str(asset.pk): "10"}, "request_id": "r", **terms,
        }  # fmt: skip
        order.setdefault("reserve_price", order.get("limit_price") or "10")
        if legs:
            order["legs"] = [{"id": new_id(), "client_order_id": new_id(), **leg} for leg in legs]
        (row,) = _call("select denial from trading_submit_orders(%s)", [order])
        return row[0], [order["id"], *(leg["id"] for leg in order.get("legs", ()))]

    def cancel(self, account: TradingAccount, *order_ids: UUID) -> None:
        """Ask for the cancel of orders, one after the other."""
        for order_id in order_ids:
            denial = self.ask_to_cancel(account, order_id)
            assert denial is None, denial

    def ask_to_cancel(self, account: TradingAccount, order_id: UUID) -> str | None:
        """Ask for the cancel of an order and return the denial, if there is one."""
        owner = (account.user_id, account.pk)
        rows = _query("select denial from trading_cancel_orders(%s, %s, %s, 'r')", *owner, order_id)
        denial: str | None = rows[0][0]
        return denial

    def replace(self, account: TradingAccount, order_id: UUID, **changes: Any) -> UUID:
        """Ask for a replacement and return the successor's id."""
        denial, successor = self.ask_to_replace(account, order_id, **changes)
        assert denial is None, denial
        return successor

    def ask_to_replace(
        self, account: TradingAccount, order_id: UUID, **changes: Any
    ) -> tuple[str | None, UUID]:
        """Ask for a replacement and return the denial, if there is one, and the successor's id."""
        successor = new_id()
        wish = {
            "id": successor, "user_id": account.user_id, "account_id": account.pk, "order_id": order_id,
            "client_order_id": new_id(), "request_id": "r", **changes,
        }  # fmt: skip
        ((denial,),) = _call("select denial from trading_replace_order(%s)", wish)
        return denial, successor


def make_stage(folder: Path, tape: Sequence[Line], *, symbol: str = "XYZ", beside: bool = False) -> Stage:
    """Return a stage on the day of the tape, a minute before the open; `beside` the market that there is."""
    store_season()
    (folder / symbol).mkdir(parents=True)
    with (folder / symbol / f"{DAY}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, HEADER, restval="")
        writer.writeheader()
        for line in tape:
            writer.writerow({**line, "time": at(line["time"]).isoformat().replace("+00:00", "Z")})
    market = activate_market(feed="replay", tape=str(folder), date=str(DAY), paused=True, beside=beside)
    return Stage(market, rows.market_state(market.pk))


def use_profile(account: TradingAccount, **parameters: Any) -> SimulationProfile:
    """Let the account's next orders freeze a profile of its own."""
    profile = SimulationProfile.objects.create(
        **{"name": f"of-{account.number.lower()}", "model": "displayed"} | parameters
    )
    TradingAccount.objects.filter(pk=account.pk).update(profile=profile)
    return profile


def _call(statement: str, document: Any) -> list[tuple[Any, ...]]:
    return _query(statement, json.dumps(document, default=str))


def _query(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


# What is there now


def stored(order_id: UUID) -> Order:
    """Return an order's row."""
    return Order.objects.across_owners().get(pk=order_id)


def story(order_id: UUID) -> list[tuple[str, str]]:
    """Return what the matcher did to an order: (event, rule)."""
    told = OrderEvent.objects.across_owners().filter(order_id=order_id, feed_seq__isnull=False)
    return list(told.order_by("seq").values_list("kind", "rule"))


def holdings(account: TradingAccount) -> tuple[Decimal, Decimal, Decimal]:
    """Return the position's shares, those held of it, and the cash held."""
    position = Position.objects.across_owners().filter(account=account).first()
    account.refresh_from_db()
    shares = (position.quantity, position.quantity_held) if position else (Decimal(0), Decimal(0))
    return (*shares, account.cash_held)
