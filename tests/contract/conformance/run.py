"""Run cases at an installation, or at one that is started for them."""

from __future__ import annotations

import logging
import tempfile
import traceback
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from tests.acceptance.house import House
from tests.acceptance.servers import given_servers
from tests.contract.conformance import schedule
from tests.contract.conformance.broker import Broker
from tests.contract.conformance.desk import Desk
from tests.contract.conformance.registry import all_cases
from tests.contract.conformance.results import FAILED, PASSED, SKIPPED, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.contract.conformance.registry import Case


@contextmanager
def own_house() -> Iterator[Broker]:
    """Run the real processes on our tape in a temporary folder, which is kept, with its logs, after an error.

    Not below a folder that only we may enter: PostgreSQL is another user where we are root.
    """
    folder = Path(tempfile.mkdtemp(prefix="raxx-conformance-"))
    folder.chmod(0o755)
    schedule.write(folder / "tape", all_cases())
    options = ("--feed", "replay", "--tape", str(folder / "tape"), "--date", schedule.DATES, "--paused")
    with given_servers() as servers:
        house = House(folder / ".raxx", *options, environment=servers)
        try:
            house.start()
            demo = house.demo
            broker = Broker(demo["base_url"], demo["key_id"], demo["secret"], demo["account_id"], house)
            yield broker
            status = house.stop()
            assert status == 0, house.said
        except BaseException:
            print(f"kept, with its logs: {folder}")
            raise
        finally:
            house.kill()
    if broker.has_failed:
        print(f"kept, with its logs: {folder}")
    else:
        rmtree(folder)


def run(broker: Broker, cases: Sequence[Case], say: Callable[[Result], None]) -> list[Result]:
    """Try the cases in the order of their instants, and return the results by number."""
    # The SDK logs each loss of its stream with a trace; that is what some cases are about.
    logging.getLogger("alpaca").setLevel(logging.CRITICAL)
    starts = schedule.plan(all_cases())
    turns = sorted(cases, key=lambda each: (starts[each.number], each.order))
    if turns and datetime.fromisoformat(broker.tape()["now"]) >= starts[turns[0].number]:
        broker.restart()
    results = []
    with broker.listening():
        for each in turns:
            results.append(_tried(broker, each, starts[each.number]))
            broker.has_failed |= results[-1].outcome == FAILED
            say(results[-1])
    return sorted(results, key=lambda each: each.case.order)


def _tried(broker: Broker, case: Case, starts_at: datetime) -> Result:
    if case.needs_house and broker.house is None:
        return Result(case=case, outcome=SKIPPED, words="it touches the processes, which somebody else runs")
    try:
        broker.reset()
        desk = Desk(broker, case, starts_at)
        desk.at(0)
        case.play(desk)
    except Exception as error:  # noqa: BLE001 - whatever it is, the case has failed and the next one is tried
        where = traceback.extract_tb(error.__traceback__)
        at = next((frame for frame in reversed(where) if frame.name == case.play.__name__), where[-1])
        words = " ".join(f"{type(error).__name__}: {error}".split())
        return Result(case=case, outcome=FAILED, words=f"line {at.lineno}, `{at.line}`: {words}")
    return Result(case=case, outcome=PASSED)
