"""Answers Prometheus: what all processes of this machine have counted, and how the installation is."""

from __future__ import annotations

import os
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import REGISTRY, CollectorRegistry, make_wsgi_app
from prometheus_client.multiprocess import MultiProcessCollector

from raxx.metrics.ended import summed
from raxx.metrics.place import VARIABLE
from raxx.metrics.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric

    from raxx.metrics.place import Address


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = 10.0  # seconds, for who connects and says nothing

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing of scrapes."""


class Counted:
    """A collector of what all processes have counted in a folder, those that live no more included."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def describe(self) -> list[Metric]:
        """Return nothing beforehand: to be asked costs trips."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Return the sums as they are now."""
        with summed(self._folder) as files:
            told: Iterable[Metric] = MultiProcessCollector.merge(files, accumulate=True)  # type: ignore[no-untyped-call]
            return told


def registry() -> CollectorRegistry:
    """Return what is told: this process's counts where there is no folder that processes share."""
    told = CollectorRegistry()
    if VARIABLE in os.environ:
        told.register(Counted(Path(os.environ[VARIABLE])))
    else:
        told.register(REGISTRY)
    told.register(State())
    return told


def server(address: Address) -> WSGIServer:
    """Return a server that listens at the address. Raises OSError where that cannot be had."""
    return make_server(
        address.host, address.port, make_wsgi_app(registry()), server_class=_Server, handler_class=_Quiet
    )
