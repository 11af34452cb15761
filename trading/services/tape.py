"""Control of a recorded market's time, for operators: by HTTP and by `manage.py tape`.

What a control may do is the pure clock's to say (`matching.market.clock`); here it is done to the
stored one, under the lock of its row, and hub and matchers are told.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction

from accounts.services.audit import record
from matching.market import clock, keys
from matching.market.clock import ClockState
from matching.market.errors import ClockRefused
from matching.market.times import parse_rfc3339, rfc3339, to_datetime
from matching.market.valkey import DOWN, WRITE_TIMEOUT, connect
from matching.models import Market, Shard
from trading.errors import RuleBroken, Unavailable, ValueInvalid
from trading.services.denials import NOT_RUNNING
from trading.wire import plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    import redis
    from redis.client import PubSub

    Change = Callable[[ClockState, int, int | None], ClockState]  # state, wall clock, progress

logger = logging.getLogger(__name__)

SETTLED_WITHIN_S = 120.0
BEAT_S = 0.5  # a look without a ring: a ring may be lost


class Superseded(ClockRefused):
    """Somebody moved the clock otherwise while an advance or a restart was waiting."""

    code = "superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeStatus:
    """A market's clock, and how far its processes have come; nanoseconds of market time.

    `decided_at` holds for every shard, and is None while one has not begun this run.
    """

    market_id: int
    name: str
    title: str
    state: ClockState
    now: int
    decided_at: int | None
    published_at: int | None

    def as_body(self) -> dict[str, Any]:
        """Return it as operators read it, by either door. What runs on the wall clock has no speed."""
        state = self.state
        speed = "max" if state.speed is None else plain(state.speed)
        return {
            "market": self.name,
            "feed": state.feed,
            "now": rfc3339(self.now),
            "paused": state.paused,
            "speed": speed if state.is_tape else None,
            "run": state.run,
            "starts_at": _text(state.starts_at),
            "ends_at": _text(state.ends_at),
            "decided_at": _text(self.decided_at),
            "published_at": _text(self.published_at),
            "version": state.version,
        }


def status(market_id: int) -> TapeStatus:
    """Return where a market stands. Raises Market.DoesNotExist."""
    market = Market.objects.get(pk=market_id)
    state = ClockState.of_row(market)
    decided_at = _decided_at(market)
    return TapeStatus(
        market_id=market_id,
        name=market.name,
        title=market.title,
        state=state,
        now=clock.now(state, time.time_ns(), decided_at),
        decided_at=decided_at,
        published_at=_published_at(_client(), market_id, state.run),
    )


def play(market_id: int, *, is_trial: bool = False) -> TapeStatus:
    """Let the tape run. A trial changes nothing, here as below. Raises ClockRefused, RuleBroken."""
    return _control(market_id, clock.play, is_trial=is_trial)


def pause(market_id: int, *, is_trial: bool = False) -> TapeStatus:
    """Stop the tape where it is. Raises ClockRefused, RuleBroken."""
    return _control(market_id, clock.pause, is_trial=is_trial)


def restart(market_id: int, *, within_s: float = SETTLED_WITHIN_S, is_trial: bool = False) -> TapeStatus:
    """Begin the tape anew, as a new run; return when what was open is canceled and the run has begun.

    Raises ClockRefused, RuleBroken, Superseded, and Unavailable as `advance` does.
    """
    return _settled(market_id, lambda state, wall, _: clock.restart(state, wall), within_s, is_trial=is_trial)


def set_speed(market_id: int, speed: Decimal | None, *, is_trial: bool = False) -> TapeStatus:
    """Set market seconds per second; None is as fast as the matchers can. Raises ClockRefused, RuleBroken."""
    return _control(
        market_id,
        lambda state, wall, progress: clock.set_speed(state, speed, wall, progress),
        is_trial=is_trial,
    )


def advance(
    market_id: int, to: int, *, within_s: float = SETTLED_WITHIN_S, is_trial: bool = False
) -> TapeStatus:
    """Move a paused tape to an instant; return when every decision up to it is committed.

    `to` is in nanoseconds, and counts to the microsecond. Raises ClockRefused, RuleBroken,
    Superseded, and Unavailable when hub and matchers have not come so far within `within_s`; then
    they go on.
    """
    return _settled(
        market_id, lambda state, wall, _: clock.advance_to(state, to, wall), within_s, is_trial=is_trial
    )


def instant_of(text: str) -> int:
    """Read the instant to advance to, as nanoseconds. Raises ValueInvalid."""
    try:
        ns = parse_rfc3339(text)
        to_datetime(ns)  # a zone may shift an instant out of the years that there are
    except (ValueError, OverflowError):
        raise ValueInvalid("to is not an RFC 3339 instant such as 2013-10-08T14:00:00Z") from None
    return ns


def _settled(market_id: int, change: Change, within_s: float, *, is_trial: bool) -> TapeStatus:
    """Change the clock, and return when hub and matchers stand where it does; of a trial at once."""
    if is_trial:
        return _control(market_id, change, is_trial=True)
    client = _client()
    with client.pubsub(ignore_subscribe_messages=True) as progress:  # type: ignore[no-untyped-call]
        _quietly(progress.subscribe, keys.progress(market_id))
        reached = _control(market_id, change, is_trial=False)
        deadline = time.monotonic() + within_s
        while not _has_come(reached):
            if time.monotonic() > deadline:
                raise Unavailable(
                    _how_far(reached),
                    decided_at=_text(reached.decided_at),
                    published_at=_text(reached.published_at),
                )
            _wait_for_ring(progress)
            target, reached = reached.state, status(market_id)
            if reached.state.run != target.run or reached.state.anchor_at < target.anchor_at:
                raise Superseded("the tape was moved otherwise meanwhile")
    return reached


def _control(market_id: int, change: Change, *, is_trial: bool) -> TapeStatus:
    with transaction.atomic(durable=True):
        market = Market.objects.select_for_update(no_key=True).get(pk=market_id)
        if not market.is_active:
            raise RuleBroken(NOT_RUNNING)
        before = ClockState.of_row(market)
        after = change(before, time.time_ns(), _decided_at(market))
        if after != before:
            Market.objects.filter(pk=market_id).update(**after.as_row())
        if after.run != before.run:  # which ends everybody's open orders
            record(
                action="tape.restarted",
                user_id=None,
                before={"market": market.name, "run": before.run},
                after={"run": after.run},
            )
        transaction.set_rollback(is_trial)
    if after != before and not is_trial:
        _ring(market_id)
    return status(market_id)


def _ring(market_id: int) -> None:
    for channel in (keys.clock(market_id), keys.bell(market_id)):
        _quietly(_client().publish, channel, b"")


def _wait_for_ring(progress: PubSub) -> None:
    """Return when somebody has come further, or after a beat."""
    began = time.monotonic()
    _quietly(progress.get_message, timeout=BEAT_S)
    if not progress.subscribed:
        time.sleep(max(0.0, BEAT_S - (time.monotonic() - began)))  # Valkey is away: nothing can ring


def _has_come(tape: TapeStatus) -> bool:
    wanted = tape.state.anchor_at
    come = (tape.decided_at, tape.published_at)
    return all(at is not None and at >= wanted for at in come)


def _how_far(tape: TapeStatus) -> str:
    behind = [
        f"{who} stand{verb} at {_text(at) or 'nothing of this run'}"
        for who, verb, at in (("the matcher", "s", tape.decided_at), ("the hub", "s", tape.published_at))
        if at is None or at < tape.state.anchor_at
    ]
    return f"the market has not come to {rfc3339(tape.state.anchor_at)} yet: {', '.join(behind)}"


def _decided_at(market: Market) -> int | None:
    """Return the time that every shard of the market has decided up to in this run."""
    shards = list(Shard.objects.filter(market=market).values_list("run", "at"))
    if len(shards) < market.shard_count or any(run != market.run for run, _ in shards):
        return None
    return min(at for _, at in shards)


def _published_at(client: redis.Redis, market_id: int, run: int) -> int | None:
    stored = _quietly(client.get, keys.published(market_id))
    if not stored:
        return None
    position = json.loads(stored)
    return int(position["at"]) if position["run"] == run else None


@cache
def _client() -> redis.Redis:
    return connect(settings.REDIS_URL, timeout=WRITE_TIMEOUT)


def _quietly(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Return what a call to Valkey returns, None while it is away: PostgreSQL is the truth."""
    try:
        return call(*args, **options)
    except DOWN as error:
        logger.warning("Valkey does not answer: %s", error)
        return None


def _text(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)
