"""The steps of a synthetic market, many at once: the same numbers as `SyntheticMarket.step`, as columns.

A step is a function of its number alone, so that any stretch of the past can be made again. A test
compares the two, step by step.
"""

from __future__ import annotations

import hashlib
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

ALGORITHM = (
    1  # one more whenever the same seed gives other prints, so that nobody is told kept bars of the old
)
SEQUENCES = 4  # of a step: a halt or its end, a quote, and a print
_QUOTE, _PRINT = 1, 2  # places within those
_PRINTS_AT_ALL = 4  # of eight draws, the first four are none
_ROW = 256  # steps; a multiple or a part of every period
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

    @property
    def digest(self) -> str:
        """A name for all that its steps ever say: what is made of them may be kept under it."""
        known = (ALGORITHM, self.base, self.salt, self.offset, self.halt_odds)
        return hashlib.blake2b(repr(known).encode(), digest_size=16).hexdigest()

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
    has_print = (draw >> np.uint64(40)) & np.uint64(7) >= np.uint64(_PRINTS_AT_ALL)
    has_print &= ~_halted(symbol, numbers)
    middle = _middle(symbol, numbers)[has_print]
    numbers, draw = numbers[has_print], draw[has_print]
    bid, ask, tick = _touch(middle, draw)
    price, size = _prints(draw >> np.uint64(40), bid, ask, tick)
    zero, one = np.zeros_like(numbers), np.ones_like(numbers)
    at = numbers * INTERVAL + symbol.offset
    return Items(
        numbers * SEQUENCES + _PRINT, at, zero + Kind.TRADE, zero, zero, zero, zero, price, size, one
    )


def print_at(at: int) -> int:
    """Return the sequence of the print that a symbol's step of this instant is followed by."""
    return at // INTERVAL * SEQUENCES + _PRINT


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
    which = draw & np.uint64(7)  # of eight draws, four are none
    inner = np.where(inside > bid, inside, ask)
    price = np.where(which < np.uint64(6), bid, np.where(which == np.uint64(6), ask, inner))
    price[which < np.uint64(_PRINTS_AT_ALL)] = 0
    place = ((draw >> np.uint64(4)) % np.uint64(len(_PRINT_SIZES))).astype(np.int64)
    size = np.array(_PRINT_SIZES, dtype=np.int64)[place] * ROUND_LOT
    return price, np.where(price != 0, size, 0)


def _lots(count: Words) -> Integers:
    return count.astype(np.int64) * ROUND_LOT


def _middle(symbol: Symbol, numbers: Integers) -> Integers:
    """Return the middle of steps that follow one another.

    Rows of 256 steps: a period is a part of a row or holds whole rows, so that its corners are found once
    for many steps. In floats, much faster than integers here and as exact: no value has more than 41 bits.
    """
    if not len(numbers):
        return numbers
    rows = np.arange(int(numbers[0]) // _ROW, int(numbers[-1]) // _ROW + 1, dtype=np.int64)
    moved = np.zeros((len(rows), _ROW))
    for period, reach in _PERIODS:
        if period < _ROW:
            corners = np.arange(rows[0] * _ROW // period, (rows[-1] + 1) * _ROW // period + 1)
            values = _corners(symbol.salt ^ period, corners)
            begins, slopes = values[:-1], np.diff(values) / period
            noise, into = np.multiply.outer(np.arange(float(period)), slopes), moved.reshape(-1, period).T
            noise += begins
        else:
            place, within = np.divmod(rows * _ROW, period)
            corners = np.arange(place[0], place[-1] + 2)
            values = _corners(symbol.salt ^ period, corners)
            slopes = (np.diff(values) / period)[place - place[0]]
            begins = values[place - place[0]] + slopes * within
            noise, into = np.multiply.outer(slopes, np.arange(float(_ROW))), moved
            noise += begins[:, None]
        np.floor(noise, out=noise)
        noise *= reach / (1 << _NOISE_BITS)
        np.floor(noise, out=noise)
        into += noise
    begin = int(numbers[0]) % _ROW
    parts = moved.ravel()[begin : begin + len(numbers)].astype(np.int64)
    return symbol.base * (_MILLION - sum(reach for _, reach in _PERIODS) + parts) // _MILLION


def _corners(salt: int, places: Integers) -> NDArray[np.float64]:
    """Return a period's random values, from 0 to 2**21."""
    draw = _mix(np.uint64(salt) ^ _mix(places.astype(np.uint64)))
    return (draw >> np.uint64(63 - _NOISE_BITS)).astype(np.float64)


def _mix(value: Words) -> Words:
    """Scatter 64 bits evenly, as `synthetic._mix` does; unsigned columns overflow as they should."""
    step, first, second = _FIXED_SALT
    value = value + step
    value ^= value >> np.uint64(30)
    value *= first
    value ^= value >> np.uint64(27)
    value *= second
    value ^= value >> np.uint64(31)
    return value
