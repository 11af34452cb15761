"""A real SIGKILL in the midst of what takes many transactions: what is left is whole, and the next run goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from accounts.models import User
from tests.factories.rows import NOON
from tests.factories.whole_person import make_whole_person, places_of
from tests.trading.ledger_world import build_world, tamper
from tests.trading.past import figures, history_seq, make_old
from trading.ledger_audit import audit_ledger
from trading.models import Order
from trading.services.history_purge import MARKET_KEEPS

if TYPE_CHECKING:
    from tests.factories.desk import Desk
    from tests.factories.sessions import Session

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[2]
ANN = "ann.to.erase@example.com"
BEGIN = """
import os, signal, sys
from types import SimpleNamespace
from raxx.settings import DATABASES
DATABASES["default"]["NAME"] = sys.argv[1]
import django
django.setup()
from django.core.management import call_command
calls = []
def counted(step):
    def call(*words, **named):
        calls.append(step)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*words, **named)
    return call
"""
ERASE = """
from accounts.services import erasures
keepers = erasures.keepers
erasures.keepers = lambda: [SimpleNamespace(erase_some=counted(each.erase_some)) for each in keepers()]
"""
PURGE = """
from django.db import transaction
from trading.services import history_purge
history_purge.purge_histories.__kwdefaults__["at_once"] = 4
history_purge.transaction = SimpleNamespace(atomic=counted(transaction.atomic))
"""


def killed(preparation: str, *words: str) -> None:
    """Run a command in a process that is killed at its third step."""
    known = {"DJANGO_SETTINGS_MODULE": "raxx.settings", "RAXX_DATA_DIR": str(settings.DATA_FOLDER.root)}
    code = f"{BEGIN}{preparation}\ncall_command(*sys.argv[2:])"
    ended = subprocess.run(
        [sys.executable, "-c", code, connection.settings_dict["NAME"], *words],
        cwd=ROOT,
        env={**os.environ, **known},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def run(*words: str) -> Any:
    out = StringIO()
    call_command(*words, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_an_erasure_that_is_killed_is_ended_by_the_next_run(tmp_path: Path, settings: Any) -> None:
    settings.EXPORTS = tmp_path / "exports"
    person = make_whole_person(ANN)
    Order.objects.across_owners().filter(user=person).update(status="canceled")  # as the market does it
    words = ("erase_user", "--email", ANN, "--reason", "r", "--now", "--ticket", "T-1")

    killed(ERASE, *words)

    left = User.objects.get(pk=person.pk)
    assert left.deactivated_at is not None  # nobody gets in
    assert places_of(ANN) != {}
    assert run(*words)["status"] == "erased"
    assert places_of(ANN) == {}


def test_a_purge_that_is_killed_between_batches_leaves_books_that_balance_and_is_ended_by_the_next_run(
    app: Session, desk: Desk
) -> None:
    world = build_world(app, desk)
    world.alice.refresh_from_db()
    make_old(world.alice, world.alice.event_seq)
    tamper("update matching_market set anchor_at = %(at)s", at=NOON + MARKET_KEEPS + timedelta(seconds=1))
    before = figures(world.alice)

    killed(PURGE, "purge_history", "--account", world.alice.number)

    begun = history_seq(world.alice.pk)
    assert begun > 0
    assert figures(world.alice) == before
    assert audit_ledger().balances
    (purged,) = run("purge_history", "--account", world.alice.number)
    assert purged["is_whole"]
    assert history_seq(world.alice.pk) > begun
    assert figures(world.alice) == before
    assert audit_ledger().balances
    assert run("purge_history", "--account", world.alice.number) == []
