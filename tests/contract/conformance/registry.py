"""The cases, by number: what each needs, and the function that tries it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.conformance.desk import Desk

# In the order of their numbers.
GROUPS = {
    1: ("access", "Access and account"),
    2: ("placing", "Placing orders"),
    3: ("changing", "Canceling and replacing"),
    4: ("refusals", "Refusals"),
    5: ("triggers", "Stops and trailing stops"),
    6: ("classes", "Brackets, oco, oto"),
    7: ("positions", "Shorts and positions"),
    8: ("sessions", "Sessions and auctions"),
    9: ("lists", "Lists, pages, histories"),
    10: ("streams", "Streams"),
    11: ("data", "Market data"),
    12: ("retries", "Retries and lost answers"),
}
_NUMBER = re.compile(r"(\d{1,2})\.(\d\d)")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing that must hold. The title is a sentence.

    `tape` has the lines of its symbol, `other` those of a second one: seconds after the case's beginning,
    then a row of the plain format from its kind on. `begins` is a time of day in New York, None any in the
    regular session; `on` a day, None any. `lasts_s` is how far the case moves the market, in seconds.
    `needs_house` is true when the processes themselves are touched.
    """

    number: str
    title: str
    play: Callable[[Desk], None]
    tape: tuple[str, ...]
    other: tuple[str, ...]
    begins: str | None
    on: str | None
    lasts_s: int
    needs_house: bool

    @property
    def group(self) -> int:
        return int(self.number.partition(".")[0])

    @property
    def symbol(self) -> str:
        return f"C{self.group:02}{self.number.partition('.')[2]}"

    @property
    def other_symbol(self) -> str:
        return f"{self.symbol}B"

    @property
    def order(self) -> tuple[int, int]:
        group, _, place = self.number.partition(".")
        return int(group), int(place)


_cases: dict[str, Case] = {}


def case(
    number: str,
    title: str,
    *,
    tape: tuple[str, ...] = (),
    other: tuple[str, ...] = (),
    begins: str | None = None,
    on: str | None = None,
    lasts_s: int = 0,
    needs_house: bool = False,
) -> Callable[[Callable[[Desk], None]], Callable[[Desk], None]]:
    """Register a function under a number; see `Case`."""

    def register(play: Callable[[Desk], None]) -> Callable[[Desk], None]:
        assert _NUMBER.fullmatch(number), number
        assert number not in _cases, f"two cases have the number {number}"
        assert title.endswith("."), f"the title of case {number} is no sentence"
        _cases[number] = Case(
            number=number,
            title=title,
            play=play,
            tape=tape,
            other=other,
            begins=begins,
            on=on,
            lasts_s=lasts_s,
            needs_house=needs_house,
        )
        return play

    return register


def all_cases() -> list[Case]:
    """Return every case, by number."""
    for module, _ in GROUPS.values():
        import_module(f"tests.contract.conformance.{module}")
    return sorted(_cases.values(), key=lambda each: each.order)


def chosen(only: str | None) -> list[Case]:
    """Return the cases that "2,6.04" names: a whole group by its number, or single cases. Raises ValueError."""
    cases = all_cases()
    if not only:
        return cases
    wanted = {word.strip() for word in only.split(",")}
    if unknown := wanted - {str(group) for group in GROUPS} - {each.number for each in cases}:
        raise ValueError(f"no such case: {', '.join(sorted(unknown))}")
    return [each for each in cases if wanted & {each.number, str(each.group)}]
