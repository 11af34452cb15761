"""How the tests call a command."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

from django.core.management import call_command, get_commands, load_command_class
from django.db import connections


def run(command: str, *words: str) -> Any:
    """Run a command with `--json`; return its document, beside which it has printed nothing. Raises as it does."""
    out, stray = io.StringIO(), io.StringIO()
    with redirect_stdout(stray):
        call_command(command, *words, "--json", stdout=out)
    assert stray.getvalue() == ""
    return json.loads(out.getvalue())


def filled(words: tuple[str, ...], **places: str) -> list[str]:
    """Return the words of a call with the places of a test in them."""
    return [word.format(**places) for word in words]


@dataclass(frozen=True)
class Finished:
    """How a process of `manage.py` would have ended, and what it would have printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one document on stdout. Raises ValueError for anything else there."""
        return json.loads(self.out)


class Terminal(io.StringIO):
    """A stream somebody looks at."""

    def isatty(self) -> bool:
        return True


def finish(command: str, *words: str, err: io.StringIO | None = None) -> Finished:
    """Run a command as `manage.py` does, to its exit code, in this process; the connection stays open for the test."""
    out, err = io.StringIO(), err or io.StringIO()
    code = 0
    kept = connections.close_all
    connections.close_all = lambda: None  # type: ignore[method-assign] # what a process does at its end
    try:
        with redirect_stdout(out), redirect_stderr(err):
            load_command_class(get_commands()[command], command).run_from_argv(["manage.py", command, *words])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        connections.close_all = kept  # type: ignore[method-assign]
    return Finished(code, out.getvalue(), err.getvalue())
