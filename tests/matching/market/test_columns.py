from __future__ import annotations

import pytest

from matching.market.columns import Table
from matching.market.errors import TapeInvalid


def test_fields_of_any_width_become_numbers() -> None:
    table = Table(b"1,22,N\n333,4,QQ\r\n0,123456789012345678,P", columns=3, name="x")
    assert len(table) == 3
    assert table.integers(0).tolist() == [1, 333, 0]
    assert table.integers(1).tolist() == [22, 4, 123456789012345678]


def test_hexadecimal_is_read_in_either_case() -> None:
    table = Table(b"1,20000020\n2,aF\n", columns=2, name="x")
    assert table.integers(1, base=16).tolist() == [0x20000020, 0xAF]


def test_an_empty_file_has_no_rows() -> None:
    assert Table(b"", columns=3, name="x").integers(0).tolist() == []


def test_an_empty_field_may_stand_for_a_value() -> None:
    assert Table(b"1,,3\n,2,3\n", columns=3, name="x").integers(1, empty=0).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("raw", "column", "text"),
    [
        pytest.param(b"1,2\n1,2,3\n", 0, "x, line 2: 3 fields instead of 2", id="a field too many"),
        pytest.param(b"1,2\n1\n5,6\n", 0, "x, line 2: 1 fields instead of 2", id="a field too few"),
        pytest.param(
            b"1,2,1\n2\n", 0, "x, line 1: 3 fields instead of 2", id="lines that make up for one another"
        ),
        pytest.param(b"1,2\n\n3,4\n", 0, "x, line 2: 1 fields instead of 2", id="an empty line"),
        pytest.param(b"1,2\n3,4x\n", 1, "x, line 2, field 2: '4x' is not a whole number", id="a letter"),
        pytest.param(b"1,2\n-3,4\n", 0, "x, line 2, field 1: '-3' is not a whole number", id="a sign"),
        pytest.param(b"1,2\n3.5,4\n", 0, "x, line 2, field 1: '3.5' is not a whole number", id="a fraction"),
        pytest.param(b"1,2\n,4\n", 0, "x, line 2, field 1: '' is not a whole number", id="nothing"),
        pytest.param(
            b"1,1234567890123456789\n", 1, "x, line 1, field 2: '1234567890123456789'", id="too long"
        ),
    ],
)
def test_a_bad_field_names_its_line(raw: bytes, column: int, text: str) -> None:
    with pytest.raises(TapeInvalid) as caught:
        Table(raw, columns=2, name="x").integers(column)
    assert str(caught.value).startswith(text)
