"""The matcher: one shard's feed in, decisions out, each commit durable before the next begins.

The order of a round is what makes a tape repeatable: look at the clock, then empty the inbox,
then move the market up to what the clock allowed. A wish that was stored before the clock was
moved is therefore decided before the market moves, on every run and through any crash.

It knows feeds, a journal and a bell, and nothing else: no Django, no database, no people.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from matching.engine.engine import Engine
from matching.engine.types import ENDS, Chunk, Decision, Event, Rule
from matching.memory import settled
from matching.ports import Batch, Poisoned, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from matching.engine.types import OrderId, SessionChange
    from matching.ports import Bell, Clock, Command, Feed, Journal, Reading

logger = logging.getLogger(__name__)

ITEMS_PER_CHUNK = 20_000  # what one commit may have to answer for
BEAT_S = 0.25  # a look at the inbox without any bell
TICK_S = 0.02  # while market time passes by itself
FLOOR_S = 0.002  # between two looks: a bell for each order would eat the processor
HEARTBEAT_S = 1.0  # progress is committed at least so often, for the lease and for who waits
ENDS_PER_COMMIT = 10_000  # when a session ends them, or a tape starts over


class Matcher:
    """One shard. `run` returns when `stop` says so; Fenced and Disturbed end it, for a new start.

    An order whose decisions cannot be booked is a defect of ours; it is ended, and everybody else goes on.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        open_feed: Callable[[Progress], Feed],
        clock: Clock,
        bell: Bell,
        contention: bool = False,
    ) -> None:
        self._journal = journal
        self._open_feed = open_feed
        self._clock = clock
        self._bell = bell
        self._contention = contention
        self._engine = Engine(contention=contention)
        self._run = 0
        self._quarantine: frozenset[OrderId] = frozenset()
        self._committed_at = 0.0
        self._committed: Progress | None = None

    def run(self, stop: Callable[[], bool]) -> None:
        """Decide until told to stop; `recover` comes first. Raises Fenced, Disturbed, what the ports raise."""
        while not stop():
            started = time.monotonic()
            try:
                reading = self.round()
            except Poisoned as error:
                self._take_out(error)
                continue
            elapsed = time.monotonic() - started
            if elapsed < FLOOR_S:
                time.sleep(FLOOR_S - elapsed)  # a floor under the reading rate, not a wait for an event
            self._bell.wait(TICK_S if reading.is_moving else BEAT_S)

    def recover(self) -> None:
        """Claim the shard and rebuild the books as they were at its last commit."""
        progress = self._journal.claim()
        with self._journal.lease_kept():
            reading = self._clock.read()
            self._feed = self._open_feed(progress)
            self._engine = self._new_engine()
            self._run, self._committed = progress.run, progress
            if progress.run == reading.run:
                self._rewind(progress)
            with settled():
                self._engine.restore(self._journal.open_orders())
            self._engine.restore_taken(self._journal.taken(self._engine.current_offers()))
        logger.info(
            "%d open orders, at sequence %d of run %d", self._engine.open_count(), progress.seq, progress.run
        )
        if progress.run != reading.run:
            self._begin_run(reading.run)

    @property
    def open_count(self) -> int:
        """How many orders are open, waiting and held ones included."""
        return self._engine.open_count()

    def _new_engine(self) -> Engine:
        return Engine(contention=self._contention, without_prints=self._feed.without_prints)

    def _take_out(self, error: Poisoned) -> None:
        """End the orders that cannot be booked, from the state of the last commit. Raises Poisoned again."""
        while True:
            if error.order_ids <= self._quarantine:
                raise error
            logger.error("orders %s are taken out: %s", ", ".join(map(str, error.order_ids)), error)
            self._quarantine |= error.order_ids
            self.recover()
            try:
                self._commit(self._cancel_quarantined())
            except (
                Poisoned
            ) as again:  # what their end set going, the exits of an entry, cannot be booked either
                error = again
            else:
                return

    def _cancel_quarantined(self) -> list[Decision]:
        """Cancel the newest first: the end of an exit ends its class, that of an entry lets exits work."""
        return [
            replace(decision, rule=Rule.QUARANTINE) if decision.order_id in self._quarantine else decision
            for order_id in reversed(self._engine.open_ids())
            if order_id in self._quarantine
            for decision in self._engine.cancel(order_id)
        ]

    def _rewind(self, progress: Progress) -> None:
        """Let the market stand where the progress left it, deciding nothing.

        A tape is read again up to the very sequence. A live market cannot go back: its first
        chunk tells how it stands now, in the session that was on.
        """
        engine, feed = self._engine, self._feed
        if feed.replayable:
            while engine.seq < progress.seq and (
                chunk := feed.read(engine.seq, progress.at, progress.seq - engine.seq)
            ):
                engine.rewind(chunk)
        elif chunk := feed.read(progress.seq, _FOREVER, ITEMS_PER_CHUNK):
            engine.rewind(chunk)
        engine.rewind(Chunk(seq=max(engine.seq, progress.seq), at=max(engine.at, progress.at)))

    def _begin_run(self, run: int) -> None:
        """Start a tape over: what is open was meant for a market that is gone, and is canceled.

        Until the last of it is, the progress stays that of the old run, so that whoever comes after a crash goes on.
        """
        decisions = [replace(decision, seq=0) for decision in self._engine.cancel_all()]
        self._engine.drain_queues()
        self._engine.drain_watermarks()
        for begin in range(0, len(decisions), ENDS_PER_COMMIT):
            self._commit(decisions[begin : begin + ENDS_PER_COMMIT])
        self._engine = self._new_engine()
        self._run = run
        self._commit([])

    def round(self) -> Reading:
        """Look at the clock, decide the inbox, move the market; return the reading that it acted on."""
        reading = self._clock.read()
        if reading.run != self._run:
            self._begin_run(reading.run)
        while commands := self._journal.inbox():
            self._decide(commands)
            if len(commands) < self._journal.inbox_limit:
                break  # whoever wishes faster than we decide must not stop the market
        while chunk := self._feed.read(self._engine.seq, reading.until, ITEMS_PER_CHUNK):
            if chunk.session is not None:
                self._end_ahead(chunk.session)
            decisions = self._engine.advance(chunk)
            if decisions or self._is_heartbeat_due():
                self._commit(decisions)
            if reading.is_moving:
                break  # the inbox comes first again
        else:
            self._arrive(reading)
        return reading

    def _end_ahead(self, change: SessionChange) -> None:
        """Commit what a session's end does to orders that stand alone, for it may do it to all there are.

        One commit of a million ends would last for minutes and as long keep the shard from its heartbeat. The
        progress stays before the change, and these ends touch nobody: whoever comes after a crash ends the others.
        """
        for decisions in self._engine.ends_ahead(change, ENDS_PER_COMMIT):
            self._commit(decisions)

    def _arrive(self, reading: Reading) -> None:
        """Say that everything up to the reading is decided, when somebody may wait for it.

        A live market does not come to the reading: what happened until then may still be told. Its quotes do grow old.
        """
        engine = self._engine
        if not self._feed.replayable:
            engine.keep_silence(reading.until)
        elif reading.until > engine.at:
            engine.advance(Chunk(seq=engine.seq, at=reading.until))
        is_behind = self._committed is None or self._committed.at < engine.at
        is_awaited = self._feed.replayable and not reading.is_moving  # an advance waits for the commit
        if (is_awaited and is_behind) or self._is_heartbeat_due():
            self._commit([])

    def _decide(self, commands: list[Command]) -> None:
        decisions: list[Decision] = []
        stamps: dict[OrderId, int] = {}
        over: set[OrderId] = set()
        for command in commands:
            taken = self._take(command, over)
            decisions += taken
            over.update(decision.order_id for decision in taken if decision.event in ENDS)
            subject = command.order_id if command.action == "place" else command.successor_id
            if subject is not None:
                stamps[subject] = self._engine.seq
            if command.action == "place":
                stamps |= {leg.order_id: self._engine.seq for leg in command.legs}
        self._commit(decisions, stamps)

    def _take(self, command: Command, over: Container[OrderId]) -> list[Decision]:
        """Decide one command; `over` are the orders that ended since the commands were read."""
        match command.action:
            case "place":
                return self._place(command)
            case "replace":
                return self._replace(command)
            case "cancel":
                return self._cancel(command, over)

    def _place(self, command: Command) -> list[Decision]:
        assert command.order is not None
        seq = self._engine.seq
        order = replace(command.order, priority=(seq, command.number))
        legs = [replace(leg, priority=(seq, leg.priority[1])) for leg in command.legs]
        try:
            self._require_sound(order.order_id, *(leg.order_id for leg in legs))
            return self._engine.place(order, legs)
        except ValueError:  # terms that the engine cannot work must not stop everybody else
            logger.exception("order %s is rejected", order.order_id)
        rejected = self._say(order.order_id, command, Event.REJECTED)
        return [rejected, *(self._say(leg.order_id, command, Event.CANCELED) for leg in legs)]

    def _replace(self, command: Command) -> list[Decision]:
        subject, decisions = command.successor_id, []
        if command.order is not None:
            order = replace(command.order, priority=(self._engine.seq, command.number))
            try:
                self._require_sound(subject)
                decisions = self._engine.replace(command.order_id, order)
            except ValueError:
                logger.exception("order %s is rejected", subject)
        decisions = decisions or [self._say(subject, command, Event.REJECTED)]
        if decisions[0].event is Event.REJECTED:
            decisions.insert(0, self._say(command.order_id, command, Event.REPLACE_REJECTED))
        return decisions

    def _require_sound(self, *order_ids: OrderId) -> None:
        if not self._quarantine.isdisjoint(order_ids):
            raise ValueError("its decisions could not be booked")

    def _cancel(self, command: Command, over: Container[OrderId]) -> list[Decision]:
        engine, before = self._engine, []
        if command.replaced_id is not None:
            before = engine.cancel(command.replaced_id)
            if not before or before[0].event is Event.CANCEL_REJECTED:  # its owner wished it replaced
                before = [self._say(command.replaced_id, command, Event.REPLACE_REJECTED)]
        if after := engine.cancel(command.order_id):
            return before + after
        # What was canceled before it was ever taken is not the engine's to end.
        ids = (command.order_id, *(leg.order_id for leg in command.legs))
        return before + [
            self._say(order_id, command, Event.CANCELED) for order_id in ids if order_id not in over
        ]

    def _say(self, order_id: OrderId, command: Command, event: Event) -> Decision:
        return Decision(
            order_id=order_id,
            symbol=command.symbol,
            event=event,
            rule=Rule.COMMAND,
            seq=self._engine.seq,
            at=self._engine.at,
        )

    def _is_heartbeat_due(self) -> bool:
        return time.monotonic() - self._committed_at >= HEARTBEAT_S

    def _commit(self, decisions: list[Decision], stamps: dict[OrderId, int] | None = None) -> None:
        progress = Progress(run=self._run, seq=self._engine.seq, at=self._engine.at)
        self._journal.commit(
            Batch(
                progress=progress,
                decisions=decisions,
                stamps=stamps or {},
                queues=self._engine.drain_queues(),
                watermarks=self._engine.drain_watermarks(),
            )
        )
        self._committed_at, self._committed = time.monotonic(), progress


_FOREVER = 2**62
