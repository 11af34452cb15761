"""`manage.py live_updates`: hear what the broker's stream tells of people's orders, until SIGTERM."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, close_old_connections

from accounts import tracing
from broker_handoff import adapters
from broker_handoff.services.following import Followers
from broker_handoff.services.reconciling import connections_to_compare

LOOK_EVERY_S = 15.0  # for connections that are new, or over


class Command(BaseCommand):
    help = "Follow the broker's stream for every living connection until stopped."
    requires_system_checks: list[str] = []

    def handle(self, *_: Any, **__: Any) -> None:
        if not settings.LIVE_IS_ON:
            raise CommandError("live trading is not enabled here (RAXX_LIVE)")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        tracing.set_actor("system", "live_updates")
        followers = Followers(keys=adapters.key_service(), build=adapters.builder())
        while not stop.is_set():
            close_old_connections()
            try:
                followers.follow(connections_to_compare())
            except Error as error:  # PostgreSQL is away: the threads notice too, and come back
                self.stderr.write(f"looking again soon: {error}")
            stop.wait(LOOK_EVERY_S)
