"""How long after its answer an order stands in the market: from POST's 200 to the event `new` in the log.

    python -m bench.latency [--seconds 10] [--rate 200] [ack_to_new]

Hub and matcher run on a synthetic market; limit orders come at a steady, moderate rate over 16
connections through the front. The answer's instant is the client's, as it has read it; the event's is
when the matcher's commit recorded it. Negative means that the matcher was first. The value is the
median, in milliseconds; `detail` has the 99th percentile and what entry itself took.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from bench.entry import ACCOUNTS, round_trip_requests
from bench.figure import Figure
from bench.harness import HarnessFailed, Installation, installation
from bench.load import LoadFailed, fresh_orders, run_load

if TYPE_CHECKING:
    from datetime import datetime

NAMES = ("ack_to_new",)
CONNECTIONS = 16
DECIDED_WITHIN_S = 60.0
LOOK_AGAIN_S = 0.2


def new_since(target: Installation, orders: list[str]) -> dict[str, datetime]:
    """Return when each order became `new`, waiting for the last. Raises LoadFailed when one does not."""
    from trading.models import OrderEvent

    deadline = time.monotonic() + DECIDED_WITHIN_S
    events = OrderEvent.objects.across_owners().filter(kind="new", order_id__in=orders)
    while True:
        found = {str(order_id): at for order_id, at in events.values_list("order_id", "recorded_at")}
        if len(found) == len(orders):
            return found
        if time.monotonic() > deadline:
            log = target.folder.logs / "matcher.log"
            raise LoadFailed(f"{len(orders) - len(found)} orders never became new; see {log.read_text()[-2_000:]}")
        time.sleep(LOOK_AGAIN_S)  # the load is over: nothing is measured while we look


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"which figures to print: {', '.join(NAMES)}")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=200.0, help="orders a second")
    options = parser.parse_args()
    try:
        with installation() as target:
            requests, _ = round_trip_requests(ACCOUNTS)
            target.serve()
            target.trade()
            warm = run_load(target.front, requests, seconds=3.0, connections=CONNECTIONS, rate=options.rate)
            new_since(target, fresh_orders(warm))
            run = run_load(
                target.front, requests, seconds=options.seconds, connections=CONNECTIONS, rate=options.rate
            )
            orders = fresh_orders(run)
            recorded = new_since(target, orders)
    except (HarnessFailed, LoadFailed, OSError) as error:
        sys.exit(f"bench.latency FAILED: {error}")
    waits = sorted(
        (recorded[order].timestamp() - answered) * 1_000
        for order, answered in zip(orders, run.answered_at, strict=True)
    )
    Figure(
        name="ack_to_new",
        values=[waits[len(waits) // 2]],
        unit="ms",
        detail={
            "p99_ms": round(waits[int(len(waits) * 0.99)], 1),
            "orders_per_s": round(run.rate),
            "post_p50_ms": round(run.percentile(0.5), 1),
            "post_p99_ms": round(run.percentile(0.99), 1),
        },
    ).print()


if __name__ == "__main__":
    main()
