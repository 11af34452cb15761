"""A batch's entries as the arguments of the commit function: columns, each one array."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

from trading.adapters.array_columns import (
    decimals,
    flags,
    instants,
    integers,
    objects,
    optional_uuids,
    small_integers,
    uuids,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from uuid import UUID

    from matching.engine.types import WatermarkMove
    from matching.ports import Batch
    from trading.bookkeeping import Books

PRICE, QUANTITY, MONEY = "e-4", "e-9", "e-13"  # the engine's units
LEDGERS = ("cash", "securities", "realized", "fees")

# The arguments of trading_commit_decisions beyond the shard's, by the types of their elements.
ARGUMENTS = {
    "uuid": "account_id order_id order_replaced_by reparent_from reparent_to fill_id fill_user_id fill_account_id"
    " fill_order_id fill_asset_id position_user_id position_account_id position_asset_id event_user_id"
    " event_order_id event_fill_id queue_order_id",
    "text": "order_status order_reason fill_symbol fill_side fill_rule position_symbol event_kind event_status"
    " event_rule event_request_id watermark_symbol watermark_side fresh",
    "bigint": "order_stamp_seq order_queue_seq order_queue_no order_working_seq order_accepted_ns fill_seq"
    " fill_offer_seq event_feed_seq watermark_seq watermark_price",
    "int": "account_events fill_model_version event_account event_no",
    "boolean": "order_keeps_wish order_is_triggered position_is_new",
    "timestamptz": "order_at fill_at position_at event_at",
    "jsonb": "fill_evidence event_evidence",
    "numeric": "account_cash_change account_held_change order_prior_filled order_quantity order_filled_quantity"
    " order_filled_money order_cash_held order_quantity_held order_hwm fill_quantity fill_price fill_cash"
    " fill_securities fill_realized fill_fees position_quantity position_cost position_held_change"
    " event_filled_quantity event_filled_money event_quantity event_price event_position_quantity"
    " event_order_quantity queue_ahead",
}
_NAMES = {name: kind for kind, names in ARGUMENTS.items() for name in names.split()}
_COLUMNS = ", ".join(
    f"p_{name} => %({name}){'t' if kind == 'numeric' else 'b'}::{kind}[]" for name, kind in _NAMES.items()
)
COMMIT = f"""select trading_commit_decisions(
  %(market)s, %(shard)s, %(epoch)s, %(run)s, %(seq)s, %(at)s, {_COLUMNS})"""

Arguments = dict[str, Any]


def arguments_of(batch: Batch, books: Books | None, *, fresh: Sequence[str] | None) -> Arguments:
    """Return the arguments of COMMIT, but for market, shard and epoch.

    `fresh` is what a new run of the tape begins anew: the symbols whose watermarks are forgotten.
    """
    progress = batch.progress
    arguments: Arguments = {
        **dict.fromkeys(_NAMES), "run": progress.run, "seq": progress.seq, "at": progress.at,
    }  # fmt: skip
    if books is not None:
        arguments |= (
            _accounts_and_events(books) | _orders(books, batch) | _fills(books) | _positions(books, batch)
        )
    if batch.queues:
        arguments |= _queues(batch)
    if batch.watermarks:
        arguments |= _watermarks(batch.watermarks)
    if fresh is not None:
        arguments["fresh"] = words(fresh)
    return arguments


def _orders(books: Books, batch: Batch) -> Arguments:
    changes, reparents, stamps = books.entries.orders, books.entries.reparents, batch.stamps
    rows, orders = list(changes.values()), [books.orders[order_id] for order_id in changes]
    places = [row.queue_priority for row in rows]
    return {
        "order_id": uuids(changes.keys()),
        "order_prior_filled": decimals([row.prior_filled for row in rows], QUANTITY),
        "order_status": words([row.status.value for row in rows]),
        "order_keeps_wish": flags([row.keeps_wish for row in rows]),
        "order_quantity": decimals([row.quantity for row in rows], QUANTITY),
        "order_filled_quantity": decimals([order.filled_quantity for order in orders], QUANTITY),
        "order_filled_money": decimals([order.filled_money for order in orders], MONEY),
        "order_cash_held": decimals([order.cash_held for order in orders], MONEY),
        "order_quantity_held": decimals([order.quantity_held for order in orders], QUANTITY),
        "order_at": instants([row.at for row in rows]),
        "order_stamp_seq": integers([stamps.get(order_id) for order_id in changes]) if stamps else None,
        "order_queue_seq": integers([place and place[0] for place in places]),
        "order_queue_no": integers([place and place[1] for place in places]),
        "order_replaced_by": optional_uuids([row.replaced_by for row in rows]),
        "order_reason": words([row.reason for row in rows]),
        "order_is_triggered": flags([row.is_triggered for row in rows]),
        "order_hwm": decimals([row.hwm for row in rows], PRICE),
        "order_working_seq": integers([row.working_seq for row in rows]),
        "order_accepted_ns": integers([row.accepted_ns for row in rows]),
        "reparent_from": uuids(reparents.keys()),
        "reparent_to": uuids(reparents.values()),
    }


def _fills(books: Books) -> Arguments:
    fills = books.entries.fills
    if not fills:
        return {}
    column = _columns_of(fills)
    amounts = column("amounts")
    return {
        "fill_id": uuids(column("id")),
        "fill_user_id": uuids(column("user_id")),
        "fill_account_id": uuids(column("account_id")),
        "fill_order_id": uuids(column("order_id")),
        "fill_asset_id": uuids(column("asset_id")),
        "fill_symbol": words(column("symbol")),
        "fill_side": words(column("side")),
        "fill_quantity": decimals(column("quantity"), QUANTITY),
        "fill_price": decimals(column("price"), PRICE),
        "fill_at": instants(column("at")),
        "fill_seq": integers(column("seq")),
        "fill_offer_seq": integers(column("offer_seq")),
        "fill_rule": words(column("rule")),
        "fill_model_version": small_integers(column("model_version")),
        "fill_evidence": objects(column("evidence")),
        **{
            f"fill_{ledger}": decimals(lines, MONEY) if any(lines) else None
            for ledger in LEDGERS
            for lines in ([of[ledger] for of in amounts],)
        },
    }


def _positions(books: Books, batch: Batch) -> Arguments:
    entries, known = books.entries, books.known_positions
    keys = entries.held_changes.keys()
    owners = [entries.owners[key] for key in keys]
    positions = [books.positions[key] for key in keys]
    return {
        "position_is_new": flags([key not in known for key in keys]),
        "position_user_id": uuids([owner[0] for owner in owners]),
        "position_account_id": uuids([key[0] for key in keys]),
        "position_asset_id": uuids([key[1] for key in keys]),
        "position_symbol": words([owner[1] for owner in owners]),
        "position_quantity": decimals([position.quantity for position in positions], QUANTITY),
        "position_cost": decimals([position.cost for position in positions], MONEY),
        "position_held_change": decimals(list(entries.held_changes.values()), QUANTITY),
        "position_at": instants([entries.touched_at.get(key, batch.progress.at) for key in keys]),
    }


def _accounts_and_events(books: Books) -> Arguments:
    entries, events = books.entries, books.entries.events
    accounts = sorted(entries.cash_changes, key=_by_value)
    places = dict(zip(accounts, range(1, len(accounts) + 1), strict=True))
    counts = dict.fromkeys(accounts, 0)
    told, numbers = [], []
    for event in events:
        account = event["account_id"]
        counts[account] = number = counts[account] + 1
        told.append(places[account])
        numbers.append(number)
    column = _columns_of(events)

    def maybe(name: str) -> list[Any]:
        return [event.get(name) for event in events]

    return {
        "account_id": uuids(accounts),
        "account_cash_change": decimals([entries.cash_changes[account] for account in accounts], MONEY),
        "account_held_change": decimals([entries.cash_held_changes[account] for account in accounts], MONEY),
        "account_events": small_integers(list(counts.values())),
        "event_account": small_integers(told),
        "event_no": small_integers(numbers),
        "event_user_id": uuids(column("user_id")),
        "event_order_id": uuids(column("order_id")),
        "event_kind": words(column("kind")),
        "event_status": words(column("status")),
        "event_at": instants(column("at")),
        "event_feed_seq": integers(column("feed_seq")),
        "event_filled_quantity": decimals(column("filled_quantity"), QUANTITY),
        "event_filled_money": decimals(column("filled_money"), MONEY),
        "event_fill_id": optional_uuids(maybe("fill_id")),
        "event_quantity": decimals(maybe("quantity"), QUANTITY),
        "event_price": decimals(maybe("price"), PRICE),
        "event_position_quantity": decimals(maybe("position_quantity"), QUANTITY),
        "event_order_quantity": decimals(maybe("order_quantity"), QUANTITY),
        "event_rule": words(column("rule")),
        "event_evidence": objects(maybe("evidence")),
        "event_request_id": words(column("request_id")),
    }


def _queues(batch: Batch) -> Arguments:
    return {
        "queue_order_id": uuids(cast("list[UUID]", list(batch.queues))),
        "queue_ahead": decimals(list(batch.queues.values()), QUANTITY),
    }


def _watermarks(moves: Iterable[WatermarkMove]) -> Arguments:
    kept = staircase(moves)
    return {
        "watermark_symbol": words([move.symbol for move in kept]),
        "watermark_side": words([move.side.value for move in kept]),
        "watermark_seq": integers([move.seq for move in kept]),
        "watermark_price": integers([move.price for move in kept]),
    }


def staircase(moves: Iterable[WatermarkMove]) -> list[WatermarkMove]:
    """Return the moves that no later one of the same symbol and side makes useless, the last one first."""
    best: dict[tuple[str, str], int] = {}
    kept = []
    for move in reversed(list(moves)):
        key, height = (move.symbol, move.side.value), move.price if move.side == "sell" else -move.price
        if key not in best or height > best[key]:
            best[key] = height
            kept.append(move)
    return kept


def _columns_of(rows: list[dict[str, Any]]) -> Callable[[str], list[Any]]:
    return lambda name: list(map(itemgetter(name), rows))


def _by_value(key: UUID) -> int:
    return key.int
