"""Let a member of staff see somebody's account: for a reason, for a time, and written down.

Each function takes the database by name. Commands and tasks use the default one; the admin passes
`support`, whose policies refuse what its person may not do, whatever stands here. The clock is the database's
unless told, for those policies ask it, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth.models import Permission
from django.db import IntegrityError, connections, transaction

from accounts.clock import database_now
from accounts.models import User
from accounts.services.audit import Entry, record, record_all
from trading.errors import NotFound, RuleBroken, ValueInvalid
from trading.models import AccountEntry, AccountGrant, GrantPermission, TradingAccount
from trading.models.grant import LONGEST

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from django.db.models import QuerySet

REASON_MAX = 500  # characters
TICKET_MAX = 64
_COLLEAGUE = "select trading_staff_named(%s)"
EXPIRED_AT_ONCE = 500  # rows of one transaction

# Who may act may view; and what is seen no more is not acted on.
GIVEN_WITH = {
    GrantPermission.VIEW: (GrantPermission.VIEW,),
    GrantPermission.ACT: (GrantPermission.VIEW, GrantPermission.ACT),
}
ENDED_WITH = {
    GrantPermission.VIEW: (GrantPermission.ACT, GrantPermission.VIEW),
    GrantPermission.ACT: (GrantPermission.ACT,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What somebody holds after `give_grant`: the grants asked for, and whether any of them is new."""

    grants: tuple[AccountGrant, ...]
    is_new: bool


def give_grant(
    *,
    staff: User,
    account_id: UUID,
    owner_id: UUID,
    permission: GrantPermission,
    reason: str,
    lasts: timedelta,
    now: datetime | None = None,
    ticket: str = "",
    granted_by: User | None = None,
    using: str = "default",
    is_trial: bool = False,
) -> Given:
    """Let `staff` see an account, or act for its owner, until `now + lasts`: thirty days at most.

    What they hold already is made longer by a new grant, and never shorter; where nothing would change,
    nothing is written. `granted_by` is None for a command; a trial does all of it, and undoes it.
    Raises ValueInvalid, RuleBroken for somebody who is not active staff, and for their own account.
    """
    _require(reason=reason, ticket=ticket, lasts=lasts)
    if staff.pk == owner_id:
        raise RuleBroken("nobody of the staff is let into their own account: somebody else looks after it")
    if not (staff.is_active and staff.is_staff):
        raise RuleBroken(f"{staff.email} is not active staff")
    now = now or database_now(using)
    held: list[AccountGrant] = []
    entries: list[Entry] = []
    try:
        with transaction.atomic(using=using, durable=True):
            for each in GIVEN_WITH[permission]:
                old = _open_grants(using).filter(
                    user=staff, content_object_id=account_id, permission__codename=each
                )
                standing = old.first()
                if standing is not None and standing.expires_at >= now + lasts:
                    held.append(standing)
                    continue
                if standing is not None:
                    entries += _end([standing], {account_id: owner_id}, now=now, by=granted_by, using=using)
                grant = AccountGrant(
                    user_id=staff.pk,
                    permission=_permission(each, using),
                    content_object_id=account_id,
                    reason=reason.strip(),
                    ticket=ticket.strip(),
                    granted_by_id=granted_by.pk if granted_by else None,
                    granted_at=now,
                    expires_at=now + lasts,
                )
                # Not save(): guardian's would read the account, which who only oversees cannot.
                AccountGrant.ever.using(using).bulk_create([grant])
                held.append(grant)
                entries.append(_entry("grant.given", grant, owner_id))
            record_all(entries, using=using)
            transaction.set_rollback(is_trial, using=using)
    except IntegrityError:
        raise RuleBroken("the same was granted in this moment by somebody else; look, and repeat") from None
    return Given(grants=tuple(held), is_new=bool(entries))


