"""What commands say: one document with `--json`, a reason for each refusal, a code for each end."""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.core.management import call_command, get_commands, load_command_class

from accounts.services.anchoring import anchor_audit
from broker_handoff import adapters
from broker_handoff.adapters.local_keys import LocalKeys
from matching.ports import Fenced
from raxx.metrics.place import Address
from tests.commands.calls import Terminal, filled, finish
from tests.commands.forks import stopped
from tests.commands.proofs import COMMANDS, PROCESSES
from tests.commands.rows import ROWS
from tests.commands.snapshots import everything
from tests.commands.world import ANN, SAM, TICKS
from trading.management.commands import matcher

if TYPE_CHECKING:
    from pathlib import Path

    from tests.commands.world import World

pytestmark = pytest.mark.django_db(transaction=True)

NOBODY = "nobody@example.com"

# What only looks, or only says what it would do; a world of its own is made for all of them together.
LOOKS: dict[str, tuple[str, ...]] = {
    "anchor_audit": ("--dry-run",),
    "backup": ("--to", "{folder}/backup", "--dry-run"),
    "bootstrap": ("--dry-run",),
    "create_profile": ("--list",),
    "doctor": (),
    "gate": ("recompute",),
    "gate show": ("--email", ANN),
    "gate overrides": (),
    "import_tape": ("{folder}/ticks.csv", "--to", "{folder}/tape", "--dry-run"),
    "kill_switch status": (),
    "list_accounts": ("--all",),
    "list_api_keys": ("--all",),
    "list_grants": ("--all",),
    "market list": (),
    "openapi": ("--dry-run",),
    "rebuild_positions": ("--dry-run",),
    "shadow status": (),
    "shadow report": ("--account", "{account}"),
    "tape status": (),
    "up": ("--port", "0", "--dry-run"),
    "verify_audit": (),
    "verify_ledger": (),
}
MAY_FIND_FAULTS = {"doctor", "openapi", "bootstrap"}  # in a test's installation; they say so by exit code 1

# A call of each that is refused, with exit code 1.
REFUSED: dict[str, tuple[str, ...]] = {
    "anchor_audit": ("--anchors", "{file}"),
    "archive_account": ("X",),
    "backup": ("--to", "{folder}"),
    "bootstrap": ("--rotate", "raxx_app"),  # without --logins
    "create_account": ("--email", ANN, "--cash", "much"),
    "create_api_key": ("--email", NOBODY),
    "create_profile": ("--list", "--withdraw"),
    "create_user": ("--email", "nobody"),
    "dismiss_staff": ("--email", NOBODY, "--reason", "r"),
    "erase_user": ("--email", NOBODY, "--reason", "r"),
    "export_user": ("--email", ANN, "--out", "{file}"),
    "freeze": ("--account", "X", "--reason", "r"),
    "gate": ("show", "--email", NOBODY),
    "grant": ("--staff", NOBODY, "--account", "{account}", "--reason", "r"),
    "import_assets": ("{folder}/missing.csv",),
    "import_tape": ("{folder}/missing.csv", "--to", "{folder}/tape"),
    "invite_staff": ("--email", "nobody"),
    "kill_switch": ("close", "--scope", "global", "--reason", "r", "--operator", ANN),
    "list_grants": ("--account", "X"),
    "market": ("close", "nowhere"),
    "purge_history": ("--account", "X"),
    "rebuild_positions": ("--account", "X"),
    "replay_events": (str(uuid4()), "--from-seq", "1"),
    "reset_account": ("X",),
    "reset_passkeys": ("ask", "--email", NOBODY, "--ticket", "T", "--operator", SAM),
    "restore": ("--from", "{folder}/missing"),
    "revoke_api_key": ("X",),
    "revoke_grant": ("--staff", NOBODY, "--account", "{account}"),
    "rotate_api_key": ("X",),
    "seed": ("--feed", "replay"),
    "set_tier": ("--email", NOBODY, "--tier", "pro", "--reason", "r"),
    "shadow": ("report", "--account", "X"),
    "snapshot": ("--date", "2026-05-02"),  # a Saturday
    "tape": ("advance", "--to", "noon"),
    "up": ("--port", "{port}"),
    "verify_ledger": ("--account", "X"),
}
# Who asks these for anything is not refused: they fail where the database is away, or as their own tests show.
NEVER_REFUSED = {
    "doctor": "a fault is what it prints",
    "list_accounts": "whatever is asked for, there may be none",
    "list_api_keys": "the same",
    "openapi": "no option can be wrong",
    "revoke_live_connections": "its one rule is about its options, and so ends with 2",
    "rewrap_tokens": "refused by its key service alone: test_a_key_service_that_refuses_is_told_in_a_line",
    "verify_audit": "refused by its key alone: test_an_audit_log_that_cannot_be_judged_is_told_in_a_line",
}


