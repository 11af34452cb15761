"""Read a big CSV of whole numbers into NumPy columns, without a Python step per row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matching.market.errors import TapeInvalid

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COMMA, _NEWLINE = ord(","), ord("\n")
_LONGEST = {10: 18, 16: 15}  # digits that an int64 always holds


class Table:
    """The fields of a CSV without quotes: where each begins and ends in the file's bytes.

    Raises TapeInvalid, naming `name` and the line, when a line has another number of fields.
    """

    def __init__(self, raw: bytes, *, columns: int, name: str) -> None:
        self.name = name
        text = raw.replace(b"\r", b"").rstrip(b"\n")
        text = text + b"\n" if text else b""
        self._bytes = np.frombuffer(text, dtype=np.uint8)
        ends = np.flatnonzero((self._bytes == _COMMA) | (self._bytes == _NEWLINE))
        is_line_end = self._bytes[ends] == _NEWLINE
        well_formed = len(ends) % columns == 0
        if well_formed:
            expected = np.zeros(columns, dtype=bool)
            expected[-1] = True
            well_formed = bool((is_line_end.reshape(-1, columns) == expected).all())
        if not well_formed:
            self._complain_about_fields(text, columns)
        starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
        self._starts = starts.reshape(-1, columns)
        self._ends = ends.reshape(-1, columns)

    def __len__(self) -> int:
        return len(self._starts)

    def integers(self, column: int, *, base: int = 10, empty: int | None = None) -> NDArray[np.int64]:
        """Return one column of digits in `base` 10 or 16; `empty` stands for a field without any.

        Raises TapeInvalid, naming the line, for a field that is not such a number.
        """
        starts, ends = self._starts[:, column], self._ends[:, column]
        widths = ends - starts
        values = np.zeros(len(starts), dtype=np.int64)
        longest = int(widths.max(initial=0))
        if longest > _LONGEST[base]:
            self._complain(int(widths.argmax()), column)
        if longest and int(widths.min()) == 0 and empty is None:
            self._complain(int(widths.argmin()), column)
        for place in range(longest):
            has_place = widths > place
            # A shorter field looks at the separator that ends it, and keeps its value.
            digits = _DIGIT_VALUES[self._bytes[np.minimum(starts + place, ends)]]
            is_wrong = has_place & (digits >= base)
            if is_wrong.any():
                self._complain(int(is_wrong.argmax()), column)
            values = np.where(has_place, values * base + digits, values)
        if empty:
            values[widths == 0] = empty
        return values

    def equals(self, column: int, letter: str) -> NDArray[np.bool_]:
        """Return where a column is exactly this letter."""
        starts, ends = self._starts[:, column], self._ends[:, column]
        is_letter = self._bytes[starts] == ord(letter) if len(starts) else np.zeros(0, dtype=bool)
        return (ends - starts == 1) & is_letter

    def _complain_about_fields(self, text: bytes, columns: int) -> None:
        for number, line in enumerate(text.splitlines(), start=1):
            if (found := line.count(b",") + 1) != columns:
                raise TapeInvalid(f"{self.name}, line {number}: {found} fields instead of {columns}")

    def _complain(self, row: int, column: int) -> None:
        field = self._bytes[self._starts[row, column] : self._ends[row, column]].tobytes()
        shown = field.decode("utf-8", "replace")
        raise TapeInvalid(f"{self.name}, line {row + 1}, field {column + 1}: {shown!r} is not a whole number")


def _digit_values() -> NDArray[np.int64]:
    values = np.full(256, 99, dtype=np.int64)
    for value, letter in enumerate("0123456789abcdef"):
        values[ord(letter)] = values[ord(letter.upper())] = value
    return values


_DIGIT_VALUES = _digit_values()
