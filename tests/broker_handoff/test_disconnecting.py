"""Cut here at once, at the broker as soon as it answers, and without a token from then on."""

from __future__ import annotations

from datetime import datetime, timedelta
from smtplib import SMTPServerDisconnected
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from accounts.binding import rebind, unbind
from accounts.errors import NotFound
from accounts.models import AuditEntry
from accounts.signals import person_erasure_asked
from broker_handoff import adapters, tasks
from broker_handoff.models import BrokerConnection, ConnectAttempt, SealedToken
from broker_handoff.services import telling
from broker_handoff.services.disconnecting import (
    CONSENT_GRACE,
    GIVE_UP_AFTER,
    LEASE,
    disconnect,
    end_old_consents,
    revoke_one,
    waiting_revocations,
)
from broker_handoff.services.reauth import mark_needs_reauth
from broker_handoff.services.telling import untold
from tests.broker_handoff.people import make_connection, make_trader
from tests.factories.people import as_web

if TYPE_CHECKING:
    from broker_handoff.adapters.local_keys import LocalKeys
    from tests.broker_handoff.peer.oauth import OAuthServer

pytestmark = pytest.mark.django_db(transaction=True)

CANARY = "canary-5e0f"
NOW = timezone.now()


def end(made: BrokerConnection, now: datetime = NOW) -> BrokerConnection:
    return disconnect(owner=made.user, connection_id=made.pk, reason="of a test", now=now)


def revoke(made: BrokerConnection, keys: LocalKeys, now: datetime = NOW) -> str | None:
    return revoke_one(connection_id=made.pk, consent=adapters.consent(), keys=keys, now=now)


def stands(made: BrokerConnection) -> tuple[str, str, int, bool]:
    """Return status, what the broker did, how often it was asked, and whether there is a token."""
    row = BrokerConnection.objects.get(pk=made.pk)
    has_token = SealedToken.objects.filter(pk=made.pk).exists()
    return row.status, row.revoked_at_broker, row.revoke_attempts, has_token


def actions(made: BrokerConnection) -> list[str]:
    return [entry.action for entry in AuditEntry.objects.filter(subject=made.user_id).order_by("pk")]


@pytest.fixture
def made(oauth: OAuthServer, keys: LocalKeys) -> BrokerConnection:
    oauth.living.add(CANARY)
    return make_connection(token=CANARY, keys=keys)


def test_it_is_over_at_once_then_revoked_then_shredded(
    made: BrokerConnection, oauth: OAuthServer, keys: LocalKeys
) -> None:
    end(made)
    assert stands(made) == ("disconnected", "waiting", 0, True)
    assert waiting_revocations(now=NOW) == [made.pk]

    assert revoke(made, keys) == "done"

    assert stands(made) == ("disconnected", "done", 1, False)
    assert (oauth.revoked, oauth.living) == ([CANARY], set())
    assert waiting_revocations(now=NOW + timedelta(days=1)) == []
    assert actions(made) == ["live.disconnected", "live.token_used", "live.token_shredded"]
    assert [message.subject for message in mail.outbox] == ["Raxx: your live broker is disconnected"]


def test_ending_it_again_changes_nothing(made: BrokerConnection, keys: LocalKeys) -> None:
    end(made)
    revoke(made, keys)
    before = stands(made)

    end(made, NOW + timedelta(hours=1))

    assert stands(made) == before
    assert revoke(made, keys, NOW + timedelta(hours=1)) is None
    assert len(mail.outbox) == 1


def test_a_stranger_cannot_end_it(made: BrokerConnection) -> None:
    with pytest.raises(NotFound):
        disconnect(owner=make_trader(), connection_id=made.pk, reason="no", now=NOW)
    assert stands(made)[0] == "active"


def test_the_broker_is_asked_again_until_it_answers(
    made: BrokerConnection, oauth: OAuthServer, keys: LocalKeys
) -> None:
    end(made)
    oauth.failing = 503
    assert revoke(made, keys) == "waiting"
    assert stands(made) == ("disconnected", "waiting", 1, True)
    assert revoke(made, keys) is None  # not yet
    due = BrokerConnection.objects.get(pk=made.pk).next_revoke_at
    assert due is not None
    assert NOW < due < NOW + timedelta(seconds=10)

    oauth.failing = None
    assert revoke(made, keys, due) == "done"
    assert stands(made) == ("disconnected", "done", 2, False)


def test_after_an_hour_it_is_given_up_and_shredded(
    made: BrokerConnection, oauth: OAuthServer, keys: LocalKeys, caplog: pytest.LogCaptureFixture
) -> None:
    end(made)
    oauth.failing = 503

    assert revoke(made, keys, NOW + GIVE_UP_AFTER) == "refused"

    assert stands(made) == ("disconnected", "refused", 1, False)
    assert "ERROR" in [record.levelname for record in caplog.records]
    last = AuditEntry.objects.filter(subject=made.user_id).latest("pk")
    assert "given up" in last.body


def test_a_broker_that_says_no_is_believed(
    made: BrokerConnection, oauth: OAuthServer, keys: LocalKeys
) -> None:
    end(made)
    oauth.failing = 403

    assert revoke(made, keys) == "refused"
    assert stands(made)[3] is False


def test_a_broker_that_takes_no_tokens_back_is_not_asked(
    made: BrokerConnection, oauth: OAuthServer, keys: LocalKeys, settings: Any
) -> None:
    settings.BROKER_REVOKE_URL = ""
    end(made)

    assert revoke(made, keys) == "not_asked"
    assert stands(made) == ("disconnected", "not_asked", 1, False)
    assert oauth.asked == []


