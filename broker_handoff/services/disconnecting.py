"""Cut the way to a broker: at once here, as soon as it answers there, and without the token from then on.

In this order: the connection is over (nothing is sent by it any more); a worker asks the broker to take the
token back, again and again for an hour; then, whatever came of it, the token is shredded. Whoever asks to be
erased does not wait for the broker. Why so: broker_handoff/decisions/0001-vault.md.

That the person is to be told is stored with the end itself (`telling.py`): whoever dies after it leaves no one untold.
"""

from __future__ import annotations

import logging
import secrets
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F

from accounts.errors import NotFound
from accounts.models import User
from accounts.services.audit import record
from broker_handoff.models import BrokerConnection, ConnectAttempt, SealedToken
from broker_handoff.ports import BrokerRefused, BrokerUnavailable, OutcomeUnknown
from broker_handoff.services.telling import tell
from broker_handoff.services.tokens import opened, shred
from broker_handoff.vault import KeyServiceAway, VaultRefused

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from accounts.querysets import Owner
    from broker_handoff.ports import Consent
    from broker_handoff.vault import KeyService

logger = logging.getLogger(__name__)

Revoked = BrokerConnection.RevokedAtBroker

REASON_MAX = 200  # characters
GIVE_UP_AFTER = timedelta(hours=1)
LEASE = timedelta(minutes=1)  # longer than one attempt may take
WAITS = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 60, 300))  # between attempts; then the last
CONSENT_GRACE = timedelta(days=7)  # after a consent's end: nothing new is sent, what is open can be canceled


@transaction.atomic(durable=True)
def disconnect(
    *, owner: Owner, connection_id: UUID, reason: str, now: datetime, is_told_at_once: bool = True
) -> BrokerConnection:
    """End a connection of the owner's, and mail them so as soon as it is committed; one that is over stays as it was.

    Not `is_told_at_once` leaves the mail to whoever calls `telling.tell`; workers do. From here on a worker asks the
    broker (`revoke_one`). Raises NotFound.
    """
    mine = BrokerConnection.objects.owned_by(owner).filter(pk=connection_id)
    connection = mine.select_for_update(of=("self",)).first()
    if connection is None:
        raise NotFound("there is no such connection")
    if connection.status in BrokerConnection.LIVING:
        _end(connection, reason[:REASON_MAX], now, waits=_has_token(connection), tells=True)
        if is_told_at_once:
            transaction.on_commit(partial(tell, connection_id=connection.pk, now=now))
    return connection


def end_old_consents(*, now: datetime) -> int:
    """Disconnect those whose consent has been over for CONSENT_GRACE; return how many."""
    old = BrokerConnection.objects.across_owners().filter(
        status__in=BrokerConnection.LIVING, consent_expires_at__lte=now - CONSENT_GRACE
    )
    ended = 0
    for connection_id, user_id in old.order_by("pk").values_list("pk", "user_id"):
        disconnect(owner=User(pk=user_id), connection_id=connection_id, reason="the consent is over", now=now)
        ended += 1
    return ended


def end_for_erasure(*, user_id: UUID, now: datetime) -> None:
    """Shred what a person who asked to be erased has here, within the transaction in which they asked."""
    owner = User(pk=user_id)
    ConnectAttempt.objects.owned_by(owner).delete()
    mine = BrokerConnection.objects.owned_by(owner)
    for connection in mine.filter(status__in=BrokerConnection.LIVING).select_for_update(of=("self",)):
        shred(connection)
        _end(connection, "asked to be erased", now, waits=False, tells=False)
    # Those that wait for the broker wait no longer.
    for connection in mine.filter(revoked_at_broker=Revoked.WAITING).select_for_update(of=("self",)):
        shred(connection)
        _settle(connection, Revoked.NOT_ASKED, "asked to be erased")


def waiting_revocations(*, now: datetime) -> list[UUID]:
    """Return the connections for which the broker should be asked now."""
    due = BrokerConnection.objects.across_owners().filter(
        revoked_at_broker=Revoked.WAITING, next_revoke_at__lte=now
    )
    return list(due.order_by("next_revoke_at").values_list("pk", flat=True))


