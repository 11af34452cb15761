"""`manage.py metrics`: serve Prometheus what this installation counts, until SIGTERM."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from accounts.management.command import OperatorCommand
from raxx.metrics.serving import server


class Command(OperatorCommand):
    help = (
        "Serve metrics for Prometheus at the address RAXX_METRICS, for all processes of this machine, until stopped. "
        "The address is its own, for nobody but your monitoring."
    )
    when = "One of the processes of an installation where RAXX_METRICS is set: `up` starts it, or a unit of the system."
    examples = ("",)
    exits = {0: "stopped by a signal", 1: "RAXX_METRICS is not set, or cannot be listened on"}
    is_process = True

    def handle(self, *_: Any, **__: Any) -> None:
        if settings.METRICS is None:
            raise CommandError("RAXX_METRICS is not set: nothing is counted or served; e.g. 127.0.0.1:9464")
        try:
            serving = server(settings.METRICS)
        except OSError as error:
            raise CommandError(
                f"cannot listen on {settings.METRICS.host}:{settings.METRICS.port}: {error}"
            ) from None
        for number in (signal.SIGTERM, signal.SIGINT):
            # From another thread: the server waits for itself otherwise.
            signal.signal(number, lambda *_: threading.Thread(target=serving.shutdown).start())
        with serving:
            serving.serve_forever()
