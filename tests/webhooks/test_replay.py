"""`replay_events`, and the snippet with which a receiver checks a signature."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.factories.rows import make_account, make_webhook
from trading.webhooks.signing import signature

if TYPE_CHECKING:
    from trading.models import WebhookEndpoint

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.fixture
def endpoint(db: None) -> WebhookEndpoint:
    return make_webhook(
        make_account(event_seq=9), cursor=7, failures=3, disabled_at=timezone.now(), disabled_reason="x"
    )


def replay(capsys: Any, endpoint: WebhookEndpoint, *options: str) -> Any:
    call_command("replay_events", str(endpoint.pk), *options, "--json")
    return json.loads(capsys.readouterr().out)


def test_the_events_from_a_sequence_on_are_due_again(capsys: Any, endpoint: WebhookEndpoint) -> None:
    assert replay(capsys, endpoint, "--from-seq", "3")["events"] == 7
    endpoint.refresh_from_db()
    assert (endpoint.cursor, endpoint.failures, endpoint.disabled_at) == (2, 0, None)


def test_a_dry_run_changes_nothing(capsys: Any, endpoint: WebhookEndpoint) -> None:
    assert replay(capsys, endpoint, "--from-seq", "8", "--dry-run")["events"] == 2
    endpoint.refresh_from_db()
    assert (endpoint.cursor, endpoint.failures) == (7, 3)


@pytest.mark.parametrize("seq", ["0", "9"])
def test_a_sequence_that_was_not_sent_yet_cannot_be_replayed(endpoint: WebhookEndpoint, seq: str) -> None:
    with pytest.raises(CommandError, match="is not between 1 and 8"):
        call_command("replay_events", str(endpoint.pk), "--from-seq", seq)


def test_the_readme_s_snippet_knows_our_signature_from_a_forged_or_old_one() -> None:
    text = README.read_text()
    [snippet] = re.findall(r"```python\n(import hashlib.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(snippet, names)  # noqa: S102 - our own lines, as a reader would run them
    check, now, body = names["is_from_raxx"], int(time.time()), b'{"a":1}'

    assert check("whsec_a", signature("whsec_a", now, body), body)
    assert not check("whsec_b", signature("whsec_a", now, body), body)
    assert not check("whsec_a", signature("whsec_a", now, body), body + b" ")
    assert not check("whsec_a", signature("whsec_a", now - 301, body), body)