def revoke_one(
    *, connection_id: UUID, consent: Consent, keys: KeyService, now: datetime
) -> BrokerConnection.RevokedAtBroker | None:
    """Ask the broker to take one token back, and shred it when that is settled; for a worker.

    Returns how it stands now, None where it was not this caller's turn. To ask twice does no harm, so a worker
    that dies here leaves nothing but a minute's wait.
    """
    everybodys = BrokerConnection.objects.across_owners()
    waiting = everybodys.filter(pk=connection_id, revoked_at_broker=Revoked.WAITING, next_revoke_at__lte=now)
    if not waiting.update(next_revoke_at=now + LEASE, revoke_attempts=F("revoke_attempts") + 1):
        return None
    connection = everybodys.get(pk=connection_id)
    outcome, words = _asked(connection, consent, keys)
    if outcome is Revoked.WAITING and not _is_given_up(connection, now):
        wait = WAITS[min(connection.revoke_attempts, len(WAITS)) - 1]
        jitter = 1 + secrets.randbelow(500) / 1_000
        everybodys.filter(pk=connection_id, revoked_at_broker=Revoked.WAITING).update(
            next_revoke_at=now + wait * jitter
        )
        logger.warning("connection %s is not revoked at the broker yet: %s", connection_id, words)
        return Revoked.WAITING
    if outcome is Revoked.WAITING:
        outcome, words = Revoked.REFUSED, f"given up: {words}"
    with transaction.atomic(durable=True):
        locked = everybodys.select_for_update(of=("self",)).get(pk=connection_id)
        if locked.revoked_at_broker != Revoked.WAITING:  # the person was faster, by asking to be erased
            return Revoked(locked.revoked_at_broker)
        shred(locked)
        _settle(locked, outcome, words)
    if outcome is Revoked.REFUSED:
        logger.error("connection %s was not revoked at the broker: %s", connection_id, words)
    return outcome


def _asked(
    connection: BrokerConnection, consent: Consent, keys: KeyService
) -> tuple[BrokerConnection.RevokedAtBroker, str]:
    if not consent.can_revoke:
        return Revoked.NOT_ASKED, "the broker takes no tokens back over its API"
    try:
        with opened(connection, keys, purpose="revoke") as token:
            consent.revoke(token)
    except (BrokerRefused, VaultRefused) as error:
        return Revoked.REFUSED, str(error)
    except (BrokerUnavailable, OutcomeUnknown, KeyServiceAway) as error:
        return Revoked.WAITING, str(error)
    return Revoked.DONE, ""


def _is_given_up(connection: BrokerConnection, now: datetime) -> bool:
    return connection.disconnected_at is not None and now >= connection.disconnected_at + GIVE_UP_AFTER


def _has_token(connection: BrokerConnection) -> bool:
    return SealedToken.objects.filter(connection_id=connection.pk).exists()


def _end(connection: BrokerConnection, reason: str, now: datetime, *, waits: bool, tells: bool) -> None:
    before = connection.status
    connection.status = BrokerConnection.Status.DISCONNECTED
    connection.disconnected_at, connection.disconnect_reason = now, reason
    connection.revoked_at_broker = Revoked.WAITING if waits else Revoked.NOT_ASKED
    connection.next_revoke_at = now if waits else None
    connection.next_tell_at = now if tells else None
    connection.save(
        update_fields=[
            "status", "disconnected_at", "disconnect_reason", "revoked_at_broker", "next_revoke_at", "next_tell_at",
        ]
    )  # fmt: skip
    record(
        action="live.disconnected",
        user_id=connection.user_id,
        before={"connection": connection.pk, "status": before},
        after={"revoked_at_broker": connection.revoked_at_broker},
        reason=reason,
    )


def _settle(connection: BrokerConnection, outcome: BrokerConnection.RevokedAtBroker, words: str) -> None:
    connection.revoked_at_broker, connection.next_revoke_at = outcome, None
    connection.save(update_fields=["revoked_at_broker", "next_revoke_at"])
    record(
        action="live.token_shredded",
        user_id=connection.user_id,
        after={"connection": connection.pk, "revoked_at_broker": outcome},
        reason=words,
    )
