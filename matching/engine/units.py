"""Units, everywhere in `matching`, and what an engine knows of persons.

price     int, 1/10,000 dollar; 0 means "this side is absent"
quantity  int, 1e-9 share
money     int, 1e-13 dollar, so that price x quantity is exact
time      int, nanoseconds since 1970-01-01T00:00:00Z, market time
sequence  int, position in the market's one total order of items
rate      int, 1/10,000: a part in ten thousand, or a chance
"""

from __future__ import annotations

from collections.abc import Hashable

DOLLAR = 10_000  # price units
SHARE = 1_000_000_000  # quantity units
MONEY = DOLLAR * SHARE  # money units in one dollar
CENT = 100  # price units
MILLISECOND = 1_000_000  # ns
WHOLE = 10_000  # a rate of one
PERCENT_WHOLE = 1_000_000  # `trail_percent` of 100 %

OrderId = Hashable
Account = Hashable
GroupId = Hashable
