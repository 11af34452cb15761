"""What all commands of an operator have in common: help that teaches, `--json`, `--dry-run`, exit codes, progress.

A command says what it does (`help`), when one wants it (`when`), how it is called (`examples`) and what its exit
codes mean beyond the usual ones (`exits`). With `--json` it prints one document on stdout and nothing else there:
what it tells, or `{"error": "the reason"}` where it was refused or has failed. Why so: accounts/decisions/0010-commands.md.
`matching` imports no other app: its one command has the same help by hand.
"""

from __future__ import annotations

import json
import sys
import textwrap
from argparse import SUPPRESS, RawDescriptionHelpFormatter, _SubParsersAction
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter

from accounts.errors import Failure
from accounts.management.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

WIDTH = 100  # columns of the help's text
USUAL_EXITS = {0: "done", 1: "failed, or refused with the reason on stderr", 2: "called with wrong options"}
NAMES = 15  # columns of a field's name


class _Formatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Our own options before Django's, and the description's lines as they are."""


class OperatorCommand(BaseCommand):
    """A command of `manage.py`. Its `handle` is given `json`, and `dry_run` where it changes something."""

    suppressed_base_arguments = {
        "--version",
        "--settings",
        "--pythonpath",
        "--no-color",
        "--force-color",
    }  # they work, and the help is about the command
    requires_system_checks: list[str] = []  # they judge the code: CI runs them, and `migrate` at each release
    when: ClassVar[str] = ""
    examples: ClassVar[tuple[str, ...]] = ()  # without `manage.py`
    exits: ClassVar[Mapping[int, str]] = {}
    is_help_laid_out: ClassVar[bool] = False  # its lines are not to be filled
    is_process: ClassVar[bool] = False  # runs until it is stopped, and has nothing to tell in the end
    changes: ClassVar[bool] = False  # and so has --dry-run
    is_long: ClassVar[bool] = False  # and so shows on a terminal how far it has come
    refusals: ClassVar[tuple[type[Exception], ...]] = (Failure,)  # whose text is for the operator
    _has_told = False

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        """Return the parser, with the help and the options that all commands have."""
        options.setdefault("formatter_class", _Formatter)
        parser = super().create_parser(prog_name, subcommand, **options)
        parser.description = self._teaching(subcommand)
        if not self.is_process:
            self.add_shared(parser, default=False, changes=self.changes)
        for action in parser._actions:  # noqa: SLF001 - argparse tells of its steps in no other way
            if isinstance(action, _SubParsersAction):
                self._teach_steps(action)
        return parser

    @staticmethod
    def _teach_steps(steps: _SubParsersAction[Any]) -> None:
        """Have the help of a step begin with what the list of steps says of it."""
        for listed in steps._choices_actions:  # noqa: SLF001 - the same
            step = steps.choices[listed.dest]
            if listed.help and not step.description:
                step.description = f"{listed.help[:1].upper()}{listed.help[1:]}."

    @staticmethod
    def add_shared(parser: CommandParser, *, default: Any = SUPPRESS, changes: bool = False) -> None:
        """Add `--json`, and `--dry-run`; to a step's parser without a default, so that they may stand before it too."""
        parser.add_argument(
            "--json",
            action="store_true",
            default=default,
            help='print one JSON document on stdout; {"error": "..."} where it is refused',
        )
        if changes:
            parser.add_argument(
                "--dry-run",
                action="store_true",
                default=default,
                help="say what would happen, change nothing",
            )

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run; what was refused is told in a line. With `--json` whatever else is printed, say a mail, goes to stderr."""
        if not options.get("json"):
            return self._refused(*args, **options)
        self._has_told = False
        try:
            with redirect_stdout(sys.stderr):
                return self._refused(*args, **options)
        except Exception as error:
            if not self._has_told:
                self.stdout.write(json.dumps({"error": str(error).strip() or type(error).__name__}))
            raise

    def _refused(self, *args: Any, **options: Any) -> str | None:
        _require_text(options)
        try:
            return super().execute(*args, **options)
        except self.refusals as error:
            raise CommandError(str(error)) from None

    def tell(
        self,
        document: Any,
        lines: Iterable[str] | None = None,
        *,
        as_json: bool,
        hint: str = "",
        is_dry: bool = False,
    ) -> None:
        """Print the document as JSON, or for people: the lines, or else its fields, a line each, but for empty ones.

        Of a dry run it is said that it was one.
        """
        if is_dry and isinstance(document, dict):
            document = {**document, "dry_run": True}
            hint = hint or ("" if lines is None else "dry run: nothing was changed")
        self._has_told = True
        if as_json:
            self.stdout.write(json.dumps(document, default=str))
            return
        for line in fields(document) if lines is None else lines:
            self.stdout.write(line)
        if hint:
            self.stdout.write(hint)

    def progress(self, *, as_json: bool) -> Progress:
        """Return what shows how far long work has come, on a terminal and nowhere else; use it in a `with`."""
        return Progress(self.stderr, is_watched=self.stderr.isatty() and not as_json)

    @staticmethod
    def end_with(code: int) -> NoReturn:
        """End the process with a code; what there was to say has been said."""
        sys.exit(code)

    def _teaching(self, subcommand: str) -> str:
        what = self.help.strip() if self.is_help_laid_out else textwrap.fill(self.help, WIDTH)
        parts = [what, *([textwrap.fill(self.when, WIDTH)] if self.when else [])]
        shown = "\n".join(f"  manage.py {subcommand} {example}".rstrip() for example in self.examples)
        parts.append(f"Example:\n{shown}" if len(self.examples) == 1 else f"Examples:\n{shown}")
        codes = {**USUAL_EXITS, **self.exits}
        parts.append("Exit codes:\n" + "\n".join(f"  {code}  {codes[code]}" for code in sorted(codes)))
        return "\n\n".join(parts)


def _require_text(options: Mapping[str, Any]) -> None:
    """Raise CommandError for a word that is no UTF-8: neither the database nor a terminal could take it."""
    for name, value in options.items():
        for word in value if isinstance(value, list | tuple) else [value]:
            try:
                str(word).encode()
            except UnicodeEncodeError:
                shown = ascii(str(word))
                raise CommandError(
                    f"{name.replace('_', '-')} is no UTF-8 text: {shown}", returncode=2
                ) from None


def fields(document: Mapping[str, Any]) -> Iterable[str]:
    """Return the fields of a document for people, a line each, but for empty ones."""
    for name, value in document.items():
        text = (
            " ".join(map(str, value))
            if isinstance(value, list | tuple)
            else ""
            if value is None
            else str(value)
        )
        if text:
            yield f"{name:{NAMES}}{text}"
