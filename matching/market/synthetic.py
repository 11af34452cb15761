"""A market made of numbers: every step of every symbol is a function of (seed, symbol, step number).

Nothing is carried from step to step, so a hub that restarts goes on with the same market, and any
moment can be computed alone. The price is the base price moved by noise of several periods, from
seconds to a day (longer periods move further, as a random walk does), and returns to the base
because each noise is bounded. All arithmetic is on integers; prices lie on the tick of rule N1.

Now and then, by the seed too, trading in a symbol is halted for five minutes. Its official prices can be
asked for any instant; when a session begins and ends is the calendar's affair.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matching.engine.types import CENT, DOLLAR, SHARE
from matching.market.times import MILLISECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Plain round numbers near where these names trade: a stage, not a claim.
BASE_PRICES = {
    "AAPL": 230 * DOLLAR,
    "AMZN": 220 * DOLLAR,
    "BAC": 48 * DOLLAR,
    "GOOGL": 190 * DOLLAR,
    "IBM": 250 * DOLLAR,
    "META": 620 * DOLLAR,
    "MSFT": 440 * DOLLAR,
    "NVDA": 150 * DOLLAR,
    "SPY": 600 * DOLLAR,
    "TSLA": 320 * DOLLAR,
}

INTERVAL = 250 * MILLISECOND  # between two steps of one symbol
ROUND_LOT = 100 * SHARE

_MASK = (1 << 64) - 1
_MILLION = 1_000_000
_NOISE_BITS = 20
# Noise number k has a period of 4**k steps and moves the price by up to 40 * 2**k millionths:
# about 20 % a year if it never turned back, and four per cent from the base at the very most.
_PERIODS = tuple((4**k, 40 * 2**k) for k in range(1, 10))

_HALF_SPREADS = (1, 1, 1, 2, 2, 3)  # in half ticks for each 100 dollars of price, weighted
_PRINT_SIZES = (1, 1, 1, 1, 2, 2, 3, 5)  # round lots, weighted
_LARGEST_LOTS = 12
_AUCTION_LOTS = 100  # at least; up to ten times as many

# In each stretch of 2**14 steps (68 minutes) a symbol is halted with odds of one in so many.
HALT_ODDS = 1_024
_STRETCH = 2**14
_HALT_STEPS = 5 * 60 * 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A quote, and sometimes the print that follows it at once; a price of 0 means no print.

    While trading `is_halted` nobody sees either.
    """

    at: int
    symbol: str
    bid: int
    bid_size: int
    ask: int
    ask_size: int
    print_price: int = 0
    print_size: int = 0
    is_halted: bool = False


