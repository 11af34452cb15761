"""What a column says to PostgreSQL is what was put into it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from trading.adapters import array_columns as columns, engine_numbers

if TYPE_CHECKING:
    from tests.factories.sessions import Session

pytestmark = pytest.mark.django_db(transaction=True)

SOME = [UUID(int=2**127 + 1), UUID(int=0)]
WORDS = ["plain", "", 'a "quoted" {word}, and a \\', "NULL", "é"]
HUGE = 10**22 + 1


@pytest.mark.parametrize(
    ("column", "kind", "expected"),
    [
        (columns.uuids(SOME), "uuid", SOME),
        (columns.optional_uuids([None, SOME[0]]), "uuid", [None, SOME[0]]),
        (columns.words(WORDS), "text", WORDS),
        (columns.words(["once", None, "once"]), "text", ["once", None, "once"]),
        (columns.objects([{"a": [1, None]}, None]), "jsonb", [{"a": [1, None]}, None]),
        (columns.flags([True, False]), "boolean", [True, False]),
        (columns.integers([-(2**63), 0, 2**63 - 1]), "bigint", [-(2**63), 0, 2**63 - 1]),
        (columns.integers([None, 7]), "bigint", [None, 7]),
        (columns.small_integers([-1, 2**31 - 1]), "int", [-1, 2**31 - 1]),
        (
            columns.instants([1_381_248_000_123_456_789, 0]),
            "timestamptz",
            [datetime(2013, 10, 8, 16, 0, 0, 123_456, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)],
        ),
        (columns.decimals([HUGE, -5, 0], "e-13"), "numeric", [Decimal(n).scaleb(-13) for n in (HUGE, -5, 0)]),
        (columns.decimals([None, 1], "e-4"), "numeric", [None, Decimal("0.0001")]),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "",
)
def test_a_column_is_read_as_it_was_given(
    worker: Session, column: columns.BinaryArray | str, kind: str, expected: list[Any]
) -> None:
    columns.register(worker)
    form = "t" if isinstance(column, str) else "b"

    row = worker.execute(f"select %{form}::{kind}[] as found", [column]).fetchone()

    assert row == {"found": expected}


@pytest.mark.parametrize(
    "empty",
    [
        columns.uuids([]), columns.optional_uuids([None]), columns.words([]), columns.words([None, None]),
        columns.objects([None]), columns.flags([]), columns.integers([]), columns.integers([None, None]),
        columns.small_integers([]), columns.instants([]), columns.decimals([], "e-4"),
        columns.decimals([None], "e-4"),
    ],
)  # fmt: skip
def test_a_column_of_nothing_is_null(empty: object) -> None:
    assert empty is None


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("12.5::numeric(19,4)", 125_000), ("-0.0001::numeric(19,4)", -1), ("0::numeric(28,9)", 0),
        ("922337203685.4775807::numeric(32,13)", 9_223_372_036_854_775_807_000_000), ("null::numeric(28,9)", None),
        ("(select sum(n) from (values (0.5::numeric(28,9)), (1)) as v(n))", 1_500_000_000),
    ],
)  # fmt: skip
def test_a_number_is_read_in_the_engines_unit(worker: Session, stored: str, expected: int | None) -> None:
    engine_numbers.register(worker)

    assert worker.execute(f"select {stored} as found").fetchone() == {"found": expected}
