"""Everybody's way out cut by a command, which can be stopped and run again, and counts what the broker did."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import IntegrityError
from django.utils import timezone

from broker_handoff import adapters
from broker_handoff.adapters.aws_keys import AwsKeys
from broker_handoff.adapters.local_keys import LocalKeys, add_key
from broker_handoff.models import BrokerConnection, SealedToken
from broker_handoff.services import mass_revoke
from broker_handoff.services.disconnecting import disconnect
from broker_handoff.services.tokens import opened
from tests.broker_handoff.people import make_connection

if TYPE_CHECKING:
    from tests.broker_handoff.peer.oauth import OAuthServer

pytestmark = pytest.mark.django_db(transaction=True)

REASON = "the broker lost its keys"


@pytest.fixture(autouse=True)
def _the_test_s_keys(keys: LocalKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("revoke_live_connections", "rewrap_tokens"):
        monkeypatch.setattr(f"broker_handoff.management.commands.{place}.key_service", lambda: keys)


def run(command: str, *options: str) -> tuple[int, Any]:
    """Run a command; return its exit code and what it printed as JSON."""
    out, status = StringIO(), 0
    try:
        call_command(command, *options, "--json", stdout=out)
    except SystemExit as ended:
        status = int(ended.code or 0)
    return status, json.loads(out.getvalue())


def counts(**other: int) -> dict[str, int]:
    return {"disconnected": 0, "done": 0, "refused": 0, "not_asked": 0, "waiting": 0, **other}


def test_everybody_is_cut_off_and_counted(oauth: OAuthServer, keys: LocalKeys) -> None:
    for number in range(3):
        make_connection(token=f"token {number}", keys=keys)
    earlier = make_connection(token="own", keys=keys)
    disconnect(owner=earlier.user, connection_id=earlier.pk, reason="theirs", now=timezone.now())
    mail.outbox.clear()

    assert run("revoke_live_connections", "--reason", REASON) == (0, counts(disconnected=3, done=3))

    assert sorted(oauth.revoked) == ["own", "token 0", "token 1", "token 2"]  # who waited is served as well
    assert not SealedToken.objects.exists()
    assert not mass_revoke.living_connections()
    assert len(mail.outbox) == 3
    assert all(REASON in message.body for message in mail.outbox)
    assert run("revoke_live_connections", "--reason", REASON) == (0, counts(disconnected=3, done=3))
    assert len(mail.outbox) == 3


def test_a_broker_that_is_away_keeps_nobody_connected(oauth: OAuthServer, keys: LocalKeys) -> None:
    for number in range(2):
        make_connection(token=f"token {number}", keys=keys)
    oauth.failing = 503

    assert run("revoke_live_connections", "--reason", REASON) == (1, counts(disconnected=2, waiting=2))
    assert not mass_revoke.living_connections()

    oauth.failing = None
    assert run("revoke_live_connections", "--reason", REASON) == (1, counts(disconnected=2, waiting=2))
    again = run("revoke_live_connections", "--reason", REASON, "--again")
    assert again == (0, counts(disconnected=2, done=2))


@pytest.mark.parametrize("killed_at", ["disconnect", "revoke_one"])
def test_a_run_that_was_killed_is_gone_on_with(
    oauth: OAuthServer, keys: LocalKeys, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    class Killed(BaseException):
        pass

    for number in range(4):
        make_connection(token=f"token {number}", keys=keys)
    step, calls = getattr(mass_revoke, killed_at), []

    def dies(**given: Any) -> Any:
        calls.append(given)
        if len(calls) == 3:
            raise Killed
        return step(**given)

    with monkeypatch.context() as patched:
        patched.setattr(mass_revoke, killed_at, dies)
        with pytest.raises(Killed):
            run("revoke_live_connections", "--reason", REASON)

    assert run("revoke_live_connections", "--reason", REASON) == (0, counts(disconnected=4, done=4))
    assert sorted(oauth.revoked) == [f"token {number}" for number in range(4)]


def test_a_dry_run_only_counts(oauth: OAuthServer, keys: LocalKeys) -> None:
    make_connection(token="one", keys=keys)

    assert run("revoke_live_connections", "--reason", REASON, "--dry-run") == (
        0,
        {"living": 1, "dry_run": True},
    )
    assert len(mass_revoke.living_connections()) == 1
    assert oauth.asked == []


def test_a_broker_that_takes_nothing_back_is_told_of(
    oauth: OAuthServer, keys: LocalKeys, settings: Any
) -> None:
    settings.BROKER_REVOKE_URL = ""
    make_connection(token="one", keys=keys)

    assert run("revoke_live_connections", "--reason", REASON) == (1, counts(disconnected=1, not_asked=1))


def test_who_connects_while_it_runs_is_cut_off_as_well(
    oauth: OAuthServer, keys: LocalKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_connection(token="one", keys=keys)
    end = mass_revoke.disconnect
    late: list[BrokerConnection] = []

    def slower(**given: Any) -> Any:
        if not late:
            late.append(make_connection(token="late", keys=keys))
        return end(**given)

    monkeypatch.setattr(mass_revoke, "disconnect", slower)
    ended = mass_revoke.disconnect_everybody(reason=REASON, now=timezone.now())

    assert len(ended) == 2
    assert not mass_revoke.living_connections()


def test_rewrapping_takes_all_to_the_new_key_and_then_has_nothing_to_do(keys: LocalKeys) -> None:
    made = [make_connection(token=f"token {number}", keys=keys) for number in range(3)]
    old, new = keys.current_key_id, add_key(keys.file)

    status, dry = run("rewrap_tokens", "--dry-run")
    assert (status, dry["waiting"], dry["tokens_by_key"]) == (0, 3, {old: 3})
    status, report = run("rewrap_tokens")
    assert (status, report["rewrapped"], report["tokens_by_key"]) == (0, 3, {new: 3})
    assert run("rewrap_tokens")[1]["rewrapped"] == 0
    with opened(made[0], keys, purpose="submit") as token:
        assert token.reveal() == "token 0"


def test_rewrapping_goes_on_past_one_that_is_refused(keys: LocalKeys) -> None:
    bad, good = (make_connection(token=name, keys=keys) for name in ("bad", "good"))
    source = SealedToken.objects.get(pk=good.pk)
    SealedToken.objects.filter(pk=bad.pk).update(wrapped_key=source.wrapped_key)
    new = add_key(keys.file)

    status, report = run("rewrap_tokens")

    assert (status, report["rewrapped"], list(report["failed"])) == (1, 1, [str(bad.pk)])
    assert SealedToken.objects.get(pk=good.pk).key_id == new


def test_the_settings_name_the_key_service_and_the_broker(settings: Any) -> None:
    settings.KMS, settings.KMS_KEY = "aws", "alias/raxx"
    assert adapters.key_service() == AwsKeys("alias/raxx")
    settings.KMS = "local"
    assert adapters.key_service() == LocalKeys(settings.DATA_FOLDER.root / "secrets" / "kms_keys")
    assert "secret" not in repr(adapters.consent())


def test_no_two_connections_of_a_person_live(keys: LocalKeys) -> None:
    first = make_connection()
    with pytest.raises(IntegrityError):
        make_connection(first.user)
    assert BrokerConnection.objects.count() == 1
