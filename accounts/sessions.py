"""Sessions: begun by a passkey, found by the key in a cookie, ended at once everywhere.

A session is its row (`accounts.models.Session`) and nothing else. Django's session dictionary is made
from the row for those parts of Django that read one, and what somebody puts into it is not kept: so no
slow request can bring back what a faster one has changed.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.utils import timezone

from accounts.addresses import client_address
from accounts.binding import acting_for, rebind
from accounts.models import Session, User
from accounts.services.audit import Entry, record_all
from accounts.signals import credentials_changed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from accounts.querysets import Owner

FRESH_FOR = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """How long a session may be idle, and how long it may live at all."""

    idle: timedelta
    absolute: timedelta


OF_PERSON = Lifetime(idle=timedelta(days=7), absolute=timedelta(days=30))
OF_STAFF = Lifetime(idle=timedelta(minutes=30), absolute=timedelta(hours=12))
OF_ENROLMENT = Lifetime(idle=timedelta(minutes=30), absolute=timedelta(minutes=30))

_OF_KEY = """
select id, user_id, email, tier, is_staff, epoch, passkey_id, fresh_until, is_enrol_only, restricted_until,
       expires_at, is_leaving, is_seen_old
  from accounts_session_of_key(%s)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LivingSession:
    """A session that lives, and what a request must know of its person. It is an owner for `owned_by`."""

    id: UUID
    user_id: UUID
    email: str
    tier: str
    is_staff: bool
    epoch: int
    passkey_id: int | None  # None in a session that may only enrol
    fresh_until: datetime | None
    is_enrol_only: bool
    restricted_until: datetime | None  # no new keys and nothing live before
    expires_at: datetime
    is_leaving: bool  # its person has asked to be erased: it may withdraw that, and ask for an archive

    is_authenticated = True

    @property
    def pk(self) -> UUID:
        """The owner's key, as querysets ask for it."""
        return self.user_id

    @property
    def is_fresh(self) -> bool:
        """Whether its passkey was shown lately enough for what asks for that."""
        return self.fresh_until is not None and self.fresh_until > timezone.now()

    @property
    def is_cooling_down(self) -> bool:
        """Whether the person recovered their access so lately that keys and live must wait."""
        return self.restricted_until is not None and self.restricted_until > timezone.now()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """A session just begun. The key is nowhere else: it goes into the cookie."""

    id: UUID
    key: str
    expires_at: datetime


def hash_of(key: str) -> bytes:
    """Return what is stored of a session's key. Plain SHA-256: a key has no guessable part."""
    return hashlib.sha256(key.encode()).digest()


def living_session(key: str) -> LivingSession | None:
    """Return the living session with this key, and note now and then that it was seen."""
    with connection.cursor() as cursor:
        cursor.execute(_OF_KEY, [hash_of(key)])
        row = cursor.fetchone()
    if row is None:
        return None
    *known, is_seen_old = row
    names = [name for name in LivingSession.__slots__ if name != "is_authenticated"]
    session = LivingSession(**dict(zip(names, known, strict=True)))
    if is_seen_old:
        with acting_for(session.user_id):
            Session.objects.owned_by(session).filter(pk=session.id).update(last_seen_at=timezone.now())
    return session


@transaction.atomic
def begin_session(
    *,
    user: User,
    passkey_id: int | None,
    headers: Mapping[str, str],
    trusted: Sequence[str],
    is_fresh: bool = True,
) -> NewSession:
    """Begin a session; without a passkey it may only enrol one. `headers` are the request's META.

    Binds the person to the transaction. The caller writes what it was that let them in.
    """
    rebind(user.pk)
    now, key = timezone.now(), secrets.token_urlsafe(32)
    lifetime = OF_ENROLMENT if passkey_id is None else OF_STAFF if user.is_staff else OF_PERSON
    address = client_address(headers.get("REMOTE_ADDR", ""), headers.get("HTTP_X_FORWARDED_FOR", ""), trusted)
    session = Session.objects.create(
        user=user,
        key_hash=hash_of(key),
        passkey_id=passkey_id,
        epoch=user.auth_epoch,
        is_enrol_only=passkey_id is None,
        device=device_of(headers.get("HTTP_USER_AGENT", "")),
        address_prefix=prefix_of(address),
        idle_s=int(lifetime.idle.total_seconds()),
        expires_at=now + lifetime.absolute,
        fresh_until=now + FRESH_FOR if is_fresh and passkey_id is not None else None,
    )
    return NewSession(id=session.pk, key=key, expires_at=session.expires_at)


def freshen(session: LivingSession, passkey_id: int) -> datetime:
    """Write down that the person has just shown a passkey of theirs; return until when that counts.

    From then on the session stands and falls with that passkey.
    """
    until = timezone.now() + FRESH_FOR
    mine = Session.objects.owned_by(session).filter(pk=session.id, ended_at=None)
    mine.update(fresh_until=until, passkey_id=passkey_id)
    return until


def end_sessions(
    owner: Owner,
    *,
    reason: Session.End,
    only: Iterable[UUID] | None = None,
    but: UUID | None = None,
    passkey_id: int | None = None,
) -> list[UUID]:
    """End a person's sessions: all, `only` these, all `but` one, those of one passkey; return which ended.

    Each end is written to the audit log. Open sockets and event streams of theirs are closed as soon as the
    transaction has committed.
    """
    mine = Session.objects.owned_by(owner).filter(ended_at=None)
    if only is not None:
        mine = mine.filter(pk__in=list(only))
    if passkey_id is not None:
        mine = mine.filter(passkey_id=passkey_id)
    if but is not None:
        mine = mine.exclude(pk=but)
    with transaction.atomic():
        rows = list(mine.select_for_update(no_key=True).order_by("pk"))
        ended = [row.pk for row in rows]
        mine.filter(pk__in=ended).update(ended_at=timezone.now(), end_reason=reason, fresh_until=None)
        if ended:
            record_all([end_of(row, reason) for row in rows])
            transaction.on_commit(lambda: credentials_changed.send(sender=Session))
    return ended


def end_of(session: Session, reason: Session.End) -> Entry:
    """Return what the audit log is told of the end of a session."""
    return Entry(
        action="session.ended",
        user_id=session.user_id,
        before={"session": session.pk},
        reason=reason,
        details={"device": session.device, "address_prefix": session.address_prefix},
    )


def prefix_of(address: str) -> str:
    """Return the network of an address that is kept in its place: /24 of IPv4, /48 of IPv6; empty for none."""
    if not address:
        return ""
    return str(ip_network(f"{address}/{48 if ':' in address else 24}", strict=False))


# What a User-Agent is searched for, the most special first: many name others for compatibility.
_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def device_of(user_agent: str) -> str:
    """Return a device in the words that its owner would use: `Firefox on Linux`."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return " on ".join(part for part in (browser, system) if part) or "unknown device"
