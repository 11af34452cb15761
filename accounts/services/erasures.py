"""Forget a person: at once for everybody who looks, for good after thirty days, and not at all if they change their mind.

Why so: accounts/decisions/0006-privacy.md.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.utils import timezone

from accounts import links, mail
from accounts.binding import acting_for
from accounts.errors import Failure, LinkUnusable, NotFound, RuleBroken, Unavailable
from accounts.models import ApiKey, AuditDetail, Erasure, Export, Session, User
from accounts.privacy import folder
from accounts.privacy.keepers import ROWS_AT_ONCE, holdings, keepers
from accounts.services.audit import record
from accounts.sessions import end_sessions
from accounts.signals import credentials_changed, person_erasure_asked

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from accounts.querysets import Owner

logger = logging.getLogger(__name__)

WAITS_FOR = timedelta(days=30)
# A transaction is some time underway, and the policies say thirty days from its begin.
_SLACK = timedelta(minutes=1)

_BEGIN = "select accounts_begin_erasure(%s)"
_FINISH = "select accounts_erase_person(%s)"
# Chains of people who are no more, whose last entry is two years old: all of them forgotten, in one go each.
_OLD_CHAINS = """
select h.chain from accounts_audithead h
  join accounts_auditentry e on e.chain = h.chain and e.seq = h.seq
 where h.subject is not null and e.at < now() - interval '730 days'
   and not exists (select from accounts_user u where u.id = h.subject)
 order by h.chain"""
_FORGET_CHAIN = "select accounts_forget_chain(%s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run came to: whom it forgot, and of whom something is left for the next one."""

    erased: list[UUID]
    waiting: list[UUID]


@transaction.atomic(durable=True)
def ask_for_erasure(*, owner: Owner) -> Erasure:
    """Deactivate a person at once and write down that they want to be forgotten. Repeating it changes nothing.

    Their sessions and keys end, and whoever hears `person_erasure_asked` does its part in the same
    transaction. A mail brings the link by which they may think better of it.
    """
    user = _locked(owner.pk)
    return _pending(user.pk) or _ask(user, by=Erasure.By.PERSON, due_in=WAITS_FOR + _SLACK)


@transaction.atomic(durable=True)
def ask_as_operator(
    *,
    user: User,
    reason: str,
    is_at_once: bool = False,
    ticket: str = "",
    is_told: bool = True,
    is_trial: bool = False,
) -> Erasure:
    """Do the same for a person, as the owner of the tables; `is_at_once` does not wait for the thirty days.

    `reason` may be personal and is erased with them; `ticket` stays. Not `is_told` leaves the mail to whoever calls
    `mail_link`. A trial does all of it, and undoes it. Raises RuleBroken.
    """
    if is_at_once and not ticket.strip():
        raise RuleBroken("an erasure at once needs a ticket, in which somebody has agreed to it")
    if not reason.strip():
        raise RuleBroken("an erasure needs a reason")
    user = _locked(user.pk)
    erasure = _pending(user.pk)
    if erasure is None:
        due_in = timedelta() if is_at_once else WAITS_FOR
        erasure = _ask(
            user, by=Erasure.By.OPERATOR, due_in=due_in, reason=reason, ticket=ticket, is_told=is_told
        )
    elif is_at_once and erasure.begun_at is None:
        before, erasure.due_at = erasure.due_at, timezone.now()
        erasure.due_at = max(erasure.due_at, erasure.asked_at)
        erasure.save(update_fields=["due_at"])
        record(
            action="erasure.hastened",
            user_id=user.pk,
            before={"due_at": before},
            after={"due_at": erasure.due_at, "ticket": ticket},
            details={"reason": reason},
        )
    transaction.set_rollback(is_trial)
    return erasure


def pending_erasure(owner: Owner) -> Erasure:
    """Return a person's erasure that waits. Raises NotFound."""
    erasure = Erasure.objects.owned_by(owner).filter(canceled_at=None).first()
    if erasure is None:
        raise NotFound("no erasure was asked for")
    return erasure


