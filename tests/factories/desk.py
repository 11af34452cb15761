"""Orders that go the whole way: through the SQL functions, by the roles that call them in life.

`Desk` is a slow and obvious matcher: it fills what it is told to, and works out the books with
Decimals, row by row, from the stored rows. It shares no code with the product's bookkeeping.
"""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from accounts.models.user import new_id
from tests.factories.rows import NOON

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.sessions import Session
    from trading.models import Asset, TradingAccount

TERMINAL = {"filled", "canceled", "expired", "rejected", "replaced"}
STATUS = {
    "accepted": "accepted",
    "new": "new",
    "partial_fill": "partially_filled",
    "fill": "filled",
    "canceled": "canceled",
    "expired": "expired",
    "rejected": "rejected",
    "replaced": "replaced",
}
MONEY_STEP = Decimal("1e-13")


def ticket(account: TradingAccount, asset: Asset, **terms: Any) -> dict[str, Any]:
    """Return one order for `trading_submit_orders`: buy ten at 100 dollars unless told, with what it reserves."""
    order: dict[str, Any] = {
        "n": 0,
        "id": new_id(),
        "user_id": account.user_id,
        "account_id": account.pk,
        "key_id": None,
        "market_id": account.market_id,
        "asset_id": asset.pk,
        "symbol": asset.symbol,
        "client_order_id": str(new_id()),
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "order_class": "",
        "extended_hours": False,
        "quantity": "10" if "notional" not in terms else None,
        "notional": None,
        "limit_price": "100",
        "position_intent": "",
        "reserve_price": "0",
        "request_id": "req",
        **terms,
    }
    is_buy = order["side"] == "buy"
    if is_buy and order["quantity"] is not None and "reserve_price" not in terms:
        order["reserve_price"] = order["limit_price"]
    if "cash_held" not in terms:
        cost = order["notional"] or Decimal(order["reserve_price"]) * Decimal(order["quantity"])
        order["cash_held"] = str(cost) if is_buy else "0"
    if "quantity_held" not in terms:
        order["quantity_held"] = "0" if is_buy else order["quantity"]
    return order


def document(rows: Any) -> str | None:
    """Return rows as the JSON text that the SQL functions take; None stays null."""
    return None if rows is None else json.dumps(rows, default=str)


def submit(app: Session, *tickets: dict[str, Any]) -> list[dict[str, Any]]:
    """Submit the tickets in one call and return the answers in the order of `n`."""
    numbered = [{**one, "n": n} for n, one in enumerate(tickets)]
    rows = app.execute("select * from trading_submit_orders(%s::jsonb)", [document(numbered)]).fetchall()
    return sorted(rows, key=lambda row: row["n"])


def cancel(app: Session, account: TradingAccount, order_id: UUID | None = None) -> list[dict[str, Any]]:
    """Ask for the cancel of one order, or of all of the account."""
    return app.execute(
        "select * from trading_cancel_orders(%s, %s, %s, 'req')", [account.user_id, account.pk, order_id]
    ).fetchall()


def replace(app: Session, account: TradingAccount, order_id: UUID, **changes: Any) -> dict[str, Any]:
    """Ask for a replacement; the answer carries the successor's `id` too."""
    wish = {
        "id": new_id(),
        "user_id": account.user_id,
        "account_id": account.pk,
        "order_id": order_id,
        "client_order_id": str(new_id()),
        "request_id": "req",
        **changes,
    }
    row = app.execute("select * from trading_replace_order(%s::jsonb)", [document(wish)]).fetchone()
    assert row is not None
    return {**row, "id": wish["id"]}


def commit(worker: Session, market_id: int, **given: Any) -> None:
    """Call `trading_commit_decisions` for shard 0 with rows as dictionaries; what is not given is null."""
    scalars = {
        "market": market_id, "shard": 0, "epoch": given.pop("epoch", 1), "run": given.pop("run", 1),
        "seq": given.pop("seq", 1), "at": given.pop("at", 0),
    }  # fmt: skip
    columns = columns_of(given, _types_of(worker, "trading_commit_decisions"))
    arguments = [f"p_{name} => %({name})s" for name in scalars]
    arguments += [f"p_{name} => %({name})s::{kind}" for name, (kind, _) in columns.items()]
    values = {name: column for name, (_, column) in columns.items()}
    worker.execute(f"select trading_commit_decisions({', '.join(arguments)})", scalars | values)


