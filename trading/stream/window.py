"""Which part of an account's log a client wants, as its query string says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from matching.market.times import to_datetime
from trading.api import query
from trading.errors import ValueInvalid
from trading.stream.event_ids import NotAnEventId, sequence_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from trading.stream import frames

GENERATION_MAX = 2**31 - 2  # of the column, less the one after it


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, code: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a client wants of the log; None is no bound. Bounds by id hold against those by time."""

    since_id: int | None = None
    since: datetime | None = None
    until_id: int | None = None
    until: datetime | None = None
    generation: int | None = None

    def ends_before(self, update: frames.Update) -> bool:
        """Whether an update is beyond the end."""
        if self.until_id is not None and update.seq > self.until_id:
            return True
        return self.until is not None and update.at > self.until


def window_of(text: str, headers: Mapping[str, str]) -> Window:
    """Return what a query string asks for. Raises Refused."""
    parameters = dict(parse_qsl(text))
    try:
        since, until = query.moment(parameters, "since"), query.moment(parameters, "until")
        generation = query.whole(parameters, "generation", 0, GENERATION_MAX) or None
    except ValueInvalid as error:
        raise Refused(422, 40010001, error.message) from None
    ids: dict[str, int | None] = {}
    given = {
        "since_id": parameters.get("since_id") or headers.get("last-event-id"),
        "until_id": parameters.get("until_id"),
    }
    for name, value in given.items():
        try:
            ids[name] = sequence_of(value) if value else None
        except NotAnEventId:
            raise Refused(422, 40010001, f"{name} is not an event's id") from None
    return Window(
        since_id=ids["since_id"],
        since=None if since is None else to_datetime(since),
        until_id=ids["until_id"],
        until=None if until is None else to_datetime(until),
        generation=generation,
    )
