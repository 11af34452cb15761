"""Which files a run begins with: the long ones, so that no worker waits at the end for another's last file.

Of itself `--dist loadfile` begins with the files of the most tests, and the longest have one or two; a run
is started with `--no-loadscope-reorder`, and this order is taken.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

# Seconds by themselves on two cores, or nearly: CPU, and what is waited for. What is shorter than eight stands
# here only where its few tests would make it look like nothing.
LONG = {
    "tests/broker_handoff/faults/test_faults.py": 140,
    "tests/contract/test_conformance.py": 75,
    "tests/isolation/test_access_matrix.py": 55,
    "tests/acceptance/test_faults.py": 55,
    "tests/faults/test_runbook.py": 45,
    "tests/faults/test_under_load.py": 40,
    "tests/broker_handoff/test_contract_alpaca.py": 40,
    "tests/broker_handoff/test_there_and_back.py": 40,
    "tests/acceptance/test_golden_tapes.py": 38,
    "tests/acceptance/test_recorded_day.py": 35,
    "tests/faults/test_commit_boundaries.py": 30,
    "tests/acceptance/test_real_servers.py": 30,
    "tests/matching/market/test_hub.py": 30,
    "tests/acceptance/test_readme.py": 25,
    "tests/browser/test_ticket.py": 25,
    "tests/bench/test_figures.py": 25,
    "tests/stream/test_server.py": 20,
    "tests/matching/engine/test_against_reference.py": 20,
    "tests/browser/test_desk.py": 20,
    "tests/faults/test_growth.py": 20,
    "tests/browser/test_security_page.py": 18,
    "tests/browser/test_first_minutes.py": 17,
    "tests/contract/test_fuzz.py": 16,
    "tests/faults/test_shards.py": 15,
    "tests/faults/test_answers.py": 15,
    "tests/faults/test_rolling_restart.py": 15,
    "tests/trading/test_books.py": 15,
    "tests/trading/test_history_purge_anywhere.py": 15,
    "tests/trading/test_matcher_anywhere.py": 15,
    "tests/api/test_errors.py": 13,
    "tests/browser/test_ways_in.py": 13,
    "tests/broker_handoff/test_gate_ledger.py": 13,
    "tests/api/test_budgets_of_processes.py": 12,
    "tests/browser/test_refused_passkeys.py": 11,
    "tests/commands/test_backup.py": 10,
    "tests/browser/test_admin.py": 10,
    "tests/browser/test_pages.py": 10,
    "tests/contract/test_fuzz_alpaca.py": 10,
    "tests/trading/test_history_purge.py": 9,
    "tests/trading/test_own_accounts.py": 9,
    "tests/trading/test_ledger_audit.py": 9,
    "tests/broker_handoff/test_secrecy.py": 8,
    "tests/browser/test_settings_and_live.py": 8,
    "tests/raxx/test_telemetry.py": 8,
    "tests/raxx/test_settings.py": 7,
    "tests/raxx/test_logs.py": 7,
    "tests/contract/test_lives.py": 7,
    "tests/trading/test_erasure.py": 7,
    "tests/browser/test_privacy.py": 6,
    "tests/browser/test_history.py": 5,
    "tests/accounts/test_privacy_exports.py": 5,
}
TEST_S = 0.05  # what a test takes on the average, those apart


def sort(items: list[pytest.Item]) -> None:
    """Put the longest files first; a file's own tests stay as they are."""
    files = [item.nodeid.partition("::")[0] for item in items]
    tests = Counter(files)
    places = {file: place for place, file in enumerate(dict.fromkeys(files))}
    order = sorted(places, key=lambda file: (-LONG.get(file, TEST_S * tests[file]), places[file]))
    rank = {file: number for number, file in enumerate(order)}
    items.sort(key=lambda item: rank[item.nodeid.partition("::")[0]])
