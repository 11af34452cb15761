"""Which files a run begins with: the long ones, so that no worker waits at the end for another's last file.

Of itself `--dist loadfile` begins with the files of the most tests, and the longest have one or two; a run
is started with `--no-loadscope-reorder`, and this order is taken.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

# Seconds by themselves on two cores, or nearly: most of them wait for processes.
LONG = {
    "tests/broker_handoff/faults/test_faults.py": 140,
    "tests/contract/test_conformance.py": 60,
    "tests/acceptance/test_faults.py": 50,
    "tests/bench/test_figures.py": 50,
    "tests/acceptance/test_recorded_day.py": 45,
    "tests/broker_handoff/test_contract_alpaca.py": 40,
    "tests/faults/test_runbook.py": 45,
    "tests/faults/test_under_load.py": 40,
    "tests/contract/test_fuzz.py": 35,
    "tests/faults/test_commit_boundaries.py": 35,
    "tests/acceptance/test_golden_tapes.py": 30,
    "tests/acceptance/test_real_servers.py": 30,
    "tests/isolation/test_access_matrix.py": 30,
    "tests/matching/market/test_hub.py": 30,
    "tests/stream/test_sessions.py": 20,
    "tests/stream/test_server.py": 20,
    "tests/matching/engine/test_against_reference.py": 20,
    "tests/acceptance/test_readme.py": 15,
    "tests/faults/test_shards.py": 15,
    "tests/faults/test_growth.py": 20,
    "tests/faults/test_answers.py": 15,
    "tests/trading/test_books.py": 15,
    "tests/trading/test_history_purge_anywhere.py": 15,
    "tests/trading/test_matcher_anywhere.py": 15,
}
TEST_S = 0.06  # what a test takes on the average, those apart


def sort(items: list[pytest.Item]) -> None:
    """Put the longest files first; a file's own tests stay as they are."""
    files = [item.nodeid.partition("::")[0] for item in items]
    tests = Counter(files)
    places = {file: place for place, file in enumerate(dict.fromkeys(files))}
    order = sorted(places, key=lambda file: (-LONG.get(file, TEST_S * tests[file]), places[file]))
    rank = {file: number for number, file in enumerate(order)}
    items.sort(key=lambda item: rank[item.nodeid.partition("::")[0]])
