"""Hear what the broker's stream tells of people's orders: a thread and a socket for each connection.

What the stream leaves out while it is broken, the comparison finds (`broker_handoff.services.reconciling`):
here nothing is asked for again, but whoever starts the threads hears when one listens, and may have it compared.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import close_old_connections

from broker_handoff.models import BrokerConnection
from broker_handoff.pace import PACE, Pace
from broker_handoff.ports import BrokerRefused, BrokerUnavailable, OutcomeUnknown, TokenRefused
from broker_handoff.services.outcomes import tell
from broker_handoff.services.reauth import mark_needs_reauth
from broker_handoff.services.tokens import opened
from broker_handoff.vault import KeyServiceAway, VaultRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from uuid import UUID

    from broker_handoff.ports import BrokerBuilder
    from broker_handoff.vault import KeyService

logger = logging.getLogger(__name__)

FOLLOWED_MAX = 200  # by one process; the others are compared every half minute all the same


@dataclass
class _Follower:
    stop: threading.Event
    thread: threading.Thread


@dataclass
class Followers:
    """The threads of one process."""

    keys: KeyService
    build: BrokerBuilder
    pace: Pace = PACE
    # What has happened before it listens, the stream does not tell.
    on_listening: Callable[[UUID], None] = lambda _connection_id: None
    _of: dict[UUID, _Follower] = field(default_factory=dict)

    def follow(self, connection_ids: Iterable[UUID]) -> int:
        """Follow these and no others; return how many are followed."""
        wanted = list(connection_ids)[:FOLLOWED_MAX]
        for connection_id in [known for known in self._of if known not in wanted]:
            self._of.pop(connection_id).stop.set()
        for connection_id in wanted:
            follower = self._of.get(connection_id)
            if follower is None or not follower.thread.is_alive():
                self._of[connection_id] = self._begin(connection_id)
        return len(self._of)

    def _begin(self, connection_id: UUID) -> _Follower:
        stop = threading.Event()
        # A daemon: it waits in a socket, which ends with the process.
        thread = threading.Thread(
            target=follow,
            args=(connection_id,),
            kwargs={
                "keys": self.keys,
                "build": self.build,
                "stop": stop,
                "pace": self.pace,
                "is_listening": lambda: self.on_listening(connection_id),
            },
            name=f"updates of {connection_id}",
            daemon=True,
        )
        thread.start()
        return _Follower(stop=stop, thread=thread)


def follow(
    connection_id: UUID,
    *,
    keys: KeyService,
    build: BrokerBuilder,
    stop: threading.Event,
    pace: Pace = PACE,
    is_listening: Callable[[], None] = lambda: None,
) -> None:
    """Take over what the stream tells of one connection's orders, until told to stop or the token is refused.

    `is_listening` is called each time that the stream has taken the token.
    """
    attempts = 0
    while not stop.is_set():
        close_old_connections()
        active = BrokerConnection.objects.across_owners().filter(status=BrokerConnection.Status.ACTIVE)
        connection = active.filter(pk=connection_id).first()
        if connection is None:
            return
        try:
            with opened(connection, keys, purpose="follow") as token:
                updates = build(token.reveal()).updates()
            attempts = 0
            is_listening()
            for order in updates:
                tell(order, connection_id=connection_id)
                if stop.is_set():
                    return
        except TokenRefused as error:
            mark_needs_reauth(connection_id=connection_id, words=error.words)
            return
        except (BrokerRefused, BrokerUnavailable, OutcomeUnknown, KeyServiceAway, VaultRefused) as error:
            attempts += 1
            logger.warning("the updates of connection %s: %s", connection_id, error)
        stop.wait(pace.wait(attempts).total_seconds())
