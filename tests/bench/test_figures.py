"""The benchmarks that need an installation, with few rows: that they measure what they say, not how fast."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from bench.harness import ROOT
from bench.latency import Waits, figure_of, percentile


def figure(module: str, *options: str) -> dict[str, Any]:
    """Run a suite and return its one line."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.furnished", module, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_fills_are_compared_with_a_copy_of_their_rows_and_the_ledger_balances() -> None:
    found = figure("bench.fills", "--accounts", "30", "--rounds", "2")

    assert (found["name"], found["unit"], found["runs"]) == ("durable_fills", "fills/s", 2)
    assert 0 < found["ratio"] < 10
    assert found["detail"]["python_us"] > 0


def test_a_restart_takes_up_every_order_and_decides_the_one_that_waits() -> None:
    found = figure("bench.restart", "--orders", "200", "--runs", "1")

    assert (found["name"], found["unit"], found["detail"]["orders"]) == ("restart_1m", "s", 200)
    assert found["detail"]["peak_mib"] > 0


def waits(*milliseconds: float) -> Waits:
    some = list(milliseconds)
    return Waits(ack_to_new=some, post_to_new=some, quote_to_stream=some, post=some)


def test_a_wait_is_compared_round_by_round_with_the_one_without_resting_orders() -> None:
    line = json.loads(figure_of("post_to_new", [waits(2, 4, 90), waits(10)], [waits(6), waits(5)]).line())

    assert (line["value"], line["ratio"], line["spread"]) == (5.5, 1.0, [0.5, 1.5])
    assert (line["detail"]["without_p50_ms"], line["detail"]["without_p99_ms"]) == (10, 90)


def test_a_wait_from_the_answer_on_has_no_ratio() -> None:
    line = json.loads(figure_of("ack_to_new", [waits(-1)], [waits(1)]).line())

    assert (line["value"], line["ratio"]) == (1, None)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 3), (0.99, 5), (1.0, 5)])
def test_a_percentile_is_one_of_the_values(share: float, expected: int) -> None:
    assert percentile([5, 1, 4, 2, 3], share) == expected


def test_what_budgets_cost_is_measured_against_a_server_without_them() -> None:
    found = figure("bench.budgets", "--rounds", "1", "--seconds", "0.5", "--warm-up", "0.5")

    assert (found["name"], found["unit"], found["runs"]) == ("budgets_entry", "orders/s", 1)
    assert found["ratio"] > 0
    assert found["detail"]["web_us"] > 0