def end_grants(
    *,
    staff: User,
    account_id: UUID,
    owner_id: UUID,
    now: datetime | None = None,
    permission: GrantPermission = GrantPermission.VIEW,
    by: User | None = None,
    using: str = "default",
    is_trial: bool = False,
) -> list[AccountGrant]:
    """End at once what somebody holds on an account: all of it, or acting alone. Return what has ended.

    Repeating it changes nothing. `by` is None for a command; a trial does all of it, and undoes it.
    """
    now = now or database_now(using)
    with transaction.atomic(using=using, durable=True):
        held = list(
            _open_grants(using).filter(
                user=staff, content_object_id=account_id, permission__codename__in=ENDED_WITH[permission]
            )
        )
        # Before: who gives back a grant may write of the account only while they hold it.
        record_all([_ending(grant, owner_id, now=now) for grant in held], using=using)
        _mark_ended(held, now=now, by=by, using=using)
        transaction.set_rollback(is_trial, using=using)
    return held


def end_one_grant(*, grant_id: UUID, by: User, using: str = "default") -> list[AccountGrant]:
    """End a grant at once, and what goes with it: by its holder, or by who oversees. Return what has ended.

    Of one that is over nothing is left to end.
    """
    now = database_now(using)
    grant = AccountGrant.ever.using(using).select_related("permission").filter(pk=grant_id).first()
    if grant is None or grant.ended_at is not None or grant.expires_at <= now:
        return []
    account_id = grant.content_object_id
    # Whoever only oversees sees no account, and its holder no entry.
    seen = TradingAccount.objects.across_owners().using(using).filter(pk=account_id)
    owner_id = seen.values_list("user_id", flat=True).first() or (
        AccountEntry.objects.using(using).filter(pk=account_id).values_list("owner_id", flat=True).first()
    )
    if owner_id is None:
        return []
    return end_grants(
        staff=User(pk=grant.user_id),
        account_id=account_id,
        owner_id=owner_id,
        now=now,
        permission=grant.what,
        by=by,
        using=using,
    )


def end_grants_of(*, user_id: UUID) -> int:
    """End all that somebody holds, in the caller's transaction: they are staff no more. Return how many it was."""
    now = database_now()
    held = list(_open_grants("default").filter(user=user_id))
    owners = dict(
        TradingAccount.objects.across_owners()
        .filter(pk__in={grant.content_object_id for grant in held})
        .values_list("pk", "user_id")
    )
    record_all(_end(held, owners, now=now, by=None, using="default"))
    return len(held)


def note_expired(*, now: datetime | None = None) -> int:
    """Write down which grants have expired since somebody last looked; return how many.

    They stopped counting when they expired; this closes the record. May run twice, or beside itself.
    """
    noted, now = 0, now or database_now()
    while True:
        with transaction.atomic(durable=True):
            expired = AccountGrant.ever.filter(ended_at=None, expires_at__lte=now).order_by("pk")
            batch = list(
                expired.select_for_update(skip_locked=True, of=("self",)).select_related("permission")[
                    :EXPIRED_AT_ONCE
                ]
            )
            owners = dict(
                TradingAccount.objects.across_owners()
                .filter(pk__in={grant.content_object_id for grant in batch})
                .values_list("pk", "user_id")
            )
            record_all(_end(batch, owners, now=now, by=None, using="default"))
        noted += len(batch)
        if len(batch) < EXPIRED_AT_ONCE:
            return noted


def record_look(*, account: TradingAccount, page: str, using: str = "default") -> None:
    """Write down that staff looks at an account, before anything of it is shown. `page` says at what."""
    with transaction.atomic(using=using):
        record(
            action="account.viewed",
            user_id=account.user_id,
            account_id=account.pk,
            after={"page": page},
            using=using,
        )


def is_granted(*, staff: User, account_id: UUID, permission: GrantPermission, using: str = "default") -> bool:
    """Say whether somebody holds a permission on an account now. Superusers hold what they were granted, too."""
    held = AccountGrant.objects.using(using).filter(
        user=staff, content_object_id=account_id, permission__codename=permission
    )
    return staff.is_active and staff.is_staff and bool(held.exists())


