"""Every app that keeps something of people says so here, when it starts: what there is, and how it goes.

A table that holds a person's rows and is named by no keeper fails a test, and keeps that person from being
erased wherever a foreign key says whose its rows are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

OF_PERSON = "t.user_id = %(user)s"
# Deletes at most so many of a person's rows in a transaction of its own; says whether there are more.
EraseSome = Callable[[UUID], bool]

ROWS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A table with rows of people, as an archive has it.

    `words` tell a person what it is. `whose` is the condition in SQL on alias `t` that makes a row theirs.
    `left_out` are columns that are secrets of ours, or about others; `figures` are computed, by an
    expression each.
    """

    table: str
    words: str
    whose: str = OF_PERSON
    left_out: frozenset[str] = frozenset()
    figures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """One app, what it holds of people, and how it lets go of it."""

    app: str
    holdings: tuple[Holding, ...]
    erase_some: EraseSome


_keepers: dict[str, Keeper] = {}


def register(keeper: Keeper) -> None:
    """Make an app's holdings known; once a process, in `AppConfig.ready`."""
    _keepers[keeper.app] = keeper


def keepers() -> list[Keeper]:
    """Return them in the order in which they erase: whoever refers to another's rows goes first.

    That is the order in which the settings name the apps, as an app refers to those below it alone.
    """
    return list(_keepers.values())


def holdings() -> list[Holding]:
    """Return all that is held of people, the person first."""
    return [holding for keeper in reversed(keepers()) for holding in keeper.holdings]
