from __future__ import annotations

from datetime import date

import pytest

from matching.market.calendar import Calendar
from matching.market.sessions import always_open_sessions, compute_sessions


@pytest.fixture(scope="session")
def xnys() -> Calendar:
    return Calendar(compute_sessions(date(2013, 1, 1), date(2016, 12, 31)))


@pytest.fixture(scope="session")
def always_open() -> Calendar:
    return Calendar(always_open_sessions(date(2026, 1, 1), date(2027, 12, 31)))