class SyntheticMarket:
    """The steps of a list of symbols; two markets of one seed are the same.

    `halt_odds` is how rare halts are, 0 means none: one stretch of 68 minutes in so many has one.
    """

    def __init__(
        self, seed: int, symbols: Mapping[str, int] | tuple[str, ...], *, halt_odds: int = HALT_ODDS
    ) -> None:
        prices = (
            symbols if not isinstance(symbols, tuple) else {name: base_price(name, seed) for name in symbols}
        )
        self.symbols = tuple(sorted(prices))
        self._base = dict(prices)
        self._salt = {name: _salt(seed, name) for name in self.symbols}
        self._halt_odds = halt_odds

    def step(self, symbol: str, number: int) -> Step:
        """Return one step of one symbol; it happens `number` intervals after 1970."""
        salt = self._salt[symbol]
        middle = self._middle(symbol, salt, number)
        tick = CENT if middle >= DOLLAR else 1
        draw = _mix(salt ^ _mix(number))
        spread = max(1, _HALF_SPREADS[draw % 6] * (1 + middle // (100 * DOLLAR)) // 2)
        bid = max(tick, middle // tick * tick - spread // 2 * tick)
        ask = bid + spread * tick
        print_price, print_size = _print(draw >> 40, bid, ask, tick)
        return Step(
            at=number * INTERVAL + self._offset(symbol),
            symbol=symbol,
            bid=bid,
            bid_size=(1 + (draw >> 8) % _LARGEST_LOTS) * ROUND_LOT,
            ask=ask,
            ask_size=(1 + (draw >> 24) % _LARGEST_LOTS) * ROUND_LOT,
            print_price=print_price,
            print_size=print_size,
            is_halted=self._is_halted(salt, number),
        )

    def official(self, symbol: str, at: int) -> tuple[int, int]:
        """Return the official price and size of an auction at this instant, at the touch or inside."""
        number = (at - self._offset(symbol)) // INTERVAL
        step = self.step(symbol, number)
        middle = (step.bid + step.ask) // 2
        tick = CENT if middle >= DOLLAR else 1
        lots = _AUCTION_LOTS * (1 + _mix(self._salt[symbol] ^ number) % 10)
        return middle // tick * tick, lots * ROUND_LOT

    def steps(self, after: int, until: int) -> list[Step]:
        """Return every symbol's steps with `after` < at <= `until`, by time and then by symbol."""
        found = [step for symbol in self.symbols for step in self._steps(symbol, after, until)]
        return sorted(found, key=lambda step: (step.at, step.symbol))

    def until_next(self, at: int) -> int:
        """Return the nanoseconds from an instant to the next one at which any symbol steps."""
        half = INTERVAL // 2
        return half - at % half

    def _steps(self, symbol: str, after: int, until: int) -> Iterator[Step]:
        offset = self._offset(symbol)
        first, last = ((instant - offset) // INTERVAL for instant in (after, until))
        return (self.step(symbol, number) for number in range(first + 1, last + 1))

    def _is_halted(self, salt: int, number: int) -> bool:
        """Return whether a step lies in its stretch's halt, which begins and ends within the stretch."""
        stretch, within = divmod(number, _STRETCH)
        draw = _mix(salt ^ _mix(~stretch & _MASK))
        if not self._halt_odds or draw % self._halt_odds:
            return False
        begins = (draw >> 32) % (_STRETCH - _HALT_STEPS)
        return begins <= within < begins + _HALT_STEPS

    def _offset(self, symbol: str) -> int:
        """Half of the symbols move between the others' steps, so that the market ticks evenly."""
        return self._salt[symbol] % 2 * (INTERVAL // 2)

    def _middle(self, symbol: str, salt: int, number: int) -> int:
        moved = sum(
            reach * _noise(salt ^ period, number, period) >> _NOISE_BITS for period, reach in _PERIODS
        )
        return self._base[symbol] * (_MILLION + moved) // _MILLION


def base_price(symbol: str, seed: int) -> int:
    """Return the price around which a symbol moves: a familiar one, or 20 to 200 dollars by its name."""
    if symbol in BASE_PRICES:
        return BASE_PRICES[symbol]
    return (20 + _salt(seed, symbol) % 181) * DOLLAR


def _print(draw: int, bid: int, ask: int, tick: int) -> tuple[int, int]:
    """Return the print that follows a quote: none, at the bid, at the ask, or inside the spread."""
    inside = (bid + ask) // (2 * tick) * tick
    prices = (0, 0, 0, 0, bid, bid, ask, inside if inside > bid else ask)
    price = prices[draw % len(prices)]
    if price == 0:
        return 0, 0
    size = _PRINT_SIZES[(draw >> 4) % len(_PRINT_SIZES)] * ROUND_LOT
    return price, size


def _noise(salt: int, number: int, period: int) -> int:
    """Return smooth noise from -2**20 to 2**20: straight lines between a random value per period."""
    place, within = divmod(number, period)
    before, after = (_mix(salt ^ _mix(corner)) >> (63 - _NOISE_BITS) for corner in (place, place + 1))
    return (before * (period - within) + after * within) // period - (1 << _NOISE_BITS)


def _mix(value: int) -> int:
    """Scatter 64 bits evenly: SplitMix64's finalizer (Steele, Lea, Flood 2014)."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def _salt(seed: int, symbol: str) -> int:
    digest = hashlib.blake2b(f"{seed}:{symbol}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")