@transaction.atomic(durable=True)
def cancel_erasure(*, owner: Owner) -> Erasure:
    """Keep a person after all. Their accounts are as they were; sessions and keys stay ended.

    Raises NotFound, RuleBroken when the deletion has begun.
    """
    return _cancel(_locked(owner.pk), by="session")


def cancel_by_link(*, token: str) -> Erasure:
    """Do the same by the link that was mailed. Raises LinkUnusable, NotFound, RuleBroken."""
    link = links.read(token, frozenset({links.Purpose.KEEP}))
    if link.user_id is None:
        raise LinkUnusable(links.UNUSABLE)
    with acting_for(link.user_id), transaction.atomic(durable=True):
        user = User.objects.select_for_update(no_key=True, of=("self",)).filter(pk=link.user_id).first()
        if user is None or user.auth_epoch != link.epoch:
            raise LinkUnusable(links.UNUSABLE)
        links.spend(link.token_hash)
        return _cancel(user, by="link")


def erase_due(*, now: datetime) -> Report:
    """Forget everybody whose day has come. May run twice, or beside itself, and be killed at any instant.

    Who cannot be forgotten now (an order of theirs is in the hands of a matcher, say) is named in the log
    and comes again next time; nobody else waits for them.
    """
    due = Erasure.objects.across_owners().filter(canceled_at=None, due_at__lte=now).order_by("due_at")
    erased: list[UUID] = []
    waiting: list[UUID] = []
    for user_id in list(due.values_list("user_id", flat=True)):
        try:
            (erased if erase(user_id) else waiting).append(user_id)
        except Failure as error:
            logger.warning("user %s cannot be erased yet: %s", user_id, error)
            waiting.append(user_id)
        except Exception:  # whatever it was: the others shall not wait for it
            logger.exception("user %s could not be erased", user_id)
            waiting.append(user_id)
    return Report(erased=erased, waiting=waiting)


def erase(user_id: UUID, *, progress: Callable[[int], None] = lambda _batches: None) -> bool:
    """Forget one person whose day has come; return whether they are forgotten now. As `erase_due`.

    `progress` is told how many batches of rows are gone.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_BEGIN, [user_id])
        if cursor.fetchone() != (True,):
            return False
    credentials_changed.send(sender=User)
    batches = 0
    for keeper in keepers():
        while keeper.erase_some(user_id):
            batches += 1
            progress(batches)
    return not User.objects.filter(pk=user_id).exists()


def erase_some_here(user_id: UUID) -> bool:
    """Delete some of what this app keeps of a person, at last the person; say whether there is more.

    Comes after all other apps, as theirs refers to ours.
    """
    begun = Erasure.objects.across_owners().filter(user_id=user_id, begun_at__isnull=False)
    if not begun.exists():  # somebody else was faster
        return False
    for name in Export.objects.across_owners().filter(user_id=user_id).values_list("file", flat=True):
        folder.remove(name)
    details = AuditDetail.objects.filter(subject=user_id)
    with transaction.atomic(durable=True):
        some = details.filter(pk__in=list(details.values_list("pk", flat=True)[:ROWS_AT_ONCE]))
        if some.delete()[0]:
            return True
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        erasure = begun.first()
        if erasure is None:
            return False
        record(
            action="person.erased",
            user_id=user_id,
            before={"asked_at": erasure.asked_at, "due_at": erasure.due_at, "by": erasure.by},
        )
        cursor.execute(_FINISH, [user_id])
    logger.info("user %s was erased", user_id)
    return False


def forget_chains() -> int:
    """Take away what the audit log says of people who are erased, two years after its last word; return how many chains."""
    with connection.cursor() as cursor:
        cursor.execute(_OLD_CHAINS)
        chains = [chain for (chain,) in cursor.fetchall()]
    gone = 0
    for chain in chains:
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute(_FORGET_CHAIN, [chain])
            gone += cursor.fetchone() == (True,)
    return gone


def rows_of(user_id: UUID) -> dict[str, int]:
    """Return how many rows each table has of a person: what would go, but for the audit log's entries."""
    counts = {}
    with connection.cursor() as cursor:
        for holding in holdings():
            cursor.execute(f"select count(*) from {holding.table} t where {holding.whose}", {"user": user_id})
            counts[holding.table] = int(cursor.fetchone()[0])
    return counts


