"""A worker that dies at a wish of the staff: what was done is done, and nobody has written down that it is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from trading.models import StaffAct
from trading.services import staff_acts


class Killed(BaseException):
    """The end of a worker."""


def die_before_it_is_told(act: StaffAct, monkeypatch: pytest.MonkeyPatch) -> None:
    """Perform it, and end before its outcome is stored; nobody else may try yet."""

    def dies(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(staff_acts, "_close", dies)
        with pytest.raises(Killed):
            staff_acts.perform_act(act.pk)


def let_another_try(act: StaffAct) -> None:
    """Have the dead worker's time be over."""
    StaffAct.objects.filter(pk=act.pk).update(next_attempt_at=timezone.now() - timedelta(seconds=1))
