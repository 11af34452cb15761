"""What a soak calls well, and where it writes it down. The soak itself is `make soak`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bench.soak import KINDS, Plan
from bench.soak_load import Memory, Told
from bench.soak_report import BEGIN, END, PAGE, Report, keep, window

if TYPE_CHECKING:
    from pathlib import Path

FIRST = window([Told(due=at, latency=0.010) for at in range(100)], 0, 100, {"web": [100.0, 102.0, 101.0]})
WELL = Report(
    minutes=20,
    users=500,
    streams=50,
    rate=10,
    killed={"web": 14},
    first=FIRST,
    last=FIRST,
    memory=Memory(accepted=["a", "b"]),
    heard=2,
    resumed=14,
    undecided=0,
    missing=0,
    is_ledger_sound=True,
    is_audit_sound=True,
)


def test_a_window_has_what_was_due_in_it() -> None:
    told = [Told(due=9.9, latency=9.0), Told(due=10.0, latency=0.002), Told(due=19.9, latency=0.004)]

    found = window([*told, Told(due=20.0, latency=9.0)], 10, 20, {"web": [1.0, 9.0, 2.0]})

    assert (found.answers, found.p50, found.p99, found.memory) == (2, 4.0, 4.0, {"web": 2.0})


def test_a_soak_in_which_nothing_differs_is_well() -> None:
    assert WELL.faults() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"is_ledger_sound": False}, "verify_ledger"),
        ({"is_audit_sound": False}, "verify_audit"),
        ({"missing": 1}, "not there"),
        ({"undecided": 2}, "undecided"),
        ({"heard": 0}, "no stream"),
        ({"memory": Memory(lost=1)}, "never answered"),
        ({"memory": Memory(skipped=1)}, "never made"),
        ({"last": replace(FIRST, p99=12.1)}, "p99 is 1.21"),
        ({"last": replace(FIRST, p99=float("nan"))}, "p99 is nan"),
        ({"last": replace(FIRST, memory={"web": 106.1})}, "web has grown from 101.0 to 106.1"),
        ({"last": replace(FIRST, memory={})}, "web was not measured"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_well_is_said(change: dict[str, Any], said: str) -> None:
    (fault,) = replace(WELL, **change).faults()

    assert said in fault


def test_the_latest_report_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")

    keep(replace(WELL, users=499), page)
    keep(WELL, page)

    text = page.read_text(encoding="utf-8")
    assert text.count("500 people") == 1
    assert "499 people" not in text
    assert (text.count(BEGIN), text.count(END)) == (1, 1)
    assert text.startswith("# Benchmarks")


def test_a_soak_of_twenty_minutes_kills_each_process_a_dozen_times_and_measures_twice() -> None:
    plan = Plan(seconds=1_200, users=500, streams=50, rate=10)

    assert 2 * plan.warm_up_s + 2 * plan.window_s + plan.kills_s == plan.seconds
    assert plan.kills_s >= 12 * 60
    assert {"web", "stream", "hub", "matcher", "worker", "beat", "front", "postgres", "valkey"} == set(KINDS)