def grants_on_record(
    *, staff: str | None = None, account_id: UUID | None = None, ever: bool = False
) -> QuerySet[AccountGrant]:
    """Return grants, the newest first: those that live, or `ever` given; for operators.

    `staff` is an e-mail address.
    """
    grants = AccountGrant.ever if ever else AccountGrant.objects
    found = grants.select_related("user", "permission", "content_object", "granted_by", "ended_by")
    if staff is not None:
        found = found.filter(user__email__iexact=staff)
    if account_id is not None:
        found = found.filter(content_object_id=account_id)
    return found.order_by("-granted_at", "pk")


def staff_named(email: str) -> User:
    """Return the active member of staff with this address. Raises NotFound."""
    found = User.objects.filter(email__iexact=email, is_active=True, is_staff=True).first()
    if found is None:
        raise NotFound(f"there is no active member of staff {email}")
    return found


def colleague_named(email: str, *, using: str) -> User:
    """Return the same for who oversees, who sees no colleague's row: of it the id and the address alone.

    Raises NotFound.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(_COLLEAGUE, [email])
        found = cursor.fetchone()[0]
    if found is None:
        raise NotFound(f"there is no active member of staff {email}")
    return User(pk=found, email=email, is_staff=True)


def _require(*, reason: str, ticket: str, lasts: timedelta) -> None:
    if not reason.strip():
        raise ValueInvalid("a reason is required")
    if len(reason.strip()) > REASON_MAX:
        raise ValueInvalid(f"the reason has {len(reason.strip())} characters, and may have {REASON_MAX}")
    if len(ticket.strip()) > TICKET_MAX:
        raise ValueInvalid(f"the ticket has {len(ticket.strip())} characters, and may have {TICKET_MAX}")
    if not lasts or lasts > LONGEST or lasts.total_seconds() < 0:
        raise ValueInvalid(f"a grant lasts {LONGEST.days} days at most, and more than nothing; not {lasts}")


def _open_grants(using: str) -> QuerySet[AccountGrant]:
    """Return the grants that nobody has ended, locked; some may have expired."""
    grants = AccountGrant.ever.using(using).filter(ended_at=None).order_by("pk")
    return grants.select_for_update(of=("self",)).select_related("permission")


def _permission(which: GrantPermission, using: str) -> Permission:
    return Permission.objects.using(using).get(
        content_type__app_label="trading", content_type__model="tradingaccount", codename=which
    )


def _end(
    grants: Sequence[AccountGrant], owners: dict[UUID, UUID], *, now: datetime, by: User | None, using: str
) -> list[Entry]:
    """Mark grants as over and return what is to be told of each."""
    _mark_ended(grants, now=now, by=by, using=using)
    return [_ending(grant, owners[grant.content_object_id], now=now) for grant in grants]


def _mark_ended(grants: Sequence[AccountGrant], *, now: datetime, by: User | None, using: str) -> None:
    for grant in grants:
        by_id = None if by is None or grant.expires_at <= now else by.pk
        grant.ended_at, grant.ended_by_id = now, by_id
        AccountGrant.ever.using(using).filter(pk=grant.pk).update(ended_at=now, ended_by_id=by_id)


def _ending(grant: AccountGrant, owner_id: UUID, *, now: datetime) -> Entry:
    return _entry("grant.expired" if grant.expires_at <= now else "grant.revoked", grant, owner_id)


def _entry(action: str, grant: AccountGrant, owner_id: UUID) -> Entry:
    facts = {
        "grant": grant.pk,
        "staff": grant.user_id,
        "permission": grant.what.value,
        "ticket": grant.ticket,
        "expires_at": grant.expires_at,
    }
    is_given = action == "grant.given"
    return Entry(
        action=action,
        user_id=owner_id,
        account_id=grant.content_object_id,
        before=None if is_given else facts,
        after=facts if is_given else None,
        reason=grant.reason if is_given else "",
    )
