"""How long after its answer an order stands in the market: from POST's 200 to the event `new` in the log.

    python -m bench.latency [--runs 3] [--seconds 5] [--rate 200] [ack_to_new]

Hub and matcher run on a synthetic market; limit orders come at a steady, moderate rate over 16
connections through the front. The answer's instant is the client's, as it has read it; the event's is
when the matcher's commit recorded it. Negative means that the matcher was first. The value is the
median, in milliseconds; `detail` has the 99th percentile and what entry itself took.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import TYPE_CHECKING

from bench.entry import ACCOUNTS
from bench.figure import Figure
from bench.harness import HarnessFailed, Installation, installation
from bench.load import LoadFailed, Run, fresh_orders, run_load
from bench.people import orders_of, settle

if TYPE_CHECKING:
    from datetime import datetime

NAMES = ("ack_to_new",)
CONNECTIONS = 16
DECIDED_WITHIN_S = 60.0
LOOK_AGAIN_S = 0.2


def waits_of(target: Installation, run: Run) -> list[float]:
    """Return how long each order waited to become `new`, in ms. Raises LoadFailed when one does not."""
    from trading.models import OrderEvent

    orders = fresh_orders(run)
    deadline = time.monotonic() + DECIDED_WITHIN_S
    events = OrderEvent.objects.across_owners().filter(kind="new", order_id__in=orders)
    recorded: dict[str, datetime] = {}
    while len(recorded) < len(orders):
        if time.monotonic() > deadline:
            log = (target.folder.logs / "matcher.log").read_text(encoding="utf-8")
            raise LoadFailed(f"{len(orders) - len(recorded)} orders never became new: {log[-2_000:]}")
        time.sleep(LOOK_AGAIN_S)  # the load is over: nothing is measured while we look
        recorded = {str(order_id): at for order_id, at in events.values_list("order_id", "recorded_at")}
    return [
        (recorded[order].timestamp() - answered) * 1_000
        for order, answered in zip(orders, run.answered_at, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"which figures to print: {', '.join(NAMES)}")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=200.0, help="orders a second")
    options = parser.parse_args()
    medians: list[float] = []
    waits: list[float] = []
    posts: list[Run] = []
    try:
        with installation() as target:
            from matching.models import Market

            market = Market.objects.get(is_active=True)
            requests = orders_of(settle(ACCOUNTS, market), market)
            target.serve()
            target.trade()
            for number in range(options.runs + 1):
                run = run_load(
                    target.front,
                    requests,
                    seconds=options.seconds,
                    connections=CONNECTIONS,
                    rate=options.rate,
                )
                found = waits_of(target, run)
                if number == 0:  # the first one warms up
                    target.analyze()
                else:
                    medians.append(statistics.median(found))
                    waits += found
                    posts.append(run)
    except (HarnessFailed, LoadFailed, OSError) as error:
        sys.exit(f"bench.latency FAILED: {error}")
    Figure(
        name="ack_to_new",
        values=medians,
        unit="ms",
        detail={
            "p99_ms": round(sorted(waits)[int(len(waits) * 0.99)], 1),
            "orders_per_s": round(statistics.median(run.rate for run in posts)),
            "post_p50_ms": round(statistics.median(run.percentile(0.5) for run in posts), 1),
            "post_p99_ms": round(statistics.median(run.percentile(0.99) for run in posts), 1),
        },
    ).print()


if __name__ == "__main__":
    main()
