"""Numbers and instants as the wire shows them; no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, strategies as st

from trading.api import numbers
from trading.errors import ValueInvalid
from trading.wire import average_price, instant, legs_in_order, plain, plain_or_none, stop_price, watermark

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


def trailing(side, hwm, *, price=None, percent=None):
    def decimal(text):
        return None if text is None else Decimal(text)

    return {
        "type": "trailing_stop",
        "side": side,
        "hwm": decimal(hwm),
        "stop_price": None,
        "trail_price": decimal(price),
        "trail_percent": decimal(percent),
    }


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (trailing("sell", "100", price="1.5"), "98.5"),
        (trailing("buy", "100", price="1.5"), "101.5"),
        (trailing("sell", "100.0000", percent="1.2500"), "98.75"),
        (trailing("buy", "80", percent="0.1"), "80.08"),
        (trailing("sell", "33.33", percent="1"), "33"),  # 32.9967, toward the market
        (trailing("sell", "0.5", price="0.0101"), "0.4899"),
        (trailing("sell", "5", price="6"), "-1"),
    ],
)
def test_the_stop_of_a_trailing_stop_follows_from_its_watermark(row, text):
    assert plain_or_none(stop_price(row)) == text


def test_a_trailing_stop_that_has_seen_no_print_has_no_stop_price_and_any_other_stop_has_its_own():
    assert stop_price(trailing("sell", None, price="1")) is None
    assert stop_price({"type": "stop", "stop_price": Decimal("90.5"), "hwm": None}) == Decimal("90.5")


@pytest.mark.parametrize(
    ("side", "own", "market", "further"),
    [
        ("sell", None, None, None),
        ("sell", "100", None, "100"),
        ("sell", None, 1_010_000, "101"),
        ("sell", "100", 1_010_000, "101"),
        ("sell", "102.5", 1_010_000, "102.5"),
        ("buy", "100", 1_010_000, "100"),
        ("buy", "102.5", 1_010_000, "101"),
    ],
)
def test_a_watermark_is_the_further_of_what_order_and_market_know(side, own, market, further):
    known = watermark(side, None if own is None else Decimal(own), market)

    assert (None if known is None else plain(known)) == further


def test_legs_are_told_take_profit_first_and_those_no_more_in_force_last():
    told = [
        ("sl", "replaced", "stop_loss", 3),
        ("sl again", "held", "stop_loss", 5),
        ("tp refused", "rejected", "take_profit", 6),
        ("tp", "new", "take_profit", 2),
    ]
    legs = [
        {"name": name, "status": status, "role": role, "command_no": number}
        for name, status, role, number in told
    ]

    assert [leg["name"] for leg in legs_in_order(legs)] == ["tp", "sl again", "tp refused", "sl"]


class Holder(msgspec.Struct):
    n: msgspec.Raw
