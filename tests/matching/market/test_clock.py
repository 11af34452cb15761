from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest

from matching.market import clock
from matching.market.clock import ClockState
from matching.market.errors import (
    BackInTime,
    BeyondTheEnd,
    ClockRefused,
    NotATape,
    SpeedInvalid,
    TapeIsOver,
    TapeIsPlaying,
)
from matching.market.times import SECOND, to_datetime

WALL = 1_000 * SECOND
START, END = 100 * SECOND, 200 * SECOND
PAUSED = ClockState(
    feed="replay", paused=True, anchor_wall=WALL, anchor_at=120 * SECOND, starts_at=START, ends_at=END
)
PLAYING = replace(PAUSED, paused=False)
DOUBLE = replace(PLAYING, speed=Decimal(2))
CRAWLING = replace(PLAYING, speed=Decimal("0.001"))
FULL_SPEED = replace(PLAYING, speed=None)
LIVE = ClockState(feed="synthetic")


@pytest.mark.parametrize(
    ("state", "wall", "progress", "expected"),
    [
        pytest.param(LIVE, WALL, 5, WALL, id="a live market has the wall's time"),
        pytest.param(PAUSED, WALL + 9 * SECOND, 5, 120 * SECOND, id="a paused tape stands"),
        pytest.param(PLAYING, WALL + 9 * SECOND, 5, 129 * SECOND, id="a playing tape moves on"),
        pytest.param(DOUBLE, WALL + 9 * SECOND, 5, 138 * SECOND, id="twice as fast"),
        pytest.param(CRAWLING, WALL + 1_999, 5, 120 * SECOND + 1, id="rounded down to the nanosecond"),
        pytest.param(PLAYING, WALL - 9 * SECOND, 5, 120 * SECOND, id="a wall that went back moves nothing"),
        pytest.param(PLAYING, WALL + 900 * SECOND, 5, END, id="not beyond the end"),
        pytest.param(FULL_SPEED, WALL, None, 120 * SECOND, id="at full speed, nothing known yet"),
        pytest.param(
            FULL_SPEED, WALL, 110 * SECOND, 120 * SECOND, id="at full speed, shards behind the anchor"
        ),
        pytest.param(FULL_SPEED, WALL, 150 * SECOND, 150 * SECOND, id="at full speed, as far as decided"),
        pytest.param(FULL_SPEED, WALL, 900 * SECOND, END, id="at full speed, not beyond the end"),
    ],
)
def test_the_time_of_a_market(state: ClockState, wall: int, progress: int | None, expected: int) -> None:
    assert clock.now(state, wall, progress) == expected


def test_pausing_keeps_the_time_that_was_reached() -> None:
    paused = clock.pause(DOUBLE, WALL + 9 * SECOND, None)
    assert paused == replace(
        DOUBLE, paused=True, anchor_at=138 * SECOND, anchor_wall=WALL + 9 * SECOND, version=2
    )
    assert clock.now(paused, WALL + 99 * SECOND, None) == 138 * SECOND
    assert clock.pause(FULL_SPEED, WALL, 150 * SECOND).anchor_at == 150 * SECOND


def test_playing_goes_on_from_where_the_tape_stood() -> None:
    playing = clock.play(PAUSED, WALL + 9 * SECOND, None)
    assert clock.now(playing, WALL + 10 * SECOND, None) == 121 * SECOND
    assert playing.version == PAUSED.version + 1


def test_what_is_so_already_changes_nothing() -> None:
    assert clock.play(PLAYING, WALL, None) is PLAYING
    assert clock.pause(PAUSED, WALL, None) is PAUSED
    assert clock.advance_to(PAUSED, PAUSED.anchor_at, WALL) is PAUSED
    assert clock.set_speed(PLAYING, Decimal("1.0"), WALL, None) is PLAYING


def test_an_advance_moves_a_paused_tape_to_the_instant() -> None:
    assert clock.advance_to(PAUSED, 150 * SECOND, WALL + 1) == replace(
        PAUSED, anchor_at=150 * SECOND, anchor_wall=WALL + 1, version=2
    )
    assert clock.advance_to(PAUSED, END, WALL).anchor_at == END


@pytest.mark.parametrize(
    ("state", "at", "error", "text"),
    [
        pytest.param(PAUSED, 119 * SECOND, BackInTime, "1970-01-01T00:01:59Z is before", id="the past"),
        pytest.param(
            PAUSED, END + 1, BeyondTheEnd, "after the tape's end, 1970-01-01T00:03:20Z", id="after the end"
        ),
        pytest.param(PLAYING, 150 * SECOND, TapeIsPlaying, "pause it", id="a playing tape"),
        pytest.param(LIVE, 150 * SECOND, NotATape, "a synthetic market", id="a live market"),
    ],
)
def test_an_impossible_advance_is_refused(
    state: ClockState, at: int, error: type[ClockRefused], text: str
) -> None:
    with pytest.raises(error, match=text):
        clock.advance_to(state, at, WALL)


def test_a_tape_at_its_end_plays_only_after_a_restart() -> None:
    over = replace(PAUSED, anchor_at=END)
    with pytest.raises(TapeIsOver):
        clock.play(over, WALL, None)
    assert clock.play(clock.restart(over, WALL), WALL, None).anchor_at == START


@pytest.mark.parametrize("state", [PAUSED, PLAYING, FULL_SPEED])
def test_a_restart_begins_a_new_run_at_the_start(state: ClockState) -> None:
    again = clock.restart(state, WALL + 5)
    assert again == replace(state, run=2, anchor_at=START, anchor_wall=WALL + 5, version=2)


def test_a_change_of_speed_keeps_the_time() -> None:
    later = WALL + 10 * SECOND
    faster = clock.set_speed(PLAYING, Decimal(60), later, None)
    assert clock.now(faster, later, None) == 130 * SECOND
    assert clock.now(faster, later + SECOND, None) == 190 * SECOND
    assert clock.set_speed(FULL_SPEED, Decimal(1), later, 150 * SECOND).anchor_at == 150 * SECOND
    assert clock.set_speed(PAUSED, None, later, None).anchor_at == PAUSED.anchor_at


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e9", "0.0001", "fast", ""])
def test_a_speed_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SpeedInvalid):
        clock.parse_speed(text)


def test_speeds_are_numbers_or_max() -> None:
    assert [clock.parse_speed(text) for text in ("max", "MAX", "60", "0.5")] == [
        None,
        None,
        Decimal(60),
        Decimal("0.5"),
    ]


@pytest.mark.parametrize(
    "control",
    [
        lambda: clock.play(LIVE, WALL, None),
        lambda: clock.pause(LIVE, WALL, None),
        lambda: clock.restart(LIVE, WALL),
        lambda: clock.set_speed(LIVE, Decimal(2), WALL, None),
    ],
)
def test_a_live_market_has_no_controls(control: object) -> None:
    with pytest.raises(NotATape, match="a synthetic market runs on the wall clock"):
        control()  # type: ignore[operator]


def test_a_clock_survives_storage() -> None:
    row = SimpleNamespace(
        feed="replay", starts_at=to_datetime(START), ends_at=to_datetime(END), **DOUBLE.as_row()
    )
    assert ClockState.of_row(row) == DOUBLE
