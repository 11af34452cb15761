"""The list of checks, and running them so that one that breaks does not hide the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import OperationalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Check = Callable[[], str]


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


def check(name: str) -> Callable[[Check], Check]:
    """Register a function that returns what it found, or raises Unwell."""

    def register(function: Check) -> Check:
        CHECKS[name] = function
        return function

    return register


def examine(names: Iterable[str] | None = None) -> list[Finding]:
    """Run the named checks, or all, in the order of their registration."""
    chosen = CHECKS if names is None else {name: CHECKS[name] for name in names}
    return [_outcome(name, function) for name, function in chosen.items()]


def _outcome(name: str, function: Check) -> Finding:
    try:
        return Finding(name=name, is_well=True, detail=function())
    except Unwell as found:
        return Finding(name=name, is_well=False, detail=found.detail, fix=found.fix)
    except OperationalError as error:
        detail = f"PostgreSQL does not answer: {str(error).strip().splitlines()[0]}"
        return Finding(
            name=name, is_well=False, detail=detail, fix="start Raxx: `make run`; or mend DATABASE_URL"
        )
    except Exception as error:  # noqa: BLE001 - a check that cannot run is a finding, not the end of the others
        first_line = (str(error).strip() or "no further word").splitlines()[0]
        detail = f"{type(error).__name__}: {first_line}"
        return Finding(name=name, is_well=False, detail=detail, fix="mend what stands above; see the logs")
