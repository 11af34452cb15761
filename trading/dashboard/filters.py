"""What a list is narrowed by, as its address has it: a link leads back to the same rows.

What cannot be read is told at its field, and then no rows are shown: those of another question would mislead.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from matching.market.times import new_york, to_datetime
from trading.api import query
from trading.errors import ValueInvalid
from trading.reference import SYMBOL

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date, datetime
    from uuid import UUID

    from django.http import QueryDict

PAGE = "after"  # the one parameter that is no filter: where the page begins
_SEQ_MAX = 2**63 - 1


class Filters:
    """The filters of one request. `values` are those that hold, as text; `errors` are told at their fields."""

    def __init__(self, given: QueryDict) -> None:
        self._given = given
        self.values: dict[str, str] = {}
        self.errors: dict[str, str] = {}

    def word(self, name: str, allowed: Collection[str]) -> str:
        """Return one of the allowed words, "" for none."""
        text = self._given.get(name, "").strip()
        if text and text not in allowed:
            self.errors[name] = _("Choose one of the list.")
            return ""
        return self._kept(name, text)

    def words(self, name: str, allowed: Collection[str]) -> list[str]:
        """Return those of the allowed words that are given, each by a parameter of its own."""
        found = [word for word in allowed if word in self._given.getlist(name)]
        if found:
            self.values[name] = ",".join(found)
        return found

    def symbol(self) -> str:
        """Return the symbol, "" for none."""
        text = self._given.get("symbol", "").strip().upper()
        if text and not SYMBOL.fullmatch(text):
            self.errors["symbol"] = _("A symbol has letters, digits, dots and dashes.")
            return ""
        return self._kept("symbol", text)

    def days(self) -> tuple[datetime | None, datetime | None]:
        """Return the bounds [first, end) of `from` and `to`: New York's days, both of them included."""
        first, last = self._day("from"), self._day("to")
        if first is not None and last is not None and first > last:
            self.errors["to"] = _("This day is before the first one.")
            return None, None
        return (
            None if first is None else to_datetime(new_york(first)),
            None if last is None else to_datetime(new_york(last + timedelta(days=1))),
        )

    def generation(self, present: int) -> int | None:
        """Return the generation, None for the present one, which is that of who names none."""
        try:
            found = query.whole(self._given, "generation", 0, present) or present
        except ValueInvalid:
            self.errors["generation"] = _("The account has had no such generation.")
            return None
        return None if found == present else int(self._kept("generation", str(found)))

    def order_id(self) -> UUID | None:
        """Return the order after which the page begins."""
        try:
            return query.identifier(self._given, PAGE)
        except ValueInvalid:
            self.errors[PAGE] = _("This is not a page of the list.")
            return None

    def sequence(self) -> int | None:
        """Return the sequence after which the page begins."""
        try:
            return query.whole(self._given, PAGE, 0, _SEQ_MAX) or None
        except ValueInvalid:
            self.errors[PAGE] = _("This is not a page of the list.")
            return None

    def link(self, **more: str) -> str:
        """Return the query of the same list, its first page unless `more` names another."""
        parameters = self._given.copy()
        for name in {PAGE, "part", "format", *more}:
            parameters.pop(name, None)
        for name, value in more.items():
            parameters[name] = value
        for name in [name for name, value in parameters.items() if not value]:
            del parameters[name]
        return f"?{parameters.urlencode()}"

    @property
    def first_page(self) -> str:
        """The query of the list's first page."""
        return self.link()

    @property
    def spreadsheet(self) -> str:
        """The query of all its rows as a file."""
        return self.link(format="csv")

    @property
    def is_first_page(self) -> bool:
        """Say whether the page begins where the list does."""
        return PAGE not in self._given

    def _day(self, name: str) -> date | None:
        try:
            found = query.day(self._given, name)
        except ValueInvalid:
            self.errors[name] = _("Write a day as 2026-03-31.")
            return None
        if found is None:
            return None
        if not 1900 <= found.year <= 9000:  # noqa: PLR2004 - New York's midnight is UTC's, and has to be a date too
            self.errors[name] = _("No market knows this day.")
            return None
        self._kept(name, str(found))
        return found

    def _kept(self, name: str, text: str) -> str:
        if text:
            self.values[name] = text
        return text
