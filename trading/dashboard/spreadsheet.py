"""Rows as a file of comma-separated values: read page by page, and harmless where it is opened.

A spreadsheet runs a text that begins like a formula, so such a text gets an apostrophe before it; numbers
and instants are ours and stay as they are. Source: OWASP, CSV Injection.
"""

from __future__ import annotations

import csv
import io
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from django.http import HttpResponse

from accounts.binding import acting_for
from trading.wire import instant, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from trading.principal import Principal

ROWS_MOST = 50_000
_FORMULAS = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)  # the last ones of full width

Row = TypeVar("Row")


def rows_of(
    principal: Principal, read: Callable[[Row | None, int], Sequence[Row]], *, at_once: int = 1_000
) -> Iterator[Row]:
    """Yield at most ROWS_MOST rows; `read` returns at most so many that come after a row, or the first ones.

    Each reading is bound to its caller by itself.
    """
    last, left = None, ROWS_MOST
    while left > 0:
        asked = min(at_once, left)
        with acting_for(principal.user_id):
            rows = read(last, asked)
        yield from rows
        if len(rows) < asked:
            return
        last, left = rows[-1], left - asked


def download(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """Return the answer that sends the rows as the file `name`.

    Whole, some megabytes at most: an answer that is made while it is read holds a thread of the web process for
    as long as its reader likes.
    """
    text = io.StringIO()
    csv.writer(text).writerows([cell(value) for value in row] for row in chain([header], rows))
    return HttpResponse(
        text.getvalue().encode(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"},
    )


def cell(value: object) -> str:
    """Return a value as a cell's text; None is an empty one."""
    if value is None:
        return ""
    if isinstance(value, Decimal | int):
        return plain(value)
    if isinstance(value, datetime):
        return instant(value)
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULAS) else text
