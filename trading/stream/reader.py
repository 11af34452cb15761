"""Reads the event log: one reader a process, one cursor an account, however many sockets listen.

A bell says which account has something new; a slow beat looks at all of them, because a bell may
be lost. A cursor moves only when its events were handed over, so an outage of the database or of
Valkey delays events and loses none. Everything that moves a cursor runs in one task: a listener
joins between two reads, never beside one.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

from accounts.binding import BIND
from trading import metrics
from trading.stream import events, frames
from trading.stream.calendars import Calendars
from trading.stream.database import UNREACHABLE
from trading.stream.event_ids import event_id

if TYPE_CHECKING:
    from uuid import UUID

    from psycopg.rows import DictRow

    from matching.market.calendar import Calendar
    from trading.stream.database import Pool
    from trading.stream.principals import Principal

logger = logging.getLogger(__name__)

ACCOUNTS_A_READ = 64  # in one round trip; more wait their turn
EVENTS_A_READ = 256  # of one account, so that a long log cannot keep the others waiting
RETRY_S = 0.25


class Listener(Protocol):
    """A socket that wants one account's events."""

    principal: Principal | None
    transport: ClassVar[str]  # by which name its events are counted: trading.metrics

    def begin(self) -> None:
        """Be told that every event from now on will come."""

    def hear(self, message: frames.Update) -> None:
        """Take one event; never waits."""

    def fail(self) -> None:
        """Be told that there will be no more events, by a fault of ours."""


class AccountHook(Protocol):
    """Somebody who wants to know which accounts are listened to."""

    def __call__(self, account_id: str, *, is_wanted: bool) -> None: ...


