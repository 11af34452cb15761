"""`manage.py metrics`: serve Prometheus what this installation counts, until SIGTERM."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from raxx.metrics.serving import server


class Command(BaseCommand):
    help = (
        "Serve metrics for Prometheus at the address RAXX_METRICS, for all processes of this machine, until stopped. "
        "The address is its own, for nobody but your monitoring."
    )
    requires_system_checks: list[str] = []

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
