"""Which files a run begins with: the long ones, so that no worker waits at the end for another's last; and which stay together.

Of itself `--dist loadfile` begins with the files of the most tests, and the longest have one or two; a run
is started with `--no-loadscope-reorder`, and this order is taken.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

# Files that share what takes long to start (tests/lasting.py), in the order in which they are run, on one worker.
TOGETHER = (
    (
        "tests/broker_handoff/test_there_and_back.py",
        "tests/broker_handoff/test_contract_alpaca.py",
        "tests/broker_handoff/faults/test_faults.py",
    ),
    (
        "tests/acceptance/test_recorded_day.py",
        "tests/acceptance/test_faults.py",
        "tests/acceptance/test_stopping.py",
    ),
    (
        "tests/browser/test_ticket.py",
        "tests/browser/test_desk.py",
        "tests/browser/test_first_minutes.py",
    ),
    (
        "tests/browser/test_security_page.py",
        "tests/browser/test_ways_in.py",
        "tests/browser/test_refused_passkeys.py",
        "tests/browser/test_admin.py",
        "tests/browser/test_pages.py",
        "tests/browser/test_privacy.py",
        "tests/browser/test_history.py",
        "tests/browser/test_time_machine.py",
        "tests/browser/test_settings_and_live.py",
    ),
    (
        "tests/stream/test_cuts.py",
        "tests/stream/test_scenarios.py",
        "tests/stream/test_server.py",  # stops it
    ),
    (
        "tests/faults/test_commit_boundaries.py",
        "tests/faults/test_growth.py",
        "tests/faults/test_answers.py",
        "tests/faults/test_hub_deaths.py",
    ),
)
# Seconds by themselves on two cores, or nearly: CPU, and what is waited for. What is shorter than eight stands
# here only where its few tests would make it look like nothing.
LONG: dict[str, float] = {
    "tests/broker_handoff/faults/test_faults.py": 80,
    "tests/contract/test_conformance.py": 75,
    "tests/broker_handoff/test_there_and_back.py": 55,
    "tests/isolation/test_access_matrix.py": 45,
    "tests/acceptance/test_faults.py": 45,
    "tests/faults/test_runbook.py": 45,
    "tests/faults/test_commit_boundaries.py": 45,
    "tests/faults/test_under_load.py": 40,
    "tests/browser/test_ticket.py": 38,
    "tests/acceptance/test_recorded_day.py": 32,
    "tests/acceptance/test_golden_tapes.py": 30,
    "tests/acceptance/test_real_servers.py": 30,
    "tests/matching/market/test_hub.py": 30,
    "tests/browser/test_desk.py": 28,
    "tests/acceptance/test_readme.py": 25,
    "tests/bench/test_figures.py": 25,
    "tests/browser/test_security_page.py": 22,
    "tests/browser/test_first_minutes.py": 22,
    "tests/faults/test_answers.py": 20,
    "tests/browser/test_ways_in.py": 18,
    "tests/browser/test_pages.py": 18,
    "tests/browser/test_history.py": 18,
    "tests/contract/test_fuzz.py": 16,
    "tests/browser/test_settings_and_live.py": 16,
    "tests/faults/test_growth.py": 15,
    "tests/faults/test_rolling_restart.py": 15,
    "tests/trading/test_history_purge_anywhere.py": 15,
    "tests/trading/test_matcher_anywhere.py": 15,
    "tests/broker_handoff/test_gate_ledger.py": 13,
    "tests/api/test_errors.py": 12,
    "tests/faults/test_shards.py": 12,
    "tests/api/test_budgets_of_processes.py": 12,
    "tests/browser/test_admin.py": 11,
    "tests/commands/test_backup.py": 10,
    "tests/contract/test_fuzz_alpaca.py": 10,
    "tests/stream/test_cuts.py": 10,
    "tests/matching/engine/test_against_reference.py": 9,
    "tests/trading/test_history_purge.py": 9,
    "tests/trading/test_own_accounts.py": 9,
    "tests/trading/test_ledger_audit.py": 9,
    "tests/faults/test_hub_deaths.py": 9,
    "tests/stream/test_server.py": 8,
    "tests/broker_handoff/test_secrecy.py": 8,
    "tests/raxx/test_telemetry.py": 8,
    "tests/stream/test_scenarios.py": 8,
    "tests/raxx/test_settings.py": 7,
    "tests/raxx/test_logs.py": 7,
    "tests/contract/test_lives.py": 7,
    "tests/trading/test_erasure.py": 7,
    "tests/browser/test_refused_passkeys.py": 6,
    "tests/browser/test_time_machine.py": 6,
    "tests/broker_handoff/test_contract_alpaca.py": 5,
    "tests/accounts/test_privacy_exports.py": 5,
    "tests/acceptance/test_stopping.py": 5,
    "tests/browser/test_privacy.py": 4,
    "tests/trading/test_books.py": 2,
}
TEST_S = 0.05  # what a test takes on the average, those apart


_GROUP = {file: files[0] for files in TOGETHER for file in files}
_PLACE = {file: place for files in TOGETHER for place, file in enumerate(files)}


def group_of(nodeid: str) -> str:
    """Return the file that stands for all that are run with a test's own: the first of them."""
    file = nodeid.partition("::")[0]
    return _GROUP.get(file, file)


def sort(items: list[pytest.Item]) -> None:
    """Put what takes longest first, file by file and group by group; a file's own tests stay as they are."""
    files = [item.nodeid.partition("::")[0] for item in items]
    seconds: dict[str, float] = defaultdict(float)
    for file, tests in Counter(files).items():
        seconds[group_of(file)] += LONG.get(file, TEST_S * tests)
    places = {file: place for place, file in enumerate(dict.fromkeys(files))}
    groups = list(dict.fromkeys(map(group_of, places)))
    groups.sort(key=lambda group: -seconds[group])
    rank = {group: number for number, group in enumerate(groups)}
    order = sorted(places, key=lambda file: (rank[group_of(file)], _PLACE.get(file, 0), places[file]))
    rank = {file: number for number, file in enumerate(order)}
    items.sort(key=lambda item: rank[item.nodeid.partition("::")[0]])


def scheduler(config: pytest.Config, log: Any) -> Any:
    """Return xdist's scheduler of whole files, for which the files of a group are one."""
    from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

    class Together(LoadFileScheduling):  # type: ignore[misc] # it has no types
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return Together(config, log)