@dataclass(eq=False, slots=True)
class Feed:
    """One account's log as this process reads it. `cursor` is the last sequence that was told."""

    user_id: UUID
    account_id: UUID
    market_id: int
    cursor: int | None = None
    after: dict[Listener, int] = field(default_factory=dict)  # each hears what is beyond this
    joining: dict[Listener, asyncio.Future[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one read found for a feed: the head for those who want to join, and the events since its cursor."""

    feed: Feed
    joining: list[Listener]
    head: DictRow | None
    news: list[DictRow]


@dataclass(frozen=True, slots=True)
class Old:
    """An event of the past; `message` is None where nobody is told of it."""

    seq: int
    message: frames.Update | None


class EventReader:
    """Hands each account's events to its listeners, in sequence and without a gap."""

    def __init__(self, pool: Pool, on_account: AccountHook) -> None:
        """Make a reader; `on_account` is told as accounts come and go."""
        self._pool = pool
        self._calendars = Calendars(pool)
        self._on_account = on_account
        self._feeds: dict[str, Feed] = {}
        self._due: dict[str, None] = {}  # accounts to read, in the order in which they were rung
        self._rung = asyncio.Event()
        self._is_reading = True  # whether the last read succeeded

    # --- Listeners --------------------------------------------------------------------------------

    async def join(self, listener: Listener) -> int:
        """Return the last sequence that the listener will not be told of; cancel it to give up."""
        principal = listener.principal
        assert principal is not None
        key = str(principal.account_id)
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = Feed(principal.user_id, principal.account_id, principal.market_id)
            self._on_account(key, is_wanted=True)
        joined = feed.joining[listener] = asyncio.get_running_loop().create_future()
        self.ring(key)
        return await joined

    def leave(self, listener: Listener) -> None:
        """Tell the listener no more; one that never joined is fine."""
        if listener.principal is None:
            return
        key = str(listener.principal.account_id)
        feed = self._feeds.get(key)
        if feed is None:
            return
        feed.after.pop(listener, None)
        joined = feed.joining.pop(listener, None)
        if joined is not None:
            joined.cancel()
        if not feed.after and not feed.joining:
            self._drop(key)

    def _drop(self, key: str) -> None:
        if self._feeds.pop(key, None) is not None:
            self._on_account(key, is_wanted=False)

    async def page(self, principal: Principal, after: int) -> list[Old]:
        """Return some of an account's events after a sequence, oldest first; empty at the end of its log.

        Raises database.UNREACHABLE.
        """
        calendar = await self._calendars.of_market(principal.market_id)
        feed = Feed(principal.user_id, principal.account_id, principal.market_id, cursor=after)
        answers = await self._read([feed])
        await self._nest(answers)
        return [
            Old(row["event_seq"], None if row["event_kind"] in events.UNTOLD else _update(row, calendar))
            for answer in answers
            for row in answer.news
        ]

    # --- Bells ------------------------------------------------------------------------------------

    def ring(self, account_id: str) -> None:
        """Read this account soon. An account that nobody listens to is fine."""
        if account_id in self._feeds:
            self._due[account_id] = None
            self._rung.set()

    def ring_all(self) -> None:
        """Read every account soon."""
        for key in self._feeds:
            self._due[key] = None
        if self._due:
            self._rung.set()

    # --- Reading ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read whatever is due, for ever."""
        while True:
            await self._rung.wait()
            self._rung.clear()
            while self._due:
                await self._turn()

    async def _turn(self) -> None:
        keys = list(self._due)[:ACCOUNTS_A_READ]
        for key in keys:
            del self._due[key]
        feeds = [feed for key in keys if (feed := self._feeds.get(key)) is not None]
        if not feeds:
            return
        try:
            calendars = {
                market: await self._calendars.of_market(market) for market in {f.market_id for f in feeds}
            }
            answers = await self._read(feeds)
            await self._nest(answers)
        except UNREACHABLE as error:
            if self._is_reading:
                logger.warning("the event log cannot be read, trying again: %s", error)
            self._is_reading = False
            self._due.update(dict.fromkeys(keys))
            await asyncio.sleep(RETRY_S)
            await self._replace_dead_connections()
            return
        if not self._is_reading:
            logger.info("the event log is read again")
        self._is_reading = True
        for answer in answers:
            self._admit(answer)
            self._tell(answer, calendars[answer.feed.market_id])

    async def _replace_dead_connections(self) -> None:
        try:
            await self._pool.check()
        except UNREACHABLE:
            return  # still away: the next turn will say so

    async def _read(self, feeds: list[Feed]) -> list[Answer]:
        """Return each feed's head, where somebody wants to join it, and its new events.

        One pipeline: each account's binding stands before its reads, and holds until the next one.
        """
        asked = []
        async with self._pool.connection() as connection, connection.pipeline():
            for feed in feeds:
                owner = [feed.account_id, feed.user_id]
                joining = list(feed.joining)
                head = news = None
                await connection.execute(BIND, [str(feed.user_id)])
                if joining:
                    head = await connection.execute(events.HEAD, owner)
                if feed.cursor is not None:
                    news = await connection.execute(events.SELECT, [*owner, feed.cursor, EVENTS_A_READ])
                asked.append((feed, joining, head, news))
            return [
                Answer(
                    feed=feed,
                    joining=joining,
                    head=await head.fetchone() if head is not None else None,
                    news=await news.fetchall() if news is not None else [],
                )
                for feed, joining, head, news in asked
            ]

    async def _nest(self, answers: list[Answer]) -> None:
        """Give the parents of order classes their legs: a second pipeline, where there are any."""
        asked = []
        families = [(answer, parents) for answer in answers if (parents := events.parents_among(answer.news))]
        if not families:
            return
        async with self._pool.connection() as connection, connection.pipeline():
            for answer, parents in families:
                feed = answer.feed
                await connection.execute(BIND, [str(feed.user_id)])
                legs = await connection.execute(events.LEGS, [feed.account_id, feed.user_id, parents])
                asked.append((answer.news, legs))
            for news, legs in asked:
                events.nest(news, await legs.fetchall())

    def _admit(self, answer: Answer) -> None:
        """Let the listeners in who asked before the read began, each from the account's present head."""
        feed = answer.feed
        for listener in answer.joining:
            joined = feed.joining.pop(listener, None)
            if joined is None or joined.done():  # it left meanwhile
                continue
            head = 0 if answer.head is None else answer.head["event_seq"]
            if answer.head is None:  # the account is gone
                listener.fail()
            else:
                feed.after[listener] = head
                listener.begin()
            joined.set_result(head)

    def _tell(self, answer: Answer, calendar: Calendar) -> None:
        feed = answer.feed
        key = str(feed.account_id)
        if feed.cursor is None and answer.head is not None:
            feed.cursor = answer.head["event_seq"]
        try:
            for row in answer.news:
                self._tell_one(feed, row, calendar)
        except Exception:
            # One event that cannot be told must not silence the other accounts.
            logger.exception("an event of account %s after %s cannot be told", key, feed.cursor)
            for listener in list(feed.after):
                listener.fail()
                self.leave(listener)
            return
        if len(answer.news) == EVENTS_A_READ or feed.joining:
            self.ring(key)

    def _tell_one(self, feed: Feed, row: DictRow, calendar: Calendar) -> None:
        seq: int = row["event_seq"]
        if row["event_kind"] not in events.UNTOLD:
            message = _update(row, calendar)
            for listener, after in list(feed.after.items()):
                if seq > after:
                    listener.hear(message)
                    metrics.handed_over(listener.transport, row["event_recorded_at"])
        feed.cursor = seq


def _update(row: DictRow, calendar: Calendar) -> frames.Update:
    seq: int = row["event_seq"]
    return frames.Update(
        events.trade_update(row, calendar),
        event_id=event_id(seq, row["event_recorded_at"]),
        seq=seq,
        at=row["event_at"],
    )
