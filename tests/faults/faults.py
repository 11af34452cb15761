"""What is done to which process, and a deck of it that is drawn from a seed."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import redis

from raxx import process
from raxx.folder import DataFolder

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    import psutil

    from tests.acceptance.house import House

    Strike = Callable[[House, psutil.Process, random.Random], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to hurt the house.

    `victim` is a name of `House.children`, `dies` the program that ends of it, if one does. `strike`
    tells whether there was anything to hit.
    """

    name: str
    victim: str
    dies: str | None
    strike: Strike
    is_freeze: bool = False  # the victim must be woken


def _send(number: signal.Signals, _house: House, victim: psutil.Process, _chance: random.Random) -> bool:
    victim.send_signal(number)
    return True


def _kill_all(_house: House, leader: psutil.Process, _chance: random.Random) -> bool:
    process.kill_group(leader.pid)
    return True


def _kill_a_session(_house: House, postmaster: psutil.Process, chance: random.Random) -> bool:
    """Kill what serves one of our connections: PostgreSQL ends all others, and recovers."""
    sessions = [one for one in postmaster.children() if one.cmdline()[0].startswith("postgres: raxx_")]
    if not sessions:
        return False
    chance.choice(sessions).kill()
    return True


def _flush(house: House, _victim: psutil.Process, _chance: random.Random) -> bool:
    """Let Valkey forget everything."""
    client = redis.Redis(unix_socket_path=str(DataFolder(house.folder).valkey_socket), socket_timeout=2)
    try:
        client.flushall()
    except redis.RedisError:
        return False
    finally:
        client.close()
    return True


_kill, _freeze, _quit = (
    partial(_send, number) for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGQUIT)
)

FAULTS = (
    Fault(name="matcher killed", victim="matcher", dies="matcher", strike=_kill),
    Fault(name="matcher frozen, then woken", victim="matcher", dies=None, strike=_freeze, is_freeze=True),
    Fault(name="hub killed", victim="hub", dies="hub", strike=_kill),
    Fault(name="web worker killed", victim="web worker", dies="web", strike=_kill),
    Fault(name="web killed with its workers", victim="web", dies="web", strike=_kill_all),
    Fault(name="stream killed", victim="stream", dies="stream", strike=_kill_all),
    Fault(name="PostgreSQL shut down at once", victim="postgres", dies="postgres", strike=_quit),
    Fault(name="PostgreSQL killed", victim="postgres", dies="postgres", strike=_kill),
    Fault(name="PostgreSQL session killed", victim="postgres", dies=None, strike=_kill_a_session),
    Fault(name="Valkey flushed", victim="valkey", dies=None, strike=_flush),
    Fault(name="Valkey killed", victim="valkey", dies="valkey", strike=_kill),
)


def deck(count: int, chance: random.Random) -> list[Fault]:
    """Return so many faults in a random order, each kind as often as any other or once more."""
    found: list[Fault] = []
    while len(found) < count:
        found += chance.sample(FAULTS, k=len(FAULTS))
    del found[count:]
    chance.shuffle(found)
    return found


def number_of_faults() -> int:
    """Return how many faults a run has: RAXX_FAULT_KILLS, or a dozen."""
    return int(os.environ.get("RAXX_FAULT_KILLS") or 12)
