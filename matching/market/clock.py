"""A market's clock as a value, and what an operator may do with it: pure functions, state to state.

A live market's time is the wall's. A tape's time stands at `anchor_at` while it is paused; while
it plays it moves on from there with `speed` market seconds per second since `anchor_wall`, or, when
`speed` is None ("max"), as far as the slowest shard has decided. It never passes the tape's end.
The same arithmetic stands in SQL as `matching_now`, for the database's own use.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Protocol, Self

from matching.market.errors import (
    BackInTime,
    BeyondTheEnd,
    NotATape,
    SpeedInvalid,
    TapeIsOver,
    TapeIsPlaying,
)
from matching.market.times import rfc3339, to_datetime, to_ns

if TYPE_CHECKING:
    from datetime import datetime

REPLAY, SYNTHETIC, ALPACA = "replay", "synthetic", "alpaca"

SPEED_MAX = Decimal(100_000)
_SPEED_PLACES = Decimal("0.001")


class ClockRow(Protocol):
    """What a stored market offers; instants are aware datetimes."""

    feed: str
    run: int
    paused: bool
    speed: Decimal | None
    anchor_wall: datetime
    anchor_at: datetime
    starts_at: datetime | None
    ends_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockState:
    """Everything that a market's time depends on; instants in nanoseconds.

    `run` counts the restarts of a tape, `version` every change. A tape has `starts_at` and
    `ends_at`, a live market neither.
    """

    feed: str
    run: int = 1
    paused: bool = False
    speed: Decimal | None = Decimal(1)
    anchor_wall: int = 0
    anchor_at: int = 0
    starts_at: int | None = None
    ends_at: int | None = None
    version: int = 1

    @property
    def is_tape(self) -> bool:
        return self.feed == REPLAY

    @classmethod
    def of_row(cls, row: ClockRow) -> Self:
        """Return the value of a stored market."""
        return cls(
            feed=row.feed,
            run=row.run,
            paused=row.paused,
            speed=row.speed,
            anchor_wall=to_ns(row.anchor_wall),
            anchor_at=to_ns(row.anchor_at),
            starts_at=None if row.starts_at is None else to_ns(row.starts_at),
            ends_at=None if row.ends_at is None else to_ns(row.ends_at),
            version=row.version,
        )

    def as_row(self) -> dict[str, object]:
        """Return the fields of a stored market that the clock owns."""
        return {
            "run": self.run,
            "paused": self.paused,
            "speed": self.speed,
            "anchor_wall": to_datetime(self.anchor_wall),
            "anchor_at": to_datetime(self.anchor_at),
            "version": self.version,
        }


def now(state: ClockState, wall_ns: int, progress_ns: int | None) -> int:
    """Return the market's time; `progress_ns` is how far its slowest shard has decided, None unknown."""
    if not state.is_tape:
        return wall_ns
    if state.paused:
        return state.anchor_at
    if state.speed is None:
        return min(_end(state), max(state.anchor_at, progress_ns or 0))
    elapsed = max(0, wall_ns - state.anchor_wall)
    passed = int((elapsed * state.speed).to_integral_value(rounding=ROUND_FLOOR))
    return min(_end(state), state.anchor_at + passed)


def play(state: ClockState, wall_ns: int, progress_ns: int | None) -> ClockState:
    """Let the tape run from where it stands; a playing tape stays as it is."""
    _require_tape(state)
    if not state.paused:
        return state
    if state.anchor_at >= _end(state):
        raise TapeIsOver(f"the tape is at its end, {rfc3339(_end(state))}; restart it")
    return _anchored(state, now(state, wall_ns, progress_ns), wall_ns, paused=False)


def pause(state: ClockState, wall_ns: int, progress_ns: int | None) -> ClockState:
    """Stop the tape where it is; a paused tape stays as it is."""
    _require_tape(state)
    if state.paused:
        return state
    return _anchored(state, now(state, wall_ns, progress_ns), wall_ns, paused=True)


def advance_to(state: ClockState, at: int, wall_ns: int) -> ClockState:
    """Move a paused tape forward to an exact instant; its own instant changes nothing.

    Raises TapeIsPlaying, BackInTime, BeyondTheEnd.
    """
    _require_tape(state)
    if not state.paused:
        raise TapeIsPlaying("the tape is playing; pause it before advancing to an instant")
    if at < state.anchor_at:
        raise BackInTime(f"{rfc3339(at)} is before the market's time, {rfc3339(state.anchor_at)}")
    if at > _end(state):
        raise BeyondTheEnd(f"{rfc3339(at)} is after the tape's end, {rfc3339(_end(state))}")
    if at == state.anchor_at:
        return state
    return _anchored(state, at, wall_ns, paused=True)


def restart(state: ClockState, wall_ns: int) -> ClockState:
    """Begin the tape's next run at its start, playing or paused as before."""
    _require_tape(state)
    anchored = _anchored(state, state.starts_at or 0, wall_ns, paused=state.paused)
    return replace(anchored, run=state.run + 1)


def set_speed(state: ClockState, speed: Decimal | None, wall_ns: int, progress_ns: int | None) -> ClockState:
    """Change the speed from here on; None is as fast as the shards can decide. Raises SpeedInvalid."""
    _require_tape(state)
    if (wanted := _checked(speed)) == state.speed:
        return state
    return replace(
        _anchored(state, now(state, wall_ns, progress_ns), wall_ns, paused=state.paused), speed=wanted
    )


def parse_speed(text: str) -> Decimal | None:
    """Read "max" as None, or a positive number of market seconds per second. Raises SpeedInvalid."""
    if text.strip().lower() == "max":
        return None
    try:
        return _checked(Decimal(text.strip()))
    except ArithmeticError:
        raise SpeedInvalid(f'speed {text!r} is neither a number nor "max"') from None


def _checked(speed: Decimal | None) -> Decimal | None:
    if speed is None:
        return None
    if not speed.is_finite() or not 0 < speed <= SPEED_MAX:
        raise SpeedInvalid(f'speed {speed} is not between 0 and {SPEED_MAX}; use "max" for no limit')
    if speed != speed.quantize(_SPEED_PLACES):
        raise SpeedInvalid(f"speed {speed} has more than three decimals")
    return speed


def _anchored(state: ClockState, at: int, wall_ns: int, *, paused: bool) -> ClockState:
    return replace(state, anchor_at=at, anchor_wall=wall_ns, paused=paused, version=state.version + 1)


def _require_tape(state: ClockState) -> None:
    if not state.is_tape:
        raise NotATape(f"a {state.feed} market runs on the wall clock; only a tape can be controlled")


def _end(state: ClockState) -> int:
    if state.ends_at is None:
        raise NotATape("the tape has no end stored")
    return state.ends_at