def columns_of(tables: dict[str, Any], types: dict[str, str]) -> dict[str, tuple[str, list[Any]]]:
    """Return rows by table as the function's columns: name without `p_` -> type and values."""
    accounts = sorted(tables.get("accounts") or [], key=lambda row: row["account_id"])
    places = {row["account_id"]: place for place, row in enumerate(accounts, start=1)}
    counts: dict[Any, int] = {}
    events = []
    for event in tables.get("events") or []:
        counts[event["account_id"]] = number = counts.get(event["account_id"], 0) + 1
        events.append({**event, "account": places.get(event["account_id"]), "no": number})
    amounts: dict[Any, dict[str, Any]] = {}
    for line in tables.get("postings") or []:
        amounts.setdefault(line["journal_id"], {})[line["ledger"]] = line["amount"]
    rows = {
        "account": [{**row, "events": counts.get(row["account_id"], 0)} for row in accounts],
        "order": tables.get("orders"),
        "fill": [{**row, **amounts.get(row["id"], {})} for row in tables.get("fills") or []],
        "position": tables.get("positions"),
        "event": events,
        "watermark": tables.get("watermarks"),
        "reparent": tables.get("reparents"),
        "queue": [{"order_id": row["id"], "ahead": row["queue_ahead"]} for row in tables.get("queues") or []],
    }
    columns = {}
    for name, kind in types.items():
        table, _, column = name.partition("_")
        keys = {"id": "account_id"} if table == "account" else {}
        if found := rows.get(table):
            key = keys.get(column, column)
            columns[name] = (kind, [_plain(row.get(key), kind) for row in found])
    if tables.get("fresh") is not None:
        columns["fresh"] = (types["fresh"], tables["fresh"])
    return columns


def _plain(value: Any, kind: str) -> Any:
    """Return a value that can stand in a list with others of its kind."""
    if kind == "numeric[]" and value is not None:
        return Decimal(value)
    return Jsonb(value) if isinstance(value, dict) else value


def _types_of(worker: Session, function: str) -> dict[str, str]:
    """Return the types of a function's array arguments by name, without their `p_`, as the catalogue knows them."""
    rows = worker.execute(
        "select a.name, a.kind::regtype::text as kind from pg_proc, unnest(proargnames, proargtypes) as a(name, kind)"
        " where proname = %s and a.kind::regtype::text like '%%[]'",
        [function],
    ).fetchall()
    return {row["name"].removeprefix("p_"): row["kind"] for row in rows}


