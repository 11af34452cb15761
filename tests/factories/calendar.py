"""The trading days that a test's market needs: a season of them, stored by one statement.

The whole calendars take seconds to compute and to store; whoever finds days there computes no more.
"""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

from django.db import connection

from matching.market.calendar import ALWAYS_OPEN, XNYS
from matching.market.sessions import always_open_sessions, compute_sessions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matching.market.calendar import Day

AROUND_THE_TAPES = (date(2013, 9, 1), date(2013, 12, 1))

# Through the ORM the days would take longer than most of the tests.
INSERT = """
insert into matching_calendarday (calendar, date, session_open, open, close, session_close, settlement_date)
select %s, date, session_open, open, close, session_close, settlement_date
  from jsonb_populate_recordset(null::matching_calendarday, %s)
    on conflict do nothing
"""


def store_season(season: tuple[date, date] = AROUND_THE_TAPES, *calendars: str) -> None:
    """Store a season's days of the calendars, of New York's and of the one that never closes unless told."""
    for name in calendars or (XNYS, ALWAYS_OPEN):
        _store(name, _season(name, *season))


def store_days(name: str, days: Iterable[Day]) -> None:
    """Store these days of a calendar; those that are there stay as they are."""
    _store(name, _rows(tuple(days)))


def _store(name: str, rows: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [name, rows])


@cache
def _season(name: str, first: date, last: date) -> str:
    return _rows(tuple((compute_sessions if name == XNYS else always_open_sessions)(first, last)))


@cache
def _rows(days: tuple[Day, ...]) -> str:
    return json.dumps([day.as_row() for day in days], default=str)
