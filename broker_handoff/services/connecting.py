"""Connect a person's own live account: they say yes at the broker, and the token that comes of it is sealed.

`begin` and `finish` are the two ends of one attempt, which is bound to the session, is good once and for ten
minutes. Both ask whether the person may. A token that cannot be kept is given back at once.

Why so: broker_handoff/decisions/0001-vault.md.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts import mail
from accounts.errors import RuleBroken, Unavailable
from accounts.models import User
from accounts.models.user import new_id
from accounts.services.audit import record
from accounts.step_up import require_settled
from broker_handoff.errors import GuardRefused
from broker_handoff.models import BrokerConnection, ConnectAttempt
from broker_handoff.ports import BrokerRefused, BrokerUnavailable, OutcomeUnknown
from broker_handoff.services.guarding import refusal_to_connect
from broker_handoff.services.tokens import scrubbing, sealed_for, store
from broker_handoff.vault import KeyServiceAway, VaultRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from accounts.sessions import LivingSession
    from broker_handoff.ports import BrokerAccount, BrokerBuilder, Consent, Granted
    from broker_handoff.vault import KeyService, Sealed, Token

    IsGateOpen = Callable[[UUID], bool]

logger = logging.getLogger(__name__)

ATTEMPT_LIFE = timedelta(minutes=10)
CONSENT_LIFE = timedelta(days=90)
NEEDED_SCOPES = frozenset({"trading"})
VALUE_MAX = 2_000  # characters of a state or a code

TOO_LATE = "this way to the broker is too old, was used, or was begun in another session: begin anew"
ANOTHER = "another account at the broker is connected: disconnect that one first"


class ConnectFailed(RuleBroken):
    """The broker or the person said no, or the account cannot be used. Nothing is connected that was not before."""

    code = "connect_failed"


def begin(*, session: LivingSession, consent: Consent, is_gate_open: IsGateOpen, now: datetime) -> str:
    """Return the address at the broker where the person says yes. An earlier attempt of theirs is void.

    Raises CoolingDown, GuardRefused.
    """
    _require_allowed(session, is_gate_open, now)
    state = secrets.token_urlsafe(32)
    attempt = ConnectAttempt(
        user_id=session.user_id,
        session_id=session.id,
        state_hash=_hash(state),
        expires_at=now + ATTEMPT_LIFE,
    )
    # One statement: two requests at a time make one attempt, the later.
    ConnectAttempt.objects.bulk_create(
        [attempt],
        update_conflicts=True,
        unique_fields=["user"],
        update_fields=["session_id", "state_hash", "expires_at"],
    )
    return consent.authorize_url(state=state, code_verifier=_verifier(state))


def give_up(*, session: LivingSession, state: str, now: datetime) -> None:
    """Use an attempt up to which the person said no. Raises ConnectFailed for one that is not theirs."""
    _spend(session, state, now)


def finish(
    *,
    session: LivingSession,
    state: str,
    code: str,
    consent: Consent,
    build: BrokerBuilder,
    keys: KeyService,
    is_gate_open: IsGateOpen,
    now: datetime,
) -> BrokerConnection:
    """Exchange the broker's code for a token, look at its account, and connect it for CONSENT_LIFE.

    Whoever connects the same account anew keeps the connection, with another token.
    Raises ConnectFailed, Unavailable, CoolingDown, GuardRefused.
    """
    _spend(session, state, now)
    _require_allowed(session, is_gate_open, now)
    granted = _exchanged(consent, code, state)
    try:
        account = _usable(granted, build)
        connection_id, sealed = _sealed(session, granted, keys)
        return _connect(session, connection_id, granted, account, sealed, now)
    except Exception:
        _give_back(consent, granted.token)
        raise
    finally:
        granted.token.forget()


def _require_allowed(session: LivingSession, is_gate_open: IsGateOpen, now: datetime) -> None:
    require_settled(session)
    if refusal := refusal_to_connect(session.user_id, is_gate_open=is_gate_open, now=now):
        raise GuardRefused(refusal)


def _spend(session: LivingSession, state: str, now: datetime) -> None:
    if not 0 < len(state) <= VALUE_MAX:
        raise ConnectFailed(TOO_LATE)
    mine = ConnectAttempt.objects.owned_by(session)
    same = mine.filter(session_id=session.id, state_hash=_hash(state), expires_at__gt=now)
    with transaction.atomic(durable=True):  # spent, whatever comes of it
        spent, _ = same.delete()
    if not spent:
        raise ConnectFailed(TOO_LATE)


def _exchanged(consent: Consent, code: str, state: str) -> Granted:
    if not 0 < len(code) <= VALUE_MAX:
        raise ConnectFailed("the broker sent no code: begin anew")
    try:
        return consent.exchange(code=code, code_verifier=_verifier(state))
    except BrokerRefused as error:
        raise ConnectFailed(f"the broker refused: {error}") from None
    except (BrokerUnavailable, OutcomeUnknown) as error:
        raise Unavailable(f"the broker cannot be reached ({error}): begin anew") from None


def _usable(granted: Granted, build: BrokerBuilder) -> BrokerAccount:
    if missing := NEEDED_SCOPES - set(granted.scopes):
        raise ConnectFailed(f"the broker was not allowed {' '.join(sorted(missing))}: begin anew")
    try:
        with scrubbing(granted.token):
            account = build(granted.token.reveal()).account()
    except BrokerRefused as error:
        raise ConnectFailed(f"the broker refused: {error}") from None
    except (BrokerUnavailable, OutcomeUnknown) as error:
        raise Unavailable(f"the broker cannot be reached ({error}): begin anew") from None
    if not account.is_active or account.is_blocked:
        raise ConnectFailed("the account at the broker is not active, or is blocked there")
    return account


def _sealed(session: LivingSession, granted: Granted, keys: KeyService) -> tuple[UUID, Sealed]:
    """Return for which connection the token is, and the sealed token: the key service is asked outside of any lock."""
    living = BrokerConnection.objects.owned_by(session).filter(status__in=BrokerConnection.LIVING)
    connection_id: UUID = living.values_list("pk", flat=True).first() or new_id()
    try:
        sealed = sealed_for(session.user_id, connection_id, granted.token, keys)
    except (KeyServiceAway, VaultRefused) as error:
        logger.error("a token could not be sealed: %s", error)  # noqa: TRY400 - the fact is enough
        raise Unavailable("the key service is away: begin anew") from None
    return connection_id, sealed


def _connect(
    session: LivingSession,
    connection_id: UUID,
    granted: Granted,
    account: BrokerAccount,
    sealed: Sealed,
    now: datetime,
) -> BrokerConnection:
    try:
        with transaction.atomic(durable=True):
            connection = _renewed(session, connection_id, account, granted, now)
            store(connection, sealed)
            _tell(session, connection, account)
    except IntegrityError:  # another attempt of theirs was a moment earlier
        raise ConnectFailed(ANOTHER) from None
    return connection


def _renewed(
    session: LivingSession, connection_id: UUID, account: BrokerAccount, granted: Granted, now: datetime
) -> BrokerConnection:
    fresh = {
        "status": BrokerConnection.Status.ACTIVE,
        "scopes": list(granted.scopes),
        "connected_at": now,
        "consent_expires_at": now + CONSENT_LIFE,
        "token_refused_at": None,
    }
    living = BrokerConnection.objects.owned_by(session).filter(status__in=BrokerConnection.LIVING)
    connection = living.select_for_update(of=("self",)).first()
    if connection is None:
        return BrokerConnection.objects.create(
            id=connection_id, user_id=session.user_id, broker_account=account.number, **fresh
        )
    if connection.broker_account != account.number or connection.pk != connection_id:
        raise ConnectFailed(ANOTHER)
    for name, value in fresh.items():
        setattr(connection, name, value)
    connection.save(update_fields=[*fresh])
    return connection


def _tell(session: LivingSession, connection: BrokerConnection, account: BrokerAccount) -> None:
    until = connection.consent_expires_at
    record(
        action="live.connected",
        user_id=session.user_id,
        after={
            "connection": connection.pk,
            "broker": connection.broker,
            "scopes": connection.scopes,
            "consent_expires_at": until,
        },
        details={"broker_account": account.number},
    )
    mail.tell_after_commit(
        User.objects.get(pk=session.user_id).email,
        subject="a live broker is connected",
        happened=[f"Raxx may send orders to your live account at the broker until {mail.instant(until)}."],
        advice="If this was not you, disconnect it, and end the session at the broker as well.",
    )


def _give_back(consent: Consent, token: Token) -> None:
    """Give a token back that nobody will use. Nothing waits for it: it is kept nowhere."""
    if not consent.can_revoke:
        return
    try:
        with scrubbing(token):
            consent.revoke(token)
    except (BrokerRefused, BrokerUnavailable, OutcomeUnknown) as error:
        logger.warning("a token that is not kept could not be given back: %s", error)


def _hash(state: str) -> bytes:
    return hashlib.sha256(state.encode()).digest()


def _verifier(state: str) -> str:
    """Return the code verifier of a state (RFC 7636, 4.1): 43 characters that whoever saw the state cannot know."""
    made = hmac.new(settings.SECRET_KEY.encode(), f"raxx-connect:{state}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()
