"""Make events old, let an account's history go, and read what must stay as it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection

from raxx import roles
from tests.factories.sessions import session
from tests.trading.ledger_world import tamper

if TYPE_CHECKING:
    from uuid import UUID

    from trading.models import TradingAccount

LONG_AGO = timedelta(days=400)  # older than Free keeps
FAR = datetime(2100, 1, 1, tzinfo=UTC)  # of market time: nothing is spared for today's figures

PURGE = "select * from trading_purge_history(%s, %s, now() - interval '90 days', %s, %s)"


def make_old(account: TradingAccount, up_to: int) -> None:
    """Let the events up to a sequence have been recorded long ago, in their order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from trading_orderevent"
            " where account_id = %s and seq <= %s and recorded_at > now() - interval '90 days'",
            [account.pk, up_to],
        )
        if cursor.fetchone() == (0,):
            return
    tamper(
        "update trading_orderevent set recorded_at = recorded_at - %(ago)s"
        " where account_id = %(id)s and seq <= %(seq)s and recorded_at > now() - interval '90 days'",
        id=account.pk,
        seq=up_to,
        ago=LONG_AGO,
    )


def purge(
    account: TradingAccount, *, tier: str = "free", market_from: datetime = FAR, at_once: int = 1_000
) -> list[dict[str, Any]]:
    """Let the account's history go, as the worker; return what each batch did."""
    done: list[dict[str, Any]] = []
    with session(roles.WORKER) as worker:
        while not done or not done[-1]["is_done"]:
            row = worker.execute(PURGE, [account.pk, tier, market_from, at_once]).fetchone()
            assert row is not None
            done.append(row)
    return done


def figures(account: TradingAccount) -> dict[str, Any]:
    """Return what the account has, and what its ledger came to: all that no purge may change."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select cash, cash_held, event_seq, generation, status from trading_tradingaccount where account_id = %s",
            [account.pk],
        )
        money = cursor.fetchone()
        cursor.execute(
            "select symbol, quantity, cost, quantity_held from trading_position where account_id = %s order by symbol",
            [account.pk],
        )
        positions = cursor.fetchall()
        cursor.execute(
            "select p.ledger, coalesce(o.generation, j.generation), sum(p.amount) from trading_posting p"
            " join trading_journal j on j.id = p.journal_id left join trading_fill f on f.id = j.id"
            " left join trading_order o on o.id = f.order_id"
            " where p.account_id = %s group by 1, 2 having sum(p.amount) <> 0 order by 1, 2",
            [account.pk],
        )
        ledgers = cursor.fetchall()
        cursor.execute(
            "select to_jsonb(o)::text from trading_order o where o.account_id = %s and o.status not in"
            " ('filled', 'canceled', 'expired', 'rejected', 'replaced') order by o.id",
            [account.pk],
        )
        open_orders = cursor.fetchall()
    return {"money": money, "positions": positions, "ledgers": ledgers, "open orders": open_orders}


def kept(account: TradingAccount) -> dict[str, set[Any]]:
    """Return what is left of the detail: ids of orders and fills, and the events' sequences."""
    found: dict[str, set[Any]] = {}
    with connection.cursor() as cursor:
        for name, column, table in (
            ("orders", "id", "trading_order"),
            ("fills", "id", "trading_fill"),
            ("events", "seq", "trading_orderevent"),
        ):
            cursor.execute(f"select {column} from {table} where account_id = %s", [account.pk])
            found[name] = {key for (key,) in cursor.fetchall()}
    return found


def history_seq(account_id: UUID) -> int:
    """Return where the account's kept history begins."""
    with connection.cursor() as cursor:
        cursor.execute("select history_seq from trading_tradingaccount where account_id = %s", [account_id])
        (seq,) = cursor.fetchone()
    return int(seq)