def test_every_command_has_a_call_here_that_is_refused_or_a_reason() -> None:
    assert {*REFUSED, *NEVER_REFUSED, *PROCESSES} == {*COMMANDS}, (
        "a new command needs a call that is refused with exit code 1 in REFUSED, or a reason in NEVER_REFUSED"
    )
    assert {name.split()[0] for name in LOOKS} | {row.command for row in ROWS} | {"seed", "restore"} >= {
        *COMMANDS
    } - PROCESSES, "a new command needs a row in tests/commands/rows.py, or a call that only looks in LOOKS"


def test_what_only_looks_prints_one_document_and_changes_nothing(world: World, tmp_path: Path) -> None:
    world.tell_something()
    anchor_audit()
    world.file("ticks.csv", TICKS)
    call_command("gate", "judge", "--email", ANN, "--json", stdout=Terminal())
    before = everything(tmp_path)

    for name, words in LOOKS.items():
        command, *step = name.split()
        ended = finish(
            command, *step, *filled(words, folder=str(tmp_path), account=world.account.number), "--json"
        )

        assert isinstance(ended.document, dict | list), name
        assert ended.code == 0 or command in MAY_FIND_FAULTS, (name, ended)
        assert everything(tmp_path) == before, name


def test_what_is_refused_says_why_in_one_document_and_in_one_line_and_ends_with_1(
    world: World, tmp_path: Path
) -> None:
    world.open_calendars()
    world.tell_something()
    anchor_audit()
    (tmp_path / "file").write_text("of somebody else", encoding="utf-8")
    before = everything(tmp_path)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        places = {
            "folder": str(tmp_path),
            "file": str(tmp_path / "file"),
            "account": world.account.number,
            "port": str(taken.getsockname()[1]),
        }
        for command, words in REFUSED.items():
            ended = finish(command, *filled(words, **places), "--json")
            (reason,) = ended.document.values()

            assert (command, ended.code, [*ended.document]) == (command, 1, ["error"])
            assert f"CommandError: {reason}" in ended.err, command
            assert "Traceback" not in ended.err, command
            assert everything(tmp_path) == before, command


