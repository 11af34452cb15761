"""An event's id on the wire: the shape of a ULID, and in it the account's own sequence.

26 letters of Crockford's base 32. The first ten are the millisecond at which the event was recorded,
so that ids sort by time as their readers expect; the rest is the sequence, which is all that we read
back. Source: the ULID specification.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH, OF_TIME = 26, 10
SEQUENCE_MAX = 2**63 - 1

_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}


class NotAnEventId(ValueError):
    """The text is no id that we give."""


def event_id(seq: int, recorded_at: datetime) -> str:
    """Return the id of an account's event."""
    milliseconds = int(recorded_at.timestamp() * 1_000)
    return _letters(milliseconds, OF_TIME) + _letters(seq, LENGTH - OF_TIME)


def sequence_of(text: str) -> int:
    """Return the sequence in an id, or a bare sequence as it is. Raises NotAnEventId."""
    if text.isascii() and text.isdigit() and len(text) < OF_TIME * 2:
        return int(text)
    if len(text) != LENGTH or not set(text.upper()) <= _VALUES.keys():
        raise NotAnEventId(text)
    seq = 0
    for letter in text.upper()[OF_TIME:]:
        seq = seq * 32 + _VALUES[letter]
    if seq > SEQUENCE_MAX:
        raise NotAnEventId(text)
    return seq


def _letters(number: int, count: int) -> str:
    letters = []
    for _ in range(count):
        number, value = divmod(number, 32)
        letters.append(ALPHABET[value])
    return "".join(reversed(letters))