def test_a_token_that_does_not_open_is_shredded_all_the_same(
    made: BrokerConnection, oauth: OAuthServer, keys: LocalKeys
) -> None:
    SealedToken.objects.filter(pk=made.pk).update(ciphertext=b"\x01changed beyond all recognition")
    end(made)

    assert revoke(made, keys) == "refused"
    assert stands(made)[3] is False
    assert oauth.asked == []


def test_a_worker_that_died_in_the_middle_leaves_a_minute_s_wait(
    made: BrokerConnection, oauth: OAuthServer, keys: LocalKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    class Dies:
        can_revoke = True

        def revoke(self, _: object) -> None:
            raise Killed

    end(made)
    with pytest.raises(Killed):
        revoke_one(connection_id=made.pk, consent=Dies(), keys=keys, now=NOW)  # type: ignore[arg-type]

    assert stands(made) == ("disconnected", "waiting", 1, True)
    assert waiting_revocations(now=NOW) == []
    assert waiting_revocations(now=NOW + LEASE) == [made.pk]
    assert revoke(made, keys, NOW + LEASE) == "done"


def test_of_two_workers_one_asks(made: BrokerConnection, oauth: OAuthServer, keys: LocalKeys) -> None:
    end(made)

    assert [revoke(made, keys), revoke(made, keys)] == ["done", None]
    assert len(oauth.revoked) == 1


def test_who_asks_to_be_erased_has_no_token_from_that_transaction_on(
    made: BrokerConnection, oauth: OAuthServer, keys: LocalKeys
) -> None:
    ConnectAttempt.objects.create(
        user=made.user, session_id=made.pk, state_hash=b"h" * 32, expires_at=timezone.now()
    )
    others = make_connection(token="of another", keys=keys)

    with as_web(), transaction.atomic():
        rebind(made.user_id)
        person_erasure_asked.send(sender=None, user_id=made.user_id)
        unbind()

    assert stands(made) == ("disconnected", "not_asked", 0, False)
    assert not ConnectAttempt.objects.exists()
    assert stands(others) == ("active", "not_asked", 0, True)
    assert actions(made) == ["live.disconnected"]


def test_who_asks_to_be_erased_does_not_wait_for_a_broker_that_is_away(
    made: BrokerConnection, oauth: OAuthServer, keys: LocalKeys
) -> None:
    oauth.failing = 503
    end(made)
    revoke(made, keys)

    with transaction.atomic():
        person_erasure_asked.send(sender=None, user_id=made.user_id)

    assert stands(made) == ("disconnected", "not_asked", 1, False)
    assert waiting_revocations(now=NOW + timedelta(days=1)) == []


def untold_to(made: BrokerConnection) -> datetime | None:
    return BrokerConnection.objects.get(pk=made.pk).next_tell_at


def test_whom_the_one_that_ended_it_has_not_told_a_worker_mails_once(
    made: BrokerConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(tasks.revoke_connection, "delay", asked.append)
    disconnect(owner=made.user, connection_id=made.pk, reason="r", now=NOW, is_told_at_once=False)
    assert (mail.outbox, untold(now=NOW)) == ([], [made.pk])

    tasks.sweep_revocations()
    tasks.sweep_revocations()

    assert [message.to for message in mail.outbox] == [[made.user.email]]
    assert (untold(now=NOW + GIVE_UP_AFTER), asked) == ([], [str(made.pk)] * 2)


def test_who_dies_while_they_mail_leaves_it_to_the_next_after_a_minute(
    made: BrokerConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def dies(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(telling.mail, "tell", dies)
        with pytest.raises(Killed):
            end(made)

    assert stands(made)[0] == "disconnected"
    assert telling.tell(connection_id=made.pk, now=NOW) is False  # somebody may be at it
    assert telling.tell(connection_id=made.pk, now=NOW + telling.LEASE) is True
    assert telling.tell(connection_id=made.pk, now=NOW + timedelta(days=2)) is False
    assert len(mail.outbox) == 1


def test_a_mail_server_that_is_away_is_asked_less_and_less_often_and_given_up_after_a_day(
    made: BrokerConnection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object, **__: object) -> None:
        raise SMTPServerDisconnected("no such server")

    monkeypatch.setattr(telling.mail, "tell", away)
    end(made)
    minutes: list[float] = []
    while (due := untold_to(made)) is not None:
        minutes.append((due - NOW) / timedelta(minutes=1))
        telling.tell(connection_id=made.pk, now=due)

    assert minutes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048]
    assert [record.levelname for record in caplog.records][-2:] == ["WARNING", "ERROR"]
    assert mail.outbox == []


def test_a_consent_that_has_been_over_for_a_week_is_disconnected(oauth: OAuthServer, keys: LocalKeys) -> None:
    old = make_connection(token="old", keys=keys, consent_expires_at=NOW - CONSENT_GRACE)
    lately = make_connection(token="lately", keys=keys, consent_expires_at=NOW - timedelta(days=6))

    assert end_old_consents(now=NOW) == 1

    assert stands(old)[:2] == ("disconnected", "waiting")
    assert stands(lately)[0] == "active"


def test_a_token_that_the_broker_refuses_is_told_once(made: BrokerConnection) -> None:
    assert [mark_needs_reauth(connection_id=made.pk, words="unauthorized") for _ in range(2)] == [True, False]

    assert stands(made)[0] == "needs_reauth"
    assert actions(made) == ["live.needs_reauth"]
    assert [message.subject for message in mail.outbox] == ["Raxx: connect your broker anew"]
