"""Numbers and instants as the wire shows them; no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, strategies as st

from trading.api import numbers
from trading.errors import ValueInvalid
from trading.wire import average_price, instant, plain

decimals = st.decimals(
    allow_nan=False, allow_infinity=False, places=13, min_value=-(10**18), max_value=10**18
)


@given(decimals)
def test_a_decimal_keeps_its_value_and_loses_its_zeros(number):
    text = plain(number)

    assert Decimal(text) == number
    assert not set(text) - set("-0123456789.")
    assert text != "-0"
    assert "." not in text or text[-1] not in "0."


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("100", "100"),
        ("100.10", "100.1"),
        ("1E+3", "1000"),
        ("0E-9", "0"),
        ("-0.00", "0"),
        ("1E-9", "0.000000001"),
    ],
)
def test_a_decimal_is_plain(number, text):
    assert plain(Decimal(number)) == text


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2013, 10, 8, 14, 0, 0, tzinfo=UTC), "2013-10-08T14:00:00Z"),
        (datetime(2013, 10, 8, 14, 0, 0, 1, tzinfo=UTC), "2013-10-08T14:00:00.000001Z"),
        (datetime(2013, 10, 8, 10, 0, 0, tzinfo=timezone(timedelta(hours=-4))), "2013-10-08T14:00:00Z"),
    ],
)
def test_an_instant_is_in_utc(at, text):
    assert instant(at) == text


@pytest.mark.parametrize(
    ("money", "quantity", "text"), [("0", "0", None), ("10", "3", "3.333333333"), ("20", "3", "6.666666667")]
)
def test_an_average_price_is_rounded_half_up(money, quantity, text):
    assert average_price(Decimal(money), Decimal(quantity)) == text


@given(st.floats(min_value=1e-3, max_value=1e6), st.floats(min_value=1e-3, max_value=1e6))
def test_the_noise_of_a_sum_of_floats_is_taken_off_a_quantity(one, other):
    one, other = round(one, 3), round(other, 3)
    exact = Decimal(repr(one)) + Decimal(repr(other))

    assert numbers.quantity(msgspec.Raw(repr(one + other).encode())) == exact


@given(st.binary(max_size=80))
def test_no_text_makes_reading_a_number_fail_otherwise_than_by_refusing(text):
    try:
        decoded = msgspec.json.decode(b'{"n":' + text + b"}", type=Holder)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    try:
        number = numbers.quantity(decoded.n)
    except ValueInvalid:
        return
    assert number is None or 0 < number < 10**9


@given(st.text(max_size=80))
def test_no_string_makes_reading_a_number_fail_otherwise_than_by_refusing(text):
    try:
        number = numbers.price(msgspec.Raw(msgspec.json.encode(text)), "limit_price")
    except ValueInvalid:
        return
    assert number is None or 0 < number < 10**9


class Holder(msgspec.Struct):
    n: msgspec.Raw
