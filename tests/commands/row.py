"""One row of the table of commands that change something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.commands.world import World

    Words = Callable[[World], tuple[str, ...]]

ONE_STEP = 2  # the boundary just after its one commit: the first is just before


@dataclass(frozen=True)
class Row:
    """A call of a command.

    `holds` says whether what it shall do is done. `done_at` is the boundary at which that is so, of one that does
    all of it in one transaction: at an earlier one nothing has changed. It is None for who goes on step by step;
    `sound` then holds after each. What the run after a kill says is in `says`, or it is refused in these words.
    """

    command: str
    words: Words
    holds: Callable[[World], bool]
    prepare: Callable[[World], object] = lambda _: None
    done_at: int | None = ONE_STEP
    sound: Callable[[World], bool] = lambda _: True
    says: tuple[tuple[str, Any], ...] = ()
    refused: str = ""
    twice_is_once: bool = True
    is_told: bool = True  # in the audit log
    variant: str = ""

    @property
    def name(self) -> str:
        return f"{self.command} {self.variant}".rstrip()
