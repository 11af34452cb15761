"""The list of checks, and running them so that one that breaks does not hide the others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from django.db import OperationalError

from raxx import hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Check = Callable[[], "str | list[Finding]"]

Subject = TypeVar("Subject")


class Unwell(Exception):
    """A check failed: what was found, and what to do about it."""

    def __init__(self, detail: str, fix: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fix = fix


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The outcome of one check. `fix` is empty when all is well."""

    name: str
    is_well: bool
    detail: str
    fix: str = ""


CHECKS: dict[str, Check] = {}


def check(name: str) -> Callable[[Callable[[], str]], Callable[[], str]]:
    """Register a function that returns what it found, or raises Unwell."""

    def register(function: Callable[[], str]) -> Callable[[], str]:
        CHECKS[name] = function
        return function

    return register


def check_each(
    name: str, subjects: Callable[[], Sequence[tuple[str, Subject]]]
) -> Callable[[Callable[[Subject], str]], Callable[[Subject], str]]:
    """Register a function that is asked of each subject: a finding each, which names it where there are several.

    `subjects` returns (word, subject) pairs, or raises Unwell where there is none.
    """

    def register(function: Callable[[Subject], str]) -> Callable[[Subject], str]:
        def each() -> list[Finding]:
            found = subjects()
            return [
                finding
                for word, subject in found
                for finding in _outcome(
                    name if len(found) == 1 else f"{name} {word}", partial(function, subject)
                )
            ]

        CHECKS[name] = each
        return function

    return register


def examine(names: Iterable[str] | None = None) -> list[Finding]:
    """Run the named checks, or all, in the order of their registration."""
    chosen = CHECKS if names is None else {name: CHECKS[name] for name in names}
    return [finding for name, function in chosen.items() for finding in _outcome(name, function)]


def _outcome(name: str, function: Check) -> list[Finding]:
    try:
        told = function()
    except Unwell as found:
        detail, fix = found.detail, found.fix
    except OperationalError as error:
        detail = f"PostgreSQL does not answer: {str(error).strip().splitlines()[0]}"
        fix = hints.start_postgres()
    except Exception as error:  # noqa: BLE001 - a check that cannot run is a finding, not the end of the others
        first_line = (str(error).strip() or "no further word").splitlines()[0]
        detail, fix = f"{type(error).__name__}: {first_line}", "mend what stands above; see the logs"
    else:
        return told if isinstance(told, list) else [Finding(name=name, is_well=True, detail=told)]
    return [Finding(name=name, is_well=False, detail=detail, fix=fix)]