def _locked(user_id: UUID | None) -> User:
    """Return the person, whose row is locked by whoever decides about their end."""
    them = User.objects.none() if user_id is None else User.objects.filter(pk=user_id)
    user = them.select_for_update(no_key=True, of=("self",)).first()
    if user is None:
        raise NotFound("there is no such user")
    return user


def _pending(user_id: UUID) -> Erasure | None:
    return Erasure.objects.filter(user_id=user_id, canceled_at=None).first()


def _ask(
    user: User, *, by: Erasure.By, due_in: timedelta, reason: str = "", ticket: str = "", is_told: bool = True
) -> Erasure:
    now = timezone.now()
    erasure = Erasure.objects.create(user=user, by=by, asked_at=now, due_at=now + due_in)
    user.deactivated_at = now
    user.save(update_fields=["deactivated_at"])
    keys = ApiKey.objects.owned_by(user).filter(revoked_at=None)
    ended = sorted(keys.values_list("pk", flat=True))
    keys.filter(pk__in=ended).update(revoked_at=now)
    sessions = end_sessions(user, reason=Session.End.DEACTIVATED)
    person_erasure_asked.send(sender=User, user_id=user.pk)
    record(
        action="erasure.asked",
        user_id=user.pk,
        after={
            "due_at": erasure.due_at,
            "by": by,
            "sessions_ended": sessions,
            "keys_ended": ended,
            **({"ticket": ticket} if ticket else {}),
        },
        details={"reason": reason} if reason else None,
    )
    transaction.on_commit(partial(credentials_changed.send, sender=User))
    if is_told:
        transaction.on_commit(partial(mail_link, user, erasure))
    return erasure


def _cancel(user: User, *, by: str) -> Erasure:
    erasure = _pending(user.pk)
    if erasure is None:
        raise NotFound("no erasure was asked for")
    if erasure.begun_at is not None:
        raise RuleBroken("the deletion has begun, and cannot be stopped any more")
    erasure.canceled_at = timezone.now()
    erasure.save(update_fields=["canceled_at"])
    user.deactivated_at = None
    user.save(update_fields=["deactivated_at"])
    record(
        action="erasure.canceled",
        user_id=user.pk,
        before={"asked_at": erasure.asked_at, "due_at": erasure.due_at},
        after={"by": by},
    )
    mail.tell_after_commit(
        user.email,
        subject="you will not be erased",
        happened=[
            "The erasure of your data was withdrawn. Your accounts are as they were; API keys stay ended."
        ],
    )
    return erasure


def mail_link(user: User, erasure: Erasure) -> None:
    """Mail somebody who is about to be erased the link by which they may think better of it, at once."""
    token = links.make(links.Purpose.KEEP, email=user.email, user_id=user.pk, epoch=user.auth_epoch)
    words = [
        f"On {mail.instant(erasure.due_at)} all that Raxx keeps of you will be deleted. Until then nobody can use your",
        "accounts. If you want to keep them, log in, or open this page:",
        "",
        links.url(links.Purpose.KEEP, token),
        "",
        "The link works once, for 30 days. If it was not you who asked for this, open it now, log in, and look at your",
        "passkeys: somebody has shown one of them.",
    ]
    with suppress(Unavailable):  # it is in the log; a passkey opens the same way back
        mail.send_word(user.email, subject="you will be erased", words="\n".join(words))
