"""Processes die at random while bots trade: nothing acknowledged is lost, and nothing happens twice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.acceptance.killer import seed
from tests.faults import report, verdict
from tests.faults.faults import number_of_faults
from tests.faults.killer import Killer
from tests.faults.load import Load

if TYPE_CHECKING:
    from tests.acceptance.house import House

HEARD_WITHIN_S = 60.0
ANSWERS_FIRST = 40  # so that there is something to lose
SECONDS_EACH = 15  # of a fault, at the very most


def test_whatever_dies_nothing_promised_is_lost_and_nothing_happens_twice(house: House) -> None:
    count, drawn, began = number_of_faults(), seed(), time.monotonic()
    print(f"\nRAXX_FAULT_SEED={drawn} RAXX_FAULT_KILLS={count}")
    with Load(house, drawn) as load:
        load.wait_for_answers(ANSWERS_FIRST, within_s=HEARD_WITHIN_S)
        with Killer(house, load, count, drawn) as killer:
            killer.until_done(60 + SECONDS_EACH * count)
        load.wait_for_answers(ANSWERS_FIRST, within_s=HEARD_WITHIN_S)
        assert house.is_running, house.said
        load.finish()
        with verdict.administrator(house) as connection:
            verdict.until_drained(connection)
            figures = load.figures() | verdict.figures(connection)
            table = report.table(drawn, killer.done, figures, time.monotonic() - began)
            print(f"\n{table}\n\nrefused: {load.refusals().most_common(8)}")
            verdict.require_promises(connection, load)
            verdict.require_cancels(connection, load)
            verdict.require_heard(connection, load, HEARD_WITHIN_S)
            verdict.require_laws(connection)

    proof = house.manage("verify_ledger")
    assert proof.returncode == 0, proof.stdout + proof.stderr
    assert figures["fills"] > 0
    assert figures["orders acknowledged"] > ANSWERS_FIRST
    report.keep(table)
