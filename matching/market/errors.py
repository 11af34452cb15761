"""What a caller may see go wrong with a market: its tape, its clock, its calendar, its feed."""

from __future__ import annotations

from typing import ClassVar


class MarketError(Exception):
    """An anticipated failure of a market; `code` is stable, the text gives the fact and the value."""

    code: ClassVar[str] = "market_error"


class TapeMissing(MarketError):
    """A folder, symbol or day is not there; the text names what is."""

    code = "tape_missing"


class TapeInvalid(MarketError):
    """A recorded file cannot be read; the text names file and line."""

    code = "tape_invalid"


class DateInvalid(MarketError):
    """A day or range of days that cannot be replayed."""

    code = "date_invalid"


class CalendarExhausted(MarketError):
    """The calendar's rows do not reach the instant that was asked for."""

    code = "calendar_exhausted"


class ClockRefused(MarketError):
    """The market's clock cannot do what was asked; nothing has changed."""

    code = "clock_refused"


class NotATape(ClockRefused):
    """Only a recorded market can be played, paused, advanced or restarted."""

    code = "not_a_tape"


class TapeIsPlaying(ClockRefused):
    """A step to an exact instant needs a paused tape."""

    code = "tape_is_playing"


class TapeIsOver(ClockRefused):
    """The tape stands at its end; only a restart moves it."""

    code = "tape_is_over"


class BackInTime(ClockRefused):
    """The market's time only goes forward, except by a restart."""

    code = "back_in_time"


class BeyondTheEnd(ClockRefused):
    """The instant lies after the tape's last item and session change."""

    code = "beyond_the_end"


class SpeedInvalid(ClockRefused):
    """A speed is a positive number of market seconds per second."""

    code = "speed_invalid"


class FeedUnavailable(MarketError):
    """The market's feed cannot start or has stopped for good; the text says what to do."""

    code = "feed_unavailable"
