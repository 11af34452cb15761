"""The rows of the vault: a token is stored, opened for one call, shredded, or wrapped anew. See broker_handoff.vault.

Who serves people may store and shred, and cannot read what is sealed: only a worker opens. Each opening is
in the audit log before the token is in anybody's hand, and each refusal to open is there, in the log and on
the connection.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from accounts.services.audit import record
from broker_handoff.models import BrokerConnection, SealedToken
from broker_handoff.ports import BrokerRefused, BrokerUnavailable, OutcomeUnknown
from broker_handoff.vault import Sealed, VaultRefused, WrappedKey, context_of, seal, unseal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from broker_handoff.vault import KeyService, Token

logger = logging.getLogger(__name__)

GONE = "there is no token of this connection"


class TokenGone(VaultRefused):
    """The connection has no token any more: it was disconnected, or its person erased."""


def sealed_for(user_id: UUID, connection_id: UUID, token: Token, keys: KeyService) -> Sealed:
    """Return a token sealed for one connection. Raises KeyServiceAway, VaultRefused."""
    return seal(token, context_of(user_id=user_id, connection_id=connection_id), keys)


def store(connection: BrokerConnection, sealed: Sealed) -> None:
    """Put a sealed token into its row, in the caller's transaction; one that was there goes."""
    shred(connection)
    SealedToken.objects.create(
        connection=connection,
        user_id=connection.user_id,
        ciphertext=sealed.ciphertext,
        wrapped_key=sealed.key.wrapped,
        key_id=sealed.key.key_id,
    )


def shred(connection: BrokerConnection) -> bool:
    """Delete a connection's sealed token, in the caller's transaction; say whether there was one."""
    gone, _ = SealedToken.objects.across_owners().filter(pk=connection.pk).delete()
    return bool(gone)


@contextmanager
def opened(connection: BrokerConnection, keys: KeyService, *, purpose: str) -> Iterator[Token]:
    """Open a connection's token for the block, which makes one request to the broker; for a worker alone.

    `purpose` is a word for the audit log, as in `submit`. Never within a transaction: what is told of the use
    must stay, whatever becomes of the request. After the block the token forgets itself, and what the broker
    raised in it goes up without the token, should its words repeat it: they are stored and shown.
    Raises VaultRefused, TokenGone where there is none, and KeyServiceAway.
    """
    token = _open(connection, keys, purpose)
    try:
        with scrubbing(token):
            yield token
    finally:
        token.forget()


@contextmanager
def scrubbing(token: Token) -> Iterator[None]:
    """Let what a broker raises in the block go up without the token, should its words repeat it."""
    try:
        yield
    except (BrokerRefused, BrokerUnavailable, OutcomeUnknown) as error:
        error.args = tuple(
            token.scrubbed_from(each) if isinstance(each, str) else each for each in error.args
        )
        if isinstance(error, BrokerRefused):
            error.words = token.scrubbed_from(error.words)
        raise


def _open(connection: BrokerConnection, keys: KeyService, purpose: str) -> Token:
    rows = SealedToken.objects.across_owners().filter(pk=connection.pk)
    row = rows.first()
    if row is None:
        raise TokenGone(GONE)
    told = {"connection": connection.pk, "purpose": purpose, "key": row.key_id}
    try:
        token = unseal(_sealed(row), _context(connection), keys)
    except VaultRefused as error:
        with transaction.atomic(durable=True):
            _note_refusal(connection, told, str(error))
        logger.error("the vault refused the token of connection %s: %s", connection.pk, error)  # noqa: TRY400
        raise
    with transaction.atomic(durable=True):
        # Shredded while the key service was asked: then nobody uses it any more.
        if not rows.filter(sealed_at=row.sealed_at).exists():
            token.forget()
            raise TokenGone(GONE)
        record(action="live.token_used", user_id=connection.user_id, after=told)
    return token


def _note_refusal(connection: BrokerConnection, told: dict[str, object], words: str) -> None:
    BrokerConnection.objects.across_owners().filter(pk=connection.pk).update(token_refused_at=timezone.now())
    record(action="live.token_refused", user_id=connection.user_id, after=told, reason=words)


def tokens_by_key() -> dict[str, int]:
    """Return how many tokens stand under each key of the service."""
    found = SealedToken.objects.across_owners().values_list("key_id")
    return dict(found.annotate(n=Count("pk")).order_by("key_id"))


def tokens_not_under(key_id: str) -> list[UUID]:
    """Return the connections whose token another key has wrapped."""
    others = SealedToken.objects.across_owners().exclude(key_id=key_id)
    return list(others.order_by("pk").values_list("pk", flat=True))


def rewrap_one(connection_id: UUID, keys: KeyService) -> bool:
    """Wrap one token's data key anew under the service's present key; False where that had been done, or it is gone.

    What is sealed stays as it is, and the token is never opened. The row changes only where it still is what
    was read. Raises VaultRefused, KeyServiceAway.
    """
    row = SealedToken.objects.across_owners().filter(pk=connection_id).first()
    if row is None or row.key_id == keys.current_key_id:
        return False
    context = context_of(user_id=row.user_id, connection_id=row.connection_id)
    made = keys.rewrap(_sealed(row).key, context)
    with transaction.atomic(durable=True):
        unchanged = SealedToken.objects.across_owners().filter(
            pk=connection_id, wrapped_key=row.wrapped_key, key_id=row.key_id
        )
        if not unchanged.update(wrapped_key=made.wrapped, key_id=made.key_id):
            return False
        record(
            action="live.token_rewrapped",
            user_id=row.user_id,
            before={"connection": row.connection_id, "key": row.key_id},
            after={"key": made.key_id},
        )
    return True


def _sealed(row: SealedToken) -> Sealed:
    key = WrappedKey(wrapped=bytes(row.wrapped_key), key_id=row.key_id)
    return Sealed(ciphertext=bytes(row.ciphertext), key=key)


def _context(connection: BrokerConnection) -> dict[str, str]:
    return context_of(user_id=connection.user_id, connection_id=connection.pk)
