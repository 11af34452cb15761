"""`python -m tests.broker_handoff.faults.worker`: the real Celery worker and beat, whose children kill themselves.

By the environment: RAXX_FAULT_SEED, RAXX_FAULT_ODDS (of dying at each point), RAXX_FAULT_DEATHS (a file to
which each one who dies writes where). What waits here waits seconds instead of minutes, in the same order.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from raxx import roles

if TYPE_CHECKING:
    from collections.abc import Iterator

POINTS = ("claimed", "opened", "sending", "answered", "before the commit", "after the commit")
BLOCKED_QUANTITY = "13"  # the guard of these tests says no to it

_chances: dict[int, random.Random] = {}


def main() -> None:
    """Be the worker until told to stop."""
    roles.become("worker")
    os.environ["DJANGO_SETTINGS_MODULE"] = "raxx.settings"

    import django

    django.setup()

    from raxx.celery import app

    app.conf.beat_schedule = {
        "sweep": {"task": "broker_handoff.sweep_intents", "schedule": 0.5, "options": {"expires": 2.0}}
    }
    app.conf.beat_schedule_filename = os.environ["RAXX_FAULT_DEATHS"] + ".beat"
    app.conf.worker_lost_wait = 0.5
    _arm()
    options = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
    app.worker_main(["worker", "-B", "--concurrency", "4", *options])


def _arm() -> None:
    from broker_handoff import tasks
    from broker_handoff.adapters.alpaca import AlpacaBroker
    from broker_handoff.services import asking, sending

    claim, settle, opened = sending._claim, sending._settle, asking.opened
    talk = {name: getattr(AlpacaBroker, name) for name in ("submit", "cancel", "replace")}

    def claiming(*arguments: Any) -> Any:
        claimed = claim(*arguments)
        if claimed is not None:
            _perhaps("claimed")
        return claimed

    @contextmanager
    def opening(*arguments: Any, **options: Any) -> Iterator[Any]:
        with opened(*arguments, **options) as token:
            _perhaps("opened")
            yield token

    def settling(*arguments: Any) -> Any:
        _perhaps("before the commit")
        settled = settle(*arguments)
        _perhaps("after the commit")
        return settled

    def talking(name: str) -> Any:
        def talk_and_die(broker: AlpacaBroker, *arguments: Any) -> Any:
            _perhaps("sending")
            answer = talk[name](broker, *arguments)
            _perhaps("answered")
            return answer

        return talk_and_die

    for module, name, armed in (
        (sending, "_claim", claiming),
        (sending, "_settle", settling),
        (asking, "opened", opening),
    ):
        setattr(module, name, armed)
    for name in talk:
        setattr(AlpacaBroker, name, talking(name))
    tasks.live_ways = _ways


def _ways() -> Any:
    from django.conf import settings

    from broker_handoff import adapters
    from broker_handoff.adapters.alpaca import AlpacaBroker
    from broker_handoff.services.claims import Ways

    pace = hurried()
    return Ways(
        keys=adapters.key_service(),
        build=lambda token: AlpacaBroker(
            token, settings.BROKER_API_URL, pace.connect_timeout_s, pace.read_timeout_s
        ),
        refusal=_refusal,
        pace=pace,
    )


def hurried() -> Any:
    """Return the pace of these tests: a late request is at the broker before `processing` is over."""
    from broker_handoff.pace import Pace

    return Pace(
        lease=timedelta(seconds=6),
        send_within=timedelta(seconds=2),
        processing=timedelta(seconds=5),
        wait_min=timedelta(seconds=0.2),
        wait_max=timedelta(seconds=2),
        connect_timeout_s=1.5,
        read_timeout_s=1.5,
    )


def _refusal(intent: Any, _now: Any) -> Any:
    from broker_handoff.guards import Guard, Refusal

    if intent.terms.get("qty") == BLOCKED_QUANTITY:
        return Refusal(guard=Guard.ORDER_NOTIONAL, words="thirteen are too many")
    return None


def _perhaps(point: str) -> None:
    """Die here, by chance, as by the operator's `kill -9`."""
    chance = _chances.get(os.getpid())
    if chance is None:  # a child is born with its parent's
        chance = random.Random(f"{os.environ['RAXX_FAULT_SEED']} {os.getpid()}")
        _chances[os.getpid()] = chance
    if chance.random() < float(os.environ["RAXX_FAULT_ODDS"]):
        with open(os.environ["RAXX_FAULT_DEATHS"], "a") as deaths:  # noqa: PTH123 - the last thing that it does
            deaths.write(point + "\n")
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
