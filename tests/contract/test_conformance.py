"""The conformance run, as `make conformance` does it: every case passes, and the kept table says so."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.contract.conformance import results, schedule
from tests.contract.conformance.__main__ import RESULTS, sdk_name
from tests.contract.conformance.registry import GROUPS, all_cases, chosen
from tests.contract.conformance.run import own_house, run

if TYPE_CHECKING:
    from tests.contract.conformance.results import Result

MODULES = Path(__file__).with_name("conformance")


@pytest.mark.acceptance
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_every_case_passes_against_the_real_processes() -> None:
    told: list[Result] = []
    with own_house() as broker:
        told = run(broker, all_cases(), lambda result: print(results.line(result)))

    assert [results.line(each) for each in told if each.outcome != results.PASSED] == []
    kept = RESULTS.read_text(encoding="utf-8")
    assert kept == results.document(told, sdk_name()), "`make conformance` writes the table anew"


def test_every_case_of_the_modules_is_in_the_plan() -> None:
    written = [
        number
        for module, _ in GROUPS.values()
        for number in re.findall(r'@case\(\s*"([\d.]+)"', (MODULES / f"{module}.py").read_text("utf-8"))
    ]

    assert sorted(written) == sorted(schedule.plan(all_cases()))
    assert len(written) == len(set(written))


def test_cases_do_not_overlap() -> None:
    cases = {each.number: each for each in all_cases()}
    turns = sorted(schedule.plan(all_cases()).items(), key=lambda turn: turn[1])

    for (number, start), (_, next_start) in pairwise(turns):
        assert (next_start - start).total_seconds() > cases[number].lasts_s


def test_cases_are_chosen_by_group_and_by_number() -> None:
    assert {each.group for each in chosen("6,2.01")} == {2, 6}
    assert [each.number for each in chosen("2.01,12.04")] == ["2.01", "12.04"]
    with pytest.raises(ValueError, match="no such case: 99"):
        chosen("2,99")
