"""What an act of the staff has done already, where the worker that was at it died before it could say so.

The audit log knows: what was done was written down in the same transaction, by the same member of the staff and with
the id of the request that caused it. So an act that is begun anew does nothing twice, says what came of it as the first
attempt would have, and mails the person unless that is written down, too: who dies between a mail server's yes and our
note of it mails twice.
"""

from __future__ import annotations

import json
import logging
from smtplib import SMTPException
from typing import TYPE_CHECKING, Any

from accounts.models.audit import AuditEntry
from accounts.services.audit import record
from trading.models import OrderEvent

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from trading.services.staff_acts import Deed

logger = logging.getLogger(__name__)

MAILED = "person.mailed"


def done_before(deed: Deed, action: str, *, chain: UUID) -> list[dict[str, Any]]:
    """Return what earlier attempts of an act have told the audit log of an action, oldest first: the entries' bodies.

    Another act may have the same request id, chosen by its caller: what was done before this one was asked for is none
    of its.
    """
    if deed.act.attempts <= 1 or not deed.act.request_id:
        return []
    told = AuditEntry.objects.filter(
        chain=chain,
        action=action,
        request_id=deed.act.request_id,
        actor_kind="staff",
        actor_id=str(deed.act.staff_id),
        at__gte=deed.act.asked_at,
    )
    return [json.loads(body) for body in told.order_by("seq").values_list("body", flat=True)]


def canceled_before(deed: Deed) -> set[UUID]:
    """Return the orders whose cancel earlier attempts of an act have asked for. Their log is the events."""
    if deed.act.attempts <= 1 or not deed.act.request_id:
        return set()
    told = OrderEvent.objects.across_owners().filter(
        account_id=deed.subject.pk,
        kind="pending_cancel",
        request_id=deed.act.request_id,
        recorded_at__gte=deed.act.asked_at,
    )
    return set(told.values_list("order_id", flat=True))


def mail_once(deed: Deed, send: Callable[[], None]) -> None:
    """Mail the person what an act has done, and write down that they were; not where an earlier attempt has.

    What has happened stays so when no mail server takes the word of it: that is an error in the log.
    """
    account = deed.subject
    if deed.act.attempts > 1:
        mailed = AuditEntry.objects.filter(chain=account.pk, action=MAILED, at__gte=deed.act.asked_at)
        if any(
            json.loads(body)["after"]["act"] == str(deed.act.pk)
            for body in mailed.values_list("body", flat=True)
        ):
            return
    try:
        send()
    except (OSError, SMTPException) as error:
        logger.error("act %s is done, and could not be mailed: %s", deed.act.pk, error)  # noqa: TRY400 - the fact is enough
        return
    record(
        action=MAILED,
        user_id=account.user_id,
        account_id=account.pk,
        after={"act": deed.act.pk, "kind": deed.act.kind},
    )
