"""Where the processes of this machine count: files that they share, so that one of them can tell for all.

Imports nothing of Prometheus's client before the folder is known: it looks for that when it is imported, and keeps to
what it found.
"""

from __future__ import annotations

import os
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

from raxx.env import SettingError
from raxx.metrics.living import Name

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
PORT_MAX = 65_535
ROOT = 0


class Address(NamedTuple):
    """Where metrics are served."""

    host: str
    port: int


def address_of(text: str) -> Address | None:
    """Return the address that RAXX_METRICS names; None where it is empty: nothing is served.

    Raises SettingError for what is none, and for one of every network: what the figures tell is not for everybody.
    """
    if not text:
        return None
    host, colon, port = text.rpartition(":")
    host = host.strip("[]")
    if not (colon and host and port.isascii() and port.isdigit() and 0 < int(port) <= PORT_MAX):
        raise SettingError(f"RAXX_METRICS: {text!r} is not host:port, e.g. 127.0.0.1:9464")
    try:
        is_everywhere = ip_address(host).is_unspecified
    except ValueError:
        is_everywhere = False
    if is_everywhere:
        raise SettingError(
            "RAXX_METRICS: name the one address of a network that only your monitoring reaches"
        )
    return Address(host, int(port))


def use(folder: Path) -> None:
    """Have this process count in `folder`, under a name of its own; before anything that counts is imported.

    Root counts for itself alone where the folder is another user's: no process of that one could read root's files.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if os.geteuid() == ROOT and there.stat().st_uid != ROOT:
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ[VARIABLE] = str(folder)
    from prometheus_client import values

    values.ValueClass = values.MultiProcessValue(Name(folder))  # type: ignore[no-untyped-call]
