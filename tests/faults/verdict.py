"""What must be true of the stored rows after everything: read by the administrator, past all walls."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from raxx import roles
from raxx.folder import DataFolder
from trading.stream.events import UNTOLD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.house import House
    from tests.faults.load import Load

DRAINS_WITHIN_S = 90.0
LOOK_S = 0.05

Connection = psycopg.Connection[tuple[Any, ...]]

TERMINAL = "('filled', 'canceled', 'expired', 'rejected', 'replaced')"

# Each finds what must not be.
LAWS = {
    "a fill worse than its order's limit": """
        select o.client_order_id, o.side, o.limit_price, f.price, f.rule from trading_fill f
          join trading_order o on o.id = f.order_id
         where o.limit_price is not null
           and case o.side when 'buy' then f.price > o.limit_price else f.price < o.limit_price end""",
    "a fill at a price that its evidence does not show": """
        select f.id, f.side, f.price, o.limit_price, f.rule, f.evidence from trading_fill f
          join trading_order o on o.id = f.order_id
         where case when f.rule = 'L2' then f.price * 10000 is distinct from
                      (f.evidence ->> case f.side when 'buy' then 'ask' else 'bid' end)::numeric
                    when f.rule in ('R2', 'R3') then f.price is distinct from o.limit_price end""",
    "more filled than ordered": """
        select o.client_order_id, o.quantity, o.filled_quantity, coalesce(sum(f.quantity), 0)
          from trading_order o left join trading_fill f on f.order_id = o.id group by o.id
        having o.filled_quantity > o.quantity or o.filled_quantity <> coalesce(sum(f.quantity), 0)""",
    "more taken from an offer than it showed": """
        select account_id, symbol, side, offer_seq, sum(quantity) from trading_fill
         group by account_id, symbol, side, offer_seq, run
        having sum(quantity) * 1000000000 > max((evidence ->> 'offered')::numeric)""",
    "an order filled twice by one item": """
        select order_id, seq, offer_seq, rule, count(*) from trading_fill
         group by order_id, seq, offer_seq, rule having count(*) > 1""",
    "a gap in an account's events": """
        select a.account_id, a.event_seq, count(*), min(e.seq), max(e.seq)
          from trading_tradingaccount a left join trading_orderevent e on e.account_id = a.account_id
         group by a.account_id, a.event_seq
        having count(e.seq) <> a.event_seq or coalesce(max(e.seq), 0) <> a.event_seq""",
    "an event after the end of its order": f"""
        select * from (
          select e.order_id, e.seq, e.kind, lag(e.status) over (partition by e.order_id order by e.seq) as before
            from trading_orderevent e) told
         where before in {TERMINAL} and kind not in ('order_cancel_rejected', 'order_replace_rejected')""",
    "an order whose status is not that of its last event": f"""
        select distinct on (e.order_id) e.order_id, e.status, o.status from trading_orderevent e
          join trading_order o on o.id = e.order_id
         where o.status in {TERMINAL} and not exists (
           select from trading_orderevent l where l.order_id = e.order_id and l.status = o.status)""",
    "two of a class beyond what its first order asked for": """
        select o.group_id from trading_order o join trading_fill f on f.order_id = o.id
         where o.role in ('take_profit', 'stop_loss') group by o.group_id
        having sum(f.quantity) > (select max(g.quantity) from trading_order g where g.group_id = o.group_id)""",
    "a wish that is still undecided": """
        select client_order_id, status from trading_order
         where status in ('pending_new', 'pending_cancel', 'pending_replace')""",
}  # fmt: skip


@contextmanager
def administrator(house: House) -> Iterator[Connection]:
    """Yield a session that sees every row."""
    folder = DataFolder(house.folder)
    login = roles.embedded_server(folder, "unused").administrative_login()
    with psycopg.connect(**login, autocommit=True) as connection:
        yield connection


def until_drained(connection: Connection) -> None:
    """Wait until the matcher has decided every wish. It rings for accounts; a look is simpler, and enough."""
    deadline = time.monotonic() + DRAINS_WITHIN_S
    while left := connection.execute(LAWS["a wish that is still undecided"]).fetchall():
        assert time.monotonic() < deadline, f"the inbox does not drain: {left[:20]}"
        time.sleep(LOOK_S)


def require_laws(connection: Connection) -> None:
    """Assert that no law is broken by any row."""
    broken = {law: found for law, query in LAWS.items() if (found := connection.execute(query).fetchall())}
    assert not broken, "\n".join(f"{law}: {len(found)}: {found[:5]}" for law, found in broken.items())


def require_promises(connection: Connection, load: Load) -> None:
    """Assert that what was acknowledged is stored, once, as it was told, and nothing else is."""
    stored: dict[str, tuple[Any, ...]] = {}
    query = (
        "select client_order_id, id::text, account_id::text, symbol, side, type, status from trading_order o"
    )
    for name, *order in connection.execute(f"{query} where parent is null or replaces is not null"):
        assert name not in stored, f"{name} is stored twice"
        stored[name] = tuple(order)
    asked: set[str] = set()
    for bot in load.bots:
        memory = bot.memory
        assert not memory.surprises, memory.surprises[:10]
        for name, answered in memory.accepted.items():
            told = (answered["id"], bot.account_id, *(answered[word] for word in ("symbol", "side", "type")))
            assert stored.get(name, ())[:5] == told, (
                f"{name}: {told} was promised, {stored.get(name)} is there"
            )
        assert not memory.refused & stored.keys(), f"refused and stored: {memory.refused & stored.keys()}"
        asked |= memory.asked
    # A replaced leg's successor is a leg, and has the name that its owner gave it.
    assert not stored.keys() - asked, f"nobody asked for {sorted(stored.keys() - asked)[:10]}"


def require_cancels(connection: Connection, load: Load) -> None:
    """Assert that every order whose cancel was acknowledged has ended, once its inbox is empty."""
    canceled = [one for bot in load.bots for one in bot.memory.canceled]
    query = f"select id, status from trading_order where id = any(%s::uuid[]) and status not in {TERMINAL}"
    alive = connection.execute(query, [canceled]).fetchall()
    assert not alive, f"canceled and alive: {alive[:10]}"


def require_heard(connection: Connection, load: Load, within_s: float) -> None:
    """Assert that each listener heard its account's log: all of it, each event once, in order.

    The market goes on, and may fill what rests: what is logged meanwhile may be heard, and need not be.
    """
    for listener in load.listeners:
        expected = len(_told(connection, listener.account_id))
        is_heard = listener.until_heard(expected, within_s)
        assert not listener.refusals, listener.refusals[:5]
        heard = list(listener.heard)
        rows = _told(connection, listener.account_id)
        place = next((n for n, (a, b) in enumerate(zip(heard, rows, strict=False)) if a != b), None)
        assert place is None, f"event {place}: heard {heard[place]}, logged {rows[place]}"
        assert is_heard, f"{len(heard)} of {expected} events were heard"
        assert len(heard) <= len(rows), f"{len(heard)} events were heard, {len(rows)} are logged"


def _told(connection: Connection, account_id: str) -> list[tuple[str, str]]:
    """Return the events of an account that a listener is told, in their order."""
    return connection.execute(
        "select order_id::text, kind from trading_orderevent"
        " where account_id = %s and kind <> all(%s) order by seq",
        [account_id, list(UNTOLD)],
    ).fetchall()


def figures(connection: Connection) -> dict[str, int]:
    """Return what is stored, for the table."""
    queries = {
        "orders stored": "select count(*) from trading_order",
        "fills": "select count(*) from trading_fill",
        "events": "select count(*) from trading_orderevent",
        "times the shard was claimed": "select sum(epoch) from matching_shard",
    }
    counts = {name: int(connection.execute(query).fetchall()[0][0] or 0) for name, query in queries.items()}
    rules = connection.execute(
        "select rule, count(*) from trading_fill group by rule order by rule"
    ).fetchall()
    return counts | {f"fills by rule {rule}": count for rule, count in rules}
