"""`manage.py live_updates`: hear what the broker's stream tells of people's orders, until SIGTERM."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import Error, close_old_connections

from accounts import tracing
from accounts.management.command import OperatorCommand
from broker_handoff import adapters
from broker_handoff.services.following import Followers
from broker_handoff.services.reconciling import connections_to_compare
from broker_handoff.tasks import compare_soon

LOOK_EVERY_S = 15.0  # for connections that are new, or over


class Command(OperatorCommand):
    help = "Follow the broker's stream for every living connection until stopped."
    when = (
        "One of the processes of an installation where RAXX_LIVE=on: `up` starts it, or a unit of the system. Without "
        "it fills are heard of twice a minute."
    )
    examples = ("",)
    exits = {0: "stopped by a signal", 1: "live trading is not enabled here"}
    is_process = True

    def handle(self, *_: Any, **__: Any) -> None:
        if not settings.LIVE_IS_ON:
            raise CommandError("live trading is not enabled here (RAXX_LIVE)")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        tracing.set_actor("system", "live_updates")
        followers = Followers(
            keys=adapters.key_service(), build=adapters.builder(), on_listening=compare_soon
        )
        while not stop.is_set():
            close_old_connections()
            try:
                followers.follow(connections_to_compare())
            except Error as error:  # PostgreSQL is away: the threads notice too, and come back
                self.stderr.write(f"looking again soon: {error}")
            stop.wait(LOOK_EVERY_S)