class Desk:
    """Decides what it is told, in one commit a `decide`."""

    def __init__(self, worker: Session) -> None:
        self._worker = worker
        self._seq = 0

    def decide(self, *decisions: tuple[UUID, str] | tuple[UUID, str, str, str]) -> None:
        """Commit decisions `(order, kind)` or `(order, kind, quantity, price)` as one batch."""
        with localcontext() as context:
            context.prec = 80
            batch = self.batch(*decisions)
        commit(self._worker, **batch)

    def give_shares(self, app: Session, account: TradingAccount, asset: Asset, quantity: str = "10") -> None:
        """Have the account buy shares at 100 dollars, in the way in which anybody gets them."""
        order = ticket(account, asset, quantity=quantity)
        submit(app, order)
        self.decide((order["id"], "new"), (order["id"], "fill", quantity, "100"))

    def batch(self, *decisions: Any) -> dict[str, Any]:
        """Return the documents of the decisions without committing them."""
        self._seq += 1
        orders: dict[UUID, dict[str, Any]] = {}
        positions: dict[tuple[UUID, UUID], dict[str, Any]] = {}
        accounts: dict[UUID, dict[str, Any]] = {}
        fills: list[dict[str, Any]] = []
        postings: list[dict[str, Any]] = []
        events: list[dict[str, Any]] = []
        for order_id, kind, *execution in decisions:
            order = orders.setdefault(order_id, self._stored("trading_order", id=order_id))
            order.setdefault("prior_filled", order["filled_quantity"])
            account = accounts.setdefault(
                order["account_id"], {"account_id": order["account_id"], "cash_change": 0, "held_change": 0}
            )
            event = {"kind": kind, "status": STATUS[kind], **_of(order)}
            if execution:
                fill, lines = self._execute(order, positions, *map(Decimal, execution))
                fills.append(fill)
                postings.extend(lines)
                account["cash_change"] += lines[0]["amount"]
                event |= {"fill_id": fill["id"], "quantity": fill["quantity"], "price": fill["price"]}
                event["position_quantity"] = positions[order["account_id"], order["asset_id"]]["quantity"]
            order["status"], order["keeps_wish"] = STATUS[kind], kind in {"accepted", "new", "partial_fill"}
            if kind == "replaced":
                self._hand_over(order, orders)
            self._hold(order, positions, account)
            events.append(
                {
                    **event,
                    "filled_quantity": order["filled_quantity"],
                    "filled_money": order["filled_money"],
                    "n": len(events),
                    "at": NOON,
                    "feed_seq": self._seq,
                    "request_id": "",
                    "rule": "L2" if execution else "C0",
                }
            )
        market_ids = {order["market_id"] for order in orders.values()}
        assert len(market_ids) == 1, "a batch is of one market"
        return {
            "market_id": market_ids.pop(),
            "seq": self._seq,
            "orders": [{**order, "at": NOON, "stamp_seq": self._seq} for order in orders.values()],
            "fills": fills,
            "postings": postings,
            "positions": list(positions.values()),
            "accounts": list(accounts.values()),
            "events": events,
        }

    def _stored(self, table: str, **keys: Any) -> dict[str, Any]:
        condition = " and ".join(f"{key} = %s" for key in keys)
        row = self._worker.execute(f"select * from {table} where {condition}", list(keys.values())).fetchone()
        assert row is not None, f"no {table} {keys}"
        return row

    def _position(
        self, order: dict[str, Any], positions: dict[tuple[UUID, UUID], dict[str, Any]]
    ) -> dict[str, Any]:
        key = (order["account_id"], order["asset_id"])
        if key not in positions:
            row = self._worker.execute(
                "select quantity, cost from trading_position where account_id = %s and asset_id = %s", key
            ).fetchone()
            stored = row or {"quantity": Decimal(0), "cost": Decimal(0)}
            owner = {name: order[name] for name in ("user_id", "account_id", "asset_id", "symbol")}
            positions[key] = {**owner, **stored, "held_change": Decimal(0), "at": NOON, "is_new": row is None}
        return positions[key]

    def _execute(
        self, order: dict[str, Any], positions: Any, quantity: Decimal, price: Decimal
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        position = self._position(order, positions)
        money = price * quantity
        order["filled_quantity"] += quantity
        order["filled_money"] += money
        if order["side"] == "buy":
            amounts = {"cash": -money, "securities": money}
            position["quantity"] += quantity
        else:
            cost = (position["cost"] * quantity / position["quantity"]).quantize(MONEY_STEP, ROUND_HALF_UP)
            amounts = {"cash": money, "securities": -cost, "realized": cost - money}
            position["quantity"] -= quantity
        position["cost"] += amounts["securities"]
        fill = {
            **_of(order), "id": new_id(), "asset_id": order["asset_id"], "symbol": order["symbol"],
            "side": order["side"], "quantity": quantity, "price": price, "at": NOON, "seq": self._seq,
            "offer_seq": self._seq, "rule": "L2", "model_version": 1, "evidence": {},
        }  # fmt: skip
        lines = [
            {"journal_id": fill["id"], "ledger": ledger, "amount": amount, "user_id": order["user_id"],
             "account_id": order["account_id"]}
            for ledger, amount in amounts.items() if amount
        ]  # fmt: skip
        return fill, lines

    def _hand_over(self, order: dict[str, Any], orders: dict[UUID, dict[str, Any]]) -> None:
        successor = self._stored("trading_order", replaces=order["id"])
        successor["quantity"] -= order["filled_quantity"] - successor["replaced_filled_quantity"]
        successor["prior_filled"] = successor["filled_quantity"]
        orders[successor["id"]] = successor
        order["replaced_by"] = successor["id"]

    def _hold(self, order: dict[str, Any], positions: Any, account: dict[str, Any]) -> None:
        is_over = order["status"] in TERMINAL
        if order["side"] == "buy":
            held = (
                Decimal(0) if is_over
                else order["notional"] - order["filled_money"] if order["notional"] is not None
                else order["reserve_price"] * (order["quantity"] - order["filled_quantity"])
            )  # fmt: skip
            account["held_change"] += held - order["cash_held"]
            order["cash_held"] = held
        else:
            held = Decimal(0) if is_over else order["quantity"] - order["filled_quantity"]
            self._position(order, positions)["held_change"] += held - order["quantity_held"]
            order["quantity_held"] = held


def _of(order: dict[str, Any]) -> dict[str, Any]:
    return {"user_id": order["user_id"], "account_id": order["account_id"], "order_id": order["id"]}
