"""How long an owner waits for the matcher, with no and with 100,000 resting orders in its books.

    python -m bench.latency [--runs 3] [--seconds 5] [--rate 200] [ack_to_new post_to_new quote_to_stream]

Web, stream, front, hub and matcher run on a synthetic market. Limit orders come at a steady, moderate
rate over 16 connections through the front; most rest far away, and some, all of one owner, at the bid,
where the market's next moves fill them.

`ack_to_new` is from the client's having read POST's 200 to the commit of the event `new` (negative: the
matcher was first), `post_to_new` from the client's sending to that commit, `quote_to_stream` from the
instant of the quote or print in the hub to the owner's having read the fill from the WebSocket, for
orders that rested before it. The values are medians in milliseconds, of the installation with
resting orders; the ratio is to the one without. Each run has an installation of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from bench.entry import ACCOUNTS
from bench.figure import Figure
from bench.harness import ROOT, HarnessFailed, Installation, installation
from bench.listener import Listener
from bench.load import LoadFailed, Run, fresh_orders, run_load
from bench.people import Person, orders_of, settle
from bench.resting import store_open_orders

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from matching.models import Market

NAMES = ("ack_to_new", "post_to_new", "quote_to_stream")
CONNECTIONS = 16
RESTING = 100_000
CLOSE_SHARE = 5  # one order in so many rests at the bid
WARM_UP_S = 3.0
DECIDED_WITHIN_S = 60.0
FILLED_WITHIN_S = 3.0  # of market time after the load: what is not filled by then is left alone
LOOK_AGAIN_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """What was measured on one installation, in ms."""

    ack_to_new: list[float]
    post_to_new: list[float]
    quote_to_stream: list[float]
    post: list[float]


def close_orders(owner: Person, market: Market) -> Iterator[bytes]:
    """Yield requests without end that buy one share at the bid of the moment, in the market's symbols in turn."""
    from matching.engine.types import DOLLAR
    from matching.market.feeds import synthetic_market
    from matching.market.synthetic import INTERVAL

    numbers = synthetic_market(market.config)
    while True:
        for symbol in numbers.symbols:
            bid = Decimal(numbers.step(symbol, time.time_ns() // INTERVAL - 1).bid) / DOLLAR
            body = {"symbol": symbol, "qty": "1", "side": "buy", "type": "limit", "time_in_force": "day"}
            yield owner.post(json.dumps({**body, "limit_price": str(bid)}).encode())


def mixed(far: Iterator[bytes], close: Iterator[bytes]) -> Iterator[bytes]:
    """Yield one of the second after each few of the first."""
    while True:
        for _ in range(CLOSE_SHARE - 1):
            yield next(far)
        yield next(close)


def news_of(target: Installation, orders: Sequence[str]) -> dict[str, datetime]:
    """Return when each order became `new`. Raises LoadFailed when one does not."""
    from trading.models import OrderEvent

    deadline = time.monotonic() + DECIDED_WITHIN_S
    events = OrderEvent.objects.across_owners().filter(kind="new", order_id__in=orders)
    recorded: dict[str, datetime] = {}
    while len(recorded) < len(orders):
        if time.monotonic() > deadline:
            log = (target.folder.logs / "matcher.log").read_text(encoding="utf-8")
            raise LoadFailed(f"{len(orders) - len(recorded)} orders never became new: {log[-2_000:]}")
        time.sleep(LOOK_AGAIN_S)  # the load is over: nothing is measured while we look
        recorded = {str(order_id): at for order_id, at in events.values_list("order_id", "recorded_at")}
    return recorded


def stream_waits(heard: dict[str, float]) -> list[float]:
    """Return how long after its quote or print each fill of a resting order was heard, in ms."""
    from trading.models import Fill

    fills = Fill.objects.across_owners().filter(order_id__in=list(heard), rule__in=("R2", "R3"))
    return [
        (heard[str(order_id)] - at.timestamp()) * 1_000
        for order_id, at in fills.values_list("order_id", "at")
    ]


def measure(resting: int, seconds: float, rate: float) -> Waits:
    """Have an installation with so many resting orders, and measure it. Raises LoadFailed, HarnessFailed."""
    with installation() as target:
        from trading.services.running_markets import default_market

        market = default_market()
        if resting:  # of people who send nothing: nobody shall trade with himself
            settle(ACCOUNTS, market, first=ACCOUNTS + 1)
            store_open_orders(market, prices_of(market), resting, ACCOUNTS)
        owner, *people = settle(ACCOUNTS + 1, market)
        requests = mixed(orders_of(people, market), close_orders(owner, market))
        target.serve()
        target.stream()
        target.trade()
        with Listener(target.port, owner) as listener:
            load = partial(run_load, target.front, requests, connections=CONNECTIONS, rate=rate)
            warm = load(seconds=WARM_UP_S)
            news_of(target, fresh_orders(warm))  # the matcher has taken up its orders
            target.analyze()
            listener.fills.clear()
            run = load(seconds=seconds)
            recorded = news_of(target, fresh_orders(run))
            time.sleep(FILLED_WITHIN_S)  # the market moves by itself
            heard = dict(listener.fills)
        return waits_of(run, recorded, stream_waits(heard))


def waits_of(run: Run, recorded: dict[str, datetime], stream: list[float]) -> Waits:
    """Put the client's instants beside the log's."""
    orders = fresh_orders(run)
    new = [recorded[order].timestamp() for order in orders]
    return Waits(
        ack_to_new=[(at - answered) * 1_000 for at, answered in zip(new, run.answered_at, strict=True)],
        post_to_new=[
            (at - answered + latency) * 1_000
            for at, answered, latency in zip(new, run.answered_at, run.latencies, strict=True)
        ],
        quote_to_stream=stream,
        post=[latency * 1_000 for latency in run.latencies],
    )


def prices_of(market: Market) -> dict[str, Decimal]:
    """Return about what each symbol of the market costs."""
    from matching.engine.types import DOLLAR
    from matching.market.feeds import synthetic_market
    from matching.market.synthetic import INTERVAL

    numbers = synthetic_market(market.config)
    number = time.time_ns() // INTERVAL
    return {symbol: Decimal(numbers.step(symbol, number).bid) / DOLLAR for symbol in numbers.symbols}


def percentile(values: Sequence[float], share: float) -> float:
    """Return what this share of the values keeps to."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def in_child(resting: int, seconds: float, rate: float) -> Waits:
    """Measure in a process of its own: settings are read once. Raises LoadFailed."""
    options = ("--one", str(resting), "--seconds", str(seconds), "--rate", str(rate))
    command = [sys.executable, "-m", "bench.latency", *options]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise LoadFailed(f"the installation with {resting} resting orders was not measured")
    return Waits(**json.loads(done.stdout))


def figure_of(name: str, without: list[Waits], loaded: list[Waits]) -> Figure:
    """Return the medians with resting orders, against those without."""
    before, after = ([getattr(one, name) for one in waits] for waits in (without, loaded))
    medians = [statistics.median(values) for values in after]
    # A wait from the answer on may be negative or nothing: there is no ratio to it.
    ratios = [] if name == "ack_to_new" else [
        value / statistics.median(values) for value, values in zip(medians, before, strict=True)
    ]  # fmt: skip
    detail = {
        f"{label}_{key}_ms": round(percentile([value for values in found for value in values], share), 1)
        for label, found in (("without", before), ("with", after))
        for key, share in (("p50", 0.5), ("p99", 0.99))
    }
    detail["observed"] = sum(map(len, after))
    if name == "post_to_new":
        detail["post_p50_ms"] = round(statistics.median(value for one in loaded for value in one.post), 1)
    return Figure(
        name=name,
        values=medians,
        unit="ms",
        against=f"no resting orders, instead of {RESTING:,}",
        ratios=ratios,
        detail=detail,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"which figures to print: {', '.join(NAMES)}")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=200.0, help="orders a second")
    parser.add_argument(
        "--one", type=int, metavar="RESTING", help="measure one installation, print all waits"
    )
    options = parser.parse_args()
    try:
        if options.one is not None:
            print(json.dumps(asdict(measure(options.one, options.seconds, options.rate))), flush=True)
            return
        without, loaded = [], []
        for _ in range(options.runs):
            without.append(in_child(0, options.seconds, options.rate))
            loaded.append(in_child(RESTING, options.seconds, options.rate))
    except (HarnessFailed, LoadFailed, OSError) as error:
        sys.exit(f"bench.latency FAILED: {error}")
    for name in options.names or NAMES:
        figure_of(name, without, loaded).print()


if __name__ == "__main__":
    main()
