"""Scheduled work: whether every job of the table runs, and ends well."""

from __future__ import annotations

from django.utils import timezone

from raxx import hints
from raxx.doctor.registry import Unwell, check
from raxx.overdue import states

LOGS = "the worker's log has all of it"


@check("schedule")
def schedule() -> str:
    """Ask whether each job began within twice its period, and how its last run ended."""
    now, found = timezone.now(), states()
    if late := [state.job.name for state in found if state.is_overdue(now)]:
        raise Unwell(f"did not run for twice their period: {', '.join(late)}", hints.start("worker and beat"))
    for state in found:
        if state.has_failed:
            assert state.last is not None
            raise Unwell(f"{state.job.name} {state.last.outcome}: {state.last.error}", LOGS)
        if state.faults:
            raise Unwell(
                f"{state.job.name} found {state.faults} faults", "the worker's log names each one as an error"
            )
    ran = sum(state.last is not None for state in found)
    return f"{len(found)} jobs, none late; {ran} have run"
