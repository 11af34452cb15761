"""The list of scheduled runs: for superusers, to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from trading.models import ScheduledRun

if TYPE_CHECKING:
    from accounts.models import User
    from tests.support.conftest import SignIn

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "support"])

LIST = "/admin/trading/scheduledrun/"


def test_superusers_read_what_ran_and_nobody_changes_it(sign_in: SignIn, staff: User, overseer: User) -> None:
    run = ScheduledRun.objects.create(
        job="verify-ledger", started_at=timezone.now(), duration_ms=7, outcome="failed", error="OSError: gone"
    )
    page = f"{LIST}{run.pk}/change/"
    client = sign_in(overseer)

    shown = client.get(f"{LIST}?outcome=failed")
    assert shown.status_code == 200
    assert "OSError: gone" in shown.content.decode()
    assert "OSError: gone" in client.get(page).content.decode()
    assert client.post(f"{LIST}{run.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(page, {"outcome": "done"}).status_code == 403

    others = sign_in(staff)
    for path in (LIST, page):
        answer = others.get(path)
        assert answer.status_code == 403
        assert "OSError" not in answer.content.decode()
    assert "scheduledrun" not in others.get("/admin/").content.decode()
    run.refresh_from_db()
    assert run.outcome == "failed"