def test_a_failure_that_nobody_foresaw_is_a_document_too_and_still_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(**_: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("trading.management.commands.list_accounts.every_account", fails)

    with pytest.raises(ZeroDivisionError):
        call_command("list_accounts", "--json")

    assert capsys.readouterr().out == '{"error": "a bug"}\n'


def test_who_has_told_a_document_adds_no_second_one_when_it_ends_badly(world: World) -> None:
    call_command("gate", "judge", "--email", ANN, "--json", stdout=Terminal())
    from broker_handoff.models import GateVerdict

    GateVerdict.objects.update(is_open=True)  # which its inputs do not give

    ended = finish("gate", "recompute", "--json")

    assert (ended.code, len(ended.document["differing"])) == (1, 1)


@pytest.mark.parametrize("words", [(), ("--json",)], ids=["in words", "as JSON"])
def test_a_wrong_option_ends_with_2_and_prints_nothing_on_stdout(words: tuple[str, ...]) -> None:
    for command in COMMANDS:
        ended = finish(command, *words, "--no-such-option")

        assert (command, ended.code, ended.out) == (command, 2, "")
        assert f"usage: manage.py {command}" in ended.err


def test_a_reason_that_is_too_long_and_half_a_shard_are_wrong_options(world: World) -> None:
    assert finish("revoke_live_connections", "--reason", " ").code == 2
    assert finish("matcher", "--market", "1").code == 2


def test_a_shard_that_another_matcher_has_ends_with_3(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    def fenced(*_: Any) -> None:
        raise Fenced("another matcher decides shard 0")

    monkeypatch.setattr(matcher.Command, "_match", fenced)
    monkeypatch.setattr(matcher.signal, "signal", lambda *_: None)

    ended = finish("matcher", "--market", str(world.market.pk), "--shard", "0")

    assert (ended.code, ended.err) == (3, "CommandError: another matcher decides shard 0\n")


@pytest.mark.parametrize(
    ("command", "reason"),
    [("live_updates", "RAXX_LIVE"), ("metrics", "RAXX_METRICS"), ("hub", "market"), ("matcher", "market")],
)
def test_a_process_that_cannot_begin_ends_with_1(
    command: str, reason: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LIVE_IS_ON, settings.METRICS = False, None
    module = load_command_class(get_commands()[command], command).__module__
    for name in ("trading.management.commands.matcher", "matching.management.commands.hub"):
        if module == name:
            monkeypatch.setattr(f"{name}.signal.signal", lambda *_: None)
    words = {"hub": ("--market", "99"), "matcher": ("--market", "99", "--shard", "0")}.get(command, ())

    ended = finish(command, *words)

    assert (ended.code, reason in ended.err) == (1, True), ended


@pytest.mark.parametrize(
    ("command", "first"),
    [
        ("matcher", "trading.management.commands.matcher.free_seats"),
        ("live_updates", "broker_handoff.management.commands.live_updates.connections_to_compare"),
        ("metrics", "raxx.metrics.serving._Server.service_actions"),
    ],
)
def test_a_process_that_is_told_to_stop_ends_with_0(
    command: str, first: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = os.getpid()

    def told_to_stop(*_: Any) -> list[Any]:
        if os.getpid() != tests:  # where threads of other tests' servers may come by
            os.kill(os.getpid(), signal.SIGTERM)
        return []

    settings.LIVE_IS_ON, settings.METRICS = True, Address("127.0.0.1", 0)
    monkeypatch.setattr(first, told_to_stop)  # what it does as soon as it runs

    assert stopped(command) == 0


def test_a_key_service_that_refuses_is_told_in_a_line(world: World) -> None:
    world.connect(1)
    keys = adapters.key_service()
    assert isinstance(keys, LocalKeys)
    keys.file.write_text(f"{keys.file.read_text().strip()} disabled\n", encoding="utf-8")

    ended = finish("rewrap_tokens", "--json")

    assert (ended.code, ended.document) == (1, {"error": "every key of the service is disabled"})


def test_an_audit_log_that_cannot_be_judged_is_told_in_a_line(world: World, settings: Any) -> None:
    world.tell_something()
    anchor_audit()
    settings.AUDIT_KEY.unlink()

    ended = finish("verify_audit", "--json")

    assert (ended.code, "is missing" in ended.document["error"]) == (1, True)


@pytest.mark.parametrize(
    "call",
    [
        ("freeze", "--account", "A1", "--reason", "\udcff"),
        ("freeze", "--account", "\udcff", "--reason", "r"),
        ("revoke_api_key", "\udcff"),
        ("market", "open", "--feed", "synthetic", "--symbols", "AA,\udcff"),
        ("create_api_key", "--email", ANN, "--address", "\udcff"),
        ("backup", "--to", "\udcff", "--dry-run"),
    ],
    ids=["a reason", "an account", "a key", "symbols", "one of several", "a folder"],
)
def test_a_word_that_is_no_utf8_is_a_wrong_option_and_no_fault(call: tuple[str, ...]) -> None:
    """The system hands such bytes over as halves of a pair, which nothing that writes text can write."""
    ended = finish(*call, "--json")

    assert (ended.code, set(ended.document)) == (2, {"error"})
    assert "is no UTF-8 text" in ended.err
    ended.out.encode(), ended.err.encode()
