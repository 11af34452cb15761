"""`python -m tests.faults.nursery`: starts real commands quickly, by forking a process that has them loaded.

Reads orders from standard input, one JSON object a line, and writes news to standard output: `born` with
the process's id, `died` with its exit status, negative for a signal. The input's end ends everybody.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import sys
import traceback
from importlib import import_module
from typing import Any, NoReturn

from raxx import process, roles


def main() -> None:
    """Fork and bury until the input ends."""
    roles.become("matcher")
    os.environ["DJANGO_SETTINGS_MODULE"] = "raxx.settings"

    import django

    django.setup()
    _load_what_children_need()
    # A matcher that starts has the collector look through all that there is: a third of a child's short life, were
    # it all that the child is born with. In a process that was not forked nothing is frozen yet.
    gc.collect()
    gc.freeze()
    gc.unfreeze = lambda: None
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    signal.set_wakeup_fd(writer)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    news = selectors.DefaultSelector()
    news.register(sys.stdin.buffer.raw, selectors.EVENT_READ, "order")
    news.register(reader, selectors.EVENT_READ, "death")
    _say(is_ready=True)
    rest = b""
    while True:
        for key, _ in news.select():
            if key.data == "death":
                os.read(reader, 4096)
                _bury()
                continue
            piece = os.read(sys.stdin.fileno(), 65_536)
            if not piece:
                return
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                _bear(json.loads(line))


def _load_what_children_need() -> None:
    for command in ("matching.management.commands.hub", "trading.management.commands.matcher"):
        import_module(command)


def _bear(order: dict[str, Any]) -> None:
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            _live(order, parent)
        except BaseException:  # noqa: BLE001 - a child must never come back into the parent's loop
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(70)
    _say(born=child, tag=order["tag"])


def _live(order: dict[str, Any], parent: int) -> NoReturn:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if (die_with_parent := process.die_with_parent(parent, signal.SIGKILL)) is not None:
        die_with_parent()
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)

    from django.core.management import CommandError, call_command

    from tests.faults import failpoints

    if (point := order.get("point")) is not None:
        arm = failpoints.arm_publishing if order["command"] == "hub" else failpoints.arm_decisions
        arm(point, order["number"])
    if (gate := order.get("gate")) is not None:
        failpoints.wait_in_recovery(gate)
    status = 0
    try:
        call_command(order["command"], *order["options"])
    except CommandError as error:
        print(f"CommandError: {error}", file=sys.stderr, flush=True)
        status = error.returncode
    os._exit(status)


def _bury() -> None:
    while True:
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if child == 0:
            return
        _say(died=child, status=os.waitstatus_to_exitcode(status))


def _say(**news: Any) -> None:
    sys.stdout.write(json.dumps(news) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
