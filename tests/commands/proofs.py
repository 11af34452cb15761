"""Which test shows what of each command: its effect, its dry run, its second run, and its death half-way.

A command with a row in tests/commands/rows.py has all four by one test. Any other names its tests here, each as
`file::function` from the root of tests.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

from django.core.management import get_commands

from tests.commands.rows import ROWS

OURS = {"accounts", "matching", "trading", "broker_handoff", "raxx"}
COMMANDS = sorted(name for name, app in get_commands().items() if app in OURS)
# What runs until it is stopped has no document to print in the end, and nothing to try beforehand.
PROCESSES = {"hub", "matcher", "live_updates", "metrics"}
CHANGE_NOTHING = {
    "doctor": "looks",
    "list_accounts": "lists",
    "list_api_keys": "lists",
    "list_grants": "lists",
    "verify_audit": "looks",
    "verify_ledger": "looks",
}


@dataclass(frozen=True)
class Proofs:
    """The four tests of one command."""

    effect: str
    dry_run: str
    twice: str
    killed: str

    def tests(self) -> list[str]:
        """Return those that are tests, and no reasons."""
        return [said for said in astuple(self) if "::" in said]


BY_TABLE = (
    "commands/test_effects.py::"
    "test_a_trial_changes_nothing_a_kill_leaves_nothing_half_done_and_the_next_run_makes_it_true"
)
TAPE, BACKUP = "commands/test_import_tape.py::", "commands/test_backup.py::"
FIGURES, ROLES = "commands/test_rebuild_positions.py::", "raxx/test_bootstrap_command.py::"
WRITTEN = "commands/test_openapi.py::test_it_is_written_whole_or_not_at_all_and_again_is_the_same"
KILLED_RESTORE = f"{BACKUP}test_a_restore_that_is_killed_half_way_leaves_the_database_empty_and_the_next_one_says_what_it_found"

OTHERS = {
    "backup": Proofs(
        effect=f"{BACKUP}test_what_was_backed_up_is_restored_proved_and_walled_as_before",
        dry_run=f"{BACKUP}test_what_was_backed_up_is_restored_proved_and_walled_as_before",
        twice=f"{BACKUP}test_what_was_backed_up_is_restored_proved_and_walled_as_before",
        killed=f"{BACKUP}test_a_backup_that_is_killed_half_way_leaves_none_and_the_next_one_is_whole",
    ),
    "bootstrap": Proofs(
        effect=f"{ROLES}test_what_differs_is_told_by_a_dry_run_and_put_right_by_a_real_one",
        dry_run=f"{ROLES}test_what_differs_is_told_by_a_dry_run_and_put_right_by_a_real_one",
        twice=f"{ROLES}test_run_again_it_changes_nothing",
        killed=f"{ROLES}test_a_run_that_was_killed_between_the_file_and_the_role_is_put_right_by_the_next",
    ),
    "import_tape": Proofs(
        effect=f"{TAPE}test_a_sheet_of_several_symbols_becomes_days_and_what_is_odd_is_counted",
        dry_run=f"{TAPE}test_a_dry_run_writes_nothing",
        twice=f"{TAPE}test_twice_is_once_and_a_day_that_says_otherwise_stays_unless_told",
        killed=f"{TAPE}test_killed_anywhere_the_folder_has_whole_days_and_the_next_run_goes_on",
    ),
    "openapi": Proofs(
        effect=WRITTEN,
        dry_run=WRITTEN,
        twice=WRITTEN,
        killed=WRITTEN,
    ),
    "rebuild_positions": Proofs(
        effect=f"{FIGURES}test_wrong_books_are_shown_and_put_right_and_stay_so",
        dry_run=f"{FIGURES}test_wrong_books_are_shown_and_put_right_and_stay_so",
        twice=f"{FIGURES}test_wrong_books_are_shown_and_put_right_and_stay_so",
        killed=f"{FIGURES}test_killed_at_each_boundary_the_next_run_does_the_rest",
    ),
    "restore": Proofs(
        effect=f"{BACKUP}test_what_was_backed_up_is_restored_proved_and_walled_as_before",
        dry_run=f"{BACKUP}test_what_was_backed_up_is_restored_proved_and_walled_as_before",
        twice=f"{BACKUP}test_what_was_backed_up_is_restored_proved_and_walled_as_before",
        killed=KILLED_RESTORE,
    ),
    "up": Proofs(
        effect="acceptance/test_readme.py::test_the_ten_lines_of_the_readme_fill_an_order",
        dry_run="commands/test_effects.py::test_a_dry_run_of_up_names_what_would_start_and_starts_nothing",
        twice="raxx/test_embedded.py::test_a_second_holder_of_the_data_folder_is_told_who_has_it",
        killed="raxx/test_supervisor.py::test_children_end_when_the_supervisor_is_killed",
    ),
    # Beside their rows: what takes many transactions, killed between them.
    "erase_user": Proofs(
        effect=BY_TABLE,
        dry_run="accounts/test_privacy_commands.py::test_a_dry_run_counts_and_changes_nothing",
        twice=BY_TABLE,
        killed="commands/test_killed.py::test_an_erasure_that_is_killed_is_ended_by_the_next_run",
    ),
    "purge_history": Proofs(
        effect="trading/test_tier_commands.py::test_history_is_purged_and_told",
        dry_run="trading/test_tier_commands.py::test_history_is_purged_and_told",
        twice="trading/test_tier_commands.py::test_history_is_purged_and_told",
        killed="commands/test_killed.py::test_a_purge_that_is_killed_between_batches_leaves_books_that_balance_and_is_ended_by_the_next_run",
    ),
}
PROOFS = {row.command: Proofs(BY_TABLE, BY_TABLE, BY_TABLE, BY_TABLE) for row in ROWS} | OTHERS

SPEECH = "commands/test_speech.py::"
STOPPED = f"{SPEECH}test_a_process_that_is_told_to_stop_ends_with_0"
NOT_BEGUN = f"{SPEECH}test_a_process_that_cannot_begin_ends_with_1"
REFUSED = f"{SPEECH}test_what_is_refused_says_why_in_one_document_and_in_one_line_and_ends_with_1"
CUT = "broker_handoff/test_mass_revoke.py::"
# Who means more by a code than everybody does (accounts.management.command.USUAL_EXITS) names the test that gets it.
# What the usual ones mean is shown of all commands at once: 0 by their rows, 1 by REFUSED, 2 by WRONG_OPTION.
WRONG_OPTION = f"{SPEECH}test_a_wrong_option_ends_with_2_and_prints_nothing_on_stdout"
EXITS = {
    ("doctor", 1): "raxx/test_doctor.py::test_the_exit_status_tells",
    ("gate", 1): f"{SPEECH}test_who_has_told_a_document_adds_no_second_one_when_it_ends_badly",
    ("hub", 0): "matching/market/test_hub.py::test_the_command_runs_until_sigterm",
    ("hub", 1): NOT_BEGUN,
    (
        "import_tape",
        1,
    ): f"{TAPE}test_a_day_with_a_wrong_line_is_refused_with_its_place_and_the_others_are_written",
    ("live_updates", 0): STOPPED,
    ("live_updates", 1): NOT_BEGUN,
    ("matcher", 0): STOPPED,
    ("matcher", 1): NOT_BEGUN,
    ("matcher", 3): f"{SPEECH}test_a_shard_that_another_matcher_has_ends_with_3",
    ("metrics", 0): STOPPED,
    ("metrics", 1): NOT_BEGUN,
    ("openapi", 1): WRITTEN,
    ("rebuild_positions", 1): f"{FIGURES}test_wrong_books_are_shown_and_put_right_and_stay_so",
    ("restore", 1): KILLED_RESTORE,
    ("revoke_live_connections", 1): f"{CUT}test_a_broker_that_is_away_keeps_nobody_connected",
    ("rewrap_tokens", 1): f"{CUT}test_rewrapping_goes_on_past_one_that_is_refused",
    (
        "up",
        0,
    ): "acceptance/test_stopping.py::test_a_stopped_house_leaves_no_process_and_the_doctor_says_what_is_missing",
    ("up", 1): REFUSED,
    (
        "verify_audit",
        1,
    ): "accounts/audit/test_verify.py::test_the_command_exits_with_1_and_names_chain_and_sequence",
    (
        "verify_ledger",
        1,
    ): "trading/test_ledger_audit.py::test_command_prints_a_line_for_each_difference_and_fails",
}
