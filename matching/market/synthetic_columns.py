"""The steps of a synthetic market, many at once: the same numbers as `SyntheticMarket.step`, as columns.

A step is a function of its number alone, so that any stretch of the past can be made again. A test
compares the two, step by step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from matching.engine.types import CENT, DOLLAR, Items, Kind
from matching.market.synthetic import (
    _HALF_SPREADS,
    _HALT_STEPS,
    _LARGEST_LOTS,
    _MASK,
    _MILLION,
    _NOISE_BITS,
    _PERIODS,
    _PRINT_SIZES,
    _STRETCH,
    INTERVAL,
    ROUND_LOT,
    _mix as mix_one,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matching.market.synthetic import SyntheticMarket

    Integers = NDArray[np.int64]
    Words = NDArray[np.uint64]

SEQUENCES = 4  # of a step: a halt or its end, a quote, and a print
_QUOTE, _PRINT = 1, 2  # places within those
_PRINTS_AT_ALL = 4  # of eight draws, the first four are none
_FIXED_SALT = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """What the steps of one symbol depend on: its base price, its own 64 bits, when it steps and halts."""

    base: int
    salt: int
    offset: int
    halt_odds: int

    @classmethod
    def of(cls, market: SyntheticMarket, name: str) -> Self:
        """Return what a market knows of one of its symbols."""
        base, salt = market._base[name], market._salt[name]  # noqa: SLF001 - its other half
        offset, odds = market._offset(name), market._halt_odds  # noqa: SLF001
        return cls(base=base, salt=salt, offset=offset, halt_odds=odds)

    def numbers(self, first: int, last: int) -> Integers:
        """Return the numbers of the steps from instant `first` to `last`, both included."""
        begin, end = -((self.offset - first) // INTERVAL), (last - self.offset) // INTERVAL
        return np.arange(begin, max(begin, end + 1), dtype=np.int64)


def items(symbol: Symbol, numbers: Integers) -> Items:
    """Return these steps as a tape: quotes, the prints that follow some of them, halts and their ends.

    A halted step shows neither quote nor print.
    """
    draw = _draw(symbol, numbers)
    bid, ask, tick = _touch(_middle(symbol, numbers), draw)
    price, size = _prints(draw >> np.uint64(40), bid, ask, tick)
    bid_size = _lots(1 + (draw >> np.uint64(8)) % np.uint64(_LARGEST_LOTS))
    ask_size = _lots(1 + (draw >> np.uint64(24)) % np.uint64(_LARGEST_LOTS))
    halted = _halted(symbol, numbers)
    turns = halted != _halted(symbol, numbers - 1)
    first, at = numbers * SEQUENCES, numbers * INTERVAL + symbol.offset
    zero, one = np.zeros_like(numbers), np.ones_like(numbers)
    quote = (bid, bid_size, ask, ask_size)
    three = (
        (first, at, np.where(halted, Kind.HALT, Kind.RESUME), zero, zero, zero, zero, zero, zero, zero),
        (first + _QUOTE, at, zero + Kind.QUOTE, *quote, zero, zero, one),
        (first + _PRINT, at, zero + Kind.TRADE, *quote, price, size, one),
    )
    is_there = np.column_stack((turns, ~halted, ~halted & (price != 0))).ravel()
    return Items(*(np.column_stack(columns).ravel()[is_there] for columns in zip(*three, strict=True)))


def prints(symbol: Symbol, numbers: Integers) -> Items:
    """Return the prints of these steps alone, for bars; their rows show no quote."""
    draw = _draw(symbol, numbers)
    has_print = (draw >> np.uint64(40)) % np.uint64(8) >= np.uint64(_PRINTS_AT_ALL)
    has_print &= ~_halted(symbol, numbers)
    numbers, draw = numbers[has_print], draw[has_print]
    bid, ask, tick = _touch(_middle(symbol, numbers), draw)
    price, size = _prints(draw >> np.uint64(40), bid, ask, tick)
    zero, one = np.zeros_like(numbers), np.ones_like(numbers)
    at = numbers * INTERVAL + symbol.offset
    return Items(
        numbers * SEQUENCES + _PRINT, at, zero + Kind.TRADE, zero, zero, zero, zero, price, size, one
    )


def _halted(symbol: Symbol, numbers: Integers) -> NDArray[np.bool_]:
    halted = np.zeros(len(numbers), dtype=bool)
    if not symbol.halt_odds or not len(numbers):
        return halted
    for stretch in range(int(numbers[0]) // _STRETCH, int(numbers[-1]) // _STRETCH + 1):
        draw = mix_one(symbol.salt ^ mix_one(~stretch & _MASK))
        if draw % symbol.halt_odds == 0:
            begins = stretch * _STRETCH + (draw >> 32) % (_STRETCH - _HALT_STEPS)
            halted |= (numbers >= begins) & (numbers < begins + _HALT_STEPS)
    return halted


def _draw(symbol: Symbol, numbers: Integers) -> Words:
    return _mix(np.uint64(symbol.salt) ^ _mix(numbers.astype(np.uint64)))


def _touch(middle: Integers, draw: Words) -> tuple[Integers, Integers, Integers]:
    tick = np.where(middle >= DOLLAR, CENT, 1).astype(np.int64)
    half_spreads = np.array(_HALF_SPREADS, dtype=np.int64)[
        (draw % np.uint64(len(_HALF_SPREADS))).astype(np.int64)
    ]
    spread = np.maximum(1, half_spreads * (1 + middle // (100 * DOLLAR)) // 2)
    bid = np.maximum(tick, middle // tick * tick - spread // 2 * tick)
    return bid, bid + spread * tick, tick


def _prints(draw: Words, bid: Integers, ask: Integers, tick: Integers) -> tuple[Integers, Integers]:
    inside = (bid + ask) // (2 * tick) * tick
    nothing = np.zeros_like(bid)
    prices = (nothing, nothing, nothing, nothing, bid, bid, ask, np.where(inside > bid, inside, ask))
    price = np.choose((draw % np.uint64(len(prices))).astype(np.int64), prices)
    place = ((draw >> np.uint64(4)) % np.uint64(len(_PRINT_SIZES))).astype(np.int64)
    size = np.array(_PRINT_SIZES, dtype=np.int64)[place] * ROUND_LOT
    return price, np.where(price != 0, size, 0)


def _lots(count: Words) -> Integers:
    return count.astype(np.int64) * ROUND_LOT


def _middle(symbol: Symbol, numbers: Integers) -> Integers:
    moved = np.zeros_like(numbers)
    for period, reach in _PERIODS:
        moved += reach * _noise(symbol.salt ^ period, numbers, period) >> _NOISE_BITS
    return symbol.base * (_MILLION + moved) // _MILLION


def _noise(salt: int, numbers: Integers, period: int) -> Integers:
    """Return the noise of one period, computing each corner once, since many steps share it."""
    if not len(numbers):
        return numbers
    bits = period.bit_length() - 1  # periods are powers of four, and shifts are much faster than divisions
    place, within = numbers >> bits, numbers & (period - 1)
    first = int(place[0])
    corners = np.arange(first, int(place[-1]) + 2, dtype=np.int64).astype(np.uint64)
    values = (_mix(np.uint64(salt) ^ _mix(corners)) >> np.uint64(63 - _NOISE_BITS)).astype(np.int64)
    before, after = values[place - first], values[place - first + 1]
    return (before * (period - within) + after * within >> bits) - (1 << _NOISE_BITS)


def _mix(value: Words) -> Words:
    """Scatter 64 bits evenly, as `synthetic._mix` does; unsigned columns overflow as they should."""
    step, first, second = _FIXED_SALT
    value = value + step
    value = (value ^ (value >> np.uint64(30))) * first
    value = (value ^ (value >> np.uint64(27))) * second
    return value ^ (value >> np.uint64(31))
