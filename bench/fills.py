"""How many fills a second become durable, when one print fills an order of each of 10,000 accounts.

    python -m bench.fills [--accounts 10000] [--rounds 5]

Measured is the matcher's own way from its decisions to the returned commit: what is read of orders and
positions, the books, the rows, the function, and one fsync. In every other round the fills open
positions, in the others they add to them.

It is compared with a bare COPY of the same rows: what the round has just written into the fill,
posting and event tables, from values as the matcher has them, goes into fresh tables made like them
(`bench.bare_copy` says how), and nothing else is kept: no order, no position, no journal, no account. A ratio is
to the mean of the two copies around the commit. `detail` has the same ratio to a COPY of text that was
made before, and the microseconds of CPU of a fill, by process.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import psycopg

from bench.bare_copy import BareCopy
from bench.figure import Figure
from bench.harness import HarnessFailed, Installation, installation
from bench.pace import Pace, Timer
from bench.people import settle
from bench.resting import RestingBuys
from matching.engine.engine import Engine
from matching.engine.types import DOLLAR, SHARE, Chunk, Items, Kind, Session, SessionChange
from matching.ports import Batch, Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matching.models import Market
    from trading.adapters.journal import PostgresJournal

NAMES = ("durable_fills",)
AGAINST = "COPY of the fill, posting and event rows, same constraints, indexes and triggers"
PRICE, QUANTITY = 100, 10  # dollars and shares of every order
TABLES = {
    "trading_fill": "select * from trading_fill where seq = {seq}",
    "trading_posting": "select * from trading_posting"
    " where journal_id in (select id from trading_fill where seq = {seq})",
    "trading_orderevent": "select * from trading_orderevent"
    " where fill_id in (select id from trading_fill where seq = {seq})",
}


class FillsFailed(Exception):
    """The round did not do what it measures; the text says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one commit took, and the two copies of its rows."""

    commit: Pace
    of_rows: Pace
    of_text: Pace


def item(seq: int, kind: Kind, **shown: int) -> Items:
    """Return one row as columns; what is not given is 0."""
    row = {"seq": seq, "at": seq, "kind": kind.value, "eligible": 1, **shown}
    names = ("seq", "at", "kind", "bid", "bid_size", "ask", "ask_size", "price", "size", "eligible")
    return Items(*(np.array([row.get(name, 0)], dtype=np.int64) for name in names))


def decided(journal: PostgresJournal, symbol: str, seq: int, count: int) -> Batch:
    """Restore the open orders beside a quote that touches none, and let one print fill them all."""
    quote = {
        "bid": PRICE * DOLLAR, "bid_size": 100 * SHARE, "ask": PRICE * DOLLAR + 100, "ask_size": 100 * SHARE,
    }  # fmt: skip
    engine = Engine()
    opening = SessionChange(seq=seq - 2, at=seq - 2, session=Session.REGULAR)
    shown = {symbol: item(seq - 1, Kind.QUOTE, **quote)}
    engine.rewind(Chunk(seq=seq - 1, at=seq - 1, session=opening, items=shown))
    engine.restore(journal.open_orders())
    print_ = {"price": (PRICE - 1) * DOLLAR, "size": 1_000_000 * SHARE}
    decisions = engine.advance(
        Chunk(seq=seq, at=seq, items={symbol: item(seq, Kind.TRADE, **quote, **print_)})
    )
    if len(decisions) != count:
        raise FillsFailed(f"{len(decisions)} decisions instead of {count} fills")
    return Batch(progress=Progress(run=1, seq=seq, at=seq), decisions=decisions, queues=engine.drain_queues())


class Fills:
    """The rounds measured so far."""

    def __init__(self, target: Installation, accounts: int, rounds: int) -> None:
        from django.conf import settings
        from psycopg.conninfo import make_conninfo

        from raxx import roles
        from trading.adapters.journal import PostgresJournal
        from trading.models import Asset
        from trading.services.running_markets import default_market

        self._market: Market = default_market()
        self._count = accounts
        self._symbols = [f"FILL{number}" for number in range(rounds // 2 + 1)]
        Asset.objects.bulk_create(Asset(symbol=symbol) for symbol in self._symbols)
        settle(accounts, self._market)
        self._journal = PostgresJournal(
            make_conninfo("", **settings.DATABASE_SERVER.login(roles.WORKER)),
            market_id=self._market.pk,
            symbols=self._symbols,
        )
        self._seq = self._journal.claim().seq
        self._timer = Timer(target.parts["postgres"])
        self._owner = psycopg.connect(**settings.DATABASE_SERVER.login(roles.OWNER), autocommit=True)

    def fill(self, number: int) -> Pace:
        """Place an order of each account and fill them all; return what the commit took. Raises FillsFailed."""
        symbol = self._symbols[number // 2]
        RestingBuys(symbol=symbol, price=PRICE, quantity=QUANTITY).store(self._market)
        self._seq += 10
        batch = decided(self._journal, symbol, self._seq, self._count)
        self._timer.start()
        self._journal.commit(batch)
        return self._timer.stop()

    def round(self, number: int) -> Round:
        """Fill an order of each account and copy what that has written. Raises FillsFailed."""
        commit = self.fill(number)
        queries = {table: query.format(seq=self._seq) for table, query in TABLES.items()}
        copy = BareCopy(self._owner, self._timer, queries)
        return Round(commit=commit, of_rows=copy.of_rows(), of_text=copy.of_text())

    def close(self) -> None:
        self._journal.close()
        self._owner.close()


def measure(target: Installation, accounts: int, rounds: int) -> Figure:
    """Run the rounds; the first, on an empty database, is the warm-up and told of in `detail` alone."""
    from trading.ledger_audit import audit_ledger

    fills = Fills(target, accounts, rounds)
    try:
        done = [fills.round(number) for number in range(rounds + 1)]
    finally:
        fills.close()
    audit = audit_ledger()
    if not audit.balances:
        raise FillsFailed(f"the ledger does not balance: {audit.differences[:3]}")
    warm_up, *measured = done
    commits = [one.commit for one in measured]

    def us(seconds: Iterable[float]) -> float:
        return round(statistics.median(seconds) * 1e6 / accounts, 1)

    return Figure(
        name="durable_fills",
        values=[accounts / commit.seconds for commit in commits],
        unit="fills/s",
        against=AGAINST,
        ratios=ratios_of(done, "of_rows"),
        detail={
            "to_text": round(statistics.median(ratios_of(done, "of_text")), 3),
            "of_cpu": round(statistics.median(one.of_rows.cpu_s / one.commit.cpu_s for one in measured), 3),
            "python_us": us(commit.own_s for commit in commits),
            "postgres_us": us(commit.postgres_s for commit in commits),
            "copy_python_us": us(one.of_rows.own_s for one in measured),
            "copy_postgres_us": us(one.of_rows.postgres_s for one in measured),
            "first_fills_per_s": round(accounts / warm_up.commit.seconds),
        },
    )


def ratios_of(done: Sequence[Round], kind: str) -> list[float]:
    """Return what share of the rate of the copies around it each commit reached, after the first."""
    return [
        statistics.mean((getattr(before, kind).seconds, getattr(after, kind).seconds)) / after.commit.seconds
        for before, after in pairwise(done)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"which figures to print: {', '.join(NAMES)}")
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    try:
        with installation() as target:
            figure = measure(target, options.accounts, options.rounds)
    except (HarnessFailed, FillsFailed, ValueError, OSError) as error:
        sys.exit(f"bench.fills FAILED: {error}")
    figure.print()


if __name__ == "__main__":
    main()
